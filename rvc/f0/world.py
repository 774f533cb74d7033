"""WORLD's two trackers, refined by StoneMask, through pyworld: DIO (Morise et al., 2009), Harvest (Morise, 2017)."""
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from rvc.f0 import demand_package
from rvc.f0.frames import HIGHEST, LOWEST, SAMPLE_RATE, finished, frame_count, in_pieces
from rvc.f0.track import FRAME_RATE, F0Track
from rvc.interruption import Check, unchecked

CONTEXT = 0.5  # seconds on either side of a piece
SHORTEST = 1600  # samples; shorter ones get silence behind them


class World:
    """method: the function of pyworld.  Recordings are estimated in pieces, because WORLD cannot be interrupted."""

    method: str
    piece: float  # seconds

    def __init__(self):
        demand_package(self.method, "pyworld")

    def estimate(self, samples: Tensor, check: Check = unchecked) -> F0Track:
        """(N,) at 16 kHz → N // 160 + 1 frames."""
        hz = in_pieces(samples, self._piece, seconds=self.piece, context=CONTEXT, check=check)
        return finished(hz, samples)

    def _piece(self, samples: Tensor) -> Tensor:
        import pyworld

        track: Callable = getattr(pyworld, self.method)
        heard = F.pad(samples.cpu().double(), (0, max(0, SHORTEST - len(samples)))).numpy()
        heard = np.ascontiguousarray(heard)
        hz, seconds = track(heard, SAMPLE_RATE, f0_floor=LOWEST, f0_ceil=HIGHEST, frame_period=1000 / FRAME_RATE)
        refined = pyworld.stonemask(heard, hz, seconds, SAMPLE_RATE)
        return torch.from_numpy(refined)[:frame_count(len(samples))]


class Harvest(World):
    method, piece = "harvest", 2.0


class Dio(World):
    method, piece = "dio", 30.0
