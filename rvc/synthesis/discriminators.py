"""The judges of adversarial training: what HiFi-GAN's authors look at (Kong et al., 2020), and how UnivNet's look
at spectrograms (Jang et al., 2021).

Each judge returns its verdict (B, M) and every feature map on the way.  Keys `discriminators.N.convs.M`,
`.conv_post` are the community's file format.
"""
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from rvc.synthesis.blueprint import blueprint
from rvc.synthesis.convolution import Conv1d, Conv2d, fold
from rvc.synthesis.memory import Recomputing

SLOPE = 0.1
Judgement = tuple[Tensor, list[Tensor]]


class Judge(Recomputing):
    """Convolutions, each bent, then one that sums up."""

    convs: nn.ModuleList
    conv_post: nn.Module

    def view(self, audio: Tensor) -> Tensor:
        """(B, 1, N) → what the first convolution sees."""
        return audio

    def forward(self, audio: Tensor) -> Judgement:
        """audio: (B, 1, N), in −1…1."""
        x, maps = self.view(audio), []
        for conv in self.convs:
            x = F.leaky_relu(self.step(conv, x), SLOPE)
            maps.append(x)
        x = self.conv_post(x)
        return x.flatten(1), [*maps, x]


class ScaleJudge(Judge):
    """Sees the waveform, in coarser and coarser groups (Kumar et al., 2019)."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList((
            _conv1(1, 16, 15), _conv1(16, 64, 41, stride=4, groups=4), _conv1(64, 256, 41, stride=4, groups=16),
            _conv1(256, 1024, 41, stride=4, groups=64), _conv1(1024, 1024, 41, stride=4, groups=256),
            _conv1(1024, 1024, 5)))
        self.conv_post = _conv1(1024, 1, 3)


class PeriodJudge(Judge):
    """Sees every period-th sample as a column."""

    WIDTHS = (1, 32, 128, 512, 1024, 1024)

    def __init__(self, period: int):
        super().__init__()
        self.period = period
        strides = (3, 3, 3, 3, 1)
        self.convs = nn.ModuleList(
            _conv2(*widths, (5, 1), stride=(stride, 1))
            for widths, stride in zip(zip(self.WIDTHS, self.WIDTHS[1:]), strides))
        self.conv_post = _conv2(self.WIDTHS[-1], 1, (3, 1))

    def view(self, audio: Tensor) -> Tensor:  # (B, 1, N) -> (B, 1, N / period, period)
        missing = -audio.shape[-1] % self.period
        return F.pad(audio, (0, missing), mode="reflect").unflatten(-1, (-1, self.period))


class ResolutionJudge(Judge):
    """Sees the magnitude of a Fourier transform with a rectangular window."""

    WIDTH = 32

    def __init__(self, fft: int, hop: int, window: int):
        super().__init__()
        self.fft, self.hop, self.window = fft, hop, window
        width = self.WIDTH
        self.convs = nn.ModuleList((
            _conv2(1, width, (3, 9)), *(_conv2(width, width, (3, 9), stride=(1, 2)) for _ in range(3)),
            _conv2(width, width, (3, 3))))
        self.conv_post = _conv2(width, 1, (3, 3))

    def view(self, audio: Tensor) -> Tensor:  # (B, 1, N) -> (B, 1, fft / 2 + 1, frames)
        edge = (self.fft - self.hop) // 2
        padded = F.pad(audio, (edge, edge), mode="reflect").squeeze(1).float()
        spectrum = torch.stft(padded, self.fft, self.hop, self.window, padded.new_ones(self.window), center=False,
                              return_complex=True)
        return spectrum.abs().unsqueeze(1).to(audio.dtype)


class Discriminator(nn.Module):
    """All judges of one version: "v1" and "v2" are those of RVC, "v3" goes with RefineGAN.

    spectral: spectral normalisation (Miyato et al., 2018) in place of weight normalisation; configs of the family
    name it, no published voice has used it.  Raises KeyError for any other version.
    """

    def __init__(self, version: str, *, spectral: bool = False):
        super().__init__()
        periods, resolutions = VERSIONS[version]
        self.discriminators = nn.ModuleList((
            ScaleJudge(), *(PeriodJudge(period) for period in periods), *(ResolutionJudge(*r) for r in resolutions)))
        if spectral:
            fold(self, trainable=True)
            for conv in [part for part in self.modules() if isinstance(part, (Conv1d, Conv2d))]:
                spectral_norm(conv)

    def forward(self, audio: Tensor) -> list[Judgement]:
        """audio: (B, 1, N), in −1…1."""
        return [judge(audio) for judge in self.discriminators]


RESOLUTIONS = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))  # Fourier size, hop, window, in samples
VERSIONS: dict[str, tuple[Sequence[int], Sequence[tuple[int, int, int]]]] = {
    "v1": ((2, 3, 5, 7, 11, 17), ()),
    "v2": ((2, 3, 5, 7, 11, 17, 23, 37), ()),
    "v3": ((2, 3, 5, 7, 11), RESOLUTIONS),
}


def shapes(version: str, *, spectral: bool = False) -> dict[str, tuple[int, ...]]:
    """Key → shape, in the order and the spelling of the files."""
    with blueprint():
        network = Discriminator(version, spectral=spectral)
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


def _conv1(channels: int, out_channels: int, kernel_size: int, **kwargs) -> Conv1d:
    return Conv1d(channels, out_channels, kernel_size, padding=(kernel_size - 1) // 2, normed=True, **kwargs)


def _conv2(channels: int, out_channels: int, kernel_size: Iterable[int], **kwargs) -> Conv2d:
    kernel_size = tuple(kernel_size)
    padding = tuple((size - 1) // 2 for size in kernel_size)
    return Conv2d(channels, out_channels, kernel_size, padding=padding, normed=True, **kwargs)
