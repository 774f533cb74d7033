"""Taking steady noise away behind a voice."""
from collections.abc import Iterator

import noisereduce
import numpy as np

from rvc.audio.lines import Line

BLOCK, CONTEXT = 600_000, 30_000  # samples: filtered at once, and seen on both sides
FINEST_RATE = 192_000  # Hz, above which 1024 samples are too short to smooth over 500 Hz


def denoised(line: Line, rate: int, strength: float) -> Iterator[np.ndarray]:
    """The line in blocks, through a gate whose threshold follows the noise (Sainburg, Thielk and Gentner, 2020).

    strength: 0 leaves the sound, 1 removes all that is taken for noise.
    """
    for start in range(0, len(line), BLOCK):
        end = start + BLOCK if len(line) > BLOCK else len(line)
        if strength == 0:
            yield line[start:end]
            continue
        piece = _gated(_seen(line, start - CONTEXT, end + CONTEXT), rate, strength)
        yield piece[CONTEXT:][:min(end, len(line)) - start]


def reduce_noise(samples: np.ndarray, rate: int, strength: float) -> np.ndarray:
    """(N,) → (N,) of the same dtype; see `denoised`."""
    return np.concatenate([samples[:0], *denoised(samples, rate, strength)])


def _gated(piece: np.ndarray, rate: int, strength: float) -> np.ndarray:
    if not piece.any():  # in pure silence the gate divides zero by zero
        return piece
    return noisereduce.reduce_noise(y=piece, sr=rate, stationary=False, prop_decrease=strength, chunk_size=None,
                                    padding=0, n_fft=1024 if rate <= FINEST_RATE else 2048)


def _seen(line: Line, start: int, end: int) -> np.ndarray:
    """line[start:end], with silence where there is nothing."""
    inside = line[max(0, start):end]
    before = max(0, -start)
    return np.pad(inside, (before, end - start - before - len(inside)))
