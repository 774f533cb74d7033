"""What kind of sound file this is, by its first bytes: a name can lie."""
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rvc.errors import AudioError

HEAD = 64  # bytes that tell one kind from another
READABLE = "wav, flac, mp3, ogg, opus, m4a, aac, mp4, webm or aiff"


@dataclass(frozen=True)
class Container:
    """demuxer: the only one that ffmpeg may use for it; by_soundfile: whether libsndfile is asked first."""

    name: str
    demuxer: str
    by_soundfile: bool
    fits: Callable[[bytes], bool]


def _is_mpeg_audio(head: bytes) -> bool:
    """A frame header of MPEG audio layer II or III whose fields all have a meaning."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    return version != 1 and layer in (1, 2) and head[2] >> 4 not in (0, 15) and head[2] >> 2 & 3 != 3


def _is_adts(head: bytes) -> bool:
    """A frame header of raw AAC."""
    return len(head) >= 4 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0 and head[2] >> 2 & 15 < 13


CONTAINERS = (
    Container("wav", "wav", True, lambda h: h[:4] in (b"RIFF", b"RF64") and h[8:12] == b"WAVE"),
    Container("aiff", "aiff", True, lambda h: h[:4] == b"FORM" and h[8:12] in (b"AIFF", b"AIFC")),
    Container("flac", "flac", True, lambda h: h[:4] == b"fLaC"),
    Container("ogg", "ogg", True, lambda h: h[:4] == b"OggS"),
    Container("mp4", "mov", False, lambda h: h[4:8] == b"ftyp"),
    Container("webm", "matroska", False, lambda h: h[:4] == b"\x1aE\xdf\xa3"),
    Container("aac", "aac", False, _is_adts),
    Container("mp3", "mp3", True, lambda h: _is_mpeg_audio(h) or h[:3] == b"ID3"),
)


def recognise(path: Path) -> Container:
    """The kind of the file.  Raises `AudioError` for what is no regular file or no sound file."""
    try:
        if not path.is_file():
            raise AudioError(f"There is no sound file {str(path)!r}.")
        heads = _heads(path)
    except (OSError, ValueError) as problem:
        raise AudioError(f"{path.name!r} cannot be opened: {problem}.") from None
    for head in heads:
        for container in CONTAINERS:
            if container.fits(head):
                return container
    what = "is not a sound file that can be read" if heads[-1] else "is empty"
    raise AudioError(f"{path.name!r} {what}; use {READABLE}.")


def _heads(path: Path) -> list[bytes]:
    """The first bytes; where they are a tag of ID3v2, the first bytes behind it come before them."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        if head[:3] != b"ID3" or len(head) < 10:
            return [head]
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0)))
        file.seek(10 + size + (10 if head[5] & 0x10 else 0))
        return [file.read(HEAD).lstrip(b"\0"), head]
