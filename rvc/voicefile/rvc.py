"""The voice file of the RVC family: `{"weight": {…}, "config": [18 values], …}` in a .pth, and as safetensors.

Training checkpoints, bare weights and their readers live beside it and are offered here too.
"""
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rvc.files import replace_atomically
from rvc.synthesis.config import CONTENT_WIDTHS, VitsConfig, version_of
from rvc.voicefile.checkpoint import CheckpointFile, read_checkpoint, write_checkpoint
from rvc.voicefile.facts import LABELS, ORDER, config_of, f0_of, plain_facts, rate_of, vocoder_of, width_of
from rvc.voicefile.kinds import VOICE
from rvc.voicefile.networks import voice_shapes
from rvc.voicefile.refusal import Refusal, about, named
from rvc.voicefile.source import Source, finite, header, open_source
from rvc.voicefile.spelling import POSTERIOR, compare, respelled
from rvc.voicefile.tensors import write_tensors
from rvc.voicefile.weights import read_weights

__all__ = ["CheckpointFile", "VoiceFile", "model_hash", "read_checkpoint", "read_voice", "read_weights",
           "write_checkpoint", "write_voice"]

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
SAFETENSORS = ".safetensors"
LARGEST_VOICE = 512 << 20  # bytes; five times the largest in circulation


@dataclass(frozen=True)
class VoiceFile:
    """A voice as files hold it.

    config: with as many speakers as the table has rows.  vocoder: a name in VOCODERS.  content_width: D.
    weights: in old spelling, or fused, without enc_q; float16, bfloat16 or float32.
    facts: what else the file says, in texts fit to be shown.  notes: what was tolerated, in sentences.
    """

    config: VitsConfig
    vocoder: str
    uses_f0: bool
    content_width: int
    weights: Mapping[str, Tensor] = field(repr=False)
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        return version_of(self.content_width)


def read_voice(path: Path) -> VoiceFile:
    """A complete voice whose weights are finite and fit its config.  Raises `VoiceFileError` for anything else."""
    with about(path), open_source(path, "a voice file", largest=LARGEST_VOICE) as source:
        if source.kind != VOICE:
            raise Refusal(f"is {source.kind}")
        source.demand_plain()
        return _voice(source)


def write_voice(path: Path, voice: VoiceFile) -> None:
    """As the community's programs write it (float16), or as safetensors if the path ends so; all or nothing.

    Raises `VoiceFileError` for weights that do not fit the config or leave float16.
    """
    with about(path):
        weights = _half(voice)
        top = OrderedDict(weight=weights, config=voice.config.to_legacy(), **_written_facts(voice))
        if path.suffix.lower() == SAFETENSORS:
            write_tensors(path, weights, header({key: value for key, value in top.items() if key != "weight"}))
            return
        with replace_atomically(path) as beside, beside.open("wb") as file:
            torch.save(top, file)


def model_hash(name: str, epoch: int, step: int, sample_rate: int, version: str, config: VitsConfig) -> str:
    """The fingerprint that Applio writes; no program checks it."""
    text = f"{name}-{epoch}-{step}-{sample_rate}-{version}-{config.to_legacy()}"
    return hashlib.sha256(text.encode()).hexdigest()


def _voice(source: Source) -> VoiceFile:
    keys = respelled({key: value for key, value in source.tensors.items() if POSTERIOR not in key})
    found = {key: tuple(source.tensors[name].shape) for key, name in keys.items()}
    notes: list[str] = []
    facts = plain_facts({key: value for key, value in source.top.items() if key not in ("weight", "config")})
    config = config_of(source.top, found)
    uses_f0, width = f0_of(source.top, found, notes), width_of(source.top, found, notes)
    vocoder = vocoder_of(source.top, found, notes)
    if source.top.get("sr") is not None and rate_of(source.top["sr"]) != config.sample_rate:
        notes.append(f"It says sr = {rate_of(source.top['sr'])}, but its config makes {config.sample_rate} Hz.")
    wanted = _wanted(found, config, vocoder, uses_f0, width, notes)
    if len(keys) < len(source.tensors):
        notes.append("The posterior encoder, which only training uses, was left out.")
    weights = {key: _weight(source, keys[key], key, notes) for key in wanted}
    facts |= {"sr": config.sample_rate, "f0": uses_f0, "vocoder": LABELS[vocoder],
              "version": version_of(width)}
    return VoiceFile(config, vocoder, uses_f0, width, weights, facts, tuple(dict.fromkeys(notes)))


def _wanted(found: Mapping[str, tuple[int, ...]], config: VitsConfig, vocoder: str, uses_f0: bool, width: int,
            notes: list[str]) -> tuple[str, ...]:
    """The keys of the network, all of which are found in their shapes."""
    if not uses_f0 and vocoder != "hifigan":
        raise Refusal(f"cannot be used: {LABELS[vocoder]} needs a melody, and the voice has none")
    difference = compare(found, voice_shapes(config, vocoder=vocoder, uses_f0=uses_f0, content_width=width))
    difference.demand_none()
    if difference.extra:
        notes.append(f"Weights that the voice does not use were left out: {named(difference.extra)}.")
    return difference.wanted


def _weight(source: Source, name: str, key: str, notes: list[str]) -> Tensor:
    """One weight, checked; double precision becomes single."""
    dtype = source.tensors[name].dtype
    if dtype not in FLOATS:
        raise Refusal(f"cannot be used: {named([key])} holds whole numbers instead of weights")
    weight = finite(source.tensor(name), key)
    if dtype == torch.float64:
        notes.append("Its weights in double precision were cast to float32.")
        weight = finite(weight.float(), key)
    return weight


def _half(voice: VoiceFile) -> dict[str, Tensor]:
    """The weights in the order and type of the community's files."""
    found = {key: tuple(weight.shape) for key, weight in voice.weights.items()}
    wanted = _wanted(found, voice.config, voice.vocoder, voice.uses_f0, voice.content_width, [])
    return {key: finite(voice.weights[key].detach().cpu().half(), key).contiguous().clone() for key in wanted}


def _written_facts(voice: VoiceFile) -> dict[str, Any]:
    facts = {**voice.facts, "sr": voice.config.sample_rate, "f0": voice.uses_f0, "version": voice.version,
             "vocoder": LABELS[voice.vocoder]}
    if voice.content_width not in CONTENT_WIDTHS.values():
        facts["content_width"] = voice.content_width
    named_and_counted = all(facts.get(key) is not None for key in ("model_name", "epoch", "step"))
    if named_and_counted and not facts.get("model_hash"):
        facts["model_hash"] = model_hash(facts["model_name"], facts["epoch"], facts["step"], facts["sr"],
                                         facts["version"], voice.config)
    first = {key: facts[key] for key in ORDER if key in facts}
    return first | {key: value for key, value in facts.items() if key not in ("weight", "config")}
