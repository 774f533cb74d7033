"""Sound that knows its sample rate."""
from dataclasses import dataclass, replace

import numpy as np
import soxr

from rvc.errors import AudioError

LOWEST_RATE, HIGHEST_RATE = 8_000, 384_000  # Hz
MOST_CHANNELS = 8


@dataclass(frozen=True, eq=False)
class Audio:
    """samples: (C, N) float32, finite, in about [−1, 1].  notes: sentences about what was mended while reading."""

    samples: np.ndarray
    sample_rate: int
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.dtype != np.float32:
            raise TypeError(f"samples must be (C, N) float32, not {self.samples.shape} {self.samples.dtype}")
        check_kind(self.sample_rate, len(self.samples))
        if not is_finite(self.samples):
            raise AudioError("The sound holds numbers that are not finite.")

    @property
    def channels(self) -> int:
        return len(self.samples)

    @property
    def length(self) -> int:
        """Samples in one channel."""
        return self.samples.shape[1]

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.length / self.sample_rate

    def mono(self) -> "Audio":
        """One channel, the mean of all."""
        return self if self.channels == 1 else replace(self, samples=self.samples.mean(0, keepdims=True))

    def resampled(self, rate: int) -> "Audio":
        """At another rate, by soxr at very high quality; exactly `resampled_length` long."""
        if rate == self.sample_rate:
            return self
        check_kind(rate, self.channels)
        at_rate = soxr.resample(self.samples.T, self.sample_rate, rate, quality="VHQ").T
        return Audio(fitted(at_rate, resampled_length(self.length, self.sample_rate, rate)), rate, self.notes)


class Resampler:
    """Changes the rate of a sound that comes in pieces: together exactly what `Audio.resampled` makes of the whole."""

    def __init__(self, rate: int, new_rate: int, channels: int):
        check_kind(rate, channels)
        check_kind(new_rate, channels)
        self.rate, self.new_rate, self.channels = rate, new_rate, channels
        self._stream = soxr.ResampleStream(rate, new_rate, channels, dtype="float32", quality="VHQ")
        self._taken = self._given = 0

    def push(self, samples: np.ndarray) -> np.ndarray:
        """(C, N) → (C, M): what can be said so far; the filter lags behind."""
        if self.rate == self.new_rate:
            return samples
        self._taken += samples.shape[1]
        piece = np.ascontiguousarray(self._stream.resample_chunk(np.ascontiguousarray(samples.T)).T)
        self._given += piece.shape[1]
        return piece

    def finish(self) -> np.ndarray:
        """(C, M): the rest, once there is no more to push."""
        if self._taken == 0:
            return np.zeros((self.channels, 0), np.float32)
        rest = self._stream.resample_chunk(np.zeros((0, self.channels), np.float32), last=True).T
        return fitted(rest, resampled_length(self._taken, self.rate, self.new_rate) - self._given)


def check_kind(rate: int, channels: int) -> None:
    """Raise `AudioError` unless sound of this rate and number of channels can be handled."""
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise AudioError(f"The sample rate is {rate} Hz; use a sound of {LOWEST_RATE} to {HIGHEST_RATE} Hz.")
    if not 1 <= channels <= MOST_CHANNELS:
        raise AudioError(f"The sound has {channels} channels; use one of 1 to {MOST_CHANNELS}.")


def resampled_length(length: int, rate: int, new_rate: int) -> int:
    """Samples after a change of rate: rounded up, as voices of the RVC family expect of their slices."""
    return -(-length * new_rate // rate)


def fitted(samples: np.ndarray, length: int) -> np.ndarray:
    """(C, M) → (C, length): cut, or continued by silence."""
    if samples.shape[1] < length:
        samples = np.pad(samples, ((0, 0), (0, length - samples.shape[1])))
    return np.ascontiguousarray(samples[:, :length])


def is_finite(samples: np.ndarray) -> bool:
    """Whether no sample is NaN or infinite, found without a copy as large as the sound."""
    return samples.size == 0 or bool(np.isfinite(samples.max()) and np.isfinite(samples.min()))
