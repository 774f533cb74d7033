"""A voice is found by its name, its file or its folder, and its index with it."""
import pytest

from rvc.errors import WorkspaceError
from rvc.workspace import Workspace, find_voice, voice_names


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(tmp_path / "work 'space' ü")


def put(workspace: Workspace, voice: str, *names: str):
    folder = workspace.voices / voice
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def test_by_name_the_file_of_that_name(workspace):
    folder = put(workspace, "Ada", "Ada.pth", "Ada_90e_1200s.pth", "G_2333333.pth", "D_2333333.pth", "Ada.index")
    found = find_voice(workspace, "Ada")
    assert (found.name, found.file, found.index) == ("Ada", folder / "Ada.pth", folder / "Ada.index")


def test_without_it_the_one_that_was_trained_longest(workspace):
    folder = put(workspace, "Bob", "Bob_90e_1200s.pth", "Bob_100e_1300s.pth", "Bob_9e_5000s.pth")
    assert find_voice(workspace, "Bob").file == folder / "Bob_100e_1300s.pth"


def test_a_voice_may_be_called_like_a_checkpoint(workspace):
    put(workspace, "G_Anna", "G_Anna.pth")
    assert voice_names(workspace) == ["G_Anna"]


@pytest.mark.parametrize("index, belongs", [
    ("added_IVF123_Flat_nprobe_1_Eve_v2.index", True), ("something else.index", True),
    ("trained_IVF123_Flat_nprobe_1_Eve_v2.index", False)])
def test_an_index_is_matched_by_name_or_by_being_the_only_one(workspace, index, belongs):
    folder = put(workspace, "Eve", "Eve_20e_300s.pth", index)
    assert find_voice(workspace, "Eve").index == (folder / index if belongs else None)


def test_of_several_indexes_none_is_guessed(workspace):
    put(workspace, "Eve", "Eve.pth", "a.index", "b.index")
    assert find_voice(workspace, "Eve").index is None


def test_by_path_of_file_and_of_folder(workspace, tmp_path):
    folder = put(workspace, "Ada", "x ü.safetensors")
    assert find_voice(workspace, str(folder / "x ü.safetensors")).name == "x ü"
    assert find_voice(workspace, str(folder)).file == folder / "x ü.safetensors"


def test_what_is_not_there_is_refused_with_the_choices(workspace):
    put(workspace, "Ada", "Ada.pth")
    put(workspace, "_bin", "old.pth")
    put(workspace, "empty")
    for reference in ("Eve", "", "../nowhere ü", "empty", "/nowhere/x.pth"):
        with pytest.raises(WorkspaceError) as refused:
            find_voice(workspace, reference)
        assert "Ada" in str(refused.value) or "holds no voice file" in str(refused.value)
    assert voice_names(workspace) == ["Ada"]
