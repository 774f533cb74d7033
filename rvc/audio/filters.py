"""The high-pass that takes rumble and direct current away below the voice."""
from collections.abc import Iterator
from functools import lru_cache, partial

import numpy as np
from scipy.signal import butter, filtfilt, lfilter

from rvc.audio.lines import Line, in_blocks

ORDER, CUTOFF = 5, 48.0  # Hz
SETTLED = 1.0  # seconds, after which the filter has forgotten everything: its slowest pole falls by e⁻⁹³
BLOCK = 60.0  # seconds filtered at once


@lru_cache
def high_pass_coefficients(rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Butterworth numerator and denominator, six float64 each."""
    return butter(ORDER, CUTOFF, "highpass", fs=rate)


def high_passed(line: Line, rate: int) -> Iterator[np.ndarray]:
    """The line in blocks, filtered forwards and backwards, so without delay; computed in float64.

    Both ends are continued by an odd reflection of 18 samples, or of as many as there are.
    """
    return in_blocks(line, partial(_both_ways, rate=rate), block=round(BLOCK * rate), context=round(SETTLED * rate))


def high_pass(samples: np.ndarray, rate: int) -> np.ndarray:
    """(N,) → (N,) of the same dtype; see `high_passed`."""
    return np.concatenate([samples[:0], *high_passed(samples, rate)]).astype(samples.dtype)


def high_pass_causal(samples: np.ndarray, rate: int) -> np.ndarray:
    """(N,) → (N,): forwards only, from rest, as training data are filtered; computed in float64."""
    b, a = high_pass_coefficients(rate)
    filtered, state = np.empty_like(samples), np.zeros(ORDER)
    block = round(BLOCK * rate)
    for start in range(0, len(samples), block):
        piece = slice(start, start + block)
        filtered[piece], state = lfilter(b, a, samples[piece].astype(np.float64), zi=state)
    return filtered


def _both_ways(samples: np.ndarray, rate: int) -> np.ndarray:
    b, a = high_pass_coefficients(rate)
    return filtfilt(b, a, samples.astype(np.float64), padlen=min(3 * len(a), len(samples) - 1))
