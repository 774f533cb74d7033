"""The residual block that HiFi-GAN and RefineGAN share."""
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from rvc.synthesis.convolution import INITIAL_STD, same


class ResBlock(nn.Module):
    """(B, C, T) → (B, C, T): for each dilation two convolutions around a residual (Kong et al., 2020)."""

    def __init__(self, channels: int, kernel_size: int, dilations: Sequence[int], slope: float):
        super().__init__()
        self.slope = slope
        self.convs1 = nn.ModuleList(_conv(channels, kernel_size, dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(_conv(channels, kernel_size, 1) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        for wide, narrow in zip(self.convs1, self.convs2):
            x = x + narrow(F.leaky_relu(wide(F.leaky_relu(x, self.slope)), self.slope))
        return x


def _conv(channels: int, kernel_size: int, dilation: int) -> nn.Module:
    return same(channels, channels, kernel_size, dilation, normed=True, std=INITIAL_STD)
