"""A voice, from its file to the device that speaks with it."""
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from rvc.errors import SettingsError
from rvc.features import Features
from rvc.synthesis.noise import Noise
from rvc.synthesis.vits import Vits, load_vits
from rvc.voicefile.rvc import VoiceFile, read_voice

DEFAULT_ENCODER = "contentvec"


@dataclass(frozen=True)
class VoiceCard:
    """What there is to know of a voice before it speaks.

    content_encoder: a name in CONTENT_ENCODERS or of a person's own; f0_method: what it was trained with, if it says.
    """

    name: str
    synthesizer: str
    vocoder: str
    sample_rate: int
    content_encoder: str
    content_width: int
    uses_f0: bool
    speakers: int
    f0_method: str | None = None
    steps: int | None = None


@dataclass(frozen=True)
class VoiceModel:
    """A voice that can speak.  synthesizer: on `device`, folded and float32."""

    card: VoiceCard
    synthesizer: Vits
    device: torch.device

    @property
    def hop(self) -> int:
        """Samples a frame."""
        return self.synthesizer.config.hop

    def speaker(self, row: int) -> Tensor:
        """(1, G, 1).  Raises `SettingsError` for a speaker that the voice does not have."""
        if not 0 <= row < self.card.speakers:
            count = self.card.speakers
            known = "only speaker 0" if count == 1 else f"speakers 0 to {count - 1}"
            raise SettingsError("speaker", f"there is no speaker {row}; this voice has {known}.")
        return self.synthesizer.speaker(torch.tensor([row], device=self.device))

    def speak(self, features: Features, speaker: Tensor, noise: Noise, *, longest: int,
              wanted: list[tuple[int, int]] | None = None, half: bool = False) -> Tensor:
        """T frames → (T·hop,) float32 on the processor; frames outside the wanted ranges are 0.

        longest: frames decoded at once; half: decode in bfloat16.
        """
        f0 = None if features.f0 is None else features.f0.hz.to(self.device)[None]
        sound = self.synthesizer.infer(features.content.to(self.device)[None], f0, speaker, noise=noise,
                                       longest=longest, wanted=wanted, half=half)
        return sound[0, 0].float().cpu()


def load_voice(path: Path, device: torch.device) -> VoiceModel:
    """Raises `VoiceFileError` for a file that is no complete voice."""
    file = read_voice(path)
    network = load_vits(file.config, file.weights, vocoder=file.vocoder, uses_f0=file.uses_f0,
                        content_width=file.content_width)
    return VoiceModel(card_of(file, path.stem), network.to(device), device)


def card_of(file: VoiceFile, name: str) -> VoiceCard:
    """name: of the voice where its file says none."""
    facts = file.facts
    return VoiceCard(facts.get("model_name") or name, "vits", file.vocoder, file.config.sample_rate,
                     facts.get("embedder_model") or DEFAULT_ENCODER, file.content_width, file.uses_f0,
                     file.config.speakers, facts.get("f0_method"), facts.get("step"))
