"""Where files live: a name is one folder or it is refused, and looking creates nothing."""
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as patience
from hypothesis import strategies as st

from rvc import workspace
from rvc.errors import WorkspaceError
from rvc.workspace import CHECKOUT, VARIABLE, Workspace, find_workspace, folder_name, writable


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


def test_what_is_asked_for_comes_first_then_the_variable_then_the_checkout(tmp_path, monkeypatch):
    assert find_workspace().root == CHECKOUT
    monkeypatch.setenv(VARIABLE, str(tmp_path / "from the variable ünï"))
    assert find_workspace().root == tmp_path / "from the variable ünï"
    assert find_workspace(tmp_path / "asked 'quoted'").root == tmp_path / "asked 'quoted'"


def test_a_checkout_that_cannot_be_written_gives_way_to_the_users_folder(monkeypatch):
    monkeypatch.setattr(workspace, "writable", lambda folder: folder != CHECKOUT)
    assert find_workspace().root == workspace.user_folder() and "voicewright" in str(find_workspace().root).lower()


def test_a_folder_that_was_asked_for_and_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WorkspaceError, match="--workspace"):
        find_workspace(tmp_path / "file" / "below")


def test_a_relative_folder_becomes_absolute_and_home_is_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_workspace(Path("here")).root == tmp_path / "here"
    if os.name != "nt":
        assert find_workspace(Path("~/there")).root == tmp_path / "there"


def test_looking_creates_nothing(tmp_path):
    place = Workspace(tmp_path / "new")
    assert writable(place.root) and place.voice("Ada").card.name == "voice.json"
    assert {place.voices, place.pretrained, place.datasets, place.cache, place.preferences}
    assert not place.root.exists()


@pytest.mark.parametrize("name", ["Ada", "Åse Ünï", "声", "my voice (v2)", "a.b", "O'Brien", "🎤", "-x"])
def test_ordinary_names_are_folders(tmp_path, name):
    folder = Workspace(tmp_path).voice(name)
    folder.path.mkdir(parents=True)
    assert folder.path.parent == tmp_path / "logs" and folder.voice_file.name == f"{folder.name}.pth"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "C:x", "a\0b", "a\nb", " a", "a ", "a.", "nul",
                                  "NUL.pth", "com1", "_bin", "a*", "a?", 'a"b', "a\u202eb", "a\u200bb", "x" * 101,
                                  "\ud800"])
def test_names_that_are_no_folder_somewhere_are_refused(name):
    with pytest.raises(WorkspaceError):
        folder_name(name)


def test_two_spellings_of_one_name_are_one_folder():
    assert folder_name("e\u0301") == folder_name("\u00e9")


@patience(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=120))
def test_any_name_stays_inside_the_voices_or_is_refused(name):
    root = Workspace(Path("/somewhere"))
    try:
        path = root.voice(name).path
    except WorkspaceError:
        return
    assert path.parent == root.voices and path.name == unicodedata.normalize("NFC", name)
    assert path.resolve().parent == root.voices.resolve()
