"""Chance enters the networks through one door.

A network asks `noise(kind, shape)` for what it needs, in a fixed order; who calls the network decides where the
numbers come from: a seeded generator in life, zeros or a written rule in tests.
"""
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["normal", "uniform"]
Noise = Callable[[Kind, Sequence[int]], Tensor]
"""("normal", shape) → N(0, 1); ("uniform", shape) → U[0, 1)."""


def drawn_from(generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Noise:
    """Noise on the generator's device; the same seed gives the same numbers."""
    draw = {"normal": torch.randn, "uniform": torch.rand}

    def noise(kind: Kind, shape: Sequence[int]) -> Tensor:
        return draw[kind](tuple(shape), generator=generator, device=generator.device, dtype=dtype)

    return noise
