"""Training checkpoints and pretrained networks: G_<step>.pth and D_<step>.pth, of the whole RVC family."""
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rvc.errors import VoiceFileError
from rvc.files import replace_atomically
from rvc.synthesis.config import WIDEST_CONTENT, VitsConfig
from rvc.voicefile.facts import vocoder_in
from rvc.voicefile.kinds import DISCRIMINATOR, GENERATOR, VOICE
from rvc.voicefile.networks import Shapes, discriminator_shapes, voice_shapes
from rvc.voicefile.refusal import Refusal, about, demand
from rvc.voicefile.source import Source, finite, open_source
from rvc.voicefile.spelling import compare, old_spelling, respelled

LAYOUTS = {(1, 6, 0): "v1", (1, 8, 0): "v2", (1, 5, 3): "v3"}
"""How many discriminators look at the scale, at a period and at a resolution → the version."""
FAMILIES = (  # Hz, bins of the spectrogram, upsampling rates and kernels, as the community trains
    (40000, 1025, (10, 10, 2, 2), (16, 16, 4, 4)), (32000, 513, (10, 8, 2, 2), (20, 16, 4, 4)),
    (48000, 1025, (12, 10, 2, 2), (24, 20, 4, 4)), (24000, 513, (10, 6, 2, 2), (20, 12, 4, 4)),
    (44100, 1025, (7, 7, 3, 3), (14, 14, 6, 6)), (32000, 513, (10, 4, 2, 2, 2), (16, 16, 4, 4, 4)),
    (48000, 1025, (10, 6, 2, 2, 2), (16, 16, 4, 4, 4)),
)


@dataclass(frozen=True)
class CheckpointFile:
    """role: "generator" or "discriminator".  weights: complete, in old spelling, as stored.

    iteration: epochs trained; optimizer, scaler: state as plain data and tensors; any of them None if not there.
    Of a generator: vocoder, uses_f0, content_width, speakers, and config if one known sample rate alone fits.
    Of a discriminator: version, "v1", "v2" or "v3".
    """

    role: str
    weights: Mapping[str, Tensor] = field(repr=False)
    iteration: int | None = None
    learning_rate: float | None = None
    optimizer: Mapping[str, Any] | None = field(default=None, repr=False)
    scaler: Mapping[str, Any] | None = field(default=None, repr=False)
    config: VitsConfig | None = None
    vocoder: str | None = None
    uses_f0: bool | None = None
    content_width: int | None = None
    speakers: int | None = None
    version: str | None = None
    notes: tuple[str, ...] = ()


def read_checkpoint(path: Path, *, with_optimizer: bool = True) -> CheckpointFile:
    """A checkpoint or a pretrained network.  Raises `VoiceFileError` for anything else.

    with_optimizer: also read the optimizer's state, twice the size of the weights.
    """
    with about(path), open_source(path, "a training checkpoint") as source:
        source.demand_plain()
        if source.kind == VOICE:
            raise Refusal("is a finished voice, not a training checkpoint")
        demand(source.kind in (GENERATOR, DISCRIMINATOR), f"is {source.kind}, not a training checkpoint")
        keys = respelled(source.tensors)
        found = {key: tuple(source.tensors[name].shape) for key, name in keys.items()}
        facts = _generator(found) if source.kind == GENERATOR else _discriminator(found)
        weights = {key: finite(source.tensor(name), key) for key, name in keys.items()}
        return CheckpointFile(weights=weights, **facts, **_progress(source, with_optimizer))


def write_checkpoint(path: Path, weights: Mapping[str, Tensor], *, iteration: int, learning_rate: float,
                     optimizer: Mapping[str, Any] | None = None, scaler: Mapping[str, Any] | None = None) -> None:
    """In the community's layout, float32 and old spelling; all or nothing.  iteration: epochs trained."""
    model = OrderedDict((old_spelling(key), value.detach().cpu()) for key, value in weights.items())
    with about(path), replace_atomically(path) as beside, beside.open("wb") as file:
        torch.save({"model": model, "iteration": iteration, "optimizer": optimizer or {},
                    "learning_rate": learning_rate, "scaler": scaler or {}}, file)


