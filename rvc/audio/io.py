"""Sound files: what they hold, reading them whole or in blocks, and writing them so that none is ever half there."""
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from rvc.audio import ffmpeg
from rvc.audio.audio import Audio, Resampler, check_kind
from rvc.audio.containers import Container, recognise
from rvc.errors import AudioError
from rvc.files import replace_atomically

LONGEST_SECONDS = 4 * 3600
LARGEST_BYTES = 2**31  # of one sound in memory
LARGEST_WAV = 2**32 - 4096  # bytes: its sizes are numbers of 32 bits
LOUDEST = 16.0  # 24 dB above full scale: beyond this a number is damage, not sound
MOST_DAMAGE = 0.01  # of all samples; more than this cannot be mended
BLOCK_SECONDS = 10.0
HEADER = 4096  # bytes of a wav within which its first chunks lie
PIECE = 65536  # samples handed to an encoder at once: libsndfile's Vorbis takes them on its stack
COMMON_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # Hz, that every encoder takes


@dataclass(frozen=True)
class AudioFacts:
    """What the header says.  rate: Hz; seconds: None when it is not said."""

    rate: int
    channels: int
    seconds: float | None
    codec: str

    def __post_init__(self) -> None:
        check_kind(self.rate, self.channels)


def probe(path: Path) -> AudioFacts:
    """Facts from the header alone.  Raises `AudioError` for what is no sound, or none that can be handled."""
    with _opened(path, BLOCK_SECONDS) as source:
        return source.facts


def read_audio(path: Path, *, limit_seconds: float = LONGEST_SECONDS, limit_bytes: int = LARGEST_BYTES) -> Audio:
    """The whole sound.  The header is held against the limits before memory is taken, the samples while they come.

    Where a limit is in the way, `read_blocks` and `stream_audio` take any length.
    """
    with _opened(path, BLOCK_SECONDS) as source:
        facts = source.facts
        most = limit_bytes // (4 * facts.channels)
        for limit in (limit_seconds, most / facts.rate):
            _refuse_longer(path, facts.seconds, limit)
        return _gathered(_checked(path, source, min(limit_seconds, most / facts.rate)), facts)


def read_blocks(path: Path, seconds: float = BLOCK_SECONDS, *,
                limit_seconds: float = LONGEST_SECONDS) -> Iterator[Audio]:
    """The sound in blocks, all of this length but the last.  A file without sound raises `AudioError`.

    Numbers that are no sound are mended, and the notes of a block count those up to its end; where they are more
    than one in a hundred of the file, it is refused.
    """
    with _opened(path, seconds) as source:
        yield from _checked(path, source, limit_seconds)


def stream_audio(path: Path, rate: int, block_seconds: float = BLOCK_SECONDS, *, mono: bool = False,
                 limit_seconds: float = LONGEST_SECONDS) -> Iterator[Audio]:
    """The sound at another rate, in blocks of about this length; together the samples of `Audio.resampled`.

    Memory does not grow with the length of the file.
    """
    resampler, notes = None, ()
    for block in read_blocks(path, block_seconds, limit_seconds=limit_seconds):
        block = block.mono() if mono else block
        resampler = resampler or Resampler(block.sample_rate, rate, block.channels)
        notes = block.notes
        piece = resampler.push(block.samples)
        if piece.size:
            yield Audio(piece, rate, notes)
    rest = resampler.finish()
    if rest.size:
        yield Audio(rest, rate, notes)


@dataclass(frozen=True)
class Format:
    """subtypes: the first is the default; rates: those that the encoder takes, None for any."""

    container: str
    subtypes: tuple[str, ...]
    rates: tuple[int, ...] | None = None
    most_channels: int = 8


FORMATS = {
    "wav": Format("WAV", ("PCM_16", "PCM_24", "FLOAT")),
    "flac": Format("FLAC", ("PCM_16", "PCM_24")),
    "mp3": Format("MP3", ("MPEG_LAYER_III",), COMMON_RATES, most_channels=2),
    "ogg": Format("OGG", ("VORBIS",), COMMON_RATES),
    "m4a": Format("MPEG-4", ("AAC",), COMMON_RATES),
}
WIDTHS = {"PCM_16": 2, "PCM_24": 3, "FLOAT": 4}  # bytes a sample
ENCODING = {"MP3": {"compression_level": 0.0, "bitrate_mode": "VARIABLE"},  # LAME at its best
            "OGG": {"compression_level": 0.2}}  # quality 8 of 10


