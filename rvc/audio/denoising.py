"""Taking steady noise away behind a voice."""
import noisereduce
import numpy as np

BLOCK, CONTEXT = 600_000, 30_000  # samples: filtered at once, and seen on both sides
FINEST_RATE = 192_000  # Hz, above which 1024 samples are too short to smooth over 500 Hz


def reduce_noise(samples: np.ndarray, rate: int, strength: float) -> np.ndarray:
    """(N,) → (N,) by a spectral gate whose threshold follows the noise (Sainburg, Thielk and Gentner, 2020).

    strength: 0 leaves the sound, 1 removes all that is taken for noise.
    """
    if strength == 0:
        return samples
    clean = np.empty_like(samples)
    for start in range(0, len(samples), BLOCK):
        end = start + BLOCK if len(samples) > BLOCK else len(samples)
        piece = _gated(_seen(samples, start - CONTEXT, end + CONTEXT), rate, strength)
        clean[start:end] = piece[CONTEXT:][:min(end, len(samples)) - start]
    return clean


def _gated(piece: np.ndarray, rate: int, strength: float) -> np.ndarray:
    if not piece.any():  # in pure silence the gate divides zero by zero
        return piece
    return noisereduce.reduce_noise(y=piece, sr=rate, stationary=False, prop_decrease=strength, chunk_size=None,
                                    padding=0, n_fft=1024 if rate <= FINEST_RATE else 2048)


def _seen(samples: np.ndarray, start: int, end: int) -> np.ndarray:
    """samples[start:end], with silence where there are none."""
    inside = samples[max(0, start):end]
    before = max(0, -start)
    return np.pad(inside, (before, end - start - before - len(inside)))
