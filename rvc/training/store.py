"""Which file of a voice holds what was made of its recordings.

Features are named by what was heard and by who listened, so they outlive a change of anything else.
"""
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rvc.training.cutting import Manner, Piece, key
from rvc.training.ears import Ears, Wanted
from rvc.workspace import VoiceFolder

OURS = {".wav", ".npy", ".json", ".part"}  # that may lie in the folders of slices and features


@dataclass(frozen=True)
class Sliced:
    """A recording that is of use: whose it is, and its slices.  source: SHA-256 of its file."""

    name: str
    speaker: int
    source: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Store:
    """manner: how slices were made; ears: who listens to them."""

    voice: VoiceFolder
    manner: Manner
    ears: Ears

    def missing(self, item: Sliced) -> list[Wanted]:
        """What is still to be heard of a recording."""
        wanted = [Wanted(wave, *(path if path and not path.is_file() else None for path in paths))
                  for _, wave, *paths in self._files([item])]
        return [one for one in wanted if one.content or one.f0]

    def write_manifest(self, sliced: Iterable[Sliced]) -> None:
        """The list of all slices, as training reads it."""
        from rvc.training.dataset import Slice, write_manifest  # which imports torch; most refusals come before

        def inside(path: Path | None) -> str | None:
            return None if path is None else path.relative_to(self.voice.path).as_posix()

        write_manifest(self.voice.manifest, [
            Slice(inside(wave), speaker, piece.end - piece.begin, inside(content), inside(f0), piece.hash)
            for (speaker, piece), wave, content, f0 in self._files(sliced)])

    def sweep(self, sliced: Iterable[Sliced]) -> None:
        """Remove what was made of other recordings, or for other options, or only half."""
        kept: set[Path | None] = set()
        for _, wave, content, f0 in self._files(sliced):
            kept |= {wave, wave.with_name(wave.name.rpartition("_")[0] + ".json"), content, f0}
        for path in (*self.voice.slices.iterdir(), *self.voice.features.iterdir()):
            if path not in kept and path.suffix in OURS:
                path.unlink()

    def _files(self, sliced: Iterable[Sliced]) -> Iterator[tuple[tuple[int, Piece], Path, Path, Path | None]]:
        """Of every slice: whose it is and where, its sound, its content and its melody."""
        features = self.voice.features
        for item in sliced:
            for piece in item.pieces:
                heard = self._heard(item.source, piece)
                f0 = None if self._melody is None else features / f"{key(heard, self._melody)}.f0.npy"
                yield ((item.speaker, piece), self.voice.slices / piece.wave,
                       features / f"{key(heard, self._content)}.content.npy", f0)

    def _heard(self, source: str, piece: Piece) -> list[Any]:
        """What decides how a slice sounds at 16 kHz: at every rate of the voice the same, to a millisecond."""
        span = [round(1000 * edge / self.manner.rate) for edge in (piece.begin, piece.end)]
        return [source, *self.manner.sound(), *span]

    @cached_property
    def _content(self) -> list[Any]:
        return self.ears.content()

    @cached_property
    def _melody(self) -> list[Any] | None:
        return None if self.ears.method is None else self.ears.melody()
