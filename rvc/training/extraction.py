"""What is heard in slices: content and melody, with the ears of a conversion."""
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from rvc.audio.io import read_audio
from rvc.features import HOP, SAMPLE_RATE, FeatureExtractor
from rvc.files import replace_atomically
from rvc.loading import Loader
from rvc.pool import Pool
from rvc.settings.conversion import PitchSettings
from rvc.training.ears import Ears, Wanted


@lru_cache(maxsize=1)
def extractor(ears: Ears, device: str) -> FeatureExtractor:
    """Loaded once in each process.  Raises an `RvcError` with the remedy for what is not there."""
    loader = Loader(ears.workspace, Pool(), torch.device(device))
    melody = PitchSettings(hybrid_methods=ears.voters, f0_threshold=ears.threshold, hop_length=ears.hop)
    return FeatureExtractor(loader.encoder(ears.encoder, ears.width),
                            None if ears.method is None else loader.estimator(ears.method, melody), loader.device)


def extract(slices: Iterable[Wanted], ears: Ears, device: str) -> str:
    """Write what is wanted of each slice.  Why a recording cannot be used, in words that follow its name; else ""."""
    listener = extractor(ears, device)
    for item in slices:
        samples = read_audio(item.wave).resampled(SAMPLE_RATE).samples[0]
        if item.content and not _kept(item.content, listener.content(samples).cpu().numpy()):
            return f"gives content that is not finite with the encoder {ears.encoder}; leave it out, or cut it."
        if item.f0 and not _kept(item.f0, melody_of(samples, listener)):
            return f"gives a melody that is not finite with {ears.method}; choose another pitch method."
    return ""


def melody_of(samples: np.ndarray, listener: FeatureExtractor) -> np.ndarray:
    """(N,) at 16 kHz → (T,) Hz, 100 a second; silence has none, whatever a method makes of it."""
    if not samples.any():
        return np.zeros(len(samples) // HOP + 1, np.float32)
    return listener.melody(samples).hz.numpy()


def _kept(path: Path, numbers: np.ndarray) -> bool:
    """Whether they were finite, and written."""
    if not np.isfinite(numbers).all():
        return False
    with replace_atomically(path) as beside, beside.open("wb") as file:
        np.save(file, np.ascontiguousarray(numbers, np.float32), allow_pickle=False)
    return True
