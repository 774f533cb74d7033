"""RefineGAN (Xu, Zhao & Guo, 2021): a waveform that already has the melody is refined, not made from nothing.

Two architectures share one name and one set of keys in circulating files.  `RefineGan` takes the excitation down
to frame rate by a cascade and reuses every level on the way up; `LegacyRefineGan` takes each level straight from
the excitation.  `dec.pre_conv` tells them apart: few channels in the first, half of the widest in the second.
"""
from collections.abc import Sequence
from functools import lru_cache
from math import ceil

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rvc.synthesis.config import VitsConfig
from rvc.synthesis.convolution import Conv1d, same
from rvc.synthesis.memory import Recomputing
from rvc.synthesis.noise import Noise
from rvc.synthesis.vocoders.hifigan import reach, stage_widths, strides_to_stages
from rvc.synthesis.vocoders.resblock import ResBlock
from rvc.synthesis.vocoders.source import SmoothSource

SLOPE = 0.2
EDGE_KERNEL = 7
INITIAL_GAIN, LEGACY_GAIN = 1e-4, 1.0  # of the noise in AdaIN
SINC_ZEROS, SINC_ROLLOFF, SINC_BETA = 64, 0.9475937167399596, 14.769656459379492


class AdaIN(nn.Module):
    """Adds noise with one learned level a channel, then bends it (after Karras et al., 2019)."""

    def __init__(self, channels: int, gain: float):
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), gain))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return F.leaky_relu(x + self.weight.unsqueeze(-1) * noise, SLOPE)


class Branch(nn.ModuleList):
    """AdaIN, residual block, AdaIN."""

    def __init__(self, channels: int, kernel_size: int, dilations: Sequence[int], gain: float):
        super().__init__([AdaIN(channels, gain), ResBlock(channels, kernel_size, dilations, SLOPE),
                          AdaIN(channels, gain)])

    def forward(self, x: Tensor, noise_before: Tensor, noise_after: Tensor) -> Tensor:
        before, block, after = self
        return after(block(before(x, noise_before)), noise_after)


class ParallelBlock(Recomputing):
    """(B, C, T) → (B, C', T): the mean over branches of several kernel sizes."""

    def __init__(self, channels: int, out_channels: int, config: VitsConfig, gain: float):
        super().__init__()
        kinds = zip(config.resblock_kernel_sizes, config.resblock_dilations)
        self.input_conv = same(channels, out_channels, EDGE_KERNEL)
        self.blocks = nn.ModuleList(Branch(out_channels, *kind, gain) for kind in kinds)

    def forward(self, x: Tensor, noise: Noise) -> Tensor:
        x = self.input_conv(x)
        branches = (self.step(branch, x, noise("normal", x.shape), noise("normal", x.shape)) for branch in self.blocks)
        return sum(branches) / len(self.blocks)


