"""Linear and mel spectrograms, as the voices of the RVC family are trained on them.

Tensors are (..., N) samples in, (..., bins, T) out; everything is float32 whatever the autocast says.
"""
from dataclasses import dataclass
from functools import lru_cache

import torch
from librosa.filters import mel as mel_filters
from torch import Tensor
from torch.nn.functional import l1_loss, pad

FLOOR = 1e-6  # under the root: keeps its gradient finite in silence
QUIETEST = 1e-5  # of a mel band, before the logarithm
SCALES = ((5, 32), (10, 64), (20, 128), (40, 256), (80, 512), (160, 1024), (320, 2048))  # mel bands, window


def magnitudes(wave: Tensor, *, n_fft: int, hop: int, win: int | None = None, centred: bool = False) -> Tensor:
    """(..., N) → (..., n_fft / 2 + 1, T): √(re² + im² + 1e-6), the sound reflected at both ends.

    centred: frames lie around the multiples of the hop, T = N // hop + 1; else between them, T = N // hop.
    """
    margin = n_fft // 2 if centred else (n_fft - hop) // 2
    win = win or n_fft
    with torch.autocast(wave.device.type, enabled=False):
        rows = pad(wave.float().reshape(-1, wave.shape[-1]), (margin, margin), mode="reflect")
        spectrum = torch.stft(rows, n_fft, hop, win, _hann(win, wave.device), center=False, return_complex=True)
        power = spectrum.real.square() + spectrum.imag.square()
    return (power + FLOOR).sqrt().reshape(*wave.shape[:-1], *power.shape[1:])


@dataclass(frozen=True)
class MelSpectrogram:
    """Mel bands with the scale and areas of Slaney's Auditory Toolbox (1998).  fmin, fmax: Hz; None: half the rate."""

    sample_rate: int
    n_fft: int
    hop: int
    win: int
    n_mels: int
    fmin: float = 0.0
    fmax: float | None = None

    def __call__(self, wave: Tensor) -> Tensor:
        """(..., N) → (..., n_mels, N // hop), natural logarithm."""
        return self.from_magnitudes(magnitudes(wave, n_fft=self.n_fft, hop=self.hop, win=self.win))

    def from_magnitudes(self, linear: Tensor) -> Tensor:
        """(..., bins, T) → (..., n_mels, T), natural logarithm."""
        return self.bands(linear).clamp_min(QUIETEST).log()

    def bands(self, linear: Tensor) -> Tensor:
        """(..., bins, T) → (..., n_mels, T), linear."""
        with torch.autocast(linear.device.type, enabled=False):
            return self.basis(linear.device) @ linear.float()

    def basis(self, device: torch.device) -> Tensor:
        """(n_mels, bins)."""
        return _basis(self.sample_rate, self.n_fft, self.n_mels, self.fmin, self.fmax, device)


def multi_scale_mel_distance(wave: Tensor, other: Tensor, sample_rate: int) -> Tensor:
    """Mean absolute difference of log10 mel spectrograms, summed over seven windows from 32 to 2048 samples.

    The longer windows see pitch, the shorter ones attacks (the mel loss of RefineGAN voices).
    """
    return sum(scale_distances(wave, other, sample_rate))


def scale_distances(wave: Tensor, other: Tensor, sample_rate: int) -> list[Tensor]:
    """One distance for each of `SCALES`."""
    return [l1_loss(_log10_mel(wave, sample_rate, n_mels, window), _log10_mel(other, sample_rate, n_mels, window))
            for n_mels, window in SCALES]


def _log10_mel(wave: Tensor, sample_rate: int, n_mels: int, window: int) -> Tensor:
    mel = MelSpectrogram(sample_rate, window, window // 4, window, n_mels)
    return mel.bands(magnitudes(wave, n_fft=window, hop=window // 4, centred=True)).clamp_min(QUIETEST).log10()


@lru_cache
def _hann(win: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # what is kept must also serve training
        return torch.hann_window(win, device=device)


@lru_cache
def _basis(sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float | None, device: torch.device) -> Tensor:
    basis = mel_filters(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)
    with torch.inference_mode(False):
        return torch.from_numpy(basis).to(device)
