"""How loud a sound is, and making one as loud as another."""
from collections.abc import Iterator

import numpy as np

from rvc.audio.lines import Line

QUIETEST = 1e-6  # RMS below which a sound is not amplified further
BLOCK = 2**20  # samples whose gains are held at once


def limit_peak(samples: np.ndarray, ceiling: float) -> np.ndarray:
    """The same sound, scaled down as a whole if its peak is above the ceiling."""
    peak = max(abs(samples.max()), abs(samples.min())) if samples.size else 0.0
    return samples if peak <= ceiling else samples / (peak / ceiling)


def rms_envelope(line: Line, hop: int) -> np.ndarray:
    """N samples → (N // hop + 1,) float64: RMS of the two hops around every multiple of the hop, with silence
    beyond the ends."""
    energy = np.concatenate([[0.0], frame_energy(line, hop), [0.0]])  # with a silent hop before, and one after
    return np.sqrt((energy[:-1] + energy[1:]) / (2 * hop))[:len(line) // hop + 1]


def frame_energy(line: Line, frame: int) -> np.ndarray:
    """N samples → (⌈N / frame⌉,) float64: the sum of squares of each frame, the last of which may be short."""
    block, sums = max(1, BLOCK // frame) * frame, [np.zeros(0)]
    for start in range(0, len(line), block):
        samples = line[start:start + block]
        rows = np.pad(samples, (0, -len(samples) % frame)).reshape(-1, frame)
        sums.append(np.einsum("tf,tf->t", rows, rows, dtype=np.float64))
    return np.concatenate(sums)


def matched(source: Line, source_rate: int, target: Line, rate: int, mix: float) -> Iterator[np.ndarray]:
    """The target in blocks, with its loudness moved to that of the source.

    mix: 1 keeps the target's own loudness, 0 gives it the source's, over windows of a second.
    """
    length = len(target)
    wanted, own = ((None, None) if mix == 1 or not length else
                   (rms_envelope(source, source_rate // 2), rms_envelope(target, rate // 2)))
    for start in range(0, length, BLOCK):
        piece = slice(start, min(start + BLOCK, length))
        if wanted is None:
            yield target[piece]
            continue
        gain = _stretched(wanted, piece, length) / np.maximum(_stretched(own, piece, length), QUIETEST)
        yield (target[piece] * gain ** (1 - mix)).astype(np.float32)


def match_loudness(source: np.ndarray, source_rate: int, target: np.ndarray, rate: int, mix: float) -> np.ndarray:
    """(N,) target → (N,) float32; see `matched`."""
    return np.concatenate([target[:0], *matched(source, source_rate, target, rate, mix)])


def _stretched(envelope: np.ndarray, piece: slice, length: int) -> np.ndarray:
    """Samples `piece` of the envelope drawn out to this length: linear between the middles of its steps."""
    place = (np.arange(piece.start, piece.stop) + 0.5) * len(envelope) / length - 0.5
    return np.interp(place, np.arange(len(envelope)), envelope)
