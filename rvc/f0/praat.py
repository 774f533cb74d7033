"""Praat's autocorrelation (Boersma, 1993), through parselmouth.  The only file that touches that package (GPL)."""
import torch
from torch import Tensor
from torch.nn import functional as F

from rvc.f0 import demand_package
from rvc.f0.frames import HIGHEST, HOP, LOWEST, SAMPLE_RATE, finished, frame_count, in_pieces
from rvc.f0.track import FRAME_RATE, F0Track
from rvc.interruption import Check, unchecked

PERIODS = 3  # of the lowest pitch in a window
QUIET = 0.03  # of the recording's peak; below this Praat leans to unvoiced
PIECE = 30.0  # seconds


class Praat:
    """threshold: strength that a candidate must have to count as voiced, 0…1."""

    def __init__(self, threshold: float = 0.6):
        demand_package("pm", "parselmouth")
        self.threshold = threshold

    def estimate(self, samples: Tensor, check: Check = unchecked) -> F0Track:
        """(N,) at 16 kHz → N // 160 + 1 frames."""
        peak = float(samples.abs().max()) if len(samples) else 0.0

        def piece(part: Tensor) -> Tensor:
            return self._piece(part, peak)

        return finished(in_pieces(samples, piece, seconds=PIECE, check=check), samples)

    def _piece(self, samples: Tensor, peak: float) -> Tensor:
        """peak of the whole recording: what is quiet in it is quiet in a quiet piece too."""
        frames = frame_count(len(samples))
        loudest = float(samples.abs().max()) if len(samples) else 0.0
        if loudest == 0:
            return torch.zeros(frames)
        import parselmouth

        sound = parselmouth.Sound(_centred(samples.cpu().double(), frames).numpy(), SAMPLE_RATE)
        pitch = sound.to_pitch_ac(time_step=1 / FRAME_RATE, pitch_floor=LOWEST, pitch_ceiling=HIGHEST,
                                  voicing_threshold=self.threshold, silence_threshold=QUIET * peak / loudest)
        return torch.from_numpy(pitch.selected_array["frequency"].copy())


def _centred(samples: Tensor, frames: int) -> Tensor:
    """Silence around a piece, so that the frames Praat fits into its middle lie on multiples of 160 samples.

    One sample more than the windows need on either side keeps rounding from losing the last frame.
    """
    side = round(PERIODS / LOWEST * SAMPLE_RATE / 2) + 1
    return F.pad(samples, (side, 2 * side + HOP * (frames - 1) - side - len(samples)))
