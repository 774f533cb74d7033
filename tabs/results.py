"""Where the page keeps what it made: in the workspace, by day, and nothing is ever replaced."""
import json
from dataclasses import asdict
from datetime import date
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from rvc.files import replace_atomically
from rvc.workspace import Workspace

if TYPE_CHECKING:
    from rvc.conversion.session import Result

FOLDER = "_converted"  # no voice's name begins like this
LONGEST = 100  # bytes of each name that a result's own is made of; a file's name has at most 255


def free_place(workspace: Workspace, stem: str, voice: str, ending: str) -> Path:
    """<stem>_<voice>.<ending> in today's folder, with a number where that is taken."""
    folder = workspace.voices / FOLDER / date.today().isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{_short(stem)}_{_short(voice)}"
    places = (folder / f"{name}{f' ({n})' if n > 1 else ''}.{ending}" for n in count(1))
    return next(place for place in places if not place.exists() and not facts_of(place).exists())


def facts_of(result: Path) -> Path:
    """The file beside a result that says how it was made."""
    return result.with_name(result.name + ".json")


def keep_facts(result: "Result") -> None:
    with replace_atomically(facts_of(result.path)) as beside:
        beside.write_text(json.dumps(asdict(result) | {"path": str(result.path)}, ensure_ascii=False, indent=1),
                          encoding="utf-8")


def _short(name: str) -> str:
    return name.encode()[:LONGEST].decode(errors="ignore")
