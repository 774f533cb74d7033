"""The Convert tab without a browser: which voices there are, where results go, what is said of them."""
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from rvc.conversion.session import Result
from rvc.errors import RvcError
from rvc.workspace import Workspace
from tabs.convert import chosen_voice, duration, offered, summary, uploaded
from tabs.results import facts_of, free_place, keep_facts


@pytest.fixture
def workspace(tmp_path):
    """Three voices, one of them with a name that is hostile to pages."""
    for name in ("Ada ²", "Bob", "<b>&"):
        folder = tmp_path / "logs" / name
        folder.mkdir(parents=True)
        (folder / f"{name}.pth").touch()
    return Workspace(tmp_path)


RESULT = Result(Path("/w/<i>.wav"), 3.2, 32000, 0.9, 1.14, {
    "voice": "Ada", "device": "cpu (there is no GPU here)", "encoder": "mel", "index": "<b>.index", "f0_method": "fcpe",
}, {"melody.pitch": 3}, ("A <note>.",))


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "Eve", "..", "Ada ²/../Bob", "Bob/", ["Bob"], 7,
                                  {"path": "Bob"}, True])
def test_a_voice_is_chosen_by_its_name_alone(workspace, name):
    with pytest.raises(RvcError, match="^Voice: there is no .*; choose one of <b>&, Ada ², Bob.$"):
        chosen_voice(workspace, name)


def test_a_chosen_voice_is_the_one_of_the_workspace(workspace, tmp_path, monkeypatch):
    (tmp_path / "elsewhere" / "Bob").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert chosen_voice(workspace, "Bob") == tmp_path / "logs" / "Bob"


def test_nothing_chosen_and_nothing_there_say_how_to_go_on(workspace, tmp_path):
    with pytest.raises(RvcError, match="No voice is chosen; choose one of"):
        chosen_voice(workspace, None)
    with pytest.raises(RvcError, match="There is no voice yet: put a voice file into .*NAME.pth"):
        chosen_voice(Workspace(tmp_path / "empty"), "Bob")
    with pytest.raises(RvcError, match="no recording yet"):
        uploaded(None)


def test_voices_are_offered_as_they_are_now(workspace, tmp_path):
    shown, hint = offered(workspace, "Bob")
    assert [name for name, _ in shown.choices] == ["<b>&", "Ada ²", "Bob"] and shown.value == "Bob"
    assert not hint.visible
    assert offered(workspace, "Eve")[0].value == "<b>&"
    none, hint = offered(Workspace(tmp_path / "<b>"), "Bob")
    assert none.value is None and hint.visible and "&lt;b&gt;" in hint.value and "<b>" not in hint.value


def test_a_result_never_takes_the_place_of_another(tmp_path):
    workspace = Workspace(tmp_path)
    names = []
    for _ in range(3):
        place = free_place(workspace, "a song", "Ada ²", "wav")
        place.touch()
        names.append(place.name)
    assert names == ["a song_Ada ².wav", "a song_Ada ² (2).wav", "a song_Ada ² (3).wav"]
    assert place.parent == tmp_path / "logs" / "_converted" / date.today().isoformat()
    free_place(workspace, "x", "y", "flac").with_name("x_y.flac.json").touch()
    assert free_place(workspace, "x", "y", "flac").name == "x_y (2).flac"


def test_long_names_make_a_name_that_a_disk_takes(tmp_path):
    place = free_place(Workspace(tmp_path), "声" * 80, "²" * 100, "flac")
    place.touch()
    assert place.name.startswith("声" * 33 + "_²")
    facts_of(free_place(Workspace(tmp_path), "声" * 80, "²" * 100, "flac")).touch()


def test_facts_stand_beside_the_result(tmp_path):
    keep_facts(replace(RESULT, path=tmp_path / "ü.wav"))
    facts = json.loads((tmp_path / "ü.wav.json").read_text("utf-8"))
    assert facts["choices"]["f0_method"] == "fcpe" and facts["options"] == {"melody.pitch": 3}
    assert facts["path"] == str(tmp_path / "ü.wav") and facts["notes"] == ["A <note>."]


def test_the_summary_says_what_was_made_and_is_text():
    told = summary(RESULT)
    assert "3.2 s of sound in 1.1 s on cpu; pitch by fcpe; index &lt;b&gt;.index." in told
    assert "A &lt;note&gt;." in told and "Kept as /w/&lt;i&gt;.wav" in told
    choices = {name: choice for name, choice in RESULT.choices.items() if name != "f0_method"}
    assert "on cpu; index" in summary(replace(RESULT, choices=choices))


def test_durations_are_spoken():
    assert [duration(seconds) for seconds in (0.04, 59.9, 61, 3723)] == ["0.0 s", "59.9 s", "1:01 min", "1:02:03 h"]
