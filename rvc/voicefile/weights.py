"""Bare weights: content encoders, pitch estimators and any other table of tensors."""
from pathlib import Path

from torch import Tensor

from rvc.voicefile.refusal import about, demand
from rvc.voicefile.source import finite, open_source


def read_weights(path: Path) -> dict[str, Tensor]:
    """Key → tensor, finite, as stored: pytorch_model.bin, rmvpe.pt, safetensors, fairseq's hubert_base.pt.

    What stands beside the weights, such as fairseq's dictionary, is thrown away.  Raises `VoiceFileError`.
    """
    with about(path), open_source(path, "a file of weights") as source:
        demand(source.tensors, f"is {source.kind}")
        return {name: finite(source.tensor(name), name) for name in source.tensors}
