"""Losses over time: their means since the epoch began, and over the last steps and epochs.

Everything stays on the device until somebody reads it, in one piece.
"""
from collections import deque
from collections.abc import Mapping

import torch
from torch import Tensor

RECENT_STEPS, RECENT_EPOCHS = 50, 5


class Means:
    """Of named numbers; a name counts only those times when it was there.  last: how many times count, None for all."""

    def __init__(self, last: int | None = None):
        self._last = last
        self._kept: dict[str, deque[Tensor]] = {}
        self._sums: dict[str, tuple[Tensor, int]] = {}

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Numbers of one step, or of one epoch."""
        for name, value in values.items():
            if self._last is None:
                total, count = self._sums.get(name, (0.0, 0))
                self._sums[name] = (total + value.detach(), count + 1)
            else:
                self._kept.setdefault(name, deque(maxlen=self._last)).append(value.detach())

    def values(self) -> dict[str, Tensor]:
        """The means, where they are."""
        whole = {name: total / count for name, (total, count) in self._sums.items()}
        return whole | {name: torch.stack(list(kept)).mean() for name, kept in self._kept.items()}

    def read(self) -> dict[str, float]:
        """The means as numbers; waits for the device."""
        found = self.values()
        return dict(zip(found, torch.stack(list(found.values())).tolist())) if found else {}


class History:
    """The three means that training shows: `epoch`, `steps` (the last 50) and `epochs` (the last 5 of `epoch`)."""

    def __init__(self) -> None:
        self.epoch, self.steps, self.epochs = Means(), Means(RECENT_STEPS), Means(RECENT_EPOCHS)

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Numbers of a step that was taken; those of a skipped one would spoil the means."""
        self.epoch.add(values)
        self.steps.add(values)

    def close_epoch(self) -> None:
        """An epoch is over: its means join those of the epochs before, and a new one begins."""
        self.epochs.add(self.epoch.values())
        self.epoch = Means()
