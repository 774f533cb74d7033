"""The gated convolutions of the posterior encoder and the flow (van den Oord et al., 2016; Prenger et al., 2019)."""
import torch
from torch import Tensor, nn

from rvc.synthesis.convolution import Conv1d, same

KERNEL_SIZE = 5


class WaveNet(nn.Module):
    """(B, C, T) → (B, C, T): the sum of what every layer skips to the output.  All layers weight-normed."""

    def __init__(self, channels: int, layers: int, speaker_channels: int):
        super().__init__()
        self.channels = channels
        widths = [2 * channels] * (layers - 1) + [channels]  # the last layer passes nothing on
        self.in_layers = nn.ModuleList(same(channels, 2 * channels, KERNEL_SIZE, normed=True) for _ in widths)
        self.res_skip_layers = nn.ModuleList(Conv1d(channels, width, 1, normed=True) for width in widths)
        self.cond_layer = Conv1d(speaker_channels, 2 * channels * layers, 1, normed=True)

    def forward(self, x: Tensor, mask: Tensor, speaker: Tensor) -> Tensor:
        """mask: (B, 1, T); speaker: (B, G, 1)."""
        skipped = torch.zeros_like(x)
        hints = self.cond_layer(speaker).split(2 * self.channels, dim=1)
        for listen, answer, hint in zip(self.in_layers, self.res_skip_layers, hints):
            wave, gate = (listen(x) + hint).split(self.channels, dim=1)
            answered = answer(wave.tanh() * gate.sigmoid())
            passed, skip = answered[:, : -self.channels], answered[:, -self.channels:]
            skipped = skipped + skip
            if passed.shape[1]:
                x = (x + passed) * mask
        return skipped * mask
