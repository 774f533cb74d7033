"""What the synthesizer is told, frame by frame.  Training and conversion hear with the same ears."""
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rvc.audio.lines import Line
from rvc.content import ContentEncoder
from rvc.f0 import F0Estimator
from rvc.f0.track import FRAME_RATE, F0Track, at_length
from rvc.interruption import Check, unchecked

SAMPLE_RATE = 16000  # Hz, of all that is listened to
HOP = SAMPLE_RATE // FRAME_RATE  # samples
CONTENT_REPEATS = 2  # 50 content vectors a second for 100 frames
MELODY_BLOCK, MELODY_CONTEXT = 60 * SAMPLE_RATE, 2 * SAMPLE_RATE  # samples: heard at once, and around that


@dataclass(frozen=True)
class Features:
    """content: (T, D).  f0: T frames, absent for a voice without melody.  100 frames a second."""

    content: Tensor
    f0: F0Track | None

    def __post_init__(self) -> None:
        if self.f0 is not None and len(self.f0) != len(self.content):
            raise ValueError(f"{len(self.content)} frames of content and {len(self.f0)} of melody")

    def __len__(self) -> int:
        return len(self.content)


@dataclass(frozen=True)
class FeatureExtractor:
    """encoder: what is said; estimator: how it is sung, absent for voices without melody; device: where both run."""

    encoder: ContentEncoder
    estimator: F0Estimator | None
    device: torch.device

    def content(self, samples: np.ndarray, check: Check = unchecked) -> Tensor:
        """(N,) at 16 kHz → (T50, D), 50 vectors a second."""
        return self.encoder.encode(self._waveform(samples), check)

    def melody(self, line: Line, check: Check = unchecked) -> F0Track:
        """N samples → N // 160 + 1 frames; heard in one go up to a minute, then minute by minute."""
        frames = len(line) // HOP + 1
        if len(line) <= MELODY_BLOCK + 2 * MELODY_CONTEXT:
            return self._heard(line[0:len(line)], check)
        parts = []
        for start in range(0, frames * HOP, MELODY_BLOCK):
            first = max(0, start - MELODY_CONTEXT)
            track = self._heard(line[first:min(len(line), start + MELODY_BLOCK + MELODY_CONTEXT)], check)
            skipped = (start - first) // HOP
            parts.append(track.hz[skipped:skipped + min(MELODY_BLOCK // HOP, frames - start // HOP)])
        return F0Track(torch.cat(parts), FRAME_RATE)

    def _heard(self, samples: np.ndarray, check: Check) -> F0Track:
        return F0Track(self.estimator.estimate(self._waveform(samples), check).hz.cpu(), FRAME_RATE)

    def _waveform(self, samples: np.ndarray) -> Tensor:
        return torch.tensor(samples, dtype=torch.float32, device=self.device)


def to_frames(content: Tensor) -> Tensor:
    """(T50, D) → (2·T50, D): each vector stands for two frames."""
    return content.repeat_interleave(CONTENT_REPEATS, 0)


def align(content: Tensor, f0: F0Track | None, frames: int) -> Features:
    """Content at 100 frames a second and melody, both cut to what they have in common and to `frames` at most."""
    frames = min(len(content), frames)
    return Features(content[:frames], None if f0 is None else at_length(f0, frames))
