"""The recordings of a dataset folder, and whose voice is in each."""
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rvc.errors import DatasetError
from rvc.settings.limits import MOST_SPEAKERS

SOUNDS = {".wav", ".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".mp4", ".webm", ".aif", ".aiff"}
ROOT = ""  # the label of recordings that lie in no folder of their own


@dataclass(frozen=True)
class Recording:
    """name: its path within the dataset, with "/"; label: the folder that names its speaker."""

    path: Path
    name: str
    label: str
