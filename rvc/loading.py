"""Models by their names: from what a person chose to what is loaded, once, in a pool."""
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rvc.content import CONTENT_ENCODERS, ContentEncoder
from rvc.content.folder import find_weights, load_encoder
from rvc.errors import SettingsError, VoiceFileError
from rvc.f0 import F0_ESTIMATORS, F0Estimator, choose
from rvc.f0.assemble import assemble
from rvc.pool import Pool
from rvc.retrieval.faiss_index import FaissIndex
from rvc.retrieval.indexfile import load_index
from rvc.settings.conversion import PitchSettings
from rvc.synthesis.config import version_of
from rvc.voice import VoiceModel, load_voice
from rvc.voicefile.weights import read_weights
from rvc.weights import usable
from rvc.workspace import Shipped, Workspace


@dataclass(frozen=True)
class Loader:
    """Loads what it is asked for unless the pool still has it."""

    workspace: Workspace
    pool: Pool
    device: torch.device
    shipped: Shipped = Shipped()

    def voice(self, path: Path) -> VoiceModel:
        return self.pool.get("voice", (stamp(path), self.device), lambda: load_voice(path, self.device))

    def encoder(self, name: str, width: int) -> ContentEncoder:
        """The encoder of this name for a voice of this content width.

        Raises `SettingsError` with the remedy when its weights are not there, `VoiceFileError` when the widths differ.
        """
        version = version_of(width)
        folder, config = self._encoder_files(name)
        key = (name, version, folder and stamp(find_weights(folder)), self.device)
        encoder = self.pool.get("encoder", key, lambda: load_encoder(name, folder or self.workspace.pretrained,
                                                                     version=version, device=self.device,
                                                                     config=config))
        if encoder.width != width:
            raise VoiceFileError(f"The encoder {name} gives {encoder.width} values a frame, the voice needs {width}; "
                                 "choose the encoder that the voice was trained with.")
        return encoder

    def estimator(self, method: str, melody: PitchSettings) -> F0Estimator:
        """The estimator of a method that is no longer `auto`.  Raises `SettingsError` with the remedy."""
        wanted = [method] if method != "hybrid" else list(melody.hybrid_methods)
        files = {name: paths for name in wanted if (paths := self._f0_files(name))}
        key = (method, melody.f0_threshold, melody.hop_length, tuple(wanted), *map(stamp, files.values()), self.device)
        return self.pool.get("f0", key, lambda: assemble(
            method, weights={F0_ESTIMATORS[name].facts["weights"]: read_weights(path) for name, path in files.items()},
            device=self.device, threshold=melody.f0_threshold, hop=melody.hop_length, voters=wanted))

    def index(self, path: Path, width: int, encoder: str) -> FaissIndex:
        return self.pool.get("index", (stamp(path), encoder), lambda: load_index(path, width=width, encoder=encoder))

    def method(self, asked: str) -> str:
        """What `auto` stands for here."""
        return choose(asked, held(self.workspace, ("rmvpe",)))

    def _encoder_files(self, name: str) -> tuple[Path | None, Path | None]:
        """The folder of the weights and the config; neither for an encoder without weights."""
        if name not in CONTENT_ENCODERS:
            folder = self.workspace.own_encoder(name)
            if not folder.is_dir():
                raise SettingsError("encoder", f"there is no content encoder {name!r}: put its config.json and weights "
                                               f"into {folder}, or choose one of {', '.join(CONTENT_ENCODERS)}.")
            return folder, None
        ids = CONTENT_ENCODERS[name].facts["weights"]
        if not ids:
            return None, None
        here = held(self.workspace, ids)
        if not here:
            raise SettingsError("", f"The content encoder {name} is needed and not here: python -m rvc download "
                                    f"{ids[0]}")
        return self.workspace.pretrained / here[0], self.shipped.configs / "encoders" / f"{name}.json"

    def _f0_files(self, method: str) -> Path | None:
        id = F0_ESTIMATORS[method].facts["weights"]
        if id is None:
            return None
        if not held(self.workspace, (id,)):
            raise SettingsError("", f"The pitch method {method} needs weights that are not here: python -m rvc "
                                    f"download {id}; or choose fcpe, whose weights come with the program.")
        return find_weights(self.workspace.pretrained / id)


def held(workspace: Workspace, ids: Sequence[str]) -> Collection[str]:
    """Those of the weights that are here, in their order."""
    return [id for id in ids if usable(workspace.pretrained, id)]


def stamp(path: Path) -> tuple[Any, ...]:
    """What changes when a file does."""
    facts = path.stat()
    return str(path), facts.st_size, facts.st_mtime_ns
