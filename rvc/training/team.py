"""The processes that train together: one, or as many as PyTorch's own torchrun started."""
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist

from rvc.device import choose
from rvc.training import parallel


@dataclass(frozen=True)
class Team:
    """rank: of this process; only the first writes.  size: how many there are.  reason: why this device."""

    rank: int
    size: int
    device: torch.device
    reason: str = ""

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def any(self, here: bool) -> bool:
        """Whether it is so in any process.  All must ask."""
        return here if self.size == 1 else bool(parallel.summed(torch.tensor(float(here), device=self.device)) > 0)

    def heard(self, value: float) -> float:
        """What the first process says.  All must ask."""
        if self.size == 1:
            return value
        return parallel.summed(torch.tensor(value if self.leads else 0.0, device=self.device)).item()

    def meet(self) -> None:
        """Wait for all."""
        self.any(False)


@contextmanager
def team(asked: str) -> Iterator[Team]:
    """asked: the device; auto is, of several processes on one machine, a GPU for each."""
    size, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    chosen = choose(asked)
    if size == 1:
        yield Team(0, 1, chosen.device, chosen.reason)
        return
    if chosen.device.type == "cuda" and asked in ("auto", "cuda"):
        chosen = choose(f"cuda:{os.environ.get('LOCAL_RANK', 0)}")
        torch.cuda.set_device(chosen.device)
    dist.init_process_group("nccl" if chosen.device.type == "cuda" else "gloo")
    try:
        yield Team(rank, size, chosen.device, chosen.reason)
        dist.barrier()  # nobody leaves while another still listens: gloo may abort at a connection that closes
    finally:
        dist.destroy_process_group()
