"""A sound file as the program listens to it: lines at 16 kHz on disk, one for each channel that is converted."""
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rvc.audio.audio import Resampler
from rvc.audio.formants import formants_shifted
from rvc.audio.io import read_blocks
from rvc.audio.lines import Line, Scaled, Scratch
from rvc.features import SAMPLE_RATE
from rvc.interruption import Check

CEILING = 0.95  # peak of what is listened to


@dataclass(frozen=True)
class Recording:
    """channels: what is converted; mix: what the melody is heard in; length: samples of the file, at its rate.

    notes: sentences about what was mended while reading.
    """

    channels: tuple[Line, ...]
    mix: Line
    length: int
    rate: int
    notes: tuple[str, ...]

    def length_at(self, rate: int) -> int:
        """Samples of the same duration at another rate, rounded up."""
        return -(-self.length * rate // self.rate)


@contextmanager
def listened(path: Path, folder: Path, *, keep_channels: bool, check: Check) -> Iterator[Recording]:
    """The file, decoded block by block, its peak limited.  folder: for the lines, which are gone afterwards.

    Raises `AudioError` for a file that cannot be read.
    """
    with ExitStack() as lines:
        channels: list[Scratch] = []
        resamplers: list[Resampler] = []
        length, rate, notes = 0, 0, ()
        for block in read_blocks(path):
            check()
            block = block if keep_channels else block.mono()
            if not channels:
                channels = [lines.enter_context(Scratch(folder)) for _ in range(block.channels)]
                resamplers = [Resampler(block.sample_rate, SAMPLE_RATE, 1) for _ in channels]
            length, rate, notes = length + block.length, block.sample_rate, block.notes
            for line, resampler, samples in zip(channels, resamplers, block.samples):
                line.append(resampler.push(samples[None])[0])
        for line, resampler in zip(channels, resamplers):
            line.append(resampler.finish()[0])
        gain = min(1.0, CEILING / max(1e-9, *(line.peak for line in channels)))
        limited = tuple(Scaled(line, gain) for line in channels)
        yield Recording(limited, Mean(limited) if len(limited) > 1 else limited[0], length, rate, notes)


@contextmanager
def reshaped(recording: Recording, folder: Path, quefrency_ms: float, timbre: float) -> Iterator[Recording]:
    """The recording from another throat; see `rvc.audio.formants`."""
    with ExitStack() as lines:
        moved = tuple(lines.enter_context(Scratch(folder)).extend(formants_shifted(line, quefrency_ms, timbre))
                      for line in recording.channels)
        yield Recording(moved, Mean(moved) if len(moved) > 1 else moved[0], recording.length, recording.rate,
                        recording.notes)


class Mean:
    """Several lines as one: their mean."""

    def __init__(self, lines: tuple[Line, ...]):
        self._lines = lines

    def __len__(self) -> int:
        return len(self._lines[0])

    def __getitem__(self, span: slice):
        return sum(line[span] for line in self._lines) / len(self._lines)
