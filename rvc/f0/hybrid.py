"""Several estimators, one melody."""
from collections.abc import Sequence

import torch
from torch import Tensor

from rvc.errors import SettingsError
from rvc.f0 import F0Estimator
from rvc.f0.track import FRAME_RATE, F0Track, median
from rvc.interruption import Check, unchecked


class Hybrid:
    """A frame is voiced when at least half of the estimators say so; its value is the median of those."""

    def __init__(self, estimators: Sequence[F0Estimator]):
        if not estimators:
            raise SettingsError("", "The f0 method hybrid has no methods to combine; choose at least one.")
        self.estimators = tuple(estimators)

    def estimate(self, samples: Tensor, check: Check = unchecked) -> F0Track:
        """(N,) at 16 kHz → N // 160 + 1 frames."""
        heard = torch.stack([estimator.estimate(samples, check).hz for estimator in self.estimators], dim=1)  # (T, K)
        agreed = 2 * (heard > 0).sum(dim=1) >= len(self.estimators)
        return F0Track(torch.where(agreed, median(heard), 0.0), FRAME_RATE)
