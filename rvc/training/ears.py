"""Who listens to the slices: said, compared and found missing without loading anybody."""
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

from rvc.content import CONTENT_ENCODERS
from rvc.f0 import F0_ESTIMATORS, choose
from rvc.settings.training import ListeningSettings
from rvc.synthesis.config import CONTENT_WIDTHS
from rvc.weights import SUFFIXES, usable
from rvc.workspace import Workspace

VERSION = "v2"  # of the voices that are trained


@dataclass(frozen=True)
class Ears:
    """encoder: its name; method: of the melody, no longer `auto`, None for a voice without melody.

    threshold: None for the method's own; hop: samples at 16 kHz; voters: of the method hybrid.
    """

    workspace: Workspace
    encoder: str
    method: str | None
    threshold: float | None
    hop: int
    voters: tuple[str, ...]

    @property
    def width(self) -> int:
        """Values that the encoder gives a frame."""
        known = self.encoder in CONTENT_ENCODERS
        return CONTENT_ENCODERS[self.encoder].facts["widths"][VERSION] if known else CONTENT_WIDTHS[VERSION]

    def are_here(self) -> bool:
        """Whether all weights that they need are in the workspace."""
        return self._encoder_is_here() and all(
            usable(self.workspace.pretrained, id) for method in self._methods()
            if (id := F0_ESTIMATORS[method].facts["weights"]) is not None)

    def content(self) -> list[Any]:
        """What decides about content; of a person's own encoder that is the weights themselves."""
        own = self.encoder not in CONTENT_ENCODERS
        return ["content", self.encoder, self.width, *(self._own_weights() if own else [])]

    def melody(self) -> list[Any]:
        """What decides about melody, and nothing that the method has no use for."""
        facts = F0_ESTIMATORS[self.method].facts
        hybrid = self.method == "hybrid"
        threshold = facts["threshold"] if self.threshold is None else self.threshold
        return ["f0", self.method, *([threshold] if facts["threshold"] is not None else []),
                *([self.hop] if facts["frame_based"] or hybrid else []), *(self.voters if hybrid else [])]

    def _methods(self) -> tuple[str, ...]:
        return self.voters if self.method == "hybrid" else () if self.method is None else (self.method,)

    def _encoder_is_here(self) -> bool:
        if self.encoder not in CONTENT_ENCODERS:
            return self.workspace.own_encoder(self.encoder).is_dir()
        ids = CONTENT_ENCODERS[self.encoder].facts["weights"]
        return not ids or any(usable(self.workspace.pretrained, id) for id in ids)

    def _own_weights(self) -> list[str]:
        found = []
        for path in sorted(self.workspace.own_encoder(self.encoder).iterdir()):
            if path.suffix in SUFFIXES or path.name == "config.json":
                with path.open("rb") as file:
                    found.append(file_digest(file, "sha256").hexdigest())
        return found


@dataclass(frozen=True)
class Wanted:
    """A slice, and the files that its content and its melody shall have; None for what is there or not needed."""

    wave: Path
    content: Path | None
    f0: Path | None


def ears(workspace: Workspace, asked: ListeningSettings, *, uses_f0: bool) -> Ears:
    """As a person chose them; `auto` is decided by the weights that are here."""
    here = [id for id in ("rmvpe",) if usable(workspace.pretrained, id)]
    method = choose(asked.f0_method, here) if uses_f0 else None
    return Ears(workspace, asked.encoder, method, asked.f0_threshold, asked.hop_length, asked.hybrid_methods)
