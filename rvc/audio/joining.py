"""Putting converted parts back where they came from."""
from collections.abc import Iterable, Iterator

import numpy as np

from rvc.audio.lines import Line

BLOCK = 2**19  # samples handled at once


class Joiner:
    """Lays parts on a line of silence, each at its own start, and cross-fades where they meet.

    A start is counted from the beginning of the line, never from the end of the part before: a part that came out
    too long or too short moves nothing after it.  A part should reach `fade` samples into the next one; what goes
    further is dropped.  Edges rise and fall as raised cosines, of which two that meet add up to 1, because both sides
    of a cut are the same voice in the same phase.  The two ends of the line are left as they are.
    """

    def __init__(self, fade: int):
        self.fade = fade
        self._done = 0  # samples handed out
        self._waiting = np.zeros(0, np.float32)  # what follows them

    def add(self, start: int, part: np.ndarray) -> np.ndarray:
        """Place the next part (N,), at a start not before that of the last; what is finished: all before the start."""
        behind = start - self._done
        meeting = min(self.fade, max(0, len(self._waiting) - behind), len(part))
        fade = meeting or self.fade
        before = _faded(self._waiting[:behind + meeting], fade, falling=True)
        line = np.zeros(max(len(before), behind + len(part)), np.float32)
        line[:len(before)] = before
        line[behind:behind + len(part)] += _faded(part, fade) if start > 0 else part
        self._done, self._waiting = start, line[behind:]
        return line[:behind]

    def finish(self, length: int) -> np.ndarray:
        """The rest of a line of this many samples."""
        missing = length - self._done
        last = self._waiting[:missing]
        if len(last) < missing:
            last = _faded(last, self.fade, falling=True)
        line = np.zeros(missing, np.float32)  # what is not written to takes no memory
        line[:len(last)] = last
        return line


def between_silences(line: Line, fade: int, *, rises: bool, falls: bool, block: int = BLOCK) -> Iterator[np.ndarray]:
    """The line in blocks, risen from silence at its beginning and fallen to it at its end."""
    for start in range(0, len(line), block):
        samples = line[start:start + block]
        place = np.arange(start, start + len(samples))
        depth = np.minimum(place if rises else fade, len(line) - 1 - place if falls else fade)
        yield samples * np.sin(np.pi / 2 * ((depth + 0.5) / fade).clip(0, 1)).astype(np.float32) ** 2


def silence(length: int, block: int = BLOCK) -> Iterator[np.ndarray]:
    """So many zeros, in blocks."""
    for start in range(0, length, block):
        yield np.zeros(min(block, length - start), np.float32)


def join(parts: Iterable[tuple[int, np.ndarray]], length: int, fade: int) -> np.ndarray:
    """(start, part) in order → (length,) float32; see `Joiner`."""
    joiner = Joiner(fade)
    finished = [joiner.add(start, part) for start, part in parts]
    return np.concatenate([*finished, joiner.finish(length)])


def _faded(part: np.ndarray, fade: int, *, falling: bool = False) -> np.ndarray:
    """A copy that rises from silence, or falls to it, over `fade` samples or all that it has."""
    count = min(fade, len(part))
    rise = np.sin(np.pi / 2 * (np.arange(count) + 0.5) / max(count, 1)).astype(np.float32) ** 2
    faded = np.array(part, np.float32)
    if falling:
        faded[len(faded) - count:] *= rise[::-1]
    else:
        faded[:count] *= rise
    return faded
