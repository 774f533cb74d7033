"""Networks and sounds small enough that a training step takes a moment."""
import numpy as np
import rule
import torch
from torch import nn

from rvc.synthesis.config import VitsConfig
from rvc.synthesis.discriminators import PeriodJudge
from rvc.synthesis.vits import Vits
from rvc.training.batches import Batch, Clip, collate
from rvc.training.vits_recipe import RecipeConfig, VitsRecipe

RATE, HOP, BINS, SEGMENT, WIDTH = 24000, 240, 513, 10, 8
CONFIG = VitsConfig.from_legacy([BINS, SEGMENT, 8, 8, 16, 2, 1, 3, 0, "1", [3], [[1, 3]], [16, 15], 8, [32, 30], 3, 4,
                                 RATE])


class SmallJudge(PeriodJudge):
    WIDTHS = (1, 4, 4, 4, 4, 4)


class SmallJudges(nn.Module):
    """Two judges of four channels, in place of nine of a thousand."""

    def __init__(self):
        super().__init__()
        self.discriminators = nn.ModuleList((SmallJudge(2), SmallJudge(3)))

    def forward(self, audio):
        return [judge(audio) for judge in self.discriminators]


def recipe(vocoder: str = "hifigan", seed: int = 0, uses_f0: bool = True, **options) -> VitsRecipe:
    torch.manual_seed(seed)
    return VitsRecipe(Vits(CONFIG, vocoder=vocoder, uses_f0=uses_f0, content_width=WIDTH), SmallJudges(),
                      RecipeConfig(**options))


def clip(frames: int, name: str = "clip", speaker: int = 0) -> Clip:
    """A babbling voice with content by the rule, at 100 a second."""
    return Clip(torch.from_numpy(rule.normal(f"{name}:content", (frames, WIDTH))),
                torch.from_numpy(rule.f0_contour(frames)),
                torch.from_numpy(rule.speech(name, frames * HOP, RATE).astype(np.float32)), speaker)


def batch(*lengths: int) -> Batch:
    clips = [clip(frames, f"clip{row}", row % 3) for row, frames in enumerate(lengths or (30, 24))]
    return collate(clips, sample_rate=RATE, n_fft=1024, shortest=SEGMENT)


def weights(network: nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.detach().clone() for key, value in network.state_dict().items()}


def gradients(network: nn.Module) -> dict[str, torch.Tensor]:
    return {key: weight.grad.clone() for key, weight in network.named_parameters()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())
