"""The `config.json` of a HuBERT, as far as it shapes the network.

The file may come from anywhere, so only these keys are taken, each within its range; others do not matter here.
Absent ones are those of HuBERT base (Hsu et al., 2021), the defaults of transformers' `HubertConfig`.
"""
import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from rvc.content import HOP, WINDOW
from rvc.errors import VoiceFileError

LARGEST_FILE = 1 << 20  # bytes
COUNTS = {"hidden_size": 4096, "num_hidden_layers": 64, "num_attention_heads": 64, "intermediate_size": 16384,
          "num_conv_pos_embeddings": 1024, "num_conv_pos_embedding_groups": 1024, "classifier_proj_size": 4096}
SWITCHES = ("conv_bias", "feat_proj_layer_norm", "do_stable_layer_norm")
LISTS = {"conv_dim": 4096, "conv_stride": 64, "conv_kernel": 256}
ACTIVATIONS = ("gelu", "gelu_new", "relu", "selu")
WORDS = {"hidden_act": ACTIVATIONS, "feat_extract_activation": ACTIVATIONS, "feat_extract_norm": ("group", "layer")}
BASE: dict[str, Any] = {
    "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072,
    "num_conv_pos_embeddings": 128, "num_conv_pos_embedding_groups": 16, "classifier_proj_size": 256,
    "conv_bias": False, "feat_proj_layer_norm": True, "do_stable_layer_norm": False,
    "conv_dim": [512] * 7, "conv_stride": [5, 2, 2, 2, 2, 2, 2], "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "hidden_act": "gelu", "feat_extract_activation": "gelu", "feat_extract_norm": "group", "layer_norm_eps": 1e-5,
}


def read_sizes(path: Path) -> dict[str, Any]:
    """The sizes in a `config.json`, or those of HuBERT base where the file is absent, as fairseq leaves it.

    Raises `VoiceFileError` when the file is something else.
    """
    if not path.exists():
        return dict(BASE)
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(LARGEST_FILE))
    except (OSError, ValueError, RecursionError):
        raise VoiceFileError(f"{path} cannot be read as JSON; fetch it again.") from None
    return checked_sizes(found)


def checked_sizes(found: Any) -> dict[str, Any]:
    """Every size, those not given as in HuBERT base.

    Raises `VoiceFileError` for values out of range, that do not fit each other, or for another frame rate than 50 Hz.
    """
    _demand(isinstance(found, Mapping), "it is not a table of names and values")
    sizes = BASE | {name: found[name] for name in BASE if name in found}
    for name, most in COUNTS.items():
        _demand(_counts(sizes[name], most), f"{name} is not a whole number from 1 to {most}")
    for name in SWITCHES:
        _demand(isinstance(sizes[name], bool), f"{name} is neither true nor false")
    for name, words in WORDS.items():
        _demand(sizes[name] in words, f"{name} is none of {', '.join(words)}")
    for name, most in LISTS.items():
        fits = isinstance(sizes[name], (list, tuple)) and len(sizes[name]) == len(sizes["conv_dim"]) <= 16
        _demand(fits and all(_counts(item, most) for item in sizes[name]),
                f"{name} is not a list of whole numbers from 1 to {most}, one for each convolution")
    epsilon = sizes["layer_norm_eps"]
    _demand(isinstance(epsilon, float) and 0 < epsilon < 0.1, "layer_norm_eps is not a small number above 0")
    _check_fit(sizes)
    return sizes


def _check_fit(sizes: Mapping[str, Any]) -> None:
    for name in ("num_attention_heads", "num_conv_pos_embedding_groups"):
        _demand(sizes["hidden_size"] % sizes[name] == 0, f"hidden_size is not a multiple of {name}")
    strides, kernels = sizes["conv_stride"], sizes["conv_kernel"]
    window = 1 + sum((kernel - 1) * prod(strides[:i]) for i, kernel in enumerate(kernels))
    _demand((prod(strides), window) == (HOP, WINDOW),
            f"its convolutions take {window} samples every {prod(strides)}, and content needs {WINDOW} every {HOP}")


def _counts(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


def _demand(condition: bool, what_else: str) -> None:
    if not condition:
        raise VoiceFileError(f"The encoder's config.json cannot be used: {what_else}.")
