"""How long functions say what they are doing, and how they are asked to stop.

A long function takes `report: Report = silent` and calls it between pieces of work.
The callee never asks who listens: a terminal, a page, an event file or nobody.
"""
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rvc.errors import Cancelled


@dataclass(frozen=True)
class Step:
    """One piece of work done.  done of total pieces (total 0: unknown); facts: named numbers for display."""

    what: str
    done: int = 0
    total: int = 0
    facts: Mapping[str, float] = field(default_factory=dict)


Report = Callable[[Step], None]
"""May raise `Cancelled`, which the long function lets through."""


def silent(step: Step) -> None:
    """Report to nobody."""


def stoppable(report: Report, stop: Callable[[], bool]) -> Report:
    """A report that raises `Cancelled` as soon as stop() is true, and else passes the step on."""

    def check(step: Step) -> None:
        if stop():
            raise Cancelled(step.what)
        report(step)

    return check