def write_audio(path: Path, audio: Audio, *, format: str | None = None, subtype: str | None = None) -> None:
    """Write a sound file; see `AudioWriter`."""
    with AudioWriter(path, audio.sample_rate, audio.channels, format=format, subtype=subtype) as writer:
        writer.write(audio)


class AudioWriter:
    """Writes a sound file block by block; it has its name only once it is whole, and is gone after an error.

    format: a key of `FORMATS`, else the name's extension.  rate: what is handed over, in Hz; formats that have only
    some rates get the nearest, resampled.
    """

    def __init__(self, path: Path, rate: int, channels: int = 1, *, format: str | None = None,
                 subtype: str | None = None):
        self.path, self.format = path, _format(path, format)
        self.subtype = subtype or self.format.subtypes[0]
        if self.subtype not in self.format.subtypes:
            raise AudioError(f"{self.format.container} is not written as {self.subtype}; "
                             f"use {' or '.join(self.format.subtypes)}.")
        if channels > self.format.most_channels:
            raise AudioError(f"{self.format.container} holds at most {self.format.most_channels} channels, "
                             f"and the sound has {channels}; write wav or flac.")
        self._resampler = Resampler(rate, nearest_rate(rate, self.format.rates), channels)
        self._length = 0

    @property
    def file_rate(self) -> int:
        """Hz, in the file."""
        return self._resampler.new_rate

    def __enter__(self) -> "AudioWriter":
        self._file = self._opened()
        self._put = self._file.__enter__()
        return self

    def __exit__(self, *error) -> bool | None:
        return self._file.__exit__(*error)

    def write(self, audio: Audio) -> None:
        """Append a block."""
        if (audio.sample_rate, audio.channels) != (self._resampler.rate, self._resampler.channels):
            raise ValueError("all blocks of a file have the same rate and channels")
        self._append(self._resampler.push(audio.samples))

    @contextmanager
    def _opened(self) -> Iterator[Callable[[np.ndarray], None]]:
        with _errors_said(self.path), replace_atomically(self.path) as beside:
            with _encoder(beside, self.format, self.subtype, self.file_rate, self._resampler.channels) as put:
                yield put
                self._append(self._resampler.finish())
            if self._length == 0:
                raise AudioError(f"There is no sound to write to {self.path.name!r}.")

    def _append(self, samples: np.ndarray) -> None:
        self._length += samples.shape[1]
        size = self._length * len(samples) * WIDTHS.get(self.subtype, 0)
        if self.format.container == "WAV" and size > LARGEST_WAV:
            raise AudioError("A WAV file cannot be larger than 4 GiB; write flac.")
        frames = np.ascontiguousarray(samples.T)
        for start in range(0, len(frames), PIECE):
            self._put(frames[start:start + PIECE])


def nearest_rate(rate: int, rates: tuple[int, ...] | None = COMMON_RATES) -> int:
    """The rate in Hz that a file gets when its format has only some."""
    return rate if rates is None else min(rates, key=lambda allowed: abs(allowed - rate))


@dataclass(frozen=True)
class _Source:
    facts: AudioFacts
    blocks: Iterator[np.ndarray]  # (n, C) float32


@contextmanager
def _opened(path: Path, seconds: float) -> Iterator[_Source]:
    """The file, open by libsndfile if that can read it, else by FFmpeg."""
    container = recognise(path)
    try:
        file = soundfile.SoundFile(path) if container.by_soundfile else None
    except soundfile.LibsndfileError as problem:
        if not ffmpeg.is_installed():
            raise AudioError(f"{path.name!r} cannot be read: {problem.error_string.rstrip('.')}.") from None
        file = None
    if file is None:
        yield _by_ffmpeg(path, container, seconds)
        return
    with file:
        yield _by_soundfile(path, file, seconds)


def _by_soundfile(path: Path, file: soundfile.SoundFile, seconds: float) -> _Source:
    said = 0 <= file.frames < 2**60  # of a stream that was never finished it is not
    facts = AudioFacts(file.samplerate, file.channels, file.frames / file.samplerate if said else None,
                       file.subtype.lower())

    def blocks() -> Iterator[np.ndarray]:
        try:
            while len(block := file.read(_samples(seconds, facts), "float32", always_2d=True)):
                yield block
        except soundfile.LibsndfileError as problem:
            raise AudioError(f"{path.name!r} is damaged: {problem.error_string.rstrip('.')}.") from None

    return _Source(facts, blocks())


def _by_ffmpeg(path: Path, container: Container, seconds: float) -> _Source:
    facts = AudioFacts(*ffmpeg.facts(path, container))
    return _Source(facts, ffmpeg.decoded(path, container, facts.rate, facts.channels, _samples(seconds, facts)))


