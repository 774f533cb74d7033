"""What is converted in which pieces: where a recording is silent, and where it is cut.

All places are samples at 16 kHz; those of chunks are multiples of a frame.
"""
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rvc.audio.lines import Line, Stretch
from rvc.audio.slicing import quiet_cuts
from rvc.features import HOP, SAMPLE_RATE

FADE = SAMPLE_RATE // 50  # 20 ms: of an edge of silence, and of a join
WORTH_SKIPPING = 2 * SAMPLE_RATE  # a longer silence also spares the context around a chunk
Range = tuple[int, int]  # [begin, end)


@dataclass(frozen=True)
class Chunk:
    """One piece that is converted at once.  begin, end: in the recording; sounding: the ranges in it that are heard."""

    begin: int
    end: int
    sounding: tuple[Range, ...]


def chunks(line: Line, silences: Sequence[Range], longest: int) -> list[Chunk]:
    """Everything that is not silent, in pieces of at most so many samples cut at quiet places."""
    heard = [widened(begin, end, FADE, len(line)) for begin, end in complement(silences, len(line))]
    regions = merged([widened(*span, FADE, len(line)) for span in heard], WORTH_SKIPPING)
    cut = [piece for region in regions for piece in _cut(line, *region, longest)]
    return [Chunk(*piece, tuple(common(heard, piece))) for piece in cut]


def at(line: Line, cuts: Sequence[int]) -> list[Chunk]:
    """The whole line, cut at these places and nowhere else."""
    edges = [0, *(cut // HOP * HOP for cut in cuts), len(line)]
    return [Chunk(begin, end, ((begin, end),)) for begin, end in zip(edges, edges[1:])]


def complement(ranges: Sequence[Range], length: int) -> list[Range]:
    """What lies between ordered ranges, in a line of this length."""
    edges = [0, *(edge for span in ranges for edge in span), length]
    return [(int(begin), int(end)) for begin, end in zip(edges[::2], edges[1::2]) if begin < end]


def widened(begin: int, end: int, by: int, length: int) -> Range:
    return max(0, begin - by), min(length, end + by)


def merged(ranges: Sequence[Range], gap: int) -> list[Range]:
    """Ordered ranges, joined where less than the gap lies between them."""
    joined: list[Range] = []
    for begin, end in ranges:
        if joined and begin - joined[-1][1] < gap:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((begin, end))
    return joined


def common(ranges: Sequence[Range], span: Range) -> list[Range]:
    """The parts of the ranges that lie in the span."""
    cut = [(max(begin, span[0]), min(end, span[1])) for begin, end in ranges]
    return [(begin, end) for begin, end in cut if begin < end]


def gate(silences: Sequence[Range], begin: int, end: int, rate: int) -> np.ndarray | None:
    """Gain of samples [begin, end) at another rate: 0 in silences, risen and fallen within 20 ms inside them.

    None where nothing is silent.  silences: ranges at 16 kHz.
    """
    fade = FADE * rate // SAMPLE_RATE
    quiet = [(a * rate // SAMPLE_RATE, b * rate // SAMPLE_RATE) for a, b in silences]
    quiet = [span for span in quiet if span[0] < end and span[1] > begin]
    if not quiet:
        return None
    gain, place = np.ones(end - begin, np.float32), np.arange(begin, end)
    for first, last in quiet:
        depth = np.minimum(place - first + 0.5, last - place - 0.5) / fade  # below 0 outside, 1 a fade deep
        gain *= np.sin(np.pi / 2 * (1 - depth.clip(0, 1))).astype(np.float32) ** 2  # exactly 0 inside
    return gain


def _cut(line: Line, begin: int, end: int, longest: int) -> list[Range]:
    begin = begin // HOP * HOP
    quiet = quiet_cuts(Stretch(line, begin, end), shortest=longest * 2 // 3, longest=longest)
    cuts = [begin + cut // HOP * HOP for cut in quiet]
    return list(zip([begin, *cuts], [*cuts, end]))
