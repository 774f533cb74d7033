"""The command line: light, and the same options as everywhere else."""
import subprocess
import sys
import time
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as patience
from hypothesis import strategies as st

from rvc.__main__ import main
from rvc.commandline import add_options, settings_from
from rvc.commands import COMMANDS, Command
from rvc.errors import SettingsError
from rvc.options import Settings, flat, leaves, option
from rvc.settings.program import AppSettings, DoctorSettings, InspectSettings

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Pitch(Settings):
    transpose: float = option(0.0, "Transpose", "Up or down, 50% is half.", unit="semitones", low=-24, high=24)
    autotune: bool = option(True, "Autotune", "Snap to semitones.")


@dataclass(frozen=True)
class Song(Settings):
    """One of every kind of option."""

    takes: int = option(1, "Takes", "How many.", low=1, high=9)
    format: str = option("wav", "Format", "Of the file.", choices=("wav", "flac"))
    title: str = option("", "Title", "Any text.")
    folder: Path | None = option(None, "Folder", "Where to.")
    rates: tuple[int, ...] = option((), "Rates", "Several.", low=1)
    pitch: Pitch = option(Pitch, "Pitch", "How high.")


def parse(cls, *words: str):
    parser = ArgumentParser(exit_on_error=False)
    add_options(parser, cls)
    return settings_from(cls, parser.parse_args(words))


def as_words(settings: Settings) -> list[str]:
    """The command line that asks for these settings."""
    words = []
    for leaf in leaves(type(settings)):
        value, flag = flat(settings)[leaf.name], leaf.name.rpartition(".")[2].replace("_", "-")
        if leaf.kind is bool:
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif value is not None:
            words.append(f"--{flag}=" + (",".join(map(str, value)) if isinstance(value, tuple) else str(value)))
    return words


@pytest.mark.parametrize("cls", [Song, AppSettings, DoctorSettings, InspectSettings])
def test_nothing_asked_is_the_default(cls):
    assert parse(cls) == cls()
    assert parse(cls, *as_words(cls())) == cls()


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30).filter(
    lambda text: text != "--")  # which the argparse of Python 3.11 loses


@patience(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.builds(Song, takes=st.integers(1, 9), format=st.sampled_from(["wav", "flac"]), title=texts,
                 folder=st.none() | texts.filter(bool).map(Path), rates=st.lists(st.integers(1, 10**6)).map(tuple),
                 pitch=st.builds(Pitch, transpose=st.floats(-24, 24), autotune=st.booleans())))
def test_every_setting_survives_the_command_line(song):
    assert parse(Song, *as_words(song)) == song


@pytest.mark.parametrize("words, field", [(["--takes=0"], "takes"), (["--takes=1.5"], "takes"), (["--takes="], "takes"),
                                          (["--format=mp3"], "format"), (["--transpose=25"], "pitch.transpose"),
                                          (["--transpose=nan"], "pitch.transpose"), (["--rates=1,0"], "rates"),
                                          (["--title", "a\0b"], "title")])
def test_a_value_out_of_range_is_refused_by_the_options_name(words, field):
    with pytest.raises(SettingsError) as refusal:
        parse(Song, *words)
    assert refusal.value.field == field


def test_zero_and_off_can_be_asked_for():
    song = parse(Song, "--transpose=0", "--no-autotune")
    assert song.pitch.transpose == 0 and song.pitch.autotune is False


def test_help_shows_every_option_with_its_range_and_default():
    parser = ArgumentParser(prog="x")
    add_options(parser, Song)
    text = " ".join(parser.format_help().split())
    for words in ("--takes", "default: 1, 1 to 9", "{wav,flac}", "-24 to 24 semitones", "--no-autotune", "50% is half"):
        assert words in text


def run(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_help_is_there_at_once():
    def seconds() -> float:
        began = time.perf_counter()
        assert run("-m", "rvc", "--help").returncode == 0
        return time.perf_counter() - began

    assert min(seconds() for _ in range(3)) < 0.5


@pytest.mark.parametrize("words", [["--help"], ["doctor", "--help"]])
def test_help_imports_neither_torch_nor_gradio(words):
    code = ("import sys, rvc.__main__ as m\n"
            f"try: m.main({words!r})\n"
            "except SystemExit as end: assert not end.code\n"
            "heavy = {'torch', 'numpy', 'gradio', 'librosa', 'transformers', 'httpx'} & set(sys.modules)\n"
            "sys.exit(str(heavy) if heavy else 0)")
    told = run("-c", code)
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_loaded_and_explains_itself(name, capsys):
    assert isinstance(COMMANDS.load(name), Command)
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0 and COMMANDS[name].label in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["sing"], ["doctor", "--frobnicate"]])
def test_wrong_usage_is_status_2_and_no_traceback(words):
    done = run("-m", "rvc", *words)
    assert done.returncode == 2 and "Traceback" not in done.stderr and done.stderr
