"""Gradient checkpointing (Chen et al., 2016): compute twice what is not worth keeping."""
from collections.abc import Callable

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class Recomputing(nn.Module):
    """A network that can trade time for memory.  recompute: forget the activations of `step`s, in training alone."""

    recompute = False

    def step(self, block: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """block(*inputs), whose inside is computed again for the gradient where that is asked for.

        The block may draw no noise of its own: noise is an input.
        """
        if self.recompute and self.training:
            return checkpoint(block, *inputs, use_reentrant=False)
        return block(*inputs)


def set_recompute(network: nn.Module, on: bool) -> None:
    """Switch every part of a network that can recompute."""
    for part in network.modules():
        if isinstance(part, Recomputing):
            part.recompute = on
