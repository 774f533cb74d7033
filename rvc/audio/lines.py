"""Sound of any length, a stretch at a time.

A line has a length and can be sliced: an array, or something that reads its samples only when asked.  So three hours
are handled in the memory of a minute.
"""
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Protocol

import numpy as np


class Line(Protocol):
    """N samples of one channel; line[a:b] is an array of b − a of them."""

    def __len__(self) -> int: ...

    def __getitem__(self, span: slice) -> np.ndarray: ...


class Scratch:
    """A line on disk, float32, that grows at its end; gone when it is closed, or with the process.

    peak: the largest |x| so far.
    """

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the line
        self._length, self.peak = 0, 0.0

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, span: slice) -> np.ndarray:
        start, stop, _ = span.indices(self._length)
        self._file.seek(4 * start)
        return np.frombuffer(self._file.read(4 * max(0, stop - start)), np.float32)

    def append(self, samples: np.ndarray) -> None:
        """(N,)"""
        self._file.seek(4 * self._length)
        self._file.write(np.ascontiguousarray(samples, np.float32).data)
        self._length += len(samples)
        self.peak = max(self.peak, float(samples.max(initial=0.0)), -float(samples.min(initial=0.0)))

    def extend(self, blocks: Iterator[np.ndarray]) -> "Scratch":
        for block in blocks:
            self.append(block)
        return self

    def __enter__(self) -> "Scratch":
        return self

    def __exit__(self, *_) -> None:
        self._file.close()


class Scaled:
    """A line, louder or softer by a factor."""

    def __init__(self, line: Line, gain: float):
        self._line, self._gain = line, np.float32(gain)

    def __len__(self) -> int:
        return len(self._line)

    def __getitem__(self, span: slice) -> np.ndarray:
        return self._line[span] * self._gain


class Stretch:
    """Part of a line, as a line: samples [begin, end)."""

    def __init__(self, line: Line, begin: int, end: int):
        self._line, self._begin, self._length = line, begin, end - begin

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, span: slice) -> np.ndarray:
        start, stop, _ = span.indices(self._length)
        return self._line[self._begin + start:self._begin + stop]


class Reflected:
    """A line continued by `pad` samples of its own reflection at either end, again and again where it is short."""

    def __init__(self, line: Line, pad: int):
        self._line, self._pad = line, pad

    def __len__(self) -> int:
        return len(self._line) + 2 * self._pad

    def __getitem__(self, span: slice) -> np.ndarray:
        start, stop, _ = span.indices(len(self))
        start, stop, length = start - self._pad, stop - self._pad, len(self._line)
        if start >= 0 and stop <= length:
            return self._line[start:stop]
        period = max(1, 2 * (length - 1))
        place = np.arange(start, stop) % period
        place = np.minimum(place, period - place) if length > 1 else np.zeros_like(place)
        first, end = (int(place.min()), int(place.max()) + 1) if len(place) else (0, 0)
        return self._line[first:end][place - first]


def in_blocks(line: Line, change: Callable[[np.ndarray], np.ndarray], *, block: int,
              context: int) -> Iterator[np.ndarray]:
    """The line changed block by block, each with `context` samples on either side that are then cut away."""
    for start in range(0, len(line), block):
        before, end = min(start, context), min(start + block, len(line))
        yield change(line[start - before:end + context])[before:before + end - start]
