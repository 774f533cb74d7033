"""What every test shares: one thread, the stored arrays, and noise that is written down."""
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

GOLDEN = Path(__file__).parent / "golden"
sys.path.insert(0, str(GOLDEN))
import rule  # noqa: E402

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def golden():
    """golden("folder/name.npz") → dict of arrays."""
    return lambda name: dict(np.load(GOLDEN / name))


class WrittenNoise:
    """Zeros, or the n-th array of the rule for the n-th question; remembers what was asked."""

    def __init__(self, mode: str):
        self.mode, self.asked = mode, []

    def __call__(self, kind, shape):
        name = f"noise:{len(self.asked)}"
        self.asked.append((kind, list(shape)))
        if self.mode == "rule":
            return torch.from_numpy((rule.normal if kind == "normal" else rule.uniform)(name, shape))
        return torch.full(tuple(shape), 0.5 if self.mode == "half" and kind == "uniform" else 0.0)


@pytest.fixture
def written_noise():
    return WrittenNoise
