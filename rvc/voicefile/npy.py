"""A strict reader of `.npy`: plain numbers only, as many as its header says, before any are read.

Layout: a mark, the version, the header's length, a Python literal of three entries, then the numbers.
"""
import re
from math import prod
from pathlib import Path

import numpy as np

from rvc.voicefile.cursor import Cursor
from rvc.voicefile.kinds import refuse_foreign
from rvc.voicefile.refusal import Refusal, about, demand

MARK = b"\x93NUMPY"
LONGEST_HEADER = 64 << 10  # bytes
MOST_DIMENSIONS = 8
_HEADER = re.compile(r"\{'descr': '([<|=][fiub]\d|\|O|O)', 'fortran_order': (True|False), "
                     r"'shape': \(((?:\d{1,18}, ?)*\d{0,18}),?\),? ?\} *\n?")
_TYPES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")


def read_npy(path: Path) -> np.ndarray:
    """Raises `VoiceFileError` for objects, texts, records, big-endian numbers and sizes that the file does not have."""
    with about(path), Cursor.open(path) as cursor:
        if cursor.peek(6) != MARK:
            refuse_foreign(cursor, "a NumPy array")
        dtype, fortran, shape = _header(cursor)
        size = prod(shape) * dtype.itemsize
        demand(size <= cursor.left, f"is cut off at byte {cursor.size}: its header announces {size} bytes of numbers")
        demand(size == cursor.left, "has more bytes after its end")
        truth = dtype.kind == "b"
        flat = np.frombuffer(cursor.take(size), np.uint8 if truth else dtype)
        flat = flat != 0 if truth else flat
        return flat.reshape(shape, order="F" if fortran else "C")


def _header(cursor: Cursor) -> tuple[np.dtype, bool, tuple[int, ...]]:
    _, major, minor = cursor.unpack("6sBB")
    demand((major, minor) in ((1, 0), (2, 0), (3, 0)), "is a NumPy array of a version that is not supported")
    length = cursor.number("H" if major == 1 else "I")
    demand(length <= LONGEST_HEADER, "is damaged: its header is too long")
    found = _HEADER.fullmatch(cursor.take(length).decode("latin1"))
    if not found:
        raise Refusal("is a NumPy array of something else than plain numbers, or damaged")
    kind, fortran, shape = found.groups()
    demand("O" not in kind, "would run code: it is a NumPy array of Python objects")
    demand(kind[1:] in _TYPES, "is a NumPy array of something else than plain numbers, or damaged")
    sizes = tuple(int(size) for size in shape.split(",") if size.strip())
    demand(len(sizes) <= MOST_DIMENSIONS, "is a NumPy array of too many dimensions")
    return np.dtype(kind), fortran == "True", sizes
