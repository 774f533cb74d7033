"""What a voice sounds like while it learns: recordings said again, and how far they are from themselves."""
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch

from rvc.audio.audio import Audio
from rvc.audio.io import write_audio
from rvc.synthesis.noise import drawn_from
from rvc.synthesis.vits import Vits
from rvc.training.batches import Clip
from rvc.training.dataset import Dataset
from rvc.training.losses import voice_mel
from rvc.training.metrics import measure

MOST, LONGEST = 3, 600  # lines, and frames of each


@dataclass(frozen=True)
class Line:
    """A recording that is said again.  wave: its file."""

    name: str
    wave: Path
    clip: Clip


def lines(dataset: Dataset) -> list[Line]:
    """The longest clips of a dataset, cut to a few seconds."""
    chosen = sorted(range(len(dataset)), key=lambda index: (-dataset.slices[index].samples, index))[:MOST]
    found = []
    for index in chosen:
        clip = dataset.clip(index)
        frames = min(clip.frames(dataset.hop), LONGEST)
        wave = dataset.folder / dataset.slices[index].wave
        found.append(Line(wave.stem, wave, clip.window(0, frames, dataset.hop)))
    return found


def said_again(network: Vits, clip: Clip) -> torch.Tensor:
    """(N,) on the processor: content and melody of the clip (at 100 frames a second), said by the voice."""
    device = next(network.parameters()).device
    clip = clip.to(device)
    noise = drawn_from(torch.Generator(device).manual_seed(0))
    melody = None if clip.f0_hz is None else clip.f0_hz[None]
    speaker = network.speaker(torch.tensor([clip.speaker], device=device))
    return network.infer(clip.content[None], melody, speaker, noise=noise)[0, 0].float().cpu()


def distances(network: Vits, heard: list[Line]) -> dict[str, float]:
    """The mean of every measure over the lines."""
    rate, n_fft = network.config.sample_rate, 2 * (network.config.spec_channels - 1)
    found = [measure(line.clip.wave.cpu(), said_again(network, line.clip), voice_mel(rate, n_fft)) for line in heard]
    return {name: fmean(each[name] for each in found) for name in found[0]}


def write_sample(path: Path, network: Vits, line: Line) -> None:
    """What the voice makes of a line, as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = said_again(network, line.clip).clamp(-1, 1).numpy()
    write_audio(path, Audio(sound[None], network.config.sample_rate))
