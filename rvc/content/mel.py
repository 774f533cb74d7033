"""The spectrum as content: an encoder without weights, to try the rest of the program with."""
import torch
from torch import Tensor

from rvc.audio.spectrogram import MelSpectrogram
from rvc.content import HOP, SAMPLE_RATE, WINDOW, frames
from rvc.errors import AudioError
from rvc.interruption import Check, unchecked

BANDS = 80
FFT = 512
SPECTRUM = MelSpectrogram(SAMPLE_RATE, FFT, HOP, WINDOW, BANDS)
SCALE, OFFSET = 1 / 6, 0.95  # bring the logarithms, from silence (ln 1e-5) to loud speech (about ln 1), to −1 … 1


class Mel:
    """80 mel bands from 0 to 8000 Hz, log, in the frames of HuBERT: 25 ms under a Hann window every 20 ms.

    Experimental: no voice in circulation uses it.
    """

    width = BANDS

    def __init__(self, *, device: torch.device | str):
        self.window = torch.hann_window(WINDOW, device=device)

    def encode(self, samples: Tensor, check: Check = unchecked) -> Tensor:
        """See `ContentEncoder`."""
        check()
        if not frames(samples.shape[-1]):
            raise AudioError("The recording is shorter than 25 milliseconds; choose a longer one.")
        windows = samples.to(self.window).unfold(-1, WINDOW, HOP) * self.window  # (T, 400)
        magnitudes = torch.fft.rfft(windows, FFT).abs()  # (T, 257)
        return SPECTRUM.from_magnitudes(magnitudes.mT).mT * SCALE + OFFSET
