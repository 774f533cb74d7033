"""From the manifest of a voice's recordings to batches, in an order that seed and epoch decide.

The manifest is one JSON object a line:
    {"wave": "slices/a.wav", "speaker": 0, "samples": 128000, "content": "features/a.content.npy",
     "f0": "features/a.f0.npy", "hash": "…"}
Paths are relative to the voice's folder.  Content (T50, D) is stored at 50 frames a second, f0 (T,) in Hz at 100.
"""
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import sha256
from math import ceil
from pathlib import Path, PurePosixPath

import numpy as np
import torch

from rvc.audio.io import read_audio
from rvc.errors import DatasetError
from rvc.files import replace_atomically
from rvc.synthesis.config import FRAME_RATE
from rvc.training.batches import Batch, Clip, collate
from rvc.voicefile.npy import read_npy

BUCKET_FRAMES = 50  # clips whose lengths differ by less are of one length
MOST_SPEAKERS = 16384
AHEAD, WORKERS = 4, 2  # batches made before they are asked for, and threads that make them


@dataclass(frozen=True)
class Slice:
    """A line of the manifest.  samples: at the voice's rate; f0: None without melody; hash: of the sound."""

    wave: str
    speaker: int
    samples: int
    content: str
    f0: str | None
    hash: str

    def __post_init__(self) -> None:
        texts = (self.wave, self.content, self.hash, *(() if self.f0 is None else (self.f0,)))
        numbers = (self.speaker, self.samples)
        if not all(type(text) is str for text in texts) or not all(type(number) is int for number in numbers):
            raise ValueError("an entry has the wrong type")
        if not (0 <= self.speaker < MOST_SPEAKERS and self.samples > 0):
            raise ValueError("speaker or samples is out of range")
        for path in (PurePosixPath(text.replace("\\", "/")) for text in (self.wave, self.content, self.f0 or "")):
            if path.is_absolute() or ".." in path.parts or ":" in path.as_posix():
                raise ValueError(f"{path.as_posix()!r} leads out of the voice's folder")


def write_manifest(path: Path, slices: Iterable[Slice]) -> None:
    """One line for each slice; whole or not there."""
    with replace_atomically(path) as beside:
        beside.write_text("".join(json.dumps(asdict(item), ensure_ascii=False) + "\n" for item in slices), "utf-8")


def read_manifest(path: Path) -> tuple[Slice, ...]:
    """Raises `DatasetError` naming the line that cannot be used."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise DatasetError(f"The list of recordings {path.name!r} cannot be read; prepare the voice first.") from None
    slices = []
    for number, line in enumerate(lines, 1):
        try:
            slices.append(Slice(**json.loads(line)))
        except (ValueError, TypeError, RecursionError) as problem:
            raise DatasetError(f"Line {number} of {path.name!r} is damaged ({problem}); prepare the voice again.") \
                from None
    if not slices:
        raise DatasetError(f"The list of recordings {path.name!r} is empty; prepare the voice with recordings.")
    return tuple(slices)


def hold_out(slices: Sequence[Slice], percent: float) -> tuple[list[Slice], list[Slice]]:
    """What is trained on, and what only measures.  A clip's own hash decides, so that it stays where it is."""
    ranked = sorted(slices, key=lambda item: sha256(f"{item.hash} {item.wave}".encode()).digest())
    held = set(ranked[:min(ceil(len(slices) * percent / 100), len(slices) - 1)])
    return [item for item in slices if item not in held], [item for item in slices if item in held]


def order(frames: Sequence[int], *, batch_size: int, longest: int, seed: int, epoch: int) -> list[list[int]]:
    """Which clips lie in which batch: a pure function.

    Clips of similar length lie together, batches come in any order, and each is full: the last clips of an epoch are
    joined by some that were heard already.  A clip of k times the longest window is visited ⌈k⌉ times.
    """
    chance = np.random.default_rng((seed, epoch))
    visits = np.repeat(np.arange(len(frames)), [max(1, ceil(count / longest)) for count in frames])
    visits = chance.permutation(visits)
    visits = np.resize(visits, ceil(len(visits) / batch_size) * batch_size)
    buckets = np.minimum(np.asarray(frames), longest)[visits] // BUCKET_FRAMES
    batches = visits[np.argsort(buckets, kind="stable")].reshape(-1, batch_size)
    return chance.permutation(batches).tolist()


