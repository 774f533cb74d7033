"""The excitation of a neural source-filter model (Wang, Takaki & Yamagishi, 2019): sines where voiced, noise elsewhere.

All of it is computed in float32, whatever the rest of the network runs in: a phase has no bits to spare.
"""
from math import tau

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rvc.synthesis.noise import Noise

SINE_LEVEL = 0.1
BREATH_LEVEL = 0.003  # standard deviation of the noise under a voiced sample
HISS_LEVEL = SINE_LEVEL / 3  # and of an unvoiced one


class HarmonicSource(nn.Module):
    """f0 (B, T) Hz → excitation (B, 1, T·hop): `harmonics` sines, mixed to one by a learned `l_linear`.

    The fundamental starts at phase 0, its overtones anywhere.  one_start: the whole batch shares the start.
    """

    def __init__(self, sample_rate: int, hop: int, harmonics: int, *, one_start: bool):
        super().__init__()
        self.sample_rate, self.hop, self.one_start = sample_rate, hop, one_start
        self.l_linear = nn.Linear(harmonics, 1)

    def forward(self, f0_hz: Tensor, noise: Noise) -> Tensor:
        order = torch.arange(1, self.l_linear.in_features + 1, device=f0_hz.device)
        a_sample = (f0_hz.float().unsqueeze(-1) * order / self.sample_rate).fmod(1.0)  # (B, T, H) cycles
        position = torch.arange(1, self.hop + 1, device=f0_hz.device).unsqueeze(-1)
        phase = across_frames(multiples(a_sample.unsqueeze(2), position))
        phase = phase + self._start(len(f0_hz), noise) * (order > 1)
        voiced = (f0_hz > 0).float().repeat_interleave(self.hop, 1)
        return self.l_linear(breathing(sine(phase), voiced, noise)).tanh().transpose(1, 2)

    def _start(self, batch: int, noise: Noise) -> Tensor:  # (B or 1, 1, H) cycles
        count = self.l_linear.in_features
        return noise("uniform", (1, 1, count) if self.one_start else (batch, count)).view(-1, 1, count)


class SmoothSource(nn.Module):
    """f0 (B, T) Hz → excitation (B, 1, T·hop): one sine whose frequency glides linearly from frame to frame."""

    def __init__(self, sample_rate: int, hop: int):
        super().__init__()
        self.sample_rate, self.hop = sample_rate, hop
        self.merge = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Tanh())

    def forward(self, f0_hz: Tensor, noise: Noise) -> Tensor:
        gliding = F.interpolate(f0_hz.float().unsqueeze(1), scale_factor=float(self.hop), mode="linear").squeeze(1)
        phase = across_frames((gliding / self.sample_rate).view(len(gliding), -1, self.hop, 1).cumsum(2))
        noise("uniform", (len(f0_hz), 1))  # the start of the fundamental: drawn for the sake of order, and always 0
        return self.merge(breathing(sine(phase), (gliding > 0).float(), noise)).transpose(1, 2)


def multiples(cycles: Tensor, count: Tensor) -> Tensor:
    """count · cycles, less some whole cycles, as exactly as float32 can say it.  cycles: 0…1; count: below 4096.

    The twelve leading bits of the cycles are multiplied without rounding; a plain product would lose as many.
    """
    coarse = (cycles * 4096).round() / 4096
    return (coarse * count).fmod(1.0) + (cycles - coarse) * count


def across_frames(cycles: Tensor) -> Tensor:
    """(B, T, hop, H) cycles since the beginning of each frame → (B, T·hop, H) cycles since that of the sound.

    Whole cycles are dropped at every frame, so that the numbers stay small and precise however long the sound is.
    """
    wrapped = (cycles[:, :, -1] + 0.5).fmod(1.0) - 0.5
    before = F.pad(wrapped.cumsum(1).fmod(1.0)[:, :-1], (0, 0, 1, 0))
    return (cycles + before.unsqueeze(2)).flatten(1, 2)


def sine(phase: Tensor) -> Tensor:
    """phase: cycles."""
    return SINE_LEVEL * torch.sin(tau * phase)


def breathing(tone: Tensor, voiced: Tensor, noise: Noise) -> Tensor:
    """tone: (B, N, H); voiced: (B, N), 1 or 0 → the tone with breath where voiced, hiss elsewhere."""
    voiced = voiced.unsqueeze(-1)
    level = BREATH_LEVEL * voiced + HISS_LEVEL * (1 - voiced)
    return tone * voiced + level * noise("normal", tone.shape)
