"""What a workspace holds of the weights in the table, and whether each file is the one that it should be."""
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import file_digest
from pathlib import Path

from rvc.errors import DownloadError
from rvc.files import replace_atomically
from rvc.weights import HUB, WEIGHTS, Weight, WeightFile, paths
from rvc.workspace import Workspace

SHA256_DIGITS = 64  # hexadecimal


class State(StrEnum):
    """From good to bad.  UNVERIFIED: there, but nobody has published or accepted a hash of it."""

    PRESENT = "present"
    UNVERIFIED = "not verified"
    PARTIAL = "begun"
    MISSING = "missing"
    WRONG = "not the right file"


@dataclass(frozen=True)
class Holding:
    """One file of the table in one workspace.  sha256: the published one, else the accepted one, else None."""

    id: str
    file: WeightFile
    path: Path
    sha256: str | None
    state: State

    @property
    def weight(self) -> Weight:
        return WEIGHTS[self.id]

    @property
    def part(self) -> Path:
        """Where the file lies until it is whole and verified."""
        return self.path.with_name(f"{self.path.name}.part")

    def url(self, hub: str = HUB) -> str:
        return self.weight.url(self.file, hub)


def holdings(workspace: Workspace, id: str) -> list[Holding]:
    """Every file of a weight, each that is there hashed anew."""
    accepted = read_accepted(workspace)
    return [_hold(id, file, path, file.sha256 or accepted.get(_key(id, file)))
            for file, path in zip(WEIGHTS[id].files, paths(workspace.pretrained, id))]


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    try:
        with path.open("rb") as stream:
            return file_digest(stream, "sha256").hexdigest()
    except OSError as problem:
        raise DownloadError(f"{path} cannot be read: {problem.strerror or problem}.") from None


def is_sha256(text: object) -> bool:
    return isinstance(text, str) and len(text) == SHA256_DIGITS and set(text) <= set("0123456789abcdef")


def read_accepted(workspace: Workspace) -> dict[str, str]:
    """"<id>/<file>" → SHA-256.  A damaged record is an empty one: the person is asked again."""
    return {key: entry["sha256"] for key, entry in _record(workspace).items()}


def accept(workspace: Workspace, holding: Holding, size: int, sha256: str) -> None:
    """Remember that the person takes the file with this hash for the right one."""
    entry = {"sha256": sha256, "bytes": size, "url": holding.url(),
             "accepted": datetime.now(UTC).isoformat(timespec="seconds")}
    record = {**_record(workspace), _key(holding.id, holding.file): entry}
    with replace_atomically(workspace.accepted_hashes) as beside:
        beside.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _hold(id: str, file: WeightFile, path: Path, sha256: str | None) -> Holding:
    absent = Holding(id, file, path, sha256, State.MISSING)
    if not path.is_file():
        return replace(absent, state=State.PARTIAL) if absent.part.is_file() else absent
    if file.bytes not in (None, path.stat().st_size):
        return replace(absent, state=State.WRONG)
    if sha256 is None:
        return replace(absent, state=State.UNVERIFIED)
    return replace(absent, state=State.PRESENT if digest(path) == sha256 else State.WRONG)


def _key(id: str, file: WeightFile) -> str:
    return f"{id}/{file.name}"


def _record(workspace: Workspace) -> dict[str, dict]:
    path = workspace.accepted_hashes
    try:
        return dict(_entries(json.loads(path.read_text("utf-8"))))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as problem:
        logging.getLogger(__name__).warning("%s cannot be read and is left out: %s", path, problem)
        return {}


def _entries(told: object) -> Iterator[tuple[str, dict]]:
    """What in a record has the shape of one; the rest is damage, and left out."""
    for key, entry in told.items() if isinstance(told, dict) else ():
        if isinstance(entry, dict) and is_sha256(entry.get("sha256")):
            yield key, entry
