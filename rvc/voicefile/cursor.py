"""Reads a binary file forward; nothing is allocated before the file is known to hold that much."""
import struct
from pathlib import Path
from typing import Any, BinaryIO

from rvc.voicefile.refusal import Refusal


class Cursor:
    """A place in an open file.  Every read past the end is refused as "cut off at byte N", N its true size."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self.size = file.seek(0, 2)
        self.position = file.seek(0)

    @classmethod
    def open(cls, path: Path) -> "Cursor":
        return cls(path.open("rb"))

    def __enter__(self) -> "Cursor":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def left(self) -> int:
        return self.size - self.position

    def move(self, position: int) -> None:
        """To a byte of the file."""
        if not 0 <= position <= self.size:
            raise Refusal(f"is damaged: it points at byte {position} of {self.size}")
        self.position = self._file.seek(position)

    def peek(self, count: int) -> bytes:
        """At most count bytes from here, without moving."""
        data = self._file.read(max(0, min(count, self.left)))
        self._file.seek(self.position)
        return data

    def take(self, count: int) -> bytearray:
        """Exactly count bytes."""
        if count < 0 or count > self.left:
            raise Refusal(f"is cut off at byte {self.size}")
        data = bytearray(count)
        read = self._file.readinto(data)
        self.position += read
        if read != count:  # the file shrank while it was read
            raise Refusal(f"is cut off at byte {self.position}")
        return data

    def unpack(self, layout: str) -> tuple[Any, ...]:
        """Little-endian numbers, as `struct` writes layouts."""
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout)))

    def number(self, layout: str) -> Any:
        return self.unpack(layout)[0]
