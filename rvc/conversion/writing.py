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
    gain = min(1.0, CEILING / max(1e-9, *(line.peak for line in lines)))
    limited: list[Line] = [Scaled(line, gain) for line in lines]
    format = format_of(target, output)
    subtype = SUBTYPES[output.bits] if format in ("wav", "flac") else None
    target.parent.mkdir(parents=True, exist_ok=True)
    peak = 0.0
    with ExitStack() as cleaned:
        if output.clean_audio:
            limited = [cleaned.enter_context(Scratch(scratch)).extend(denoised(line, rate, output.clean_strength))
                       for line in limited]
        with AudioWriter(target, to_rate, len(limited), format=format, subtype=subtype) as writer:
            for samples in resampled(limited, rate, to_rate, length):
                clipped = samples.clip(-1, 1)
                peak = max(peak, float(np.abs(clipped).max(initial=0.0)))
                writer.write(Audio(clipped, to_rate))
    return peak


def format_of(target: Path, output: OutputSettings) -> str:
    """The format asked for, else that of the name's ending, else wav."""
    ending = target.suffix[1:].lower()
    return output.format or (ending if ending in FORMATS else "wav")


def resampled(lines: Sequence[Line], rate: int, to_rate: int, length: int) -> Iterator[np.ndarray]:
    """(C, n) blocks at another rate, together exactly `length` samples long."""
    resampler, given = Resampler(rate, to_rate, len(lines)), 0
    for start in range(0, len(lines[0]), rate * BLOCK):
        block = resampler.push(np.stack([line[start:start + rate * BLOCK] for line in lines]).astype(np.float32))
        yield block[:, :length - given]
        given = min(length, given + block.shape[1])
    rest = resampler.finish()
    yield np.pad(rest, ((0, 0), (0, max(0, length - given - rest.shape[1]))))[:, :length - given]
