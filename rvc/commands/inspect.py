"""`python -m rvc inspect FILE [--json]`"""
import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from rvc.commandline import settings_from
from rvc.commands import Command
from rvc.settings.program import InspectSettings
from rvc.voicefile.describe import Description, describe


def _positionals(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a voice file, checkpoint, index or any other file")


def _run(arguments: Namespace) -> int:
    """0 if this program can use the file, else 1."""
    settings = settings_from(InspectSettings, arguments)
    found = describe(arguments.file)
    print(json.dumps(found.as_dict(), ensure_ascii=False, indent=2) if settings.json else _page(found))
    return 0 if found.usable else 1


def _page(found: Description) -> str:
    """The sentence, the facts in two columns, and what was tolerated."""
    facts = {name: value for name, value in found.facts.items() if value is not None}
    width = max(map(len, facts), default=0)
    rows = [f"  {name:<{width}}  {_shown(value)}" for name, value in facts.items()]
    return "\n".join([found.sentence, *rows, *(f"  Note: {note}" for note in found.notes)])


def _shown(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


COMMAND = Command(settings=InspectSettings, run=_run, positionals=_positionals)
