"""Progress on one line of the terminal that is written over; nothing where the output goes to a file."""
import sys
import time
from collections.abc import Callable

from rvc.progress import Report, Step, silent

CLEAR = "\r\x1b[K"  # a terminal's line, emptied
SETTLED = 2.0  # seconds after which a guess of the rest is worth saying


def written_over(say: Callable[[Step], str]) -> Report:
    """Show what say() makes of each step."""
    if not sys.stdout.isatty():
        return silent
    return lambda step: print(CLEAR + say(step), end="", flush=True)


def cleared() -> str:
    """Back to an empty line, where progress was shown."""
    return CLEAR if sys.stdout.isatty() else ""


class TimeLeft:
    """Says how far a step is, in per cent, and how long the rest will take at the pace so far."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock, self._what, self._began = clock, "", 0.0

    def __call__(self, step: Step) -> str:
        if step.what != self._what:
            self._what, self._began = step.what, self._clock()
        if not step.total or not step.done:
            return f"  {step.what}"
        gone = self._clock() - self._began
        rest = gone * (step.total - step.done) / step.done
        left = f", {spoken(rest)} left" if gone >= SETTLED else ""
        return f"  {step.what}: {100 * step.done // step.total} %{left}"


def spoken(seconds: float) -> str:
    """7 s, 3:05 min, 1:02:03 h."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02} h"
