"""FCPE, fast context-based pitch estimation (Luo et al., 2025): a conformer over log-mel frames, 360 pitches."""
from contextlib import redirect_stdout
from io import StringIO

import torch
from torch import Tensor

from rvc.f0 import demand_package
from rvc.f0.frames import SAMPLE_RATE, finished, in_pieces
from rvc.f0.track import F0Track
from rvc.interruption import Check, interruptible, unchecked

PIECE = 15.0  # seconds; joins move the melody by less than a cent


class FCPE:
    """With the weights that the package torchfcpe carries.  threshold: confidence above which a frame is voiced, 0…1.

    Recordings longer than `PIECE` are estimated in pieces.
    """

    def __init__(self, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32,
                 threshold: float = 0.006):
        demand_package("fcpe", "torchfcpe")
        from torchfcpe import spawn_bundled_infer_model

        with redirect_stdout(StringIO()):  # the package prints which device it was told to use
            bundled = spawn_bundled_infer_model(device=str(device))
        self.mel, self.network, cents = bundled.wav2mel, bundled.model, bundled.model.cent_table
        self.network.to(dtype).cent_table = cents  # stays float32: half precision is four cents coarse
        self.device, self.dtype, self.threshold = torch.device(device), dtype, threshold

    def estimate(self, samples: Tensor, check: Check = unchecked) -> F0Track:
        """(N,) at 16 kHz → N // 160 + 1 frames."""
        with interruptible(self.network, check):
            return finished(in_pieces(samples, self._piece, seconds=PIECE, check=check), samples)

    @torch.inference_mode()
    def _piece(self, samples: Tensor) -> Tensor:
        heard = samples.to(self.device, torch.float32)
        if len(heard) == 0:
            return heard.new_zeros(1)
        heard = heard / heard.abs().max().clamp_min(1.0)  # it expects −1…1
        mel = self.mel(heard[None, :, None], SAMPLE_RATE).to(self.dtype)  # (1, T, 128)
        cents = self.network.latent2cents_local_decoder(self.network(mel).float(), threshold=self.threshold)
        return self.network.cent_to_f0(cents)[0, :, 0]  # −∞ cents, where unvoiced, are 0 Hz