def _checked(path: Path, source: _Source, limit_seconds: float) -> Iterator[Audio]:
    """The blocks of a source as sound, held against the limits of length and damage."""
    facts, length, damaged = source.facts, 0, 0
    _refuse_longer(path, facts.seconds, limit_seconds)
    for block in source.blocks:
        length += len(block)
        _refuse_longer(path, length / facts.rate, limit_seconds)
        damaged += _mend(block)
        _refuse_damage(path, damaged, max(length, (facts.seconds or np.inf) * facts.rate) * facts.channels)
        yield Audio(np.ascontiguousarray(block.T), facts.rate, _notes(damaged))
    if length == 0:
        raise AudioError(f"{path.name!r} holds no sound.")
    _refuse_damage(path, damaged, length * facts.channels)


def _gathered(blocks: Iterator[Audio], facts: AudioFacts) -> Audio:
    """All blocks as one, in memory of the size that the header says."""
    samples = np.empty((facts.channels, round((facts.seconds or 0) * facts.rate)), np.float32)
    length, notes = 0, ()
    for block in blocks:
        end = length + block.length
        if end > samples.shape[1]:  # the header said less, or nothing
            samples = np.pad(samples, ((0, 0), (0, max(end, length * 3 // 2) - samples.shape[1])))
        samples[:, length:end] = block.samples
        length, notes = end, block.notes
    return Audio(np.ascontiguousarray(samples[:, :length]), facts.rate, notes)


def _samples(seconds: float, facts: AudioFacts) -> int:
    return max(1, round(seconds * facts.rate))


def _refuse_longer(path: Path, seconds: float | None, limit: float) -> None:
    if seconds is not None and seconds > limit:
        raise AudioError(f"{path.name!r} lasts longer than the {_spoken(limit)} that can be taken at once; "
                         "cut it into shorter files.")


def _spoken(seconds: float) -> str:
    return f"{seconds / 3600:.3g} hours" if seconds >= 3600 else f"{seconds:.3g} seconds"


def _mend(block: np.ndarray) -> int:
    """Silence what is not finite and limit what is far beyond full scale, in place; how many samples that were."""
    if block.size and max(block.max(), -block.min()) <= LOUDEST:
        return 0
    damaged = int(np.count_nonzero(~(np.abs(block) <= LOUDEST)))
    np.nan_to_num(block, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    np.clip(block, -LOUDEST, LOUDEST, out=block)
    return damaged


def _refuse_damage(path: Path, damaged: int, samples: float) -> None:
    if damaged > MOST_DAMAGE * samples:
        raise AudioError(f"{path.name!r} is damaged: more than one sample in a hundred is no number or far beyond "
                         "full scale; export it again, as 16- or 24-bit.")


def _notes(damaged: int) -> tuple[str, ...]:
    if damaged == 0:
        return ()
    return (f"{damaged} samples were no numbers or far beyond full scale; they were silenced or limited.",)


def _format(path: Path, name: str | None) -> Format:
    key = (name or path.suffix.removeprefix(".")).lower()
    if key not in FORMATS:
        raise AudioError(f"{path.name!r} cannot be written as {key or 'a file without extension'!r}; "
                         f"use {', '.join(FORMATS)}.")
    return FORMATS[key]


@contextmanager
def _encoder(path: Path, format: Format, subtype: str, rate: int,
             channels: int) -> Iterator[Callable[[np.ndarray], None]]:
    """Takes (n, C) float32, piece by piece."""
    if subtype == "AAC":
        with ffmpeg.aac_encoder(path, rate, channels) as pipe:
            yield lambda frames: pipe.write(frames.tobytes())
        return
    with soundfile.SoundFile(path, "w", rate, channels, subtype, format=format.container,
                             **ENCODING.get(format.container, {})) as file:
        yield file.write
    if subtype == "FLOAT":
        _forget_the_hour(path)


def _forget_the_hour(path: Path) -> None:
    """Takes out of a wav of floats when it was written: the same sound is the same bytes."""
    with path.open("r+b") as file:
        place = file.read(HEADER).find(b"PEAK")  # then its size, a version, the time
        if place >= 0:
            file.seek(place + 12)
            file.write(bytes(4))


@contextmanager
def _errors_said(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise AudioError(f"{path.name!r} could not be written: {problem.strerror}.") from None
    except soundfile.LibsndfileError as problem:  # which says "System error" where the system said more
        raise AudioError(f"{path.name!r} could not be written: {problem.error_string.rstrip('.')}; "
                         f"{ffmpeg.MAYBE_FULL}.") from None
