"""Long calls of rvc from the page: progress, a stop for each session, and one sentence for what goes wrong."""
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from inspect import Parameter, Signature
from threading import Event, Lock
from typing import Any

import gradio as gr

from rvc.commands.terminal import SETTLED, spoken
from rvc.errors import Cancelled, RvcError
from rvc.progress import Report, Step, stoppable

PATIENCE = 0.2  # seconds between two looks whether it is our turn, and whether to stop

log = logging.getLogger(__name__)


class Jobs:
    """What runs for whom: one job at a time, and one in each session.

    The turn is kept here and not by Gradio's queue: its `cancels` gives the slot away while the work goes on, and who
    waits in its queue cannot be stopped by a flag.
    """

    def __init__(self):
        self._stops: dict[str | None, Event] = {}
        self._turn = Lock()

    def stop(self, request: gr.Request) -> None:
        """Ask the job of this session to end, which it does at its next report; also for a page that is closed."""
        running = self._stops.get(request.session_hash)
        if running is not None:
            running.set()

    def handler(self, work: Callable[..., Any], names: Sequence[str], stopped: Any) -> Callable:
        """work(report, *values) as Gradio calls it.  names: of the values in the API; stopped: the result of a stop."""

        def handle(request: gr.Request, *given: Any) -> Any:
            *values, progress = given
            with one_sentence():
                try:
                    return self.run(request.session_hash, shown_by(progress), lambda report: work(report, *values))
                except Cancelled:
                    return stopped

        given = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=None) for name in names]
        handle.__signature__ = Signature([
            Parameter("request", Parameter.POSITIONAL_OR_KEYWORD), *given,
            Parameter("progress", Parameter.POSITIONAL_OR_KEYWORD, default=gr.Progress())])
        return handle

    def run(self, session: str | None, report: Report, work: Callable[[Report], Any]) -> Any:
        """What work(report) returns, when it is its turn.  Raises `RvcError` when the session runs one already."""
        stop = Event()
        if self._stops.setdefault(session, stop) is not stop:
            raise RvcError("This page is at work already; stop that first, or wait until it has ended.")
        try:
            report = stoppable(report, stop.is_set)
            with self._own_turn(report):
                return work(report)
        finally:
            del self._stops[session]

    @contextmanager
    def _own_turn(self, report: Report) -> Iterator[None]:
        while not self._turn.acquire(timeout=PATIENCE):
            report(Step("Waiting until another page has ended"))
        try:
            yield
        finally:
            self._turn.release()


@contextmanager
def one_sentence() -> Iterator[None]:
    """What a person can mend is said as it is; anything else is a bug, and its traceback goes to the log alone."""
    try:
        yield
    except RvcError as problem:
        raise toast(str(problem)) from None
    except Exception as bug:
        log.exception("A job of the page failed.")
        raise toast(f"Unexpected {type(bug).__name__}; details are in the log.") from None


def toast(sentence: str) -> gr.Error:
    """Escaped, because Gradio shows it as HTML and the names of files are written by strangers."""
    return gr.Error(escape(sentence, quote=False), duration=20, print_exception=False)


def shown_by(progress: Callable[..., Any]) -> Report:
    """Progress of the page, with the time that is left at the pace so far."""
    pace = Pace()
    return lambda step: progress(step.done / step.total if step.total else 0, desc=pace.told(step))


class Pace:
    """How long the rest of a piece of work will take."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock, self._work, self._began = clock, None, 0.0

    def told(self, step: Step) -> str:
        if (step.what, step.total) != self._work:
            self._work, self._began = (step.what, step.total), self._clock()
        gone = self._clock() - self._began
        if not step.done or gone < SETTLED:
            return step.what
        return f"{step.what}, {spoken(gone * (step.total - step.done) / step.done)} left"
