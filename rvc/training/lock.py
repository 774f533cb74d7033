"""One trainer a voice: a lock of the operating system, which frees it when the process dies, however it dies.

The file says who holds it, `{"pid": 1234, "started": "…"}`; a number alone would be another process one day.
"""
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from rvc.errors import RvcError

FAR = 1 << 30  # byte that is locked on Windows, where a locked byte cannot be read
PATIENCE, PAUSE = 1.0, 0.05  # seconds: somebody may only be looking


class Busy(RvcError):
    """The voice is being trained by another process."""


@dataclass(frozen=True)
class Holder:
    """started: when the process began, as the system says it; only compared, never read."""

    pid: int
    started: str


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Holds the lock.  Raises `Busy` naming the process that has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if not _patiently(file):
            owner = _read(path)
            raise Busy(f"{path.parent.name} is being trained already, by process {owner.pid if owner else 'unknown'}; "
                       "wait for its end, or stop it.")
        file.truncate(0)
        file.write(json.dumps(asdict(Holder(os.getpid(), started(os.getpid())))).encode())
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def holder(path: Path) -> Holder | None:
    """Who holds the lock now; None if nobody does."""
    if not path.is_file():
        return None
    with path.open("r+b") as file:
        return None if _taken(file) else _read(path)


def started(pid: int) -> str:
    """When a process began; "" if there is none."""
    if os.name == "nt":
        return _started_on_windows(pid)
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[19]
    except OSError:
        asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=10,
                               check=False)
        return asked.stdout.strip()


def _started_on_windows(pid: int) -> str:
    import ctypes

    kernel, times = ctypes.windll.kernel32, [ctypes.c_uint64() for _ in range(4)]
    process = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if not process:
        return ""
    kernel.GetProcessTimes(process, *map(ctypes.byref, times))
    kernel.CloseHandle(process)
    return str(times[0].value)


def _patiently(file: IO[bytes]) -> bool:
    end = time.monotonic() + PATIENCE
    while not _taken(file):
        if time.monotonic() > end:
            return False
        time.sleep(PAUSE)
    return True


def _taken(file: IO[bytes]) -> bool:
    """Whether the lock is ours now; closing the file gives it back."""
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(FAR)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _read(path: Path) -> Holder | None:
    try:
        return Holder(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
