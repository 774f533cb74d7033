"""How loud a sound is, and making one as loud as another."""
import numpy as np

QUIETEST = 1e-6  # RMS below which a sound is not amplified further
BLOCK = 2**20  # samples whose gains are held at once


def limit_peak(samples: np.ndarray, ceiling: float) -> np.ndarray:
    """The same sound, scaled down as a whole if its peak is above the ceiling."""
    peak = max(abs(samples.max()), abs(samples.min())) if samples.size else 0.0
    return samples if peak <= ceiling else samples / (peak / ceiling)


def rms_envelope(samples: np.ndarray, hop: int) -> np.ndarray:
    """(N,) → (N // hop + 1,) float64: RMS of the two hops around every multiple of the hop, with silence
    beyond the ends."""
    whole = len(samples) // hop
    energy = np.zeros(whole + 2)  # of every hop, with a silent one before
    rows = samples[:whole * hop].reshape(whole, hop)
    energy[1:-1] = np.einsum("kh,kh->k", rows, rows, dtype=np.float64)
    rest = samples[whole * hop:].astype(np.float64)
    energy[-1] = rest @ rest
    return np.sqrt((energy[:-1] + energy[1:]) / (2 * hop))


def match_loudness(source: np.ndarray, source_rate: int, target: np.ndarray, rate: int, mix: float) -> np.ndarray:
    """(N,) target with its loudness moved to that of the source.

    mix: 1 keeps the target's own loudness, 0 gives it the source's, over windows of a second.
    """
    if mix == 1 or target.size == 0:
        return target
    wanted, own = rms_envelope(source, source_rate // 2), rms_envelope(target, rate // 2)
    matched = np.empty_like(target)
    for start in range(0, len(target), BLOCK):
        piece = slice(start, min(start + BLOCK, len(target)))
        gain = _stretched(wanted, piece, len(target)) / np.maximum(_stretched(own, piece, len(target)), QUIETEST)
        matched[piece] = target[piece] * gain ** (1 - mix)
    return matched


def _stretched(envelope: np.ndarray, piece: slice, length: int) -> np.ndarray:
    """Samples `piece` of the envelope drawn out to this length: linear between the middles of its steps."""
    place = (np.arange(piece.start, piece.stop) + 0.5) * len(envelope) / length - 0.5
    return np.interp(place, np.arange(len(envelope)), envelope)
