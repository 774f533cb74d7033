"""One voice and one set of options, ready for any number of files."""
import random
import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from rvc.audio.io import probe
from rvc.audio.joining import between_silences, silence
from rvc.audio.lines import Line, Scratch, Stretch
from rvc.audio.slicing import loud_intervals
from rvc.conversion.converter import Converter, Manner
from rvc.conversion.melody import LEAD, sung
from rvc.conversion.plan import FADE, Range
from rvc.conversion.pulse import Pulse
from rvc.conversion.recording import Recording, listened, reshaped
from rvc.conversion.writing import write
from rvc.errors import AudioError
from rvc.f0.track import F0Track, to_text
from rvc.features import HOP, SAMPLE_RATE
from rvc.files import replace_atomically
from rvc.options import flat
from rvc.pool import Pool
from rvc.progress import Report, silent
from rvc.settings.conversion import ConversionSettings
from rvc.workspace import Workspace

PIECES = {"cpu": 100, "mps": 1000, "cuda": 3000}  # frames decoded at once: what caches, then memories, hold
CHUNKS = {"cpu": 24, "mps": 24, "cuda": 41}  # seconds converted at once
MELODY = 0.1  # of the time that a channel takes: what hearing the melody counts for in the progress
BYTES_A_SECOND = 4 * (3 * SAMPLE_RATE + 3 * 48000)  # of scratch, for a channel


