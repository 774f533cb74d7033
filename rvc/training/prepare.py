"""From a folder of recordings to all that a training reads: slices, content, melody, and their list.

What is made is named by what it was made of: the SHA-256 of the recording and the options that matter to it.  So a
second run, after a change or a stop, makes only what is not there.  The list comes last, and then whatever it does
not name is removed.
"""
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from rvc.errors import DatasetError
from rvc.files import replace_atomically
from rvc.progress import Report, silent
from rvc.settings.training import CuttingSettings, PrepareSettings, TrainModelSettings, TrainSettings
from rvc.synthesis.vocoders import VOCODERS
from rvc.training.cutting import Cut, Manner, Piece, cut_recording, key, write_slice
from rvc.training.ears import Ears, Wanted, ears
from rvc.training.lock import alone
from rvc.training.recordings import ROOT, Recording, find_recordings, speaker_numbers
from rvc.training.store import Sliced, Store
from rvc.training.workers import in_workers
from rvc.workspace import VoiceFolder, Workspace

ADVISED = 300.0  # seconds of sound, below which a voice stays rough
MUTE = 3.0  # seconds of a silent clip
TOGETHER = 16  # slices that are one piece of work
WORTH = 32  # slices that are worth a process, which takes seconds to load what listens
MOST_NAMED = 3  # refusals in one sentence


@dataclass(frozen=True)
class Refusal:
    """A recording that is left out.  reason: words that follow its name."""

    name: str
    reason: str


@dataclass(frozen=True)
class Speaker:
    """seconds: of usable sound, what slices have in common counted once."""

    number: int
    name: str
    recordings: int
    seconds: float


@dataclass(frozen=True)
class Prepared:
    """What is there to train on.  others: how many files were no sound by their names."""

    speakers: tuple[Speaker, ...]
    slices: int
    refusals: tuple[Refusal, ...]
    others: int
    ears: Ears
    sample_rate: int

    @property
    def seconds(self) -> float:
        return sum(speaker.seconds for speaker in self.speakers)


class NothingUsable(DatasetError):
    """refusals: of every recording that there was."""

    def __init__(self, folder: Path, refusals: Sequence[Refusal]):
        named = " ".join(f"{refusal.name!r} {refusal.reason}" for refusal in refusals[:MOST_NAMED])
        super().__init__(f"None of the {len(refusals)} recordings in {str(folder)!r} can be used; add others.  {named}")
        self.refusals = tuple(refusals)


def prepare(voice: VoiceFolder, folder: Path, settings: PrepareSettings, model: TrainModelSettings, *,
            workspace: Workspace, device: str = "auto", report: Report = silent) -> Prepared:
    """Fill the voice's folder with what its training reads.

    Raises an `RvcError` when there is nothing to train on, or while the voice is being trained.
    """
    found = find_recordings(folder)
    numbers = speaker_numbers(recording.label for recording in found.recordings)
    store = Store(voice, manner_of(settings.cutting, model.sample_rate),
                  ears(workspace, settings.listening, uses_f0=model.uses_f0))
    _refuse_early(store.ears, model)
    workers = settings.workers or os.cpu_count() or 1
    with alone(voice.lock):
        sliced, refusals = _judged(found.recordings, _cut(store, found.recordings, workers, report), numbers)
        silence = silent_clip(voice, model.sample_rate)
        reasons = _listen(store, [*sliced, silence], workers, device, report) if sliced else {}
        refusals += [Refusal(name, reason) for name, reason in reasons.items()]
        sliced = [item for item in sliced if item.name not in reasons]
        if not sliced:
            raise NothingUsable(folder, refusals)
        speakers = _speakers(sliced, numbers, voice.name, model.sample_rate)
        copies = 0 if silence.name in reasons else settings.include_mutes
        mutes = [replace(silence, speaker=speaker.number) for speaker in speakers for _ in range(copies)]
        done = Prepared(speakers, sum(len(item.pieces) for item in sliced),
                        tuple(sorted(refusals, key=lambda refusal: refusal.name)), len(found.others), store.ears,
                        model.sample_rate)
        store.write_manifest([*sliced, *mutes])
        _write_card(voice, done)
        store.sweep([*sliced, silence])
    return done


def manner_of(settings: CuttingSettings, rate: int) -> Manner:
    return Manner(rate, settings.cut, settings.chunk_seconds, settings.overlap_seconds, settings.normalise,
                  settings.high_pass, settings.clean_strength if settings.clean else 0.0)


