"""TensorBoard: the events of a run as curves, pictures and sound.  It knows nothing but what the events say."""
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from rvc.audio.io import read_audio
from rvc.audio.spectrogram import QUIETEST
from rvc.training.events import Event
from rvc.training.losses import voice_mel

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FLUSH = 10  # seconds until what was said can be seen


class Board:
    """Listens to events; a folder that TensorBoard reads."""

    def __init__(self, folder: Path):
        self._folder, self._opened = folder, None

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, *problem: object) -> None:
        if self._opened:
            self._opened.close()

    def __call__(self, event: Event) -> None:
        show = {"step": self._curves, "epoch": self._curves, "sample": self._sample}.get(event.kind)
        if show:
            show(event.facts)

    @property
    def _writer(self) -> "SummaryWriter":
        """Opened when there is something to write: the import takes seconds, and the run has more to do first."""
        from torch.utils.tensorboard import SummaryWriter

        self._opened = self._opened or SummaryWriter(str(self._folder), flush_secs=FLUSH)
        return self._opened

    def _curves(self, facts: Any) -> None:
        """Groups of numbers become groups of curves: loss, mean_50, epoch, rate, norm, held_out."""
        for group, values in facts.items():
            for name, value in values.items() if isinstance(values, dict) else ():
                self._writer.add_scalar(f"{group}/{name}", value, facts["step"])

    def _sample(self, facts: Any) -> None:
        for kind in ("path", "real"):
            audio = read_audio(Path(facts[kind])).mono()
            self._writer.add_audio(f"{kind}/{facts['line']}", torch.from_numpy(audio.samples), facts["step"],
                                   sample_rate=audio.sample_rate)
            self._writer.add_image(f"mel_{kind}/{facts['line']}", picture(torch.from_numpy(audio.samples[0]),
                                                                         audio.sample_rate), facts["step"])


def picture(wave: torch.Tensor, rate: int) -> torch.Tensor:
    """(N,) → (1, bands, T) in 0…1, high bands above."""
    mel = voice_mel(rate, 1024 if rate <= 32000 else 2048)(wave)
    quiet = torch.tensor(QUIETEST).log()
    return ((mel - quiet) / (mel.max() - quiet).clamp_min(1)).clamp(0, 1).flip(0)[None]
