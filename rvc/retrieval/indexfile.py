"""An index on disk: the community's .index file, and beside it a note of ours about who made it.

The format has no room for the name of the content encoder, and 768 values of one encoder mean nothing to another.
So `voice.index` gets a `voice.index.json` with encoder, width, vectors and the SHA-256 of the file it speaks of.
An index of another program has no such note, and only its width can be checked.
"""
import json
from collections.abc import Callable
from hashlib import file_digest, sha256
from pathlib import Path
from typing import BinaryIO

from rvc.errors import VoiceFileError
from rvc.files import replace_atomically
from rvc.retrieval.faiss_index import FaissIndex

LARGEST_NOTE = 4096  # bytes


def note_of(path: Path) -> Path:
    """Where the note about an index is."""
    return path.with_name(path.name + ".json")


def save_index(index: FaissIndex, path: Path, *, encoder: str) -> None:
    """Write the index and its note; after a crash each is the old one or the new one."""
    digest = sha256()
    with replace_atomically(path) as part, part.open("wb") as file:
        index.write(_Both(file, digest.update))
    note = {"encoder": encoder, "width": index.width, "vectors": len(index), "sha256": digest.hexdigest()}
    with replace_atomically(note_of(path)) as part:
        part.write_text(json.dumps(note, indent=1), encoding="utf-8")


def load_index(path: Path, *, width: int, encoder: str | None = None) -> FaissIndex:
    """The index, for content of this width from this encoder (None: unknown, then it is not compared).

    Raises `VoiceFileError` when the file is damaged, or was made for another width or with another encoder.
    """
    from rvc.voicefile.index import read_index

    held = read_index(path, width=width)
    if encoder is not None:
        check_encoder(path, encoder)
    return FaissIndex.from_lists(held.vectors, held.centroids, held.lists)


def check_encoder(path: Path, encoder: str) -> None:
    """Raises `VoiceFileError` when the note of an index names another encoder, and speaks of this very file."""
    note = _read_note(note_of(path))
    if not note or note["encoder"] == encoder:
        return
    with path.open("rb") as file:
        if file_digest(file, "sha256").hexdigest() != note["sha256"]:
            return  # the index was exchanged since
    raise VoiceFileError(f"The index {path.name} was made with the encoder {note['encoder'][:40]!r} and the voice is "
                         f"converted with {encoder!r}; use that encoder, or another index, or none.")


def _read_note(path: Path) -> dict[str, str]:
    """Empty when there is none."""
    if not path.is_file():
        return {}
    try:
        with path.open("rb") as file:
            note = json.loads(file.read(LARGEST_NOTE))
        return {key: str(note[key]) for key in ("encoder", "sha256")}
    except (ValueError, TypeError, KeyError, RecursionError):
        raise VoiceFileError(f"{path.name} is not the note of an index; delete it.") from None


class _Both:
    """A file whose every block also goes to a listener."""

    def __init__(self, file: BinaryIO, listen: Callable[[bytes], object]):
        self._file, self._listen = file, listen

    def write(self, block: bytes) -> int:
        self._listen(block)
        return self._file.write(block)
