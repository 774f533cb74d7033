"""Several processes, one voice: each hears its share of a batch, and all take the same step.

Processes are started by PyTorch's own torchrun.  Gradients are averaged by hand once a step rather than by
DistributedDataParallel: two networks take turns in one step and are called several times each, which its bookkeeping
of one forward and one backward does not fit; and nothing has to be known of it where gradients accumulate.
"""
from collections.abc import Iterable, Iterator

import torch
import torch.distributed as dist
from torch import Tensor, nn

BUCKET = 1 << 23  # numbers sent at once: large enough for the wire, small beside the networks


def processes() -> int:
    """How many learn together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


@torch.no_grad()
def average(tensors: Iterable[Tensor]) -> None:
    """Replace every tensor, in place, by its mean over all processes.  All processes must ask with the same shapes."""
    if processes() == 1:
        return
    for bucket in _buckets(tensors):
        flat = torch.cat([tensor.flatten() for tensor in bucket])
        dist.all_reduce(flat)
        parts = (flat / processes()).split([tensor.numel() for tensor in bucket])
        for tensor, part in zip(bucket, parts):
            tensor.copy_(part.view_as(tensor))


@torch.no_grad()
def summed(value: Tensor) -> Tensor:
    """The sum of a value over all processes, which is the value itself where there is one."""
    if processes() == 1:
        return value
    value = value.clone()
    dist.all_reduce(value)
    return value


@torch.no_grad()
def share(network: nn.Module) -> None:
    """Give every process the weights of the first."""
    if processes() > 1:
        for tensor in network.state_dict().values():
            dist.broadcast(tensor, 0)


def _buckets(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    bucket, size = [], 0
    for tensor in tensors:
        bucket.append(tensor)
        size += tensor.numel()
        if size >= BUCKET:
            yield bucket
            bucket, size = [], 0
    if bucket:
        yield bucket
