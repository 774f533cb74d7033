"""The two networks of a voice that is to be trained, in the sizes that the community trains."""
import torch
from torch import nn

from rvc.synthesis.config import VitsConfig
from rvc.synthesis.discriminators import Discriminator
from rvc.synthesis.vits import Vits
from rvc.voicefile.checkpoint import FAMILIES

SEGMENTS = {24000: 36, 32000: 40, 40000: 32, 44100: 36, 48000: 36}  # frames learned from at once, by rate in Hz


def voice_config(sample_rate: int, speakers: int) -> VitsConfig:
    """Of the first family that has this rate."""
    _, bins, rates, kernels = next(family for family in FAMILIES if family[0] == sample_rate)
    return VitsConfig(bins, SEGMENTS[sample_rate], 192, 192, 768, 2, 6, 3, 0, "1", (3, 7, 11), ((1, 3, 5),) * 3,
                      rates, 512, kernels, speakers, 256, sample_rate)


def new_networks(config: VitsConfig, *, vocoder: str, uses_f0: bool, content_width: int, judges: str,
                 seed: int) -> tuple[Vits, nn.Module]:
    """Generator and judges on the processor; the same seed gives the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Vits(config, vocoder=vocoder, uses_f0=uses_f0, content_width=content_width), Discriminator(judges)
