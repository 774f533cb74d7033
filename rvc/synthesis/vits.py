"""VITS (Kim, Kong & Son, 2021) for voice conversion: content and melody in, a speaker's sound out.

Attribute names (`enc_p`, `dec`, `enc_q`, `flow`, `emb_g` …) are the community's file format.
"""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rvc.synthesis.blueprint import blueprint
from rvc.synthesis.config import VitsConfig
from rvc.synthesis.convolution import fold
from rvc.synthesis.encoders import PosteriorEncoder, TextEncoder
from rvc.synthesis.flow import Flow
from rvc.synthesis.noise import Noise
from rvc.synthesis.pieces import in_pieces
from rvc.synthesis.vocoders import VOCODERS

PIECE = 200  # frames
PRIOR_TEMPERATURE = 0.66666  # of the prior's noise when rendering; the community's value, to the digit


@dataclass(frozen=True)
class Reconstruction:
    """What a training step needs of one pass: a segment of sound, and both ends of the flow over all frames.

    audio: (B, 1, S·hop); starts: (B,) first frame of each segment; mask: (B, 1, T); the rest: (B, C, T).
    """

    audio: Tensor
    starts: Tensor
    mask: Tensor
    z: Tensor
    z_p: Tensor
    mean_p: Tensor
    log_std_p: Tensor
    mean_q: Tensor
    log_std_q: Tensor


class Vits(nn.Module):
    """The synthesizer.  vocoder: a name in VOCODERS; content_width: D; posterior: build what only training needs.

    Raises `SettingsError` for an unknown vocoder.
    """

    def __init__(self, config: VitsConfig, *, vocoder: str = "hifigan", uses_f0: bool = True,
                 content_width: int = 768, posterior: bool = True):
        super().__init__()
        self.config, self.uses_f0 = config, uses_f0
        decoder = VOCODERS.load(vocoder)
        channels, hidden, speaker = config.inter_channels, config.hidden_channels, config.speaker_channels
        self.enc_p = TextEncoder(config, content_width=content_width, uses_f0=uses_f0)
        self.dec = decoder(config) if VOCODERS[vocoder].facts["needs_f0"] else decoder(config, uses_f0=uses_f0)
        if posterior:
            self.enc_q = PosteriorEncoder(config)
        self.flow = Flow(channels, hidden, speaker)
        self.emb_g = nn.Embedding(config.speakers, speaker)

    def speaker(self, ids: Tensor) -> Tensor:
        """(B,) row numbers → (B, G, 1)."""
        return self.emb_g(ids).unsqueeze(-1)

    @torch.inference_mode()
    def infer(self, content: Tensor, f0_hz: Tensor | None, speaker: Tensor, *, noise: Noise,
              lengths: Tensor | None = None, skip: int = 0, longest: int = PIECE,
              wanted: Sequence[tuple[int, int]] | None = None, half: bool = False) -> Tensor:
        """content: (B, T, D); f0_hz: (B, T), ignored by a voice without melody; speaker: (B, G, 1); lengths: (B,)
        frames.  skip: frames at the beginning that only serve as context → (B, 1, (T − skip)·hop), in −1…1.

        longest: frames decoded at once; wanted: ranges of frames after skip that are decoded at all, the rest is 0;
        half: decode in bfloat16.  Prior, flow and excitation stay in float32, which they need.
        """
        f0_hz = f0_hz if self.uses_f0 else None
        z, mask = self.latent(content, f0_hz, speaker, noise=noise, lengths=lengths, skip=skip)
        excitation = self.dec.excite(None if f0_hz is None else f0_hz[:, skip:], noise)
        with torch.autocast(z.device.type, torch.bfloat16, enabled=half):
            return in_pieces(self.dec, z * mask, excitation, speaker, noise, hop=self.config.hop, longest=longest,
                             wanted=wanted)

    def latent(self, content: Tensor, f0_hz: Tensor | None, speaker: Tensor, *, noise: Noise,
               lengths: Tensor | None = None, skip: int = 0) -> tuple[Tensor, Tensor]:
        """What the decoder renders: z (B, C, T − skip) and its mask (B, 1, T − skip).  Arguments as for `infer`."""
        mask = frame_mask(lengths, content)
        mean, log_std = self.enc_p(content, f0_hz, mask)
        z_p = (mean + noise("normal", mean.shape) * log_std.exp() * PRIOR_TEMPERATURE) * mask
        z_p, mask = z_p[..., skip:], mask[..., skip:]
        return self.flow.reverse(z_p, mask, speaker), mask

    def forward(self, content: Tensor, f0_hz: Tensor | None, spectrogram: Tensor, speaker: Tensor, *,
                lengths: Tensor, segment: int, noise: Noise) -> Reconstruction:
        """Reconstruct a random segment of `segment` frames of each clip.

        content: (B, T, D); f0_hz: (B, T); spectrogram: (B, bins, T); speaker: (B, G, 1); lengths: (B,) frames.
        """
        mask = frame_mask(lengths, content)
        mean_p, log_std_p = self.enc_p(content, f0_hz, mask)
        z, mean_q, log_std_q = self.enc_q(spectrogram, mask, speaker, noise)
        z_p = self.flow(z, mask, speaker)
        starts = (noise("uniform", (len(z),)) * (lengths - segment + 1).clamp_min(1)).long()
        f0_segment = None if f0_hz is None else segments(f0_hz.unsqueeze(1), starts, segment).squeeze(1)
        audio = self.dec(segments(z, starts, segment), f0_segment, speaker, noise)
        return Reconstruction(audio, starts, mask, z, z_p, mean_p, log_std_p, mean_q, log_std_q)


def load_vits(config: VitsConfig, weights: Mapping[str, Tensor], *, vocoder: str, uses_f0: bool,
              content_width: int) -> Vits:
    """A folded float32 synthesizer for rendering, from weights in old spelling or already folded, without enc_q."""
    with blueprint():
        network = Vits(config, vocoder=vocoder, uses_f0=uses_f0, content_width=content_width, posterior=False)
        if not any(key.endswith(".weight_v") for key in weights):
            fold(network)
    network.load_state_dict({key: value.float() for key, value in weights.items()}, assign=True)
    fold(network)
    return network.eval().requires_grad_(False)


def shapes(config: VitsConfig, *, vocoder: str, uses_f0: bool, content_width: int) -> dict[str, tuple[int, ...]]:
    """Key → shape of the full network, posterior encoder included, in the order and the spelling of voice files."""
    with blueprint():
        network = Vits(config, vocoder=vocoder, uses_f0=uses_f0, content_width=content_width)
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


def frame_mask(lengths: Tensor | None, content: Tensor) -> Tensor:
    """lengths: (B,) frames, all of them when None; content: (B, T, D) → (B, 1, T), 1 where a frame exists."""
    if lengths is None:
        return content.new_ones(len(content), 1, content.shape[1])
    frame = torch.arange(content.shape[1], device=content.device)
    return (frame < lengths.unsqueeze(-1)).unsqueeze(1).to(content.dtype)


def segments(x: Tensor, starts: Tensor, length: int) -> Tensor:
    """(B, C, T), first positions (B,) → (B, C, length)."""
    positions = starts.unsqueeze(-1) + torch.arange(length, device=x.device)
    return x.gather(-1, positions.unsqueeze(1).expand(-1, x.shape[1], -1))
