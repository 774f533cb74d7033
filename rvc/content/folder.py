"""An encoder by its name and its folder."""
from pathlib import Path

import torch

from rvc.content import CONTENT_ENCODERS, ContentEncoder
from rvc.content.sizes import read_sizes
from rvc.errors import VoiceFileError

WEIGHTS = ("model.safetensors", "pytorch_model.bin", "*.safetensors", "*.bin", "*.pt")  # the preferred ones first
OWN = "contentvec"  # what a person's own encoder is treated like: a HuBERT


def load_encoder(name: str, folder: Path, *, version: str, device: torch.device | str,
                 dtype: torch.dtype = torch.float32, config: Path | None = None) -> ContentEncoder:
    """The encoder of this name for voices of version "v1" or "v2".

    folder: holds its weights, and `config.json` unless config names another file.  A name that is not in
    `CONTENT_ENCODERS` is a person's own HuBERT, from which v2 takes the last layer, the 12th of HuBERT base.
    Raises `VoiceFileError` when the folder holds no encoder.
    """
    own = name not in CONTENT_ENCODERS
    entry = OWN if own else name
    facts = CONTENT_ENCODERS[entry].facts
    if not facts["weights"]:
        return CONTENT_ENCODERS.load(entry)(device=device)
    from rvc.voicefile.weights import read_weights

    sizes = read_sizes(config or folder / "config.json")
    projects = facts["projects"][version]
    layer = sizes["num_hidden_layers"] if own and not projects else facts["layers"][version]
    weights = read_weights(find_weights(folder))
    return CONTENT_ENCODERS.load(entry)(sizes, weights, layer=layer, projects=projects, device=device, dtype=dtype)


def find_weights(folder: Path) -> Path:
    """The file of weights in an encoder's folder.  Raises `VoiceFileError` when there is none, or more than one."""
    for pattern in WEIGHTS:
        found = sorted(folder.glob(pattern))
        if len(found) == 1:
            return found[0]
        if found:
            raise VoiceFileError(f"The folder {folder} holds several files of weights ("
                                 f"{', '.join(path.name for path in found[:4])}); leave one of them.")
    raise VoiceFileError(f"The folder {folder} holds no weights; put pytorch_model.bin, model.safetensors or the "
                         "fairseq file hubert_base.pt into it.")
