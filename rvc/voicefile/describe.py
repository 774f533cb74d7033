"""What any file is, in one sentence and a few facts; never an error."""
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rvc.errors import VoiceFileError
from rvc.voicefile.cursor import Cursor
from rvc.voicefile.index import is_index, read_index
from rvc.voicefile.kinds import (
    CONTENT,
    DISCRIMINATOR,
    FCPE,
    GENERATOR,
    HEAD,
    RMVPE,
    VOICE,
    is_safetensors,
    is_torch,
    refuse_foreign,
)
from rvc.voicefile.npy import MARK, read_npy
from rvc.voicefile.refusal import about, shown

if TYPE_CHECKING:
    from rvc.voicefile.rvc import CheckpointFile, VoiceFile

REFUSED = "refused"
WANTED = "a voice file, checkpoint, index or file of weights"


@dataclass(frozen=True)
class Description:
    """kind: "voice", "generator", "discriminator", "content encoder", "pitch estimator", "index", "array", "weights"
    or "refused".  sentence: what the file is, or why it is refused.  usable: whether this program can use it.
    """

    kind: str
    sentence: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        return self.kind not in (REFUSED, "weights")

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "usable": self.usable}


def describe(path: Path) -> Description:
    """Reads the whole file and checks it as its users would."""
    try:
        return _describe(path)
    except VoiceFileError as problem:
        return Description(REFUSED, str(problem))


def _describe(path: Path) -> Description:
    with about(path), Cursor.open(path) as cursor:
        head = cursor.peek(HEAD)
        if not (is_index(head) or head.startswith(MARK) or is_torch(head) or is_safetensors(head)):
            refuse_foreign(cursor, WANTED)
    if is_index(head):
        return _index(path)
    return _array(path) if head.startswith(MARK) else _weights(path)


def _weights(path: Path) -> Description:
    """Imports torch, which takes seconds that a web page is not worth."""
    from rvc.voicefile.rvc import read_checkpoint, read_voice, read_weights
    from rvc.voicefile.source import open_source

    with about(path), open_source(path, WANTED) as source:
        kind, shapes = source.kind, [tuple(tensor.shape) for tensor in source.tensors.values()]
    if kind == VOICE:
        return _voice(path, read_voice(path))
    if kind in (GENERATOR, DISCRIMINATOR):
        return _checkpoint(path, read_checkpoint(path, with_optimizer=False))
    known = {CONTENT: "content encoder", RMVPE: "pitch estimator", FCPE: "pitch estimator"}
    if shapes:
        read_weights(path)
    sentence = f"{shown(path.name)} is {kind}."
    return Description(known.get(kind, "weights" if shapes else REFUSED), sentence, {"tensors": len(shapes)})


def _voice(path: Path, voice: "VoiceFile") -> Description:
    melody = "sings the melody" if voice.uses_f0 else "ignores the melody"
    speakers = f"{voice.config.speakers} speaker" + "s" * (voice.config.speakers != 1)
    sentence = f"{shown(path.name)} is an RVC {voice.version} voice at {_kilohertz(voice.config.sample_rate)} with " \
               f"{voice.facts['vocoder']}; it {melody} and has room for {speakers}."
    facts = {"sample rate": voice.config.sample_rate, "vocoder": voice.vocoder, "version": voice.version,
             "content width": voice.content_width, "melody": voice.uses_f0, "speakers": voice.config.speakers}
    said = {key.replace("_", " "): value for key, value in voice.facts.items()
            if key not in ("sr", "f0", "vocoder", "version") and value not in (None, "")}
    return Description("voice", sentence, facts | said, voice.notes)


def _checkpoint(path: Path, checkpoint: "CheckpointFile") -> Description:
    size = {"weights": len(checkpoint.weights), "epoch": checkpoint.iteration}
    if checkpoint.role == "discriminator":
        sentence = f"{shown(path.name)} is a discriminator {checkpoint.version}, which only training uses."
        return Description("discriminator", sentence, {"version": checkpoint.version} | size, checkpoint.notes)
    rate = checkpoint.config.sample_rate if checkpoint.config else None
    sentence = f"{shown(path.name)} is a training checkpoint: export it first, or train on from it."
    facts = {"sample rate": rate, "vocoder": checkpoint.vocoder, "melody": checkpoint.uses_f0,
             "content width": checkpoint.content_width, "speakers": checkpoint.speakers} | size
    return Description("generator", sentence, facts, checkpoint.notes)


def _index(path: Path) -> Description:
    index = read_index(path)
    cells = 0 if index.centroids is None else len(index.centroids)
    sentence = f"{shown(path.name)} is an index of {len(index.vectors)} frames, {index.width} numbers each."
    return Description("index", sentence, {"vectors": len(index.vectors), "width": index.width, "cells": cells})


def _array(path: Path) -> Description:
    array = read_npy(path)
    size = "×".join(map(str, array.shape)) or "one number"
    return Description("array", f"{shown(path.name)} is a NumPy array of {size}.",
                       {"shape": list(array.shape), "type": str(array.dtype)})


def _kilohertz(rate: int) -> str:
    return f"{rate / 1000:g} kHz"
