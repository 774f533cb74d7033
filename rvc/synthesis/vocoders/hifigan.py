"""HiFi-GAN (Kong, Kim & Bae, 2020) driven by a neural source: the decoder of RVC."""
from itertools import accumulate
from math import ceil
from operator import mul

from torch import Tensor, nn
from torch.nn import functional as F

from rvc.synthesis.config import VitsConfig
from rvc.synthesis.convolution import Conv1d, Upsample1d, same
from rvc.synthesis.memory import Recomputing
from rvc.synthesis.noise import Noise
from rvc.synthesis.vocoders.resblock import ResBlock
from rvc.synthesis.vocoders.source import HarmonicSource

SLOPE = 0.1
LAST_SLOPE = 0.01
EDGE_KERNEL = 7


class HifiGan(Recomputing):
    """Each stage upsamples, adds the excitation at its own rate, and averages residual blocks of several kernels.

    Without uses_f0 there is no excitation: `m_source` and `noise_convs` do not exist.
    """

    def __init__(self, config: VitsConfig, *, uses_f0: bool = True):
        super().__init__()
        widths = stage_widths(config)
        if uses_f0:
            self.m_source = HarmonicSource(config.sample_rate, config.hop, harmonics=1, one_start=True)
        self.conv_pre = same(config.inter_channels, config.upsample_initial_channels, EDGE_KERNEL)
        self.ups = upsamplers(config)
        if uses_f0:
            self.noise_convs = excitation_convs(config)
        blocks = list(zip(config.resblock_kernel_sizes, config.resblock_dilations))
        self.resblocks = nn.ModuleList(ResBlock(width, *block, SLOPE) for width in widths for block in blocks)
        self.conv_post = same(widths[-1], 1, EDGE_KERNEL, bias=False)
        self.cond = Conv1d(config.speaker_channels, config.upsample_initial_channels, 1)
        self.uses_f0, self.kernels, self.reach = uses_f0, len(blocks), reach(config)

    def excite(self, f0_hz: Tensor | None, noise: Noise) -> tuple[Tensor, ...]:
        return (self.m_source(f0_hz, noise),) if self.uses_f0 else ()

    def render(self, z: Tensor, excitation: tuple[Tensor, ...], speaker: Tensor, noise: Noise) -> Tensor:
        x = self.conv_pre(z) + self.cond(speaker)
        for stage, upsample in enumerate(self.ups):
            x = self.step(upsample, F.leaky_relu(x, SLOPE))
            for source in excitation:
                x = x + self.noise_convs[stage](source)
            blocks = self.resblocks[stage * self.kernels: (stage + 1) * self.kernels]
            x = sum(self.step(block, x) for block in blocks) / self.kernels
        return self.conv_post(F.leaky_relu(x, LAST_SLOPE)).tanh()

    def forward(self, z: Tensor, f0_hz: Tensor | None, speaker: Tensor, noise: Noise) -> Tensor:
        return self.render(z, self.excite(f0_hz, noise), speaker, noise)


def stage_widths(config: VitsConfig) -> list[int]:
    """Channels after each upsampling stage: half as many every time."""
    return [config.upsample_initial_channels >> stage for stage in range(1, len(config.upsample_rates) + 1)]


def upsamplers(config: VitsConfig) -> nn.ModuleList:
    stages = zip(stage_widths(config), config.upsample_kernel_sizes, config.upsample_rates)
    return nn.ModuleList(Upsample1d(2 * width, width, kernel, rate) for width, kernel, rate in stages)


def strides_to_stages(config: VitsConfig) -> list[int]:
    """Samples of the output for one value after each stage."""
    return [config.hop // done for done in accumulate(config.upsample_rates, mul)]


def reach(config: VitsConfig) -> int:
    """Frames on either side that one frame of sound depends on: edges, upsampling kernels, the widest of the blocks."""
    widest = max(sum(kernel // 2 * (dilation + 1) for dilation in dilations)
                 for kernel, dilations in zip(config.resblock_kernel_sizes, config.resblock_dilations))
    kernels = [kernel / rate for kernel, rate in zip(config.upsample_kernel_sizes, config.upsample_rates)]
    a_frame = [config.hop // stride for stride in strides_to_stages(config)]  # values of each stage
    stages = sum(kernel * rate / now + (widest + EDGE_KERNEL) / now
                 for kernel, rate, now in zip(kernels, config.upsample_rates, a_frame))
    return ceil(EDGE_KERNEL + stages)


def excitation_convs(config: VitsConfig) -> nn.ModuleList:
    """One convolution a stage that brings the excitation (B, 1, N) to the stage's rate and width."""
    stages = zip(stage_widths(config), strides_to_stages(config))
    return nn.ModuleList(_excitation_conv(width, stride) for width, stride in stages)


def _excitation_conv(width: int, stride: int) -> Conv1d:
    kernel = 2 * stride - stride % 2 if stride > 1 else 1
    return Conv1d(1, width, kernel, stride, (kernel - stride) // 2)
