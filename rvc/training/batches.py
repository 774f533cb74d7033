"""Clips side by side: what one step learns from."""
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from rvc.audio.spectrogram import magnitudes
from rvc.synthesis.config import FRAME_RATE


@dataclass(frozen=True)
class Clip:
    """One recording with what was found in it, all float32.

    content: (T50, D); f0_hz: (T,), None for a voice without melody; wave: (N,); speaker: its row.
    """

    content: Tensor
    f0_hz: Tensor | None
    wave: Tensor
    speaker: int

    def frames(self, hop: int) -> int:
        """T that sound, content and melody have in common."""
        melody = [] if self.f0_hz is None else [len(self.f0_hz)]
        return min(2 * len(self.content), len(self.wave) // hop, *melody)

    def to(self, device: torch.device) -> "Clip":
        """On a device."""
        melody = None if self.f0_hz is None else self.f0_hz.to(device)
        return replace(self, content=self.content.to(device), f0_hz=melody, wave=self.wave.to(device))

    def window(self, start: int, frames: int, hop: int) -> "Clip":
        """A stretch of it, with content at 100 frames a second: each of the 50 is held for two."""
        stop = start + frames
        content = self.content[start // 2: (stop + 1) // 2].repeat_interleave(2, 0)[start % 2:][:frames]
        return replace(self, content=content, wave=self.wave[start * hop: stop * hop],
                       f0_hz=None if self.f0_hz is None else self.f0_hz[start:stop])


@dataclass(frozen=True)
class Batch:
    """content: (B, T, D); f0_hz: (B, T) or None; spectrogram: (B, bins, T); wave: (B, 1, T·hop); speaker: (B,) rows;

    lengths: (B,) frames.  Beyond its length a row is 0.
    """

    content: Tensor
    f0_hz: Tensor | None
    spectrogram: Tensor
    wave: Tensor
    speaker: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.content)

    def to(self, device: torch.device) -> "Batch":
        """On a device, without waiting where that is possible."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pinned(self) -> "Batch":
        """In memory from which a GPU can fetch by itself."""
        return self._each(Tensor.pin_memory)

    def split(self, parts: int) -> list["Batch"]:
        """The same rows in so many batches, as many of them as there are rows at most."""
        parts = min(parts, len(self))
        return [self._each(lambda tensor, number=number: tensor.tensor_split(parts)[number]) for number in range(parts)]

    def _each(self, change) -> "Batch":
        held = {item.name: getattr(self, item.name) for item in fields(self)}
        return Batch(**{name: None if tensor is None else change(tensor) for name, tensor in held.items()})


def collate(clips: Sequence[Clip], *, sample_rate: int, n_fft: int, shortest: int) -> Batch:
    """Put windows (content already at 100 a second) side by side, the rest zero.

    shortest: frames of a training segment.  A shorter clip counts as followed by silence, with content 0, which no
    encoder ever says of a sound.
    """
    hop = sample_rate // FRAME_RATE
    spectra = [magnitudes(_long_enough(clip.wave, n_fft, hop), n_fft=n_fft, hop=hop)[:, : len(clip.content)].T
               for clip in clips]
    lengths = [max(len(clip.content), shortest) for clip in clips]
    device = clips[0].wave.device
    return Batch(
        content=_side_by_side([clip.content for clip in clips], shortest),
        f0_hz=None if clips[0].f0_hz is None else _side_by_side([clip.f0_hz for clip in clips], shortest),
        spectrogram=_side_by_side(spectra, shortest).transpose(1, 2),
        wave=_side_by_side([clip.wave for clip in clips], shortest * hop).unsqueeze(1),
        speaker=torch.tensor([clip.speaker for clip in clips], device=device),
        lengths=torch.tensor(lengths, device=device))


def _side_by_side(rows: Sequence[Tensor], shortest: int) -> Tensor:
    """(T, …) of several lengths → (B, T, …), zero beyond each, and no shorter than so much."""
    padded = pad_sequence(rows, batch_first=True)
    missing = max(0, shortest - padded.shape[1])
    return pad(padded, (0, 0) * (padded.ndim - 2) + (0, missing))


def _long_enough(wave: Tensor, n_fft: int, hop: int) -> Tensor:
    """The wave, followed by silence where it is too short to be reflected at its ends."""
    return pad(wave, (0, max(0, (n_fft - hop) // 2 + 1 - len(wave))))
