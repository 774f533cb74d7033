"""The frames of a voice, to be found again when it speaks."""
from dataclasses import dataclass

import numpy as np
import torch

from rvc.errors import DatasetError
from rvc.retrieval.faiss_index import FaissIndex
from rvc.retrieval.indexfile import save_index
from rvc.training.card import read_card
from rvc.training.dataset import read_manifest
from rvc.training.opening import is_silence
from rvc.voicefile.npy import read_npy
from rvc.workspace import VoiceFolder


@dataclass(frozen=True)
class Built:
    """frames: that the recordings have; kept: vectors in the index, fewer where there are very many."""

    frames: int
    kept: int


def build_index(voice: VoiceFolder) -> Built:
    """From the content of every recording, each once, without the clips of silence."""
    card = read_card(voice.card)
    files = dict.fromkeys(item.content for item in read_manifest(voice.manifest) if not is_silence(item))
    arrays = [read_npy(voice.path / file) for file in files]
    for file, array in zip(files, arrays):
        if array.ndim != 2 or array.shape[1] != card.content_width:
            raise DatasetError(f"{file!r} does not hold what was prepared; prepare the voice again.")
    if not arrays:
        raise DatasetError(f"{voice.name} has nothing but silence; prepare it with recordings.")
    content = torch.from_numpy(np.concatenate(arrays).astype(np.float32))
    index = FaissIndex.build(content)
    save_index(index, voice.index_file, encoder=card.encoder)
    return Built(len(content), len(index))
