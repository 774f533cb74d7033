"""Convolutions whose weight may be kept as length and direction.

Weight normalisation (Salimans & Kingma, 2016) writes w = g · v / ‖v‖ with one length g for each index of the first
axis.  The parameters are called `weight_g` and `weight_v`, after `bias`: that is the community's file format.
For rendering, `fold` multiplies them out once.
"""
import torch
from torch import Tensor, nn
from torch.nn import functional as F

INITIAL_STD = 0.01  # of generator weights (Kong et al., 2020)


class Conv1d(nn.Conv1d):
    """(B, C, T) → (B, C', T').  normed: keep length and direction; std: of the initial weights."""

    def __init__(self, *args, normed: bool = False, std: float | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        _prepare(self, normed, std)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv1d(x, kernel(self), self.bias, self.stride, self.padding, self.dilation, self.groups)


class Conv2d(nn.Conv2d):
    """(B, C, H, W) → (B, C', H', W').  normed: keep length and direction."""

    def __init__(self, *args, normed: bool = False, **kwargs):
        super().__init__(*args, **kwargs)
        _prepare(self, normed, None)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, kernel(self), self.bias, self.stride, self.padding, self.dilation, self.groups)


class Upsample1d(nn.ConvTranspose1d):
    """(B, C, T) → (B, C', T·rate) exactly, by a transposed convolution that is always weight-normed.

    kernel_size: rate + an even number; twice the rate where that is odd.
    """

    def __init__(self, channels: int, out_channels: int, kernel_size: int, rate: int):
        odd = rate % 2
        super().__init__(channels, out_channels, kernel_size, rate, output_padding=odd,
                         padding=rate // 2 + 1 if odd else (kernel_size - rate) // 2)
        _prepare(self, True, INITIAL_STD)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv_transpose1d(x, kernel(self), self.bias, self.stride, self.padding, self.output_padding)


def same(channels: int, out_channels: int, kernel_size: int, dilation: int = 1, **kwargs) -> Conv1d:
    """A convolution that keeps the length; kernel_size is odd."""
    padding = (kernel_size - 1) // 2 * dilation
    return Conv1d(channels, out_channels, kernel_size, dilation=dilation, padding=padding, **kwargs)


def kernel(layer: nn.Module) -> Tensor:
    """The weight that the layer convolves with."""
    if "weight_v" in layer._parameters:
        return torch._weight_norm(layer.weight_v, layer.weight_g, 0)
    return layer.weight


def fold(network: nn.Module, *, trainable: bool = False) -> None:
    """Multiply every length and direction out, in place: one plain weight a layer."""
    for layer in network.modules():
        if "weight_v" in layer._parameters:
            weight = kernel(layer).detach()
            del layer.weight_g, layer.weight_v
            layer.weight = nn.Parameter(weight, requires_grad=trainable)


def _prepare(layer: nn.Module, normed: bool, std: float | None) -> None:
    if std is not None:
        nn.init.normal_(layer.weight, 0.0, std)
    if normed:
        weight = layer._parameters.pop("weight").detach()
        layer.weight_g = nn.Parameter(torch.norm_except_dim(weight, 2, 0))
        layer.weight_v = nn.Parameter(weight)
