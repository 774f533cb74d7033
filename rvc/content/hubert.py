"""HuBERT, the network that hears phones (Hsu et al., 2021), and its many children: ContentVec, Spin …

The network is transformers' `HubertModel`; its weights are filled in here by name, never by transformers' loaders.
"""
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import HubertConfig, HubertModel

from rvc.content import frames
from rvc.content.layouts import transformers_names
from rvc.content.sizes import checked_sizes
from rvc.errors import AudioError, VoiceFileError
from rvc.interruption import Check, interruptible, unchecked

NOT_NEEDED = re.compile(r"masked_spec_embed$|label_embs_concat$|final_proj\.|lm_head\.")  # only training uses them
LAYER = re.compile(r"encoder\.layers\.(\d+)\.")
NAMED_AT_MOST = 4  # weights in one sentence


class Hubert:
    """The hidden state of one layer, projected by `final_proj` or as it is.  Layers above it are not built.

    config: what `config.json` holds; weights: in any of the layouts of `layouts`, of any float type;
    layer: counted from 1.  Neither the sound is normalised nor anything masked: so the community's voices were made.
    Raises `VoiceFileError` when the weights are not those of the network that config describes.
    """

    def __init__(self, config: Mapping[str, Any], weights: Mapping[str, Tensor], *, layer: int, projects: bool,
                 device: torch.device | str, dtype: torch.dtype = torch.float32):
        sizes = checked_sizes(config)
        if not 1 <= layer <= sizes["num_hidden_layers"]:
            raise VoiceFileError(f"The encoder has {sizes['num_hidden_layers']} layers and the voice was made from "
                                 f"layer {layer}; choose the encoder that the voice names.")
        self.model = _network(sizes, layer, projects)
        _fill(self.model, transformers_names(weights))
        self.model.to(device, dtype)
        self.width = sizes["classifier_proj_size" if projects else "hidden_size"]

    @torch.no_grad()
    def encode(self, samples: Tensor, check: Check = unchecked) -> Tensor:
        """See `ContentEncoder`; the answer stays on the encoder's device."""
        if not frames(samples.shape[-1]):
            raise AudioError("The recording is shorter than 25 milliseconds; choose a longer one.")
        weight = self.model.feature_projection.projection.weight
        with interruptible(self.model, check):
            hidden = self.model(samples.to(weight)[None]).last_hidden_state
        return self.model.final_proj(hidden)[0].float()


def _network(sizes: dict[str, Any], layer: int, projects: bool) -> HubertModel:
    """Shapes without memory, so that a config cannot ask for more than the file of weights really holds."""
    cut = layer < sizes["num_hidden_layers"]
    config = HubertConfig(**{**sizes, "num_hidden_layers": layer}, mask_time_prob=0.0, mask_feature_prob=0.0,
                          attn_implementation="sdpa")
    with torch.device("meta"):
        model = HubertModel(config).eval().requires_grad_(False)
        model.final_proj = nn.Linear(config.hidden_size, config.classifier_proj_size) if projects else nn.Identity()
        nn.utils.parametrize.remove_parametrizations(model.encoder.pos_conv_embed.conv, "weight")
    if cut and config.do_stable_layer_norm:
        model.encoder.layer_norm = nn.Identity()  # it follows the last layer of all, which is not there
    return model


def _fill(model: HubertModel, weights: dict[str, Tensor]) -> None:
    wanted = model.state_dict()
    if missing := [name for name in wanted if name not in weights]:
        raise VoiceFileError(f"The encoder's file lacks {_some(missing)}; it is not a HuBERT with this config.json, "
                             "or damaged.")
    if unknown := [name for name in weights if name not in wanted and not _may_be_left(name, model)]:
        raise VoiceFileError(f"The encoder's file holds {_some(unknown)}, which a HuBERT with this config.json does "
                             "not have; choose the config.json that belongs to it.")
    if other := [name for name, value in wanted.items() if weights[name].shape != value.shape]:
        raise VoiceFileError(f"In the encoder's file {_some(other)} is not of the size that config.json says; choose "
                             "the config.json that belongs to it.")
    model.load_state_dict({name: weights[name].float() for name in wanted}, assign=True)


def _may_be_left(name: str, model: HubertModel) -> bool:
    """Weights of training only, and of layers above the last one that is built."""
    layer = LAYER.match(name)
    above = layer is not None and int(layer[1]) >= model.config.num_hidden_layers
    last_norm = name.startswith("encoder.layer_norm.") and isinstance(model.encoder.layer_norm, nn.Identity)
    return above or last_norm or NOT_NEEDED.match(name) is not None


def _some(names: list[str]) -> str:
    rest = f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else ""
    return ", ".join(name[:80] for name in names[:NAMED_AT_MOST]) + rest
