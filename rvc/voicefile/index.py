"""Reads the community's `.index` without FAISS: plain arrays at computed places, every size checked first.

FAISS trusts the sizes in its files.  Its layout (faiss/impl/index_write.cpp), for the kinds that voices have, numbers
little-endian: a mark of four letters, then a common header: width int32, count int64, two unused int64, trained byte,
metric int32.  Flat: count of floats uint64, the floats.  IVF-Flat: cells uint64, probes uint64, a flat index of the
cells' centres, the direct map, then the inverted lists: sizes of the cells, and for each its vectors and their ids.
"""
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rvc.voicefile.cursor import Cursor
from rvc.voicefile.kinds import refuse_foreign
from rvc.voicefile.refusal import Refusal, about, demand

INNER_PRODUCT, L2 = 0, 1
FLAT = (b"IxF2", b"IxFl", b"IxFI")
IVF_FLAT = b"IwFl"
WIDEST = 4096
_OTHERS = {
    b"IxPq": "product quantisation", b"IwPQ": "product quantisation", b"IvPQ": "product quantisation",
    b"IxSQ": "scalar quantisation", b"IwSq": "scalar quantisation", b"IwSQ": "scalar quantisation",
    b"IHNf": "a graph", b"IHNs": "a graph", b"IHNp": "a graph", b"IxMp": "renumbered vectors",
    b"IxM2": "renumbered vectors", b"IxPT": "transformed vectors", b"IBxF": "bits", b"IBwF": "bits",
}


@dataclass(frozen=True)
class IndexData:
    """vectors: (N, D) float32 in the order of their ids, finite.  centroids: (L, D) float32, None for a flat index.

    lists: for each centroid the ids, which are rows of vectors, of its cell.
    """

    vectors: np.ndarray = field(repr=False)
    centroids: np.ndarray | None = field(default=None, repr=False)
    lists: tuple[np.ndarray, ...] = field(default=(), repr=False)

    @property
    def width(self) -> int:
        return self.vectors.shape[1]


def read_index(path: Path, *, width: int | None = None) -> IndexData:
    """width: D that the voice needs, if one is known.  Raises `VoiceFileError` for anything but a sound index."""
    with about(path), Cursor.open(path) as cursor:
        if not is_index(cursor.peek(4)):
            refuse_foreign(cursor, "an index")
        data = _index(cursor)
        demand(cursor.left == 0, "has more bytes after its end")
        demand(width in (None, data.width),
               f"is an index of vectors {data.width} wide, and the voice needs {width}: it belongs to another voice")
        return data


def is_index(head: bytes) -> bool:
    """Whether a file begins like one that FAISS wrote."""
    return head[:4] in FLAT or head[:4] == IVF_FLAT or head[:4] in _OTHERS or \
        (head[:2] in (b"Ix", b"Iw", b"Iv", b"IH", b"IB") and head[2:4].isalnum())


def _index(cursor: Cursor) -> IndexData:
    mark = bytes(cursor.take(4))
    if mark in FLAT:
        return IndexData(_finite(_flat(cursor)))
    if mark != IVF_FLAT:
        kind = _OTHERS.get(mark, f"the kind {mark.decode('ascii', 'replace')!r}")
        raise Refusal(f"is an index of {kind}, which is not supported: only flat ones are, with or without cells")
    return _inverted_file(cursor)


def _header(cursor: Cursor) -> tuple[int, int]:
    """(width, count)."""
    width, count, _, _, trained, metric = cursor.unpack("iqqqBi")
    demand(1 <= width <= WIDEST and count >= 0, f"is damaged: it announces {count} vectors of {width} numbers")
    demand(metric == L2, "is an index that compares by another measure than distance, which is not supported")
    demand(trained == 1, "is an index that was never trained")
    return width, count


def _flat(cursor: Cursor) -> np.ndarray:
    width, count = _header(cursor)
    floats = cursor.number("Q")
    demand(floats == count * width, "is damaged: its vectors are not as many as it says")
    demand(count, "is an index without vectors")
    return _floats(cursor, count, width)


def _inverted_file(cursor: Cursor) -> IndexData:
    width, count = _header(cursor)
    cells, _ = cursor.unpack("QQ")
    demand(bytes(cursor.take(4)) in FLAT, "is an index whose cells are found in a way that is not supported")
    centroids = _flat(cursor)
    demand(centroids.shape == (cells, width), "is damaged: its cells are not as many as it says")
    _direct_map(cursor)
    sizes = _sizes(cursor, cells, width)
    demand(count, "is a trained index without vectors: take the one whose name begins with added_")
    demand(sum(sizes) == count, "is damaged: its cells hold more or fewer vectors than it says")
    demand(count * (width * 4 + 8) <= cursor.left, f"is cut off at byte {cursor.size}")
    vectors, lists, seen = np.empty((count, width), np.float32), [], np.zeros(count, bool)
    for size in sizes:
        values = _floats(cursor, size, width)
        ids = np.frombuffer(cursor.take(size * 8), "<i8")
        known = size == 0 or 0 <= ids.min() <= ids.max() < count
        demand(known, "is damaged: the ids of its vectors are not 0 to N − 1")
        vectors[ids] = values
        seen[ids] = True
        lists.append(ids)
    demand(seen.all(), "is damaged: two of its vectors have one id")
    return IndexData(_finite(vectors), _finite(centroids), tuple(lists))


def _direct_map(cursor: Cursor) -> None:
    """A table from ids to places that FAISS may have kept; it repeats the lists, so it is passed over."""
    kind, entries = cursor.unpack("BQ")
    demand(kind in (0, 1), "is an index with a table of ids that is not supported")
    cursor.take(8 * entries)


def _sizes(cursor: Cursor, cells: int, width: int) -> list[int]:
    """Vectors in each cell, from a full list or from pairs of cell and size."""
    mark, count, code, form = cursor.unpack("4sQQ4s")
    demand(mark == b"ilar", "is an index without vectors" if mark == b"il00" else
           "is an index whose lists are in a form that is not supported")
    demand((count, code) == (cells, 4 * width), "is damaged: its lists do not fit its cells")
    numbers = cursor.number("Q")
    demand(numbers * 8 <= cursor.left, f"is cut off at byte {cursor.size}")
    table = np.frombuffer(cursor.take(numbers * 8), "<u8").tolist()
    if form == b"full":
        demand(numbers == cells, "is damaged: its lists do not fit its cells")
        return table
    demand(form == b"sprs" and numbers % 2 == 0, "is an index whose lists are in a form that is not supported")
    sizes = dict(zip(table[::2], table[1::2]))
    sound = len(sizes) == numbers // 2 and all(cell < cells for cell in sizes) and list(sizes) == sorted(sizes)
    demand(sound, "is damaged: its lists do not fit its cells")
    return [sizes.get(cell, 0) for cell in range(cells)]


def _floats(cursor: Cursor, count: int, width: int) -> np.ndarray:
    return np.frombuffer(cursor.take(count * width * 4), "<f4").reshape(count, width)


def _finite(values: np.ndarray) -> np.ndarray:
    demand(np.isfinite(values).all(), "is damaged: it holds vectors with values that are not finite")
    return values
