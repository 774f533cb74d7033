"""How far a conversion is, told now and then, and the question whether it shall stop."""
import time

from rvc.progress import Report, Step

INTERVAL = 0.2  # seconds between two reports of the same place


class Pulse:
    """Counts samples that are done; `check` may be called as often as one likes."""

    def __init__(self, report: Report, what: str, total: int):
        self._report, self._what, self._total = report, what, total
        self._done, self._last = 0, -INTERVAL

    def advance(self, samples: int) -> None:
        self._done += samples
        self._tell()

    def check(self) -> None:
        """Raises what the report raises: `Cancelled`, when somebody wants a stop."""
        if time.monotonic() - self._last >= INTERVAL:
            self._tell()

    def _tell(self) -> None:
        self._last = time.monotonic()
        self._report(Step(self._what, min(self._done, self._total), self._total))