class Dataset:
    """The clips of a manifest, and batches of them.

    folder: the voice's; longest: frames of the longest window; shortest: of a training segment.
    cache: "none", "ram" or "gpu" (the device), where clips stay; what is read twice is read from there.
    """

    def __init__(self, folder: Path, slices: Sequence[Slice], *, sample_rate: int, n_fft: int, shortest: int,
                 longest: int, cache: str = "none", device: torch.device | None = None):
        self.folder, self.slices, self.sample_rate = folder, tuple(slices), sample_rate
        self.hop, self.longest = sample_rate // FRAME_RATE, max(longest, shortest)
        self._facts = {"sample_rate": sample_rate, "n_fft": n_fft, "shortest": shortest}
        self._device = device or torch.device("cpu")
        self._keep, self._home = cache != "none", self._device if cache == "gpu" else torch.device("cpu")
        self._clips: dict[int, Clip] = {}

    def __len__(self) -> int:
        return len(self.slices)

    def clip(self, index: int) -> Clip:
        """One whole clip.  Raises `DatasetError` for files that are not those that were prepared."""
        if index not in self._clips:
            clip = load_clip(self.folder, self.slices[index], self.sample_rate).to(self._home)
            if not self._keep:
                return clip
            self._clips[index] = clip
        return self._clips[index]

    def order(self, *, batch_size: int, seed: int, epoch: int) -> list[list[int]]:
        """See `order`."""
        frames = [item.samples // self.hop for item in self.slices]
        return order(frames, batch_size=batch_size, longest=self.longest, seed=seed, epoch=epoch)

    def batches(self, *, batch_size: int, seed: int, epoch: int, rank: int = 0, ranks: int = 1,
                first: int = 0) -> Iterator[Batch]:
        """An epoch's batches on the device, from the first of them, made while the ones before are learned from.

        Of several processes each gets its own rows of every batch, batch_size of them.
        """
        plans = self.order(batch_size=batch_size * ranks, seed=seed, epoch=epoch)

        def make(later: int) -> Batch:
            number = first + later
            chance = np.random.default_rng((seed, epoch, number, rank))
            rows = [self._window(index, chance) for index in plans[number][rank::ranks]]
            batch = collate(rows, **self._facts)
            return batch.pinned() if self._device.type == "cuda" and not batch.wave.is_cuda else batch

        for batch in made_ahead(make, len(plans) - first):
            yield batch.to(self._device)

    def _window(self, index: int, chance: np.random.Generator) -> Clip:
        clip = self.clip(index)
        frames = clip.frames(self.hop)
        start = int(chance.integers(0, max(0, frames - self.longest) + 1))
        return clip.window(start, min(frames, self.longest), self.hop)


def load_clip(folder: Path, item: Slice, sample_rate: int) -> Clip:
    """Raises `DatasetError` where rate or shapes are not those of this voice, and what reading the files raises."""
    audio = read_audio(folder / item.wave)
    if audio.sample_rate != sample_rate:
        raise DatasetError(f"{item.wave!r} is at {audio.sample_rate} Hz and the voice at {sample_rate} Hz; "
                           "prepare the voice again.")
    content = _numbers(folder / item.content, 2)
    f0 = None if item.f0 is None else _numbers(folder / item.f0, 1)
    clip = Clip(content, f0, torch.from_numpy(audio.mono().samples[0]), item.speaker)
    if clip.frames(sample_rate // FRAME_RATE) == 0:
        raise DatasetError(f"{item.wave!r} is shorter than one frame; prepare the voice again.")
    return clip


def _numbers(path: Path, dimensions: int) -> torch.Tensor:
    array = read_npy(path)
    if array.ndim != dimensions or array.dtype.kind != "f" or not np.isfinite(array).all():
        raise DatasetError(f"{path.name!r} does not hold what was prepared; prepare the voice again.")
    return torch.from_numpy(array.astype(np.float32))


def made_ahead(make: Callable[[int], Batch], count: int, *, ahead: int = AHEAD,
               workers: int = WORKERS) -> Iterator[Batch]:
    """make(0), make(1) … in order, computed by threads a few before they are asked for."""
    pool = ThreadPoolExecutor(workers, "batches")
    try:
        waiting = [pool.submit(make, number) for number in range(min(ahead, count))]
        for number in range(count):
            batch = waiting.pop(0).result()
            if number + ahead < count:
                waiting.append(pool.submit(make, number + ahead))
            yield batch
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
