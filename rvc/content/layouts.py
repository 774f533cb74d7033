"""The names under which HuBERT's weights are stored, brought to those of transformers' `HubertModel`.

Three programs wrote the files in circulation: fairseq (`hubert_base.pt`), transformers, and wrappers of it that put
`hubert.` or `model.` before every name.  No name means two things, so that one table serves them all.
"""
import re
from collections.abc import Mapping

import torch
from torch import Tensor

from rvc.errors import VoiceFileError

PREFIX = re.compile(r"^(hubert\.|model\.)+")
FAIRSEQ = [(re.compile(pattern), name) for pattern, name in (
    (r"^mask_emb$", "masked_spec_embed"),
    (r"^post_extract_proj\.", "feature_projection.projection."),
    (r"^layer_norm\.", "feature_projection.layer_norm."),
    (r"^(feature_extractor\.conv_layers\.\d+)\.0\.", r"\1.conv."),
    (r"^(feature_extractor\.conv_layers\.\d+)\.2\.(?:1\.)?", r"\1.layer_norm."),
    (r"^encoder\.pos_conv\.0\.", "encoder.pos_conv_embed.conv."),
    (r"^(encoder\.layers\.\d+)\.self_attn_layer_norm\.", r"\1.layer_norm."),
    (r"^(encoder\.layers\.\d+)\.self_attn\.", r"\1.attention."),
    (r"^(encoder\.layers\.\d+)\.fc1\.", r"\1.feed_forward.intermediate_dense."),
    (r"^(encoder\.layers\.\d+)\.fc2\.", r"\1.feed_forward.output_dense."),
)]
POSITION = "encoder.pos_conv_embed.conv."
SPELLINGS = (("weight_g", "weight_v"), ("parametrizations.weight.original0", "parametrizations.weight.original1"))


def transformers_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights under the names of `HubertModel`; its weight-normed convolution as one plain weight.

    Raises `VoiceFileError` when two weights have the same name.
    """
    named = {transformers_name(name): value for name, value in weights.items()}
    if len(named) < len(weights):
        raise VoiceFileError("The encoder's file holds some weights twice; fetch it again.")
    return _without_weight_norm(named)


def transformers_name(name: str) -> str:
    """One name, whoever wrote it."""
    name = PREFIX.sub("", name)
    for pattern, replacement in FAIRSEQ:
        name = pattern.sub(replacement, name)
    return name


def _without_weight_norm(named: dict[str, Tensor]) -> dict[str, Tensor]:
    """weight = g · v / ‖v‖ over all but the last axis (Salimans and Kingma, 2016), once instead of at every call."""
    for gain, direction in SPELLINGS:
        if POSITION + gain in named and POSITION + direction in named:
            g, v = named.pop(POSITION + gain).float(), named.pop(POSITION + direction).float()
            if v.ndim != 3 or g.shape != (1, 1, v.shape[2]):
                raise VoiceFileError(f"The encoder's weights {POSITION}{gain} and {direction} do not fit each other; "
                                     "fetch the file again.")
            named[POSITION + "weight"] = g * v / torch.linalg.vector_norm(v, dim=(0, 1), keepdim=True)
    return named
