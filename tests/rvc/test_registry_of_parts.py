"""Tables of parts: a menu in its order, loaded on demand."""
import pytest

from rvc.errors import SettingsError
from rvc.registry import Entry, Registry

TABLE = Registry("animal", {"dog": Entry("json:loads", "Dog", facts={"legs": 4}), "cat": Entry("nowhere:x", "Cat")})


def test_a_menu_is_read_in_order_and_without_importing():
    assert list(TABLE) == ["dog", "cat"] and len(TABLE) == 2 and "cat" in TABLE and "cow" not in TABLE


def test_an_entry_is_loaded_on_demand():
    assert TABLE.load("dog")("[1]") == [1]
    with pytest.raises(ModuleNotFoundError):
        TABLE.load("cat")


@pytest.mark.parametrize("name", ["dgo", "", "Dog", None, 3])
def test_an_unknown_name_is_answered_with_the_choices(name):
    with pytest.raises(SettingsError, match="dog, cat") as refusal:
        TABLE.load(name)
    assert refusal.value.field == "animal"


def test_a_near_miss_is_guessed():
    with pytest.raises(SettingsError, match="Did you mean 'dog'"):
        TABLE["dgo"]


def test_facts_cannot_be_changed():
    with pytest.raises(TypeError):
        TABLE["dog"].facts["legs"] = 3
