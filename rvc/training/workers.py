"""Work on many files in processes of their own, one thread each.

What goes wrong in a process is said with the file's name; a process that dies is a failure, with its cause.
"""
import os
import signal
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import parent_process
from multiprocessing.context import SpawnContext
from typing import Any, TypeVar

from rvc.errors import DatasetError, RvcError
from rvc.progress import Report, Step

T, R = TypeVar("T"), TypeVar("R")
HEARTBEAT = 0.5  # seconds between two reports at most, so that a stop is heard
KILLED_BY_US = -signal.SIGTERM


def in_workers(work: Callable[[T], R], tasks: Sequence[tuple[str, T]], *, workers: int, report: Report,
               what: str) -> list[R]:
    """(name of a file, task) → work(task), in their order.  work: a function of a module, or a partial of one.

    One worker, or one task, is worked on in this process.  Raises `DatasetError` naming the file that went wrong.
    """
    report(Step(what, 0, len(tasks)))
    if min(workers, len(tasks)) <= 1:
        return _one_by_one(work, tasks, report, what)
    context = _Context()
    with ProcessPoolExecutor(min(workers, len(tasks)), context, _begin) as pool:
        running = {pool.submit(_tried, work, task): name for name, task in tasks}
        try:
            _wait(running, report, what)
        except BrokenProcessPool:
            raise DatasetError(_obituary(running, context, min(workers, len(tasks)))) from None
        except BaseException:
            for child in context.children:
                child.terminate()
            raise
    return [future.result()[0] for future in running]


def _one_by_one(work: Callable[[T], R], tasks: Sequence[tuple[str, T]], report: Report, what: str) -> list[R]:
    done = []
    for number, (name, task) in enumerate(tasks, 1):
        done.append(_result(_tried(work, task), name))
        report(Step(what, number, len(tasks)))
    return done


def _wait(running: Mapping[Future, str], report: Report, what: str) -> None:
    left = set(running)
    while left:
        done, left = wait(left, HEARTBEAT, FIRST_COMPLETED)
        for future in done:
            _result(future.result(), running[future])
        report(Step(what, len(running) - len(left), len(running)))


def _tried(work: Callable[[T], R], task: T) -> tuple[R | None, str]:
    """The result, or what went wrong: errors of any class survive the way between processes only as text."""
    try:
        return work(task), ""
    except RvcError as problem:
        return None, str(problem)
    except OSError as problem:
        return None, f"{problem.strerror or problem}."
    except Exception:
        return None, f"an error that should not happen:\n{traceback.format_exc()}"


def _result(answer: tuple[R | None, str], name: str) -> R | None:
    result, problem = answer
    if problem:
        raise DatasetError(f"{name!r} could not be prepared: {problem}")
    return result


class _Context(SpawnContext):
    """Remembers the processes that were started."""

    def __init__(self) -> None:
        self.children: list[Any] = []

    def Process(self, *arguments: Any, **named: Any) -> Any:
        self.children.append(SpawnContext.Process(*arguments, **named))
        return self.children[-1]


def _begin() -> None:
    """In a new process: one thread, no answer to Ctrl-C, which the parent handles, and no life without the parent."""
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_the_parent, daemon=True).start()


def _follow_the_parent() -> None:
    parent_process().join()
    os._exit(1)


def _obituary(running: Mapping[Future, str], context: _Context, workers: int) -> str:
    """One sentence: which files were at hand when a process died, and of what."""
    for child in context.children:
        child.join(HEARTBEAT)
    codes = [child.exitcode for child in context.children if child.exitcode not in (None, 0)]
    code = next((code for code in codes if code != KILLED_BY_US), KILLED_BY_US)
    at_hand = [name for future, name in running.items() if not future.done() or future.exception()][:workers]
    cause = f"status {code}" if code > 0 else f"signal {-code}"
    memory = ", as the system does when memory runs out; try again with fewer --workers" if code == -9 else ""
    return f"A process that worked on {' or '.join(map(repr, at_hand))} was ended by {cause}{memory}."
