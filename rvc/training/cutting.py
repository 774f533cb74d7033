"""One recording of a dataset: listened to, judged, levelled and cut into slices at the voice's rate.

The numbers are those of the RVC family: what was prepared there and what is prepared here sound alike.
"""
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import numpy as np

from rvc.audio.audio import Audio
from rvc.audio.io import read_blocks, write_audio
from rvc.audio.slicing import slices
from rvc.errors import AudioError
from rvc.files import replace_atomically

EDITION = 1  # of what the functions here make of a recording; another edition does not use what this one cached
SHORTEST = 0.5  # seconds, of a recording and of a slice
LONGEST_WHOLE = 60.0  # seconds that an encoder can hear in one go
SILENT = 1e-3  # peak, −60 dBFS
LOUDEST = 2.5  # peak that is still levelled
LEVEL, SHARE = 0.9, 0.75  # where a peak is moved to, and how much of the sound is moved there
TOP, FLAT, MOST_CLIPPED = 0.99, 1e-4, 0.01  # of the peak, of the peak, of all samples


@dataclass(frozen=True)
class Manner:
    """How recordings become slices.

    rate: of the voice, Hz; cut: "skip", "simple" or "automatic"; chunk, overlap: seconds; normalise: "none", "pre" or
    "post"; clean: strength of the noise reduction, 0…1.
    """

    rate: int
    cut: str = "automatic"
    chunk: float = 3.0
    overlap: float = 0.3
    normalise: str = "post"
    high_pass: bool = False
    clean: float = 0.0

    def slicing(self) -> list[Any]:
        """All that decides about the slices."""
        windows = [] if self.cut == "skip" else [self.chunk, self.overlap]
        return [EDITION, self.rate, self.cut, *windows, self.normalise, self.high_pass, self.clean]

    def sound(self) -> list[Any]:
        """What decides how a stretch of a recording sounds at 16 kHz: the voice's rate, which is higher, does not."""
        return [EDITION, self.normalise, self.high_pass, *([self.clean, self.rate] if self.clean else [])]


@dataclass(frozen=True)
class Piece:
    """Samples [begin, end) of a recording at the voice's rate; wave: their file; hash: SHA-256 of their sound."""

    begin: int
    end: int
    wave: str
    hash: str


@dataclass(frozen=True)
class Cut:
    """What became of a recording.  reason: why it cannot be used, in words that follow its name; else empty."""

    source: str  # SHA-256 of the file
    pieces: tuple[Piece, ...] = ()
    reason: str = ""


def key(*parts: Any) -> str:
    """A name for what depends on exactly these."""
    return sha256(json.dumps(parts).encode()).hexdigest()[:24]


def cut_recording(path: Path, folder: Path, manner: Manner) -> Cut:
    """The slices of a recording as files in the folder, unless they lie there already."""
    try:
        with path.open("rb") as file:
            source = file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        return Cut("", reason=f"cannot be opened: {problem.strerror}.")
    record = folder / f"{key(source, manner.slicing())}.json"
    done = _recorded(record)
    if done is not None:
        return Cut(source, done)
    try:
        pieces = tuple(_write(folder, record.stem, levelled_slices(listened(path), manner), manner.rate))
    except AudioError as problem:
        return Cut(source, reason=str(problem).removeprefix(f"{path.name!r} "))
    with replace_atomically(record) as beside:
        beside.write_text(json.dumps([asdict(piece) for piece in pieces]), "utf-8")
    return Cut(source, pieces)


def listened(path: Path) -> Audio:
    """One channel of a recording that can be learned from.  Raises `AudioError` for any other, with the reason."""
    blocks = [block.mono() for block in read_blocks(path)]
    sound = Audio(np.concatenate([block.samples for block in blocks], 1), blocks[0].sample_rate, blocks[-1].notes)
    del blocks
    name = repr(path.name)
    if sound.notes:
        raise AudioError(f"{name} holds samples that are no numbers or far beyond full scale; export it again, as 16- "
                         "or 24-bit.")
    if sound.duration < SHORTEST:
        raise AudioError(f"{name} is too short: it lasts {1000 * sound.duration:.0f} ms, and {SHORTEST:g} s is the "
                         "least.")
    if np.ptp(sound.samples) < 2 * SILENT:
        raise AudioError(f"{name} is silent.")
    share = clipped_share(sound.samples[0])
    if share > MOST_CLIPPED:
        raise AudioError(f"{name} is clipped: {100 * share:.0f} % of it is cut off flat; record it softer.")
    return sound


