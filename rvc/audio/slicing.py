"""Where a sound is silent, and where it can be cut.

Ranges are (K, 2) int64, [begin, end) in samples.
"""
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from rvc.audio.lines import Line, Reflected
from rvc.audio.loudness import frame_energy, rms_envelope

# The slicer of training data, whose cuts the voices of the RVC family have in common.
SLICE_THRESHOLD = 10 ** (-42 / 20)  # RMS
SLICE_HOP, SLICE_WINDOW = 0.015, 0.4  # seconds
SHORTEST_SLICE, SHORTEST_SILENCE, KEPT_SILENCE = 1.5, 0.4, 0.5  # seconds

SILENT_FRAME = 0.02  # seconds


def slices(samples: np.ndarray, rate: int) -> list[tuple[int, int]]:
    """(N,) → ranges between long silences, of which up to half a second stays at each end.

    Nothing for a silent sound; the whole for one without such silences, and for any of 1.5 s or less.
    """
    hop = round(SLICE_HOP * rate)
    shortest, silence, kept = (round(s * rate / hop) for s in (SHORTEST_SLICE, SHORTEST_SILENCE, KEPT_SILENCE))
    if -(-len(samples) // hop) <= shortest:
        return [(0, len(samples))]
    rms = frame_rms(samples, min(round(SLICE_WINDOW * rate), 4 * hop), hop)
    cuts = _cuts(rms, shortest, silence, kept)
    if not cuts:
        return [(0, len(samples))]
    begins = [0, *(end for _, end in cuts)]
    ends = [*(begin for begin, _ in cuts), len(rms)]
    return [(int(a * hop), int(min(len(samples), b * hop))) for a, b in zip(begins, ends) if a < b]


def frame_rms(samples: np.ndarray, window: int, hop: int) -> np.ndarray:
    """(N,) → (T,): RMS of a window around every multiple of the hop; silence beyond the ends."""
    padded = np.pad(samples, window // 2)
    frames = sliding_window_view(padded, window)[::hop]
    return np.sqrt(np.einsum("tw,tw->t", frames, frames, dtype=np.float64) / window)


def _cuts(rms: np.ndarray, shortest: int, silence: int, kept: int) -> list[tuple[int, int]]:
    """Frames [begin, end) to leave out, at the quietest places of the silences that are long enough."""
    cuts, last = [], 0
    for start, end in runs(rms < SLICE_THRESHOLD):
        if end == len(rms):
            if end - start >= silence:
                cuts.append((_quietest(rms, start, min(end - 1, start + kept)), end + 1))
            break
        leading = start == 0 and end > kept
        if leading or (end - start >= silence and end - last >= shortest):
            begin, last = _cut(rms, start, end, kept)
            cuts.append((0 if leading else begin, last))
    return cuts


def _cut(rms: np.ndarray, start: int, end: int, kept: int) -> tuple[int, int]:
    """What to leave out of the silence [start, end)."""
    if end - start <= kept:
        middle = _quietest(rms, start, end)
        return middle, middle
    left, right = _quietest(rms, start, start + kept), _quietest(rms, end - kept, end)
    if end - start > 2 * kept or start == 0:
        return left, right
    middle = _quietest(rms, end - kept, start + kept)
    return min(left, middle), max(right, middle)


def _quietest(rms: np.ndarray, first: int, last: int) -> int:
    return first + int(rms[first:last + 1].argmin())


def runs(holds: np.ndarray) -> np.ndarray:
    """(T,) bool → (K, 2) int64: [begin, end) of every stretch that holds."""
    edges = np.diff(holds.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(edges).reshape(-1, 2)


def loud_intervals(line: Line, rate: int = 16000, *, below_peak_db: float = 60.0) -> np.ndarray:
    """The ranges of a line that are not silent: RMS over a quarter of a second, against the loudest such quarter.

    Nothing for a silent sound.
    """
    hop = rate // 8
    rms = rms_envelope(line, hop)
    loud = runs((rms > rms.max() * 10 ** (-below_peak_db / 20)) & (rms > 0))
    return np.minimum(loud * hop, len(line))


def silent_stretches(line: Line, rate: int = 16000, *, threshold_db: float = -70.0,
                     least_seconds: float = 0.5) -> np.ndarray:
    """The ranges of a line of at least this length in which every frame of 20 ms has an RMS below the threshold.

    threshold_db: against full scale, an RMS of 1.
    """
    frame = round(SILENT_FRAME * rate)
    lengths = np.minimum(frame, len(line) - np.arange(0, len(line), frame))
    rms = np.sqrt(frame_energy(line, frame) / lengths)
    silent = np.minimum(runs(rms < 10 ** (threshold_db / 20)) * frame, len(line))
    return silent[silent[:, 1] - silent[:, 0] >= least_seconds * rate]


def quiet_cuts(line: Line, *, shortest: int, longest: int, window: int = 160) -> list[int]:
    """Where to cut a sound that is too long to convert at once: each time the quietest place that leaves a piece of
    `shortest` to `longest` samples before it.  The last piece may be shorter.

    window: samples over which |x| is summed; the default is 10 ms at 16 kHz.
    """
    cuts = [0]
    while len(line) - cuts[-1] > longest:
        cuts.append(_quietest_place(line, cuts[-1] + shortest, cuts[-1] + longest, window))
    return cuts[1:]


def _quietest_place(line: Line, first: int, end: int, window: int) -> int:
    """The first place n in [first, end) with the least sum of |x| over n − window / 2 … n + window / 2 − 1."""
    first, end = max(0, first), min(end, len(line))
    around = Reflected(line, window)[first + window - window // 2:end + window + window // 2 - 1]
    total = np.cumsum(np.abs(around), dtype=np.float64)
    sums = total[window - 1:] - np.concatenate([[0.0], total[:-window]])
    return first + int(sums.argmin())