class RefineGan(Recomputing):
    """Down: convolve, keep, resample, level by level to frame rate.  Up: interpolate, join what was kept, refine."""

    gain = INITIAL_GAIN

    def __init__(self, config: VitsConfig):
        super().__init__()
        self.rates = config.upsample_rates
        widths = stage_widths(config)
        self.m_source = SmoothSource(config.sample_rate, config.hop)
        self._build_down(config, widths)
        self.mel_conv = same(config.inter_channels, widths[0], EDGE_KERNEL, normed=True)
        self.cond = Conv1d(config.speaker_channels, widths[0], 1)
        self.upsample_conv_blocks = nn.ModuleList(
            ParallelBlock(2 * width + width // 2, width, config, self.gain) for width in widths)
        self.conv_post = same(widths[-1], 1, EDGE_KERNEL, bias=False, normed=True)
        self.reach = reach(config)

    def _build_down(self, config: VitsConfig, widths: list[int]) -> None:
        narrow = widths[-1] // 2
        levels = [narrow << level for level in range(len(self.rates) + 1)]
        self.pre_conv = same(1, narrow, EDGE_KERNEL, normed=True)
        self.downsample_blocks = nn.ModuleList(
            same(width, 2 * width, EDGE_KERNEL, normed=True) for width in levels[:-1])

    def excite(self, f0_hz: Tensor, noise: Noise) -> tuple[Tensor, ...]:
        return self._down(self.m_source(f0_hz, noise), f0_hz.shape[-1])

    def render(self, z: Tensor, excitation: tuple[Tensor, ...], speaker: Tensor, noise: Noise) -> Tensor:
        deepest, *kept = excitation
        x = torch.cat((self.mel_conv(z) + self.cond(speaker), deepest), 1)
        for rate, skip, refine in zip(self.rates, kept, self.upsample_conv_blocks):
            x = F.interpolate(F.leaky_relu(x, SLOPE), scale_factor=float(rate), mode="linear")
            x = refine(torch.cat((x, skip), 1), noise)
        return self.conv_post(F.leaky_relu(x, SLOPE)).tanh()

    def _down(self, source: Tensor, frames: int) -> tuple[Tensor, ...]:
        """(B, 1, N) → the level at frame rate, then what each level on the way up is joined with, slowest first."""
        x, kept = self.pre_conv(source), []
        for rate, widen in zip(reversed(self.rates), self.downsample_blocks):
            x = F.leaky_relu(x, SLOPE)
            kept.append(x)
            x = self.step(widen, decimate(x, rate))
        return x, *reversed(kept)

    def forward(self, z: Tensor, f0_hz: Tensor, speaker: Tensor, noise: Noise) -> Tensor:
        return self.render(z, self.excite(f0_hz, noise), speaker, noise)


class LegacyRefineGan(RefineGan):
    """The RefineGAN of Applio before August 2025 and of the Codename forks: no cascade on the way down."""

    gain = LEGACY_GAIN

    def _build_down(self, config: VitsConfig, widths: list[int]) -> None:
        self.pre_conv = same(1, widths[0], EDGE_KERNEL, normed=True)
        stages = zip(widths, strides_to_stages(config))
        self.downsample_blocks = nn.ModuleList(_straight_down(width // 2, stride) for width, stride in stages)

    def _down(self, source: Tensor, frames: int) -> tuple[Tensor, ...]:
        deepest = F.interpolate(self.pre_conv(source), size=frames, mode="linear")
        return deepest, *(down(source) for down in self.downsample_blocks)


def _straight_down(width: int, stride: int) -> Conv1d:
    kernel = 2 * stride if stride > 1 else 1
    return Conv1d(1, width, kernel, stride, (kernel - stride + 1) // 2, normed=True)


def decimate(x: Tensor, rate: int) -> Tensor:
    """(B, C, T) → (B, C, ⌈T / rate⌉), through a Kaiser-windowed sinc (the filter that the voices were trained with)."""
    if rate == 1:
        return x
    taps = _decimation_filter(rate).to(x)
    reach = (len(taps) - rate) // 2
    channels, samples = x.shape[1:]
    padded = F.pad(x.flatten(0, 1).unsqueeze(1), (reach, reach + rate))
    kept = F.conv1d(padded, taps.view(1, 1, -1), stride=rate)[..., : ceil(samples / rate)]
    return kept.unflatten(0, (-1, channels)).squeeze(2)


@lru_cache(maxsize=32)
@torch.inference_mode(False)  # what a conversion caches serves training too
def _decimation_filter(rate: int) -> Tensor:
    """Taps −K … K + rate − 1, float32, computed in float64."""
    reach = ceil(SINC_ZEROS * rate / SINC_ROLLOFF)
    tau = torch.arange(-reach, reach + rate, dtype=torch.float64) * (SINC_ROLLOFF / rate)
    tau = tau.clamp(-SINC_ZEROS, SINC_ZEROS)
    beta = torch.tensor(SINC_BETA, dtype=torch.float64)
    window = torch.special.i0(beta * (1 - (tau / SINC_ZEROS) ** 2).sqrt()) / torch.special.i0(beta)
    return (SINC_ROLLOFF / rate * torch.sinc(tau) * window).float()
