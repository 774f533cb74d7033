"""A folder of recordings, one after the other: what is done stays done, and one bad file stops none of the others."""
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Literal

from rvc.conversion.session import Session
from rvc.errors import AudioError, RvcError
from rvc.options import flat
from rvc.progress import Report, silent

LEDGER = "rvc-batch.jsonl"
READABLE = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".mp4", ".webm", ".aif", ".aiff"}
NOT_OF_THE_SOUND = ("compute.device", "compute.overwrite", "melody.f0_save")  # options that change no sample

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """What became of one file.  why: the reason it failed; input, options: hashes by which a result is known again."""

    source: str
    result: str
    state: Literal["done", "skipped", "failed"]
    why: str = ""
    seconds: float = 0.0
    took: float = 0.0
    input: str = ""
    options: str = ""


def convert_folder(session: Session, folder: Path, out: Path, report: Report = silent,
                   told: Callable[[Row], None] = lambda row: None) -> list[Row]:
    """Every sound file of the folder, by name.  told: hears of each row as soon as it is known.

    A result that an earlier run made of the same bytes with the same options is kept.  Raises `AudioError` when the
    folder holds no sound files.
    """
    sources = sounds_in(folder)
    if not sources:
        raise AudioError(f"{folder} holds no sound files; they end in {', '.join(sorted(READABLE))}.")
    out.mkdir(parents=True, exist_ok=True)
    ledger = out / LEDGER
    known = {(row.source, row.input, row.options): row for row in read_ledger(ledger) if row.state == "done"}
    options = options_hash(session)
    rows = []
    for source, name in zip(sources, _result_names(session, sources)):
        row = _row(session, source, out / name, options, known, report)
        if row.state != "skipped":
            _note(ledger, row)
        told(row)
        rows.append(row)
    return rows


def sounds_in(folder: Path) -> list[Path]:
    """Raises `AudioError` for what is no folder."""
    if not folder.is_dir():
        raise AudioError(f"{folder} is not a folder; give the folder that holds the recordings.")
    return sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in READABLE)


def read_ledger(path: Path) -> Iterator[Row]:
    """What earlier runs noted; a line cut off by a crash is passed over."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield Row(**json.loads(line))
        except (ValueError, TypeError):
            log.warning("a line of %s cannot be read and is passed over", path)


def options_hash(session: Session) -> str:
    """Changes when the sound of a result would: voice, index and every option of it."""
    options = {name: str(value) for name, value in flat(session.settings).items() if name not in NOT_OF_THE_SOUND}
    return sha256(json.dumps([options, session.choices, session.stamps], sort_keys=True).encode()).hexdigest()


def _row(session: Session, source: Path, result: Path, options: str, known: dict, report: Report) -> Row:
    digest = ""
    try:
        with source.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        if (source.name, digest, options) in known and result.is_file():
            return Row(source.name, result.name, "skipped", input=digest, options=options)
        done = session.convert(source, result, report)
        return Row(source.name, result.name, "done", "", done.seconds, done.took, digest, options)
    except (RvcError, OSError) as problem:
        return Row(source.name, result.name, "failed", str(problem), input=digest, options=options)
    except (RuntimeError, ValueError, MemoryError) as bug:  # one file must not stop the others
        log.exception("converting %s failed", source)
        return Row(source.name, result.name, "failed", f"unexpected: {bug}", input=digest, options=options)


def _result_names(session: Session, sources: list[Path]) -> list[str]:
    """<stem>_<voice>.<ending>; two recordings with one stem keep their own endings in the name."""
    ending = session.settings.output.format or "wav"
    stems = [source.stem for source in sources]
    return [f"{source.stem if stems.count(source.stem) == 1 else source.name}_{session.choices['voice']}.{ending}"
            for source in sources]


def _note(ledger: Path, row: Row) -> None:
    """One line, on disk before the next file is begun."""
    with ledger.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
