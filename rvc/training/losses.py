"""What the generator and its judges are told they did wrong (Mao et al., 2017; Larsen et al., 2016)."""
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from rvc.audio.spectrogram import MelSpectrogram, magnitudes, multi_scale_mel_distance

FEATURE_WEIGHT = 2.0
MEL_BANDS = {24000: 80, 32000: 80, 40000: 125, 44100: 160, 48000: 128}  # by rate in Hz
RESOLUTIONS = ((1024, 80, 480), (2048, 160, 960), (512, 40, 240))  # Fourier size, hop, window, in samples
SPECTRAL_SHARES = {"l1": 1.0, "multi-scale": 1 / 3, "stft": 21 / 45}  # of the weight of the spectral loss

Distance = Callable[[Tensor, Tensor], Tensor]
"""(B, N) of real sound, (B, N) of made sound → how far apart they are, a number."""


def judges_loss(verdicts_real: Sequence[Tensor], verdicts_fake: Sequence[Tensor]) -> Tensor:
    """Least squares: real sound should be judged 1 and made sound 0, summed over judges.  Verdicts: (B, M) each."""
    pairs = zip(verdicts_real, verdicts_fake)
    return sum(((1 - real.float()) ** 2).mean() + (fake.float() ** 2).mean() for real, fake in pairs)


def deception_loss(verdicts_fake: Sequence[Tensor]) -> Tensor:
    """Least squares: the generator wants its sound to be judged 1."""
    return sum(((1 - fake.float()) ** 2).mean() for fake in verdicts_fake)


def feature_loss(maps_real: Sequence[Sequence[Tensor]], maps_fake: Sequence[Sequence[Tensor]]) -> Tensor:
    """Mean absolute difference of every map of every judge, each map with the same say."""
    pairs = ((real, fake) for reals, fakes in zip(maps_real, maps_fake) for real, fake in zip(reals, fakes))
    return FEATURE_WEIGHT * sum((real.float().detach() - fake.float()).abs().mean() for real, fake in pairs)


def kl_loss(z_p: Tensor, log_std_q: Tensor, mean_p: Tensor, log_std_p: Tensor, mask: Tensor,
            frames: Tensor | float | None = None) -> Tensor:
    """How far the posterior, seen through the flow, lies from the prior: nats a frame, summed over channels.

    z_p, log_std_q, mean_p, log_std_p: (B, C, T); mask: (B, 1, T).  frames: what the sum is divided by, when these
    clips are only a part of those that count; else the frames of the mask.
    """
    z_p, log_std_q, mean_p, log_std_p = (x.float() for x in (z_p, log_std_q, mean_p, log_std_p))
    distance = log_std_p - log_std_q - 0.5 + 0.5 * (z_p - mean_p) ** 2 * torch.exp(-2 * log_std_p)
    return (distance * mask).sum() / (mask.sum() if frames is None else frames)


def spectral_distance(kind: str, mel: MelSpectrogram) -> Distance:
    """What stands for "sounds alike" in training: "l1" of the log mel, "multi-scale" mel, or "stft"."""
    return {"l1": lambda real, fake: mel_distance(real, fake, mel),
            "multi-scale": lambda real, fake: multi_scale_mel_distance(real, fake, mel.sample_rate),
            "stft": stft_distance}[kind]


def voice_mel(sample_rate: int, n_fft: int) -> MelSpectrogram:
    """The mel spectrogram that voices of this rate are trained with."""
    return MelSpectrogram(sample_rate, n_fft, sample_rate // 100, n_fft, MEL_BANDS[sample_rate])


def mel_distance(real: Tensor, fake: Tensor, mel: MelSpectrogram) -> Tensor:
    """Mean absolute difference of the log mel spectrograms."""
    return l1_loss(mel(fake), mel(real))


def stft_distance(real: Tensor, fake: Tensor) -> Tensor:
    """Spectral convergence plus distance of log magnitudes, mean of three resolutions (Yamamoto et al., 2020)."""
    return sum(_at_resolution(real, fake, *resolution) for resolution in RESOLUTIONS) / len(RESOLUTIONS)


def _at_resolution(real: Tensor, fake: Tensor, n_fft: int, hop: int, win: int) -> Tensor:
    wanted, made = (magnitudes(wave, n_fft=n_fft, hop=hop, win=win, centred=True) for wave in (real, fake))
    convergence = torch.linalg.vector_norm(wanted - made, dim=(-2, -1)) / torch.linalg.vector_norm(wanted, dim=(-2, -1))
    return convergence.mean() + l1_loss(made.log(), wanted.log())
