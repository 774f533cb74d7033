"""What a training says of itself: one JSON object a line, appended to `events.jsonl`.

    {"time": 1766000000.0, "event": "step", "step": 120, "epoch": 3, …}
event: stage, step, epoch, saved, sample, warning, heartbeat, and at the end finished, stopped or failed.  Page,
terminal and TensorBoard are told the same.  Whoever reads needs no torch.
"""
import json
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rvc.progress import Report, Step
from rvc.training.lock import holder
from rvc.workspace import VoiceFolder

BEAT = 2.0  # seconds of silence after which a heartbeat is written
LAST = ("finished", "stopped", "failed")  # kinds that end a run


@dataclass(frozen=True)
class Event:
    """kind: as above; facts: what JSON can hold."""

    kind: str
    facts: Mapping[str, Any] = field(default_factory=dict)


Tell = Callable[[Event], None]


def to_all(*listeners: Tell) -> Tell:
    """Tell several the same."""
    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell


def while_it_hears(listener: Tell) -> Tell:
    """A terminal that went away, a letter that it lacks, a full disk or an absent TensorBoard ends the telling, not the
    training.
    """
    deaf: list[Exception] = []

    def tell(event: Event) -> None:
        if deaf:
            return
        try:
            listener(event)
        except (OSError, UnicodeError, ImportError) as problem:
            deaf.append(problem)
            logging.getLogger(__name__).warning("Somebody does not hear the events any more: %s", problem)

    return tell


def reported(tell: Tell) -> Report:
    """Progress as events."""
    def report(step: Step) -> None:
        tell(Event("stage", {"what": step.what, "done": step.done, "total": step.total, **step.facts}))

    return report


class EventLog:
    """Appends events while it is open, and a heartbeat where nothing else is said for a while."""

    def __init__(self, path: Path, *, beat: float = BEAT):
        self._path, self._beat = path, beat
        self._lock, self._closed, self._said = threading.Lock(), threading.Event(), 0.0

    def __enter__(self) -> "EventLog":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("ab+")
        self._end_a_broken_line()
        self._heart = threading.Thread(target=self._live, name="heartbeat", daemon=True)
        self._heart.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._closed.set()
        self._heart.join()
        self._file.close()

    def __call__(self, event: Event) -> None:
        """A disk that is full silences the log and not the training, which has its own answer to that."""
        line = json.dumps({"time": round(time.time(), 3), "event": event.kind, **_plain(event.facts)},
                          ensure_ascii=False, allow_nan=False)
        with self._lock:
            self._said = time.monotonic()
            try:
                self._file.write(line.encode() + b"\n")
                self._file.flush()
            except OSError as problem:
                logging.getLogger(__name__).warning("%s cannot be written: %s", self._path, problem)

    def _end_a_broken_line(self) -> None:
        """A process that was killed may have left half a line."""
        if self._file.seek(0, 2):
            self._file.seek(-1, 2)
            if self._file.read(1) != b"\n":
                self._file.write(b"\n")

    def _live(self) -> None:
        while not self._closed.wait(self._beat / 4):
            if time.monotonic() - self._said >= self._beat:
                self(Event("heartbeat"))


def read_events(path: Path) -> list[dict[str, Any]]:
    """All whole lines, oldest first."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [event for event in map(_parsed, lines) if event]


def outcome(voice: VoiceFolder) -> dict[str, Any] | None:
    """How the latest run stands: None while it goes on, else its last event.

    A run that said no last word and whose process is gone has failed, whatever ended it.
    """
    running = holder(voice.lock) is not None
    told = [event for event in read_events(voice.events) if event["event"] != "heartbeat"]
    if running or not told:
        return None
    if told[-1]["event"] in LAST:
        return told[-1]
    return {**told[-1], "event": "failed", "why": "The process ended without a word: it was killed, or the machine "
                                                   "went down.  Start again; it goes on from the last checkpoint."}


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


def _plain(value: Any) -> Any:
    """What is not finite becomes null: JSON has no word for it."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
