"""From finished lines to a file: limited, cleaned, resampled, encoded."""
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from rvc.audio.audio import Audio, Resampler
from rvc.audio.denoising import denoised
from rvc.audio.io import FORMATS, AudioWriter
from rvc.audio.lines import Line, Scaled, Scratch
from rvc.settings.conversion import OutputSettings

CEILING = 0.99  # peak of the result
BLOCK = 10  # seconds at once
SUBTYPES = {"16": "PCM_16", "24": "PCM_24", "float": "FLOAT"}


def write(lines: Sequence[Scratch], target: Path, output: OutputSettings, *, rate: int, to_rate: int, length: int,
          scratch: Path) -> float:
    """One line a channel at `rate` Hz → a file of `length` samples at to_rate, there only once it is whole.

    Returns the peak of what was written.
    """
    format = format_of(target, output)
    subtype = SUBTYPES[output.bits] if format in ("wav", "flac") else None
    with ExitStack() as opened:
        def kept(blocks: Iterator[np.ndarray]) -> Scratch:
            return opened.enter_context(Scratch(scratch)).extend(blocks)

        if output.clean_audio:
            lines = [kept(denoised(line, rate, output.clean_strength)) for line in limited(lines)]
        if to_rate != rate:
            lines = [kept(resampled(line, rate, to_rate, length)) for line in lines]
        peak = max(line.peak for line in lines)
        target.parent.mkdir(parents=True, exist_ok=True)
        with AudioWriter(target, to_rate, len(lines), format=format, subtype=subtype) as writer:
            for start in range(0, length, to_rate * BLOCK):
                stop = min(length, start + to_rate * BLOCK)
                writer.write(Audio(np.stack([line[start:stop] for line in limited(lines)]), to_rate))
    return min(peak, CEILING)


def limited(lines: Sequence[Scratch]) -> list[Scaled]:
    """The lines, all made softer by one factor if the loudest is above the ceiling."""
    gain = min(1.0, CEILING / max(1e-9, *(line.peak for line in lines)))
    return [Scaled(line, gain) for line in lines]


def format_of(target: Path, output: OutputSettings) -> str:
    """The format asked for, else that of the name's ending, else wav."""
    ending = target.suffix[1:].lower()
    return output.format or (ending if ending in FORMATS else "wav")


def resampled(line: Line, rate: int, to_rate: int, length: int) -> Iterator[np.ndarray]:
    """Blocks at another rate, together exactly `length` samples long."""
    resampler, given = Resampler(rate, to_rate, 1), 0
    for start in range(0, len(line), rate * BLOCK):
        block = resampler.push(line[start:start + rate * BLOCK][None])[0]
        yield block[:length - given]
        given = min(length, given + len(block))
    rest = resampler.finish()[0]
    yield np.pad(rest, (0, max(0, length - given - len(rest))))[:length - given]
