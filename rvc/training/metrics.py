"""How good a voice is, measured on sound that it never learned from."""
from dataclasses import dataclass

import torch
from torch import Tensor

from rvc.audio.spectrogram import MelSpectrogram
from rvc.f0.track import F0Track
from rvc.training.losses import mel_distance, stft_distance

OCTAVE = 1200  # cents
SILENCE = 1e-8  # energy below which there is nothing to compare with


@dataclass(frozen=True)
class F0Error:
    """cents: root mean square over frames voiced in both melodies, NaN where there is none; voicing: per cent of the
    frames where only one of them is voiced.
    """

    cents: float
    voicing: float


def measure(real: Tensor, made: Tensor, mel: MelSpectrogram) -> dict[str, float]:
    """Of two waves (N,) of one length: mel_l1, mel_similarity in per cent, stft, si_sdr in dB."""
    with torch.inference_mode():
        distance = mel_distance(real[None], made[None], mel)
        found = torch.stack((distance, mel_similarity(distance), stft_distance(real[None], made[None]),
                             si_sdr(real, made)))
    return dict(zip(("mel_l1", "mel_similarity", "stft", "si_sdr"), found.tolist()))


def mel_similarity(distance: Tensor) -> Tensor:
    """Mean absolute difference of log mel spectrograms → per cent, 100 where there is none (the Codename fork's)."""
    return (100 - 100 * distance).clamp(0, 100)


def si_sdr(real: Tensor, made: Tensor) -> Tensor:
    """(N,), (N,) → dB: how much of the made sound is the real one, at whatever level (Le Roux et al., 2019)."""
    real, made = (wave.double() - wave.double().mean() for wave in (real, made))
    target = real * (made @ real) / (real @ real).clamp_min(SILENCE)
    noise = made - target
    return 10 * torch.log10((target @ target).clamp_min(SILENCE) / (noise @ noise).clamp_min(SILENCE)).float()


def f0_error(real: F0Track, made: F0Track) -> F0Error:
    """How far one melody is from another; frames that only the longer one has do not count."""
    frames = min(len(real), len(made))
    wanted, sung = real.hz[:frames], made.hz[:frames]
    both = (wanted > 0) & (sung > 0)
    cents = OCTAVE * torch.log2(sung[both] / wanted[both])
    differ = ((wanted > 0) != (sung > 0)).float()
    return F0Error(cents.square().mean().sqrt().item(), 100 * differ.mean().item() if frames else 0.0)
