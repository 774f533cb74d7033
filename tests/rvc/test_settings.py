"""Options declared once: types are coerced, ranges hold, names are known."""
import math
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as patience
from hypothesis import strategies as st

from rvc.errors import SettingsError
from rvc.options import Settings, build, flat, leaves, option
from rvc.settings import conversion, program, training

MODULES = (conversion, program, training)
EVERY = [cls for module in MODULES for cls in vars(module).values()
         if isinstance(cls, type) and issubclass(cls, Settings) and cls is not Settings]


@dataclass(frozen=True)
class Inner(Settings):
    rate: float = option(0.5, "Rate", "How much.", low=0, high=1)


@dataclass(frozen=True)
class Outer(Settings):
    count: int = option(3, "Count", "How many.", low=0, unit="times")
    limit: float = option(1.0, "Limit", "Infinite: none.", low=0, high=math.inf)
    on: bool = option(False, "On", "Whether.")
    name: str = option("a", "Name", "Which.", choices=("a", "b"))
    path: Path | None = option(None, "Path", "Where.")
    seed: int | None = option(None, "Seed", "Which chance.")
    sizes: tuple[int, ...] = option((1, 2), "Sizes", "Several.", high=9)
    inner: Inner = option(Inner, "Inner", "A group.")


@pytest.mark.parametrize("cls", [*EVERY, Outer], ids=lambda cls: cls.__name__)
def test_the_program_can_start_and_every_option_explains_itself(cls):
    assert build(cls, flat(cls())) == cls()
    for leaf in leaves(cls):
        about = leaf.option
        assert about.label and about.help.rstrip().endswith("."), leaf.name
        assert leaf.check(leaf.default) == leaf.default


@pytest.mark.parametrize("cls", [*EVERY, Outer], ids=lambda cls: cls.__name__)
def test_flags_are_unique(cls):
    names = [leaf.name.rpartition(".")[2] for leaf in leaves(cls)]
    assert len(names) == len(set(names))


def test_leaves_are_in_order_and_dotted():
    assert [leaf.name for leaf in leaves(Outer)][-2:] == ["sizes", "inner.rate"]


@pytest.mark.parametrize("given, expected", [
    ({"count": 5.0}, 5), ({"count": "7"}, 7), ({"count": 0}, 0), ({"count": 2**60}, 2**60)])
def test_whole_numbers_arrive_in_many_ways(given, expected):
    count = build(Outer, given).count
    assert count == expected and type(count) is int


@pytest.mark.parametrize("word, truth", [("yes", True), ("Off", False), (1, True), ("0", False), (False, False)])
def test_truth_has_words(word, truth):
    assert build(Outer, {"on": word}).on is truth


@pytest.mark.parametrize("name, value", [
    ("count", -1), ("count", 1.5), ("count", True), ("count", "x"), ("count", None), ("count", math.inf),
    ("count", math.nan), ("limit", -0.1), ("limit", math.nan), ("limit", -math.inf), ("on", "maybe"), ("on", 2),
    ("name", "c"), ("name", 1), ("path", "a\0b"), ("path", 3), ("sizes", "1,10"), ("sizes", "1,x"), ("sizes", 5),
    ("inner.rate", 1.01), ("inner.rate", math.inf), ("name", "a" * 5000), ("count", "9" * 5000), ("count", [1])])
def test_what_does_not_fit_is_refused_by_name(name, value):
    with pytest.raises(SettingsError) as refusal:
        build(Outer, {name: value})
    assert refusal.value.field == name and len(str(refusal.value)) < 300


def test_an_infinity_that_is_named_is_allowed():
    assert build(Outer, {"limit": math.inf}).limit == math.inf


def test_an_empty_text_is_nothing_where_nothing_is_allowed():
    assert build(Outer, {"seed": "", "path": ""}) == Outer()
    assert build(Outer, {"seed": 0}).seed == 0


def test_both_ends_belong_to_the_range():
    assert build(Outer, {"inner.rate": 0}).inner.rate == 0 and build(Outer, {"inner.rate": 1}).inner.rate == 1


def test_unknown_options_are_all_named_with_a_guess():
    with pytest.raises(SettingsError, match=r"'cuont', 'x'.*Did you mean 'count'"):
        build(Outer, {"cuont": 1, "x": 2})


def test_a_class_built_in_code_is_checked_too():
    with pytest.raises(SettingsError, match="rate"):
        Inner(rate=2)
    assert Inner(rate=1).rate == 1.0 and type(Inner(rate=1).rate) is float


def test_settings_cannot_change():
    with pytest.raises(AttributeError):
        Outer().count = 4
    assert [field.name for field in fields(Outer)][0] == "count"


@patience(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([leaf.name for leaf in leaves(Outer)]),
                       st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())))
def test_any_preset_is_settings_or_a_refusal(values):
    try:
        made = build(Outer, values)
    except SettingsError:
        return
    assert build(Outer, flat(made)) == made
