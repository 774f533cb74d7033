"""`python -m rvc convert INPUT OUTPUT --voice NAME_OR_PATH`"""
import json
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path

from rvc.commandline import settings_from
from rvc.commands import Command
from rvc.commands.terminal import TimeLeft, cleared, spoken, written_over
from rvc.errors import SettingsError
from rvc.settings.conversion import ConvertSettings
from rvc.workspace import find_workspace


def positionals(parser: ArgumentParser) -> None:
    parser.add_argument("input", metavar="INPUT", type=Path, help="a sound file")
    parser.add_argument("output", metavar="OUTPUT", type=Path, help="the result; its ending names the format")


def run(arguments: Namespace) -> int:
    """0 when the result is written; beside it stands OUTPUT.json with every option and choice."""
    from rvc.conversion.opening import open_session
    from rvc.files import replace_atomically

    session = open_session(*opening(arguments))
    announce(session)
    try:
        result = session.convert(arguments.input, arguments.output, written_over(TimeLeft()))
    finally:
        print(cleared(), end="", flush=True)
    with replace_atomically(arguments.output.with_name(arguments.output.name + ".json")) as beside:
        beside.write_text(json.dumps(asdict(result) | {"path": str(result.path)}, ensure_ascii=False, indent=1),
                          encoding="utf-8")
    for note in result.notes[len(session.notes):]:
        print(f"Note: {note}")
    print(f"{result.path}: {spoken(result.seconds)} of sound in {spoken(result.took)}")
    return 0


def opening(arguments: Namespace) -> tuple:
    """Workspace, voice and options that the command line asks for."""
    settings = settings_from(ConvertSettings, arguments)
    if not settings.voice:
        raise SettingsError("voice", "no voice was named: write --voice NAME or --voice PATH.")
    return find_workspace(settings.workspace), settings.voice, settings.conversion


def announce(session) -> None:
    """What the program chose by itself, and what differs from the training."""
    print(", ".join(f"{what.replace('_', ' ')}: {choice}" for what, choice in session.choices.items()))
    for note in session.notes:
        print(f"Note: {note}")


COMMAND = Command(settings=ConvertSettings, run=run, positionals=positionals)