@dataclass(frozen=True)
class Result:
    """What was made, of what, and how; every choice that the program made itself is named."""

    path: Path
    seconds: float
    sample_rate: int
    peak: float
    took: float
    choices: dict[str, str]
    options: dict[str, object]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Session:
    """choices, notes: what a person should be told; stamps: of the files in use; text: of a melody file."""

    converter: Converter
    settings: ConversionSettings
    workspace: Workspace
    device: torch.device
    pool: Pool
    choices: dict[str, str]
    stamps: tuple[str, ...]
    notes: tuple[str, ...] = ()
    text: str | None = field(default=None, repr=False)

    def convert(self, source: Path, target: Path, report: Report = silent) -> Result:
        """One file.  Raises `AudioError` when it cannot be read, exists already, or there is no room."""
        began = time.monotonic()
        self._refuse_overwriting(source, target)
        self._refuse_without_room(source)
        with self.pool.using(self.device), ExitStack() as open_lines:
            pulse = Pulse(report, source.name, 1)
            keep = self.settings.output.channels == "keep"
            recording = open_lines.enter_context(
                listened(source, self.workspace.scratch, keep_channels=keep, check=pulse.check))
            output = self.settings.output
            if output.formant_shift:
                recording = open_lines.enter_context(reshaped(recording, self.workspace.scratch,
                                                              output.formant_quefrency, output.formant_timbre))
            pulse = Pulse(report, source.name, int(len(recording.mix) * (MELODY + len(recording.channels))))
            lines, melody = self._sing(recording, pulse, open_lines)
            peak = write(lines, target, self.settings.output, rate=self.voice_rate, to_rate=self.rate,
                         length=recording.length_at(self.rate), scratch=self.workspace.scratch)
        if self.settings.melody.f0_save and melody is not None:
            with replace_atomically(self.settings.melody.f0_save) as beside:
                beside.write_text(to_text(melody), encoding="utf-8")
        return Result(target, recording.length / recording.rate, self.rate, peak, time.monotonic() - began,
                      self.choices, {name: _plain(value) for name, value in flat(self.settings).items()},
                      self.notes + recording.notes)

    @property
    def rate(self) -> int:
        """Hz, of the result before its format has a say."""
        return self.settings.output.resample or self.converter.voice.card.sample_rate

    def _sing(self, recording: Recording, pulse: Pulse, open_lines: ExitStack) -> tuple[list[Scratch], F0Track | None]:
        """Each channel at the voice's rate; and the melody of the recording as it was sung."""
        melody = np.zeros(len(recording.mix) // HOP + 1, np.float32)
        seed = self.settings.compute.seed if self.settings.compute.seed >= 0 else random.randrange(2**31)
        parts = [(part, self._melody(recording.mix, part, melody, pulse)) for part in self._parts(recording.mix)]
        lines = []
        for channel in recording.channels:
            line = open_lines.enter_context(Scratch(self.workspace.scratch))
            self._sing_channel(channel, parts, seed, recording.length_at(self.voice_rate), line, pulse)
            lines.append(line)
        return lines, F0Track(torch.from_numpy(melody)) if self.converter.voice.card.uses_f0 else None

    @property
    def voice_rate(self) -> int:
        return self.converter.voice.card.sample_rate

    def _parts(self, mix: Line) -> list[Range]:
        """The whole recording, or its loud stretches one by one."""
        if not self.settings.compute.split_audio:
            return [(0, len(mix))]
        return [(int(begin) // HOP * HOP, int(end)) for begin, end in loud_intervals(mix)]

    def _melody(self, mix: Line, part: Range, whole: np.ndarray, pulse: Pulse) -> F0Track | None:
        """What is sung in a part; also noted in the melody of the whole."""
        if not self.converter.voice.card.uses_f0:
            return None
        begin, end = part
        with self.converter.heard(Stretch(mix, begin, end)) as heard:
            track = sung(self.converter.melody(heard, pulse), self.settings.melody, self.text, begin // HOP)
        pulse.advance(int((end - begin) * MELODY))
        noted = track.hz[LEAD:LEAD + (end - begin) // HOP + 1].numpy()
        whole[begin // HOP:begin // HOP + len(noted)] = noted
        return track

    def _sing_channel(self, channel: Line, parts: list[tuple[Range, F0Track | None]], seed: int, length: int,
                      line: Scratch, pulse: Pulse) -> None:
        """Each part at its own place, counted from the beginning, whatever came before it."""
        rate = self.voice_rate
        for (begin, end), melody in parts:
            stretch, start = Stretch(channel, begin, end), round(begin * rate / SAMPLE_RATE)
            size = (length if end == len(channel) else round(end * rate / SAMPLE_RATE)) - start
            with (self.converter.heard(stretch) as heard,
                  self.converter.convert(stretch, heard, melody, self._manner(seed), size, pulse) as part):
                line.extend(silence(start - len(line)))
                line.extend(between_silences(part, FADE * rate // SAMPLE_RATE, rises=begin > 0,
                                             falls=end < len(channel)))
        line.extend(silence(length - len(line)))

    def _manner(self, seed: int) -> Manner:
        retrieval, compute = self.settings.retrieval, self.settings.compute
        return Manner(index_rate=retrieval.index_rate, protect=retrieval.protect,
                      envelope=self.settings.output.volume_envelope, silence_db=compute.silence_db,
                      speaker=compute.speaker, seed=seed, half=compute.precision == "bf16",
                      longest=PIECES[self.device.type], chunk=CHUNKS[self.device.type] * SAMPLE_RATE)

    def _refuse_overwriting(self, source: Path, target: Path) -> None:
        if target.exists() and source.exists() and target.samefile(source):
            raise AudioError(f"{target.name} is the recording itself; give the result another name.")
        if target.exists() and not self.settings.compute.overwrite:
            raise AudioError(f"{target} exists already; choose another name, or allow it with --overwrite.")

    def _refuse_without_room(self, source: Path) -> None:
        facts = probe(source)
        self.workspace.scratch.mkdir(parents=True, exist_ok=True)
        channels = facts.channels if self.settings.output.channels == "keep" else 1
        needed = int((facts.seconds or 0) * channels * BYTES_A_SECOND)
        free = shutil.disk_usage(self.workspace.scratch).free
        if free < needed:
            raise AudioError(f"Converting {source.name} needs {needed // 2**20} MB of room in {self.workspace.scratch} "
                             f"and {free // 2**20} MB are free; free some, or choose another --workspace.")


def _plain(value: object) -> object:
    """As JSON can say it."""
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