def _refuse_early(listeners: Ears, model: TrainModelSettings) -> None:
    """Whoever knows why not is loaded, which takes a while, only where there is something to refuse."""
    facts = VOCODERS[model.vocoder].facts
    if model.sample_rate not in facts["rates"] or (facts["needs_f0"] and not model.uses_f0):
        from rvc.training.plan import check_model

        check_model(TrainSettings(model=model))
    if not listeners.are_here():
        from rvc.training.extraction import extractor

        extractor(listeners, "cpu")


def _cut(store: Store, recordings: Sequence[Recording], workers: int, report: Report) -> list[Cut]:
    for place in (store.voice.slices, store.voice.features):
        place.mkdir(parents=True, exist_ok=True)
    return in_workers(partial(cut_recording, folder=store.voice.slices, manner=store.manner),
                      [(recording.name, recording.path) for recording in recordings],
                      workers=workers, report=report, what="Cutting recordings")


def _judged(recordings: Sequence[Recording], cuts: Sequence[Cut],
            numbers: Mapping[str, int]) -> tuple[list[Sliced], list[Refusal]]:
    """What is of use, and what is not; of several equal files the first is."""
    first: dict[str, str] = {}
    sliced, refusals = [], []
    for recording, cut in zip(recordings, cuts, strict=True):
        reason = cut.reason
        if not reason and first.setdefault(cut.source, recording.name) != recording.name:
            reason = f"is a copy of {first[cut.source]!r}."
        if reason:
            refusals.append(Refusal(recording.name, reason))
        else:
            sliced.append(Sliced(recording.name, numbers[recording.label], cut.source, cut.pieces))
    return sorted(sliced, key=lambda item: (item.speaker, item.name)), refusals


def silent_clip(voice: VoiceFolder, rate: int) -> Sliced:
    """Silence, from which a voice learns to be silent."""
    silence = np.zeros(round(MUTE * rate), np.float32)
    name = f"{key('silence', rate)}_0.wav"
    piece = Piece(0, len(silence), name, write_slice(voice.slices, name, silence, rate))
    return Sliced("silence", 0, "silence", (piece,))


def _listen(store: Store, sliced: Iterable[Sliced], workers: int, device: str, report: Report) -> dict[str, str]:
    """Hear what was not heard yet.  Name of a recording → why it cannot be used."""
    tasks = [(item.name, part) for item in sliced for part in _parts(store.missing(item))]
    if not tasks:
        return {}
    from rvc.device import choose
    from rvc.training.extraction import extract, extractor

    chosen = choose(device).device
    most = sum(len(part) for _, part in tasks) // WORTH if chosen.type == "cpu" else 1
    try:
        reasons = in_workers(partial(extract, ears=store.ears, device=str(chosen)), tasks, report=report,
                             workers=min(workers, most), what="Listening to slices")
    finally:
        extractor.cache_clear()
    return {name: reason for (name, _), reason in zip(tasks, reasons, strict=True) if reason}


def _parts(wanted: Sequence[Wanted]) -> Iterator[Sequence[Wanted]]:
    for start in range(0, len(wanted), TOGETHER):
        yield wanted[start:start + TOGETHER]


def _speakers(sliced: Sequence[Sliced], numbers: Mapping[str, int], voice: str, rate: int) -> tuple[Speaker, ...]:
    """Those of whom something is of use; who has no name but a number is called by it, and the root by the voice."""
    names = {number: voice if label == ROOT else label for label, number in
             sorted(numbers.items(), key=lambda entry: entry[0] == ROOT)}
    return tuple(Speaker(number, names[number], len(own), sum(covered(item.pieces) for item in own) / rate)
                 for number in sorted({item.speaker for item in sliced})
                 if (own := [item for item in sliced if item.speaker == number]))


def covered(pieces: Iterable[Piece]) -> int:
    """Samples of a recording that lie in slices, however many of them."""
    total, last = 0, 0
    for piece in pieces:
        total += piece.end - max(piece.begin, last)
        last = piece.end
    return total


def _write_card(voice: VoiceFolder, done: Prepared) -> None:
    """voice.json: what the exported voice will say of itself."""
    card = {"name": voice.name, "speakers": {str(speaker.number): speaker.name for speaker in done.speakers},
            "encoder": done.ears.encoder, "content_width": done.ears.width, "f0_method": done.ears.method,
            "uses_f0": done.ears.method is not None, "sample_rate": done.sample_rate,
            "seconds": round(done.seconds, 3)}
    with replace_atomically(voice.card) as beside:
        beside.write_text(json.dumps(card, indent=1), "utf-8")
