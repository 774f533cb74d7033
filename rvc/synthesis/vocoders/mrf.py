"""MRF HiFi-GAN: HiFi-GAN whose excitation has eight overtones, with every edge weight-normed."""
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from rvc.synthesis.config import VitsConfig
from rvc.synthesis.convolution import INITIAL_STD, Conv1d, same
from rvc.synthesis.memory import Recomputing
from rvc.synthesis.noise import Noise
from rvc.synthesis.vocoders.hifigan import (
    EDGE_KERNEL,
    LAST_SLOPE,
    SLOPE,
    excitation_convs,
    reach,
    stage_widths,
    upsamplers,
)
from rvc.synthesis.vocoders.source import HarmonicSource

HARMONICS = 9


class MrfLayer(nn.Module):
    """One dilation of a block: a wide and a narrow convolution around a residual."""

    def __init__(self, channels: int, kernel_size: int, dilation: int):
        super().__init__()
        self.conv1 = same(channels, channels, kernel_size, dilation, normed=True, std=INITIAL_STD)
        self.conv2 = same(channels, channels, kernel_size, normed=True, std=INITIAL_STD)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.leaky_relu(self.conv1(F.leaky_relu(x, SLOPE)), SLOPE))


class MrfBlock(nn.Module):
    """The layers of one kernel size, one after the other."""

    def __init__(self, channels: int, kernel_size: int, dilations: Sequence[int]):
        super().__init__()
        self.layers = nn.ModuleList(MrfLayer(channels, kernel_size, dilation) for dilation in dilations)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class MrfHifiGan(Recomputing):
    """Multi-receptive-field fusion: each stage averages blocks of several kernel sizes.  Needs melody."""

    def __init__(self, config: VitsConfig):
        super().__init__()
        widths = stage_widths(config)
        self.m_source = HarmonicSource(config.sample_rate, config.hop, HARMONICS, one_start=False)
        self.conv_pre = same(config.inter_channels, config.upsample_initial_channels, EDGE_KERNEL, normed=True)
        self.upsamples = upsamplers(config)
        self.noise_convs = excitation_convs(config)
        kinds = list(zip(config.resblock_kernel_sizes, config.resblock_dilations))
        self.mrfs = nn.ModuleList(nn.ModuleList(MrfBlock(width, *kind) for kind in kinds) for width in widths)
        self.conv_post = same(widths[-1], 1, EDGE_KERNEL, normed=True)
        self.cond = Conv1d(config.speaker_channels, config.upsample_initial_channels, 1)
        self.reach = reach(config)

    def excite(self, f0_hz: Tensor, noise: Noise) -> tuple[Tensor, ...]:
        return (self.m_source(f0_hz, noise),)

    def render(self, z: Tensor, excitation: tuple[Tensor, ...], speaker: Tensor, noise: Noise) -> Tensor:
        (source,) = excitation
        x = self.conv_pre(z) + self.cond(speaker)
        for upsample, excite, blocks in zip(self.upsamples, self.noise_convs, self.mrfs):
            x = self.step(upsample, F.leaky_relu(x, SLOPE)) + excite(source)
            x = sum(self.step(block, x) for block in blocks) / len(blocks)
        return self.conv_post(F.leaky_relu(x, LAST_SLOPE)).tanh()

    def forward(self, z: Tensor, f0_hz: Tensor, speaker: Tensor, noise: Noise) -> Tensor:
        return self.render(z, self.excite(f0_hz, noise), speaker, noise)