def _progress(source: Source, with_optimizer: bool) -> dict[str, Any]:
    top = source.top
    iteration, rate = top.get("iteration"), top.get("learning_rate")
    state = {name: top.get(name) for name in ("optimizer", "scaler")}
    usable = {name: source.plain(value) if with_optimizer and isinstance(value, dict) and value else None
              for name, value in state.items()}
    return {"iteration": iteration if type(iteration) is int and 0 <= iteration < 2**31 else None,
            "learning_rate": rate if type(rate) is float and 0 <= rate < 1e3 else None, **usable}


def _discriminator(found: Shapes) -> dict[str, Any]:
    layout = _layout(found)
    if layout == (1, 5, 0):
        raise Refusal("is a so-vits-svc discriminator, not one of the RVC family")
    if layout == (1, 8, 3):
        raise Refusal("is a RingFormer discriminator, which this program cannot train with yet")
    version = LAYOUTS.get(layout)
    demand(version, "is a discriminator of a kind that is not known here")
    compare(found, discriminator_shapes(version)).demand_none()
    return {"role": "discriminator", "version": version}


def _layout(found: Shapes) -> tuple[int, int, int]:
    """How many discriminators look at the scale, at a period and at a resolution, by their first convolution."""
    firsts = [shape for key, shape in found.items() if key.endswith((".convs.0.weight_v", ".convs.0.weight"))]
    scales = sum(len(shape) == 3 for shape in firsts)
    periods = sum(len(shape) == 4 and shape[-1] == 1 for shape in firsts)
    return scales, periods, len(firsts) - scales - periods


def _generator(found: Shapes) -> dict[str, Any]:
    vocoder = vocoder_in(found)
    content, table = found["enc_p.emb_phone.weight"], found.get("emb_g.weight", ())
    demand(vocoder, "is a generator with a decoder that is not known here")
    fits = len(content) == 2 and 1 <= content[1] <= WIDEST_CONTENT and len(table) == 2
    demand(fits, "cannot be used, of the wrong shape: enc_p.emb_phone.weight or emb_g.weight")
    traits = {"vocoder": vocoder, "uses_f0": "enc_p.emb_pitch.weight" in found, "content_width": content[1]}
    fitting = [config for config in _candidates(found) if _fits(found, config, traits)]
    config = fitting[0] if len(fitting) == 1 else None
    rates = " or ".join(str(each.sample_rate) for each in fitting) or "no known one"
    notes = () if config else (f"Its shapes do not tell its sample rate: {rates} fits.",)
    return {"role": "generator", "config": config, "speakers": table[0], "notes": notes, **traits}


def _fits(found: Shapes, config: VitsConfig, traits: dict[str, Any]) -> bool:
    if traits["vocoder"] != "hifigan" and not traits["uses_f0"]:
        return False
    difference = compare(found, voice_shapes(config, **traits))
    return not difference.missing and not difference.misshapen


def _candidates(found: Shapes) -> Iterator[VitsConfig]:
    """Configs of the known families, with the widths that the shapes have."""
    bins = found.get("enc_q.pre.weight", (0, 0))[1]
    for rate, spec_channels, upsample_rates, kernels in FAMILIES:
        if bins in (0, spec_channels):
            try:
                yield VitsConfig(spec_channels, 32, *_widths(found), 0, "1", (3, 7, 11), ((1, 3, 5),) * 3,
                                 upsample_rates, _first_channels(found), kernels, *found["emb_g.weight"], rate)
            except (VoiceFileError, KeyError, IndexError, ZeroDivisionError):
                continue  # shapes that no voice has


def _widths(found: Shapes) -> tuple[int, ...]:
    """inter, hidden and filter channels, heads, layers and the kernel of the encoder."""
    hidden = found["enc_p.emb_phone.weight"][0]
    filter_channels, _, kernel = found["enc_p.encoder.ffn_layers.0.conv_1.weight"]
    heads = hidden // found["enc_p.encoder.attn_layers.0.emb_rel_k"][-1]
    layers = sum(key.startswith("enc_p.encoder.attn_layers.") and key.endswith(".emb_rel_k") for key in found)
    return found["enc_p.proj.weight"][0] // 2, hidden, filter_channels, heads, layers, kernel


def _first_channels(found: Shapes) -> int:
    """Channels before the first upsampling; RefineGAN works with half of them."""
    for key, factor in (("dec.conv_pre.weight", 1), ("dec.conv_pre.weight_v", 1), ("dec.mel_conv.weight_v", 2),
                        ("dec.mel_conv.weight", 2)):
        if key in found:
            return factor * found[key][0]
    raise KeyError("dec")


