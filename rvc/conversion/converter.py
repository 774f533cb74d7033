"""The conductor of a conversion: one line for each arrow of the picture in docs/architecture.md.

Everything is heard at 16 kHz with a second of reflection at either end; every frame of the voice then lies on a
multiple of 10 ms, and chunks only say which frames are computed together.
"""
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from rvc.audio.filters import high_passed
from rvc.audio.joining import Joiner
from rvc.audio.lines import Line, Reflected, Scratch
from rvc.audio.loudness import matched
from rvc.audio.slicing import silent_stretches
from rvc.conversion.plan import FADE, Chunk, Range, chunks, common, gate
from rvc.conversion.pulse import Pulse
from rvc.f0.track import F0Track
from rvc.features import HOP, SAMPLE_RATE, FeatureExtractor, Features, align, to_frames
from rvc.interruption import interruptible
from rvc.retrieval import Retriever
from rvc.retrieval.blend import protect_consonants, retrieve
from rvc.synthesis.noise import Noise, drawn_from
from rvc.voice import VoiceModel

PAD = SAMPLE_RATE  # samples of reflection at either end, and of context around a chunk


@dataclass(frozen=True)
class Manner:
    """How it is converted, in numbers.

    index_rate, protect: see `rvc.retrieval.blend`; envelope: 1 keeps the voice's loudness, 0 takes the source's;
    silence_db: below it nothing is synthesised, −∞ for never; seed: of the noise; half: decode in bfloat16;
    longest: frames decoded at once; chunk: samples at 16 kHz converted at once.
    """

    index_rate: float = 0.0
    protect: float = 0.5
    envelope: float = 1.0
    silence_db: float = -np.inf
    speaker: int = 0
    seed: int = 0
    half: bool = False
    longest: int = 200
    chunk: int = 41 * SAMPLE_RATE


@dataclass(frozen=True)
class Converter:
    """voice: who speaks; extractor: who listens; retriever: the voice's habits; scratch: folder for long sounds.

    noise: (seed, number of the chunk) → where its noise comes from.
    """

    voice: VoiceModel
    extractor: FeatureExtractor
    retriever: Retriever | None
    scratch: Path
    noise: Callable[[int, int], Noise] | None = None

    def heard(self, recording: Line) -> Scratch:
        """A recording at 16 kHz → without rumble, as it is listened to."""
        return Scratch(self.scratch).extend(high_passed(recording, SAMPLE_RATE))

    def melody(self, heard: Line, pulse: Pulse) -> F0Track:
        """The melody of the heard line with its reflections, (N + 2·PAD) // 160 + 1 frames."""
        return self.extractor.melody(Reflected(heard, PAD), pulse.check)

    def convert(self, recording: Line, heard: Line, melody: F0Track | None, manner: Manner, length: int,
                pulse: Pulse, plan: Sequence[Chunk] | None = None) -> Scratch:
        """The recording (at 16 kHz), sung by the voice: `length` samples at the voice's rate.

        heard: the recording without rumble; melody: of `melody`, as it shall be sung; plan: chunks, else found here.
        """
        silences = silences_of(recording, manner.silence_db)
        plan = chunks(heard, silences, manner.chunk) if plan is None else plan
        joiner = Joiner(self._out(FADE))
        with Scratch(self.scratch) as raw:
            for number, chunk in enumerate(plan):
                sound = self._chunk(heard, melody, chunk, manner, self._noise(manner.seed, number), pulse)
                raw.append(joiner.add(self._out(chunk.begin), self._gated(sound, chunk, silences)))
                pulse.advance(chunk.end - chunk.begin)
            raw.append(joiner.finish(length))
            return Scratch(self.scratch).extend(
                matched(heard, SAMPLE_RATE, raw, self.voice.card.sample_rate, manner.envelope))

    def _chunk(self, heard: Line, melody: F0Track | None, chunk: Chunk, manner: Manner, noise: Noise,
               pulse: Pulse) -> np.ndarray:
        """The sound of a chunk and of one fade after it; nothing before it."""
        segment = Reflected(heard, PAD)[chunk.begin:chunk.end + 2 * PAD + HOP]
        features = self._features(segment, melody, chunk.begin // HOP, manner, pulse)
        wanted = [_frames(begin - chunk.begin + PAD, end - chunk.begin + PAD, len(features))
                  for begin, end in common([(a, b + FADE) for a, b in chunk.sounding], (chunk.begin, chunk.end + FADE))]
        with interruptible(self.voice.synthesizer, pulse.check):
            sound = self.voice.speak(features, self.voice.speaker(manner.speaker), noise, longest=manner.longest,
                                     wanted=wanted, half=manner.half)
        return sound.numpy()[self._out(PAD):][:self._out(-(-(chunk.end - chunk.begin) // HOP) * HOP + FADE)]

    def _features(self, segment: np.ndarray, melody: F0Track | None, first: int, manner: Manner,
                  pulse: Pulse) -> Features:
        said = self.extractor.content(segment, pulse.check)
        moved = said if self.retriever is None else retrieve(self.retriever, said, rate=manner.index_rate)
        f0 = None if melody is None else F0Track(melody.hz[first:])
        features = align(to_frames(moved), f0, len(segment) // HOP)
        if f0 is None or moved is said:
            return features
        kept = to_frames(said)[:len(features)]
        voiced = features.f0.voiced.to(kept.device)
        return Features(protect_consonants(features.content, kept, voiced, manner.protect), features.f0)

    def _gated(self, sound: np.ndarray, chunk: Chunk, silences: Sequence[Range]) -> np.ndarray:
        begin = self._out(chunk.begin)
        gain = gate(silences, begin, begin + len(sound), self.voice.card.sample_rate)
        return sound if gain is None else sound * gain

    def _out(self, samples: int) -> int:
        """Samples at 16 kHz, on a frame, as samples of the voice."""
        return samples // HOP * self.voice.hop

    def _noise(self, seed: int, number: int) -> Noise:
        if self.noise is not None:
            return self.noise(seed, number)
        generator = torch.Generator(self.voice.device)
        generator.manual_seed((seed << 20) + number)
        return drawn_from(generator)


def silences_of(recording: Line, threshold_db: float) -> list[Range]:
    """Half a second or more below the threshold; none for −∞."""
    if threshold_db == -np.inf:
        return []
    return [(int(begin), int(end)) for begin, end in silent_stretches(recording, threshold_db=threshold_db)]


def _frames(begin: int, end: int, most: int) -> Range:
    """Samples → the frames that hold them all."""
    return begin // HOP, min(most, -(-end // HOP))
