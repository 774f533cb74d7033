"""What a voice file says about itself, beside its weights."""
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rvc.errors import VoiceFileError
from rvc.synthesis.config import CONTENT_WIDTHS, WIDEST_CONTENT, VitsConfig
from rvc.voicefile.networks import Shapes
from rvc.voicefile.refusal import Refusal, demand, shown

ORDER = ("epoch", "step", "sr", "f0", "version", "creation_date", "model_hash", "dataset_length", "model_name",
         "author", "embedder_model", "speakers_id", "vocoder")
"""As Applio writes them; other facts follow."""
LABELS = {"hifigan": "HiFi-GAN", "mrf": "MRF HiFi-GAN", "refinegan": "RefineGAN", "refinegan-legacy": "RefineGAN"}
MOST_FACTS = 64
_RENAMED = {"dataset_lenght": "dataset_length"}  # as older files spell it



def plain_facts(top: Mapping[str, Any]) -> dict[str, Any]:
    """The texts and numbers of a file, fit to be shown."""
    facts: dict[str, Any] = {}
    for key, value in top.items():
        number = isinstance(value, (bool, int)) or isinstance(value, float) and math.isfinite(value)
        if isinstance(key, str) and (number or value is None or isinstance(value, str)) and len(facts) < MOST_FACTS:
            facts[_RENAMED.get(key, shown(key))] = shown(value) if isinstance(value, str) else value
    return facts


def config_of(top: Mapping[str, Any], shapes: Shapes) -> VitsConfig:
    """The voice's config, its number of speakers corrected to the rows of their table."""
    demand("config" in top, "cannot be used: it lacks the config that says how the voice is built")
    try:
        config = VitsConfig.from_legacy(top["config"])
        rows = shapes.get("emb_g.weight", (config.speakers, 0))
        demand(len(rows) == 2, "cannot be used, of the wrong shape: emb_g.weight")
        return replace(config, speakers=rows[0])
    except Refusal:
        raise
    except VoiceFileError as problem:
        raise Refusal(f"cannot be used: {_lower(str(problem))}") from None


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def rate_of(value: Any) -> int:
    """Hz of `sr`: 40000, "40000" or "40k"."""
    text = str(value).strip().lower() if isinstance(value, str) and len(value) < 16 else value
    if isinstance(text, str):
        text = text.removesuffix("k") + "000" * text.endswith("k")
        text = int(text) if text.isascii() and text.isdigit() else value
    demand(type(text) is int and 8000 <= text <= 96000, f"cannot be used: its sample rate sr is {_quoted(value)}")
    return text


def f0_of(top: Mapping[str, Any], shapes: Shapes, notes: list[str]) -> bool:
    """Whether the voice follows a melody; the weights have the last word."""
    value = 1 if top.get("f0") is None else top["f0"]
    if isinstance(value, str) and value in ("0", "1"):
        value = int(value)
    demand(isinstance(value, (bool, int)) and value in (0, 1), f"cannot be used: f0 is {_quoted(value)}")
    has = "enc_p.emb_pitch.weight" in shapes
    if has != bool(value) and (has or not any("m_source" in key for key in shapes)):
        notes.append(f"It says f0 = {int(value)}, but its weights are those of a voice with f0 = {int(has)}.")
        return has
    return bool(value)


def width_of(top: Mapping[str, Any], shapes: Shapes, notes: list[str]) -> int:
    """Columns of the content embedding, against what the version promises."""
    version = top.get("version") or "v1"
    demand(isinstance(version, str) and version in CONTENT_WIDTHS, f"cannot be used: its version is {_quoted(version)}")
    shape = shapes.get("enc_p.emb_phone.weight", ())
    declared = top.get("content_width")  # only files of other encoders than the community's have it
    if isinstance(declared, int) and 1 <= declared <= WIDEST_CONTENT and tuple(shape[1:]) == (declared,):
        return declared
    if len(shape) != 2 or shape[1] not in CONTENT_WIDTHS.values():
        return CONTENT_WIDTHS[version]  # the comparison of shapes will name what is wrong
    if not top.get("version"):
        notes.append(f"It does not say its version; its content is {shape[1]} wide.")
    elif shape[1] != CONTENT_WIDTHS[version]:
        notes.append(f"It says {version}, but its content is {shape[1]} wide.")
    return shape[1]


def vocoder_of(top: Mapping[str, Any], shapes: Shapes, notes: list[str]) -> str:
    """Our name of the vocoder; the weights have the last word, and tell the two RefineGANs apart."""
    label = top.get("vocoder") or LABELS["hifigan"]
    known = {name.lower() for name in LABELS.values()}
    demand(isinstance(label, str) and label.lower() in known, f"names a vocoder that is not known: {_quoted(label)}")
    found = vocoder_in(shapes) or next(name for name, text in LABELS.items() if text.lower() == label.lower())
    if LABELS[found].lower() != label.lower():
        notes.append(f"It says {shown(label)}, but its weights are those of {LABELS[found]}.")
    return found


def vocoder_in(shapes: Shapes) -> str | None:
    """The vocoder that these weights belong to, in old or fused spelling."""
    pre = shapes.get("dec.pre_conv.weight_v", shapes.get("dec.pre_conv.weight"))
    if pre:
        return "refinegan-legacy" if pre[0] == 256 else "refinegan"
    if any(key.startswith("dec.mrfs.") for key in shapes):
        return "mrf"
    return "hifigan" if any(key.startswith("dec.resblocks.") for key in shapes) else None


def _quoted(value: Any) -> str:
    if isinstance(value, str):
        return repr(shown(value))
    return str(value) if isinstance(value, (bool, int, float)) or value is None else f"a {type(value).__name__}"
