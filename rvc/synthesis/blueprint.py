"""Networks that have shapes but no memory: to know what a file must hold, or to be filled from one."""
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

RANDOM = {"normal_", "uniform_", "kaiming_uniform_", "xavier_uniform_"}


class _Unfilled(TorchFunctionMode):
    """Leaves out what gives initial weights their values: without memory it has no effect but to load 900 modules."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in RANDOM:
            return args[0] if args else kwargs["tensor"]
        if name == "norm_except_dim":
            return _length(args[0])
        return func(*args, **kwargs)


def _length(direction: Tensor) -> Tensor:
    """(C, …) → (C, 1, …)"""
    return direction.new_empty(len(direction), *(1 for _ in direction.shape[1:]))


@contextmanager
def blueprint() -> Iterator[None]:
    """Modules made inside have parameters on the device "meta"."""
    with torch.device("meta"), _Unfilled():
        yield
