"""Asking a training to stop: kindly, then firmly, and never anybody else.

The file `stop` works everywhere; Ctrl-C and SIGTERM are heard too.  All three are answered after the step that is
being taken, with a checkpoint.
"""
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rvc.training.lock import Holder, holder, started
from rvc.workspace import VoiceFolder

KIND, FIRM, PAUSE = 15.0, 15.0, 0.1  # seconds until SIGTERM, then until SIGKILL; between two looks
SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}

Asked = Callable[[], str]
"""Who asked for a stop, in words; "" as long as nobody did."""


@contextmanager
def listening_for_stops(voice: VoiceFolder) -> Iterator[Asked]:
    """A request from before does not count.  A second signal does what it always does."""
    voice.stop.unlink(missing_ok=True)
    heard: list[str] = []
    with _signals(heard):
        yield lambda: heard[0] if heard else "the file stop" if voice.stop.exists() else ""
    voice.stop.unlink(missing_ok=True)


@contextmanager
def _signals(heard: list[str]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # only that one is told of signals
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def hear(number: int, frame: object) -> None:
        heard.append(SIGNALS[signal.Signals(number)])
        signal.signal(number, before[number])

    for number in SIGNALS:
        signal.signal(number, hear)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_training(voice: VoiceFolder, *, kind: float = KIND, firm: float = FIRM) -> bool:
    """Ends the training of a voice, and waits for it; whether there was one.

    A process that does not heed the file within `kind` seconds gets SIGTERM, and `firm` seconds later SIGKILL, if it
    is still the very process that wrote the lock.
    """
    running = holder(voice.lock)
    if running is None:
        return False
    voice.stop.touch()
    for number, seconds in ((signal.SIGTERM, kind), (getattr(signal, "SIGKILL", signal.SIGTERM), firm)):
        if _over(voice, seconds):
            return True
        _send(running, number)
    return _over(voice, firm)


def _over(voice: VoiceFolder, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while holder(voice.lock) is not None:
        if time.monotonic() > end:
            return False
        time.sleep(PAUSE)
    return True


def _send(process: Holder, number: int) -> None:
    if process.started and started(process.pid) == process.started:
        os.kill(process.pid, number)
