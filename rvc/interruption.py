"""Stopping a network between two of its layers."""
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import nn

Check = Callable[[], None]
"""Asked often while something is computed; raises `Cancelled` to stop it."""


def unchecked() -> None:
    """Nobody will ask for a stop."""


@contextmanager
def interruptible(network: nn.Module, check: Check) -> Iterator[None]:
    """Within it, check is asked before every layer of the network that has no layers inside."""
    leaves = [part for part in network.modules() if not any(part.children())]
    hooks = [leaf.register_forward_pre_hook(lambda *_: check()) for leaf in leaves]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
