"""Moving the resonances of the throat without moving the pitch.

The spectral envelope is the cepstrally smoothed magnitude (Bogert, Healy and Tukey, 1963; Oppenheim and Schafer,
1968): low quefrencies are the throat, high ones the glottis.  It is taken off each frame, stretched in frequency and
put back, while the phases stay: pitch shifting with the pitch left alone (Hock, stftPitchShift, 2021).
"""
from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import irfft, rfft

from rvc.audio.lines import Line, in_blocks

FRAME, HOP = 1024, 32  # samples
BLOCK = 2048  # frames at once
WINDOW = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
SYNTHESIS_WINDOW = WINDOW * HOP / np.sum(WINDOW**2)
TINY = np.finfo(np.float64).tiny
BINS = np.arange(FRAME // 2 + 1)


def formants_shifted(line: Line, quefrency_ms: float, timbre: float, rate: int = 16000) -> Iterator[np.ndarray]:
    """The line in blocks of a minute; see `formant_shift`."""
    change = partial(formant_shift, quefrency_ms=quefrency_ms, timbre=timbre, rate=rate)
    return in_blocks(line, change, block=60 * rate // HOP * HOP, context=2 * FRAME)


def formant_shift(samples: np.ndarray, quefrency_ms: float, timbre: float, rate: int = 16000) -> np.ndarray:
    """(N,) → (N,): the envelope at `timbre` times its frequencies; above 1 a smaller throat, below 1 a larger one.

    quefrency_ms: how fine the envelope is; 0 leaves the sound.  A coarse one carries a resonance only part of the way.
    The first and the last 64 ms fade, because fewer frames overlap there.
    """
    cutoff = int(quefrency_ms * 1e-3 * rate)
    if cutoff == 0 or timbre == 1 or len(samples) == 0:
        return samples
    padded = np.pad(samples.astype(np.float64), (0, max(0, FRAME - len(samples))))
    frames = sliding_window_view(padded, FRAME)[::HOP]
    shifted = np.zeros((len(frames) + FRAME // HOP, HOP))
    phase = np.zeros(len(BINS))
    for start in range(0, len(frames), BLOCK):
        spectra = rfft(frames[start:start + BLOCK] * WINDOW, norm="forward")
        phases = np.concatenate([phase[None], np.angle(spectra)])
        phase = phases[-1]
        magnitudes = _shifted(np.abs(spectra), cutoff, timbre) * _sounding(np.diff(phases, axis=0))
        magnitudes[:, [0, -1]] = 0
        _overlap_add(shifted[start:], irfft(magnitudes * np.exp(1j * phases[1:]), norm="forward") * SYNTHESIS_WINDOW)
    return _fitted(shifted.ravel(), len(samples)).astype(samples.dtype)


def _shifted(magnitudes: np.ndarray, cutoff: int, timbre: float) -> np.ndarray:
    """(T, bins) with the envelope stretched; 0 where there is none."""
    envelope = _envelope(magnitudes, cutoff)
    stretched = _stretched(envelope, timbre)
    return np.divide(magnitudes * stretched, envelope, out=np.zeros_like(magnitudes), where=envelope > 0)


def _envelope(magnitudes: np.ndarray, cutoff: int) -> np.ndarray:
    """(T, bins): the magnitudes without quefrencies above the cutoff; 0 for frames of silence."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        cepstrum = irfft(np.log10(magnitudes), norm="forward")
        cepstrum[:, 1:cutoff] *= 2  # and their mirror images at the end are left out
        cepstrum[:, cutoff + 1:] = 0
        envelope = 10 ** rfft(cepstrum, norm="forward").real
        return np.where(np.isfinite(envelope) & (envelope >= TINY), envelope, 0.0)


def _stretched(envelope: np.ndarray, timbre: float) -> np.ndarray:
    """(T, bins) read at bin / timbre, linearly between bins; 0 beyond the last."""
    bins = envelope.shape[1]
    length = int(bins * timbre)
    place = np.arange(min(bins, length)) * (bins / length)
    below = place.astype(int)
    part = place - below
    inside = below < bins - 1
    below, part = below[inside], part[inside]
    stretched = np.zeros_like(envelope)
    stretched[:, :len(below)] = part * envelope[:, below + 1] + (1 - part) * envelope[:, below]
    return stretched


def _sounding(turn: np.ndarray) -> np.ndarray:
    """(T, bins) of phase gained since the frame before → whether its frequency lies between 0 and half the rate."""
    expected = 2 * np.pi * HOP / FRAME
    astray = (turn - BINS * expected + np.pi) % (2 * np.pi) - np.pi
    place = BINS + astray / expected  # in bins
    return (place > 0) & (place < FRAME / 2)


def _overlap_add(hops: np.ndarray, frames: np.ndarray) -> None:
    """Add (T, FRAME), each a hop later than the one before, onto (≥ T + FRAME / HOP, HOP)."""
    for part in range(FRAME // HOP):
        hops[part:part + len(frames)] += frames[:, part * HOP:(part + 1) * HOP]


def _fitted(samples: np.ndarray, length: int) -> np.ndarray:
    return np.pad(samples, (0, max(0, length - len(samples))))[:length]
