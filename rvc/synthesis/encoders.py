"""The two sides of the variational autoencoder (Kim et al., 2021): the prior from content, the posterior from sound."""
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rvc.f0.track import COARSE_BINS, coarse
from rvc.synthesis.attention import RelativeAttention
from rvc.synthesis.config import VitsConfig
from rvc.synthesis.convolution import Conv1d, same
from rvc.synthesis.noise import Noise
from rvc.synthesis.wavenet import WaveNet

EMBEDDING_SLOPE = 0.1
POSTERIOR_LAYERS = 16


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of (B, C, T) (Ba et al., 2016)."""

    def __init__(self, channels: int):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x.transpose(1, 2), self.gamma.shape, self.gamma, self.beta).transpose(1, 2)


class FeedForward(nn.Module):
    """Two convolutions over time in place of a transformer's dense layers."""

    def __init__(self, channels: int, hidden: int, kernel_size: int):
        super().__init__()
        self.conv_1 = same(channels, hidden, kernel_size)
        self.conv_2 = same(hidden, channels, kernel_size)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.conv_2(self.conv_1(x * mask).relu() * mask) * mask


class Transformer(nn.Module):
    """(B, C, T) → (B, C, T): attention and feed-forward, each normalised after its residual sum."""

    def __init__(self, config: VitsConfig):
        super().__init__()
        width, depth = config.hidden_channels, range(config.layers)
        self.attn_layers = nn.ModuleList(RelativeAttention(width, config.heads) for _ in depth)
        self.norm_layers_1 = nn.ModuleList(ChannelNorm(width) for _ in depth)
        self.ffn_layers = nn.ModuleList(FeedForward(width, config.filter_channels, config.kernel_size) for _ in depth)
        self.norm_layers_2 = nn.ModuleList(ChannelNorm(width) for _ in depth)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = x * mask
        layers = zip(self.attn_layers, self.norm_layers_1, self.ffn_layers, self.norm_layers_2)
        for attend, norm, think, norm_again in layers:
            x = norm(x + attend(x, mask))
            x = norm_again(x + think(x, mask))
        return x * mask


class TextEncoder(nn.Module):
    """Content and melody → mean and log standard deviation of the prior.

    The table of melody embeddings (`emb_pitch`) exists only with uses_f0.
    """

    def __init__(self, config: VitsConfig, *, content_width: int, uses_f0: bool):
        super().__init__()
        self.scale = sqrt(config.hidden_channels)
        self.emb_phone = nn.Linear(content_width, config.hidden_channels)
        if uses_f0:
            self.emb_pitch = nn.Embedding(COARSE_BINS + 1, config.hidden_channels)
        self.encoder = Transformer(config)
        self.proj = Conv1d(config.hidden_channels, 2 * config.inter_channels, 1)

    def forward(self, content: Tensor, f0_hz: Tensor | None, mask: Tensor) -> tuple[Tensor, Tensor]:
        """content: (B, T, D); f0_hz: (B, T), absent exactly when the voice has no melody; mask: (B, 1, T).

        Returns mean and log standard deviation, (B, C, T) each.
        """
        x = self.emb_phone(content)
        if f0_hz is not None:
            x = x + self.emb_pitch(coarse(f0_hz))
        x = F.leaky_relu(x * self.scale, EMBEDDING_SLOPE).transpose(1, 2)
        mean, log_std = (self.proj(self.encoder(x, mask)) * mask).chunk(2, dim=1)
        return mean, log_std


class PosteriorEncoder(nn.Module):
    """Linear spectrogram → a sample of the latent.  Used in training alone."""

    def __init__(self, config: VitsConfig):
        super().__init__()
        self.pre = Conv1d(config.spec_channels, config.hidden_channels, 1)
        self.enc = WaveNet(config.hidden_channels, POSTERIOR_LAYERS, config.speaker_channels)
        self.proj = Conv1d(config.hidden_channels, 2 * config.inter_channels, 1)

    def forward(self, spectrogram: Tensor, mask: Tensor, speaker: Tensor, noise: Noise) -> tuple[Tensor, ...]:
        """spectrogram: (B, bins, T); mask: (B, 1, T); speaker: (B, G, 1) → sample, mean, log std, (B, C, T) each."""
        x = self.enc(self.pre(spectrogram) * mask, mask, speaker)
        mean, log_std = (self.proj(x) * mask).chunk(2, dim=1)
        return (mean + noise("normal", mean.shape) * log_std.exp()) * mask, mean, log_std
