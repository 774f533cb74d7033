"""Listening more often, or less often, than once a frame."""
import torch
from torch import Tensor

from rvc.f0 import F0Estimator
from rvc.f0.frames import HOP, frame_count
from rvc.f0.track import FRAME_RATE, F0Track, resample
from rvc.interruption import Check, unchecked

FINEST = 16  # samples; a millisecond, so that ten shifted passes are enough for any hop


class AtHop:
    """A frame-based estimator that listens every `hop` samples; its melody has 100 frames a second all the same.

    For hop < 160 passes over the shifted recording are interleaved; for hop > 160 estimates are left out.
    Estimates lie at the multiples of the hop, moved to the nearest millisecond or, from 160 on, to the nearest frame;
    between them the melody is interpolated in octaves, and a frame is voiced when the nearest estimate is.
    With 160 nothing is changed.
    """

    def __init__(self, estimator: F0Estimator, hop: int):
        self.estimator = estimator
        self.hop = hop

    def estimate(self, samples: Tensor, check: Check = unchecked) -> F0Track:
        if self.hop == HOP:
            return self.estimator.estimate(samples, check)
        at = estimate_times(len(samples), self.hop).to(samples.device)
        frames = torch.arange(frame_count(len(samples)), device=samples.device) * HOP
        return F0Track(resample(self._listen(samples, at, check), at, frames), FRAME_RATE)

    def _listen(self, samples: Tensor, at: Tensor, check: Check) -> Tensor:
        """(K,) Hz at the samples `at` (K,): one pass for each distance that they have from the frames."""
        hz = samples.new_zeros(len(at), dtype=torch.float32)
        for shift in sorted({int(t) for t in at % HOP}):
            track = self.estimator.estimate(samples[shift:], check)
            here = at % HOP == shift
            hz[here] = track.hz[at[here] // HOP]
        return hz


def estimate_times(samples: int, hop: int) -> Tensor:
    """(K,) int64, rising: the samples at which to listen, at or within the ends of the recording."""
    grid = FINEST if hop < HOP else HOP
    wanted = torch.arange(0, samples + hop, hop)
    return ((wanted + grid // 2) // grid * grid).clamp_max(samples // grid * grid).unique()
