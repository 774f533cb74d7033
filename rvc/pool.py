"""Loaded models, kept warm: each is read once, whatever the number of files, and used by one job at a time."""
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from threading import Lock, RLock
from typing import Any

import torch


class Pool:
    """loads: how often something of each kind was really loaded.  limit: models of one kind that are kept."""

    def __init__(self, limit: int = 2):
        self.limit = limit
        self.loads: Counter[str] = Counter()
        self._kept: dict[str, dict[Hashable, Any]] = {}
        self._filling = RLock()
        self._devices: dict[torch.device, Lock] = {}

    def get(self, kind: str, key: Hashable, load: Callable[[], Any]) -> Any:
        """What is kept under kind and key, else what load() gives; of one kind the longest unused goes first.

        key: everything that the loaded thing depends on; for a file its path, size and time of change.
        """
        with self._filling:
            kept = self._kept.setdefault(kind, {})
            if key not in kept:
                while len(kept) >= self.limit:
                    del kept[next(iter(kept))]
                kept[key] = load()
                self.loads[kind] += 1
            kept[key] = kept.pop(key)  # now the most recently used
            return kept[key]

    def forget(self) -> None:
        """Let go of every model."""
        with self._filling:
            self._kept.clear()

    @contextmanager
    def using(self, device: torch.device) -> Iterator[None]:
        """One job at a time on a device; others wait."""
        with self._filling:
            lock = self._devices.setdefault(device, Lock())
        with lock:
            yield