def clipped_share(samples: np.ndarray) -> float:
    """(N,) → the share of samples at the peak that are as high as the one before: a wave that was cut off there."""
    peak = np.abs(samples).max()
    flat = np.abs(np.diff(samples)) <= FLAT * peak
    return float(np.mean(flat & (np.abs(samples[1:]) >= TOP * peak)))


def levelled_slices(sound: Audio, manner: Manner) -> Iterator[tuple[int, int, np.ndarray]]:
    """(begin, end, (N,) float32) at the voice's rate.  Raises `AudioError` when nothing is left."""
    samples = _filtered(sound.resampled(manner.rate).samples[0], manner)
    found = False
    for begin, end in spans(samples, manner):
        piece = samples[begin:end]
        if end - begin >= SHORTEST * manner.rate and SILENT <= np.abs(piece).max() <= LOUDEST:
            yield begin, end, normalised(piece) if manner.normalise == "post" else piece
            found = True
    if not found:
        raise AudioError("holds no stretch that is neither too soft, too loud nor too short; normalise it beforehand, "
                         "or choose another cutting.")


def _filtered(samples: np.ndarray, manner: Manner) -> np.ndarray:
    """Imports are slow here, and few people ask for these filters."""
    if manner.high_pass:
        from rvc.audio.filters import high_pass_causal

        samples = high_pass_causal(samples, manner.rate)
    if manner.normalise == "pre":
        samples = normalised(samples)
    if manner.clean:
        from rvc.audio.denoising import reduce_noise

        samples = reduce_noise(samples, manner.rate, manner.clean)
    return samples


def normalised(samples: np.ndarray) -> np.ndarray:
    """(N,) → (N,): three quarters of the sound with its peak at 0.9, and a quarter as it was."""
    peak = np.abs(samples).max()
    if peak > LOUDEST:
        raise AudioError(f"is too loud: its peak is {peak:.1f} times full scale.")
    return samples / peak * np.float32(LEVEL * SHARE) + np.float32(1 - SHARE) * samples


def spans(samples: np.ndarray, manner: Manner) -> Sequence[tuple[int, int]]:
    """Where the slices of a whole recording begin and end, in samples."""
    if manner.cut == "skip":
        if len(samples) > LONGEST_WHOLE * manner.rate:
            raise AudioError(f"lasts longer than {LONGEST_WHOLE:g} s, which is too long to be taken as it is; choose "
                             "another cutting.")
        return [(0, len(samples))]
    if manner.cut == "simple":
        return list(_every(len(samples), manner))
    return [(int(begin) + first, int(begin) + last) for begin, end in slices(samples, manner.rate)
            for first, last in _windows(int(end - begin), manner)]


def _every(length: int, manner: Manner) -> Iterator[tuple[int, int]]:
    """Windows at a fixed distance; the last is what is left, and half a second at least."""
    window, step = int(manner.chunk * manner.rate), int(manner.rate * (manner.chunk - manner.overlap))
    for begin in range(0, length, step):
        end = min(begin + window, length)
        if end - begin == window or end - begin >= SHORTEST * manner.rate:
            yield begin, end
        if end == length:
            return


def _windows(length: int, manner: Manner) -> Iterator[tuple[int, int]]:
    """Windows of a stretch of sound, the last of which may be longer than the others by an overlap."""
    number, begin = 0, 0
    while length - begin > (manner.chunk + manner.overlap) * manner.rate:
        yield begin, begin + int(manner.chunk * manner.rate)
        number += 1
        begin = int(manner.rate * (manner.chunk - manner.overlap) * number)
    yield begin, length


def write_slice(folder: Path, name: str, samples: np.ndarray, rate: int) -> str:
    """The SHA-256 of the sound, which is written as 32-bit float unless it lies there already."""
    if not (folder / name).is_file():
        write_audio(folder / name, Audio(samples[None], rate), subtype="FLOAT")
    return sha256(samples.tobytes()).hexdigest()


def _write(folder: Path, stem: str, pieces: Iterator[tuple[int, int, np.ndarray]], rate: int) -> Iterator[Piece]:
    for number, (begin, end, samples) in enumerate(pieces):
        name = f"{stem}_{number}.wav"
        samples = np.ascontiguousarray(samples, np.float32)
        yield Piece(begin, end, name, write_slice(folder, name, samples, rate))


def _recorded(record: Path) -> tuple[Piece, ...] | None:
    """What an earlier run made, if all of it is still there."""
    try:
        pieces = tuple(Piece(**piece) for piece in json.loads(record.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return pieces if all((record.parent / piece.wave).is_file() for piece in pieces) else None
