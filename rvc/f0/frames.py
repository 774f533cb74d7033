"""What every estimator shares: the frame grid, pieces of long recordings, and silence.

Frames lie at the multiples of 160 samples of a 16 kHz recording: frame t is centred on sample 160 t.
"""
from collections.abc import Callable

import torch
from torch import Tensor

from rvc.f0.track import FRAME_RATE, F0Track
from rvc.interruption import Check

SAMPLE_RATE = 16000  # Hz
HOP = SAMPLE_RATE // FRAME_RATE  # samples
LOWEST, HIGHEST = 50.0, 1100.0  # Hz, where methods that ask are told to look
WINDOW = 1024  # samples that a frame listens to
SILENCE = 2.0 ** -16  # peak; half a step of a 16-bit recording

def frame_count(samples: int) -> int:
    return samples // HOP + 1


def finished(hz: Tensor, samples: Tensor) -> F0Track:
    """(T,) Hz of a recording (N,), T = N // 160 + 1, on the recording's device and unvoiced where nothing sounds."""
    hz = hz.to(samples.device, torch.float32)
    return F0Track(hz=torch.where(_sounds(samples.float()), hz, 0.0), frame_rate=FRAME_RATE)


def _sounds(samples: Tensor) -> Tensor:
    """(N,) → (T,) bool: whether anything in a frame's window is louder than `SILENCE`."""
    tail = -len(samples) % HOP + HOP
    blocks = torch.nn.functional.pad(samples.abs(), (0, tail)).view(-1, HOP).amax(1)  # frame t begins block t
    reach = WINDOW // 2 // HOP + 1
    peaks = torch.nn.functional.max_pool1d(blocks[None], 2 * reach + 1, 1, reach)[0]
    return peaks[:frame_count(len(samples))] > SILENCE


def in_pieces(samples: Tensor, estimate: Callable[[Tensor], Tensor], *, seconds: float, check: Check,
              context: float = 1.0) -> Tensor:
    """(T,) Hz by estimate, (n,) → (n // 160 + 1,), called on pieces of a recording (N,).

    seconds: length of a piece; context: seconds that it hears on either side and that are then cut away.
    Anything not longer than a piece is estimated in one go.
    """
    frames, step, margin = frame_count(len(samples)), round(seconds * FRAME_RATE), round(context * FRAME_RATE)
    pieces = []
    for first in range(0, frames, step):
        check()
        begin, last = max(0, first - margin), min(frames, first + step)
        piece = samples[begin * HOP:(last + margin) * HOP]
        pieces.append(estimate(piece)[first - begin:last - begin])
    return torch.cat(pieces)
