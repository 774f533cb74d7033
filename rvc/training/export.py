"""From what was learned to files that every program of the family reads."""
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from torch import Tensor

from rvc.settings.training import SavingSettings
from rvc.synthesis.vits import Vits
from rvc.training.card import PreparedCard
from rvc.voicefile.rvc import VoiceFile, write_checkpoint, write_voice
from rvc.workspace import VoiceFolder


@dataclass(frozen=True)
class Age:
    """epoch: finished ones; step: of the generator's optimiser."""

    epoch: int
    step: int


def export_voice(path: Path, network: Vits, card: PreparedCard, age: Age, *, vocoder: str,
                 saving: SavingSettings) -> None:
    """A voice file in half precision, whole or not there."""
    weights = {key: value for key, value in network.state_dict().items() if not key.startswith("enc_q.")}
    facts = _facts(card, age, saving) | {"content_hash": content_hash(weights)}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_voice(path, VoiceFile(network.config, vocoder, card.uses_f0, card.content_width, weights, facts))


def export_pretrain(voice: VoiceFolder, networks: tuple[Mapping[str, Tensor], Mapping[str, Tensor]],
                    card: PreparedCard, age: Age, rate: float) -> list[Path]:
    """Weights of generator and judges as the community's G and D; where they are."""
    kind = f"{card.sample_rate / 1000:g}k.pth"
    voice.pretrain.mkdir(parents=True, exist_ok=True)
    written = []
    for letter, weights in zip("GD", networks):
        path = voice.pretrain / f"{'f0' * card.uses_f0}{letter}{kind}"
        write_checkpoint(path, weights, iteration=age.epoch, learning_rate=rate)
        written.append(path)
    return written


def content_hash(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of the weights as a voice file holds them: names, shapes and half-precision numbers, by name."""
    digest = sha256()
    for key in sorted(weights):
        half = weights[key].detach().cpu().half().contiguous()
        digest.update(f"{key} {tuple(half.shape)}\n".encode())
        digest.update(half.numpy().tobytes())
    return digest.hexdigest()


def _facts(card: PreparedCard, age: Age, saving: SavingSettings) -> dict[str, object]:
    minutes, seconds = divmod(round(card.seconds), 60)
    facts = {"epoch": age.epoch, "step": age.step, "creation_date": datetime.now().isoformat(),
             "dataset_length": f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}", "model_name": card.name,
             "author": saving.author or None, "embedder_model": card.encoder, "speakers_id": len(card.speakers),
             "f0_method": card.f0_method, "speaker_names": json.dumps(card.speakers, ensure_ascii=False),
             "description": saving.description, "licence": saving.licence}
    return {key: value for key, value in facts.items() if value != ""}
