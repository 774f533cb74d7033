"""Processes that work on files: what goes wrong in one is said, and none outlives its parent."""
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rvc.errors import AudioError, Cancelled, DatasetError, SettingsError
from rvc.progress import silent
from rvc.training.workers import in_workers

ROOT = Path(__file__).resolve().parents[3]
POSIX = pytest.mark.skipif(os.name != "posix", reason="processes are listed and killed differently there")


def work(task):
    """What a test asks for."""
    kind, value = task
    if kind == "refuse":
        raise SettingsError("f0_method", "it is not here.") if value == 1 else AudioError("It is broken.")
    if kind == "full":
        raise OSError(28, "No space left on device")
    if kind == "fail":
        raise ZeroDivisionError(value)
    if kind == "exit":
        os._exit(value)
    if kind == "signal":
        os.kill(os.getpid(), value)
    if kind == "sleep":
        time.sleep(value)
    if kind == "threads":
        return os.environ["OMP_NUM_THREADS"], os.getpid()
    return value


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_and_every_file_is_reported(workers):
    steps = []
    tasks = [(f"{n}.wav", ("say", n)) for n in range(5)]
    assert in_workers(work, tasks, workers=workers, report=steps.append, what="x") == [0, 1, 2, 3, 4]
    counts = [step.done for step in steps]
    assert counts == sorted(counts) and (counts[0], counts[-1]) == (0, 5) and {step.total for step in steps} == {5}


def test_each_process_has_one_thread_and_is_another():
    found = in_workers(work, [("a", ("threads", 0)), ("b", ("threads", 0))], workers=2, report=silent, what="x")
    assert {threads for threads, _ in found} == {"1"} and os.getpid() not in {pid for _, pid in found}


@pytest.mark.parametrize("workers, task, words", [
    (1, ("refuse", 1), "f0_method: it is not here."), (1, ("fail", "why"), "ZeroDivisionError: why"),
    (1, ("full", 0), "could not be prepared: No space left on device."),
    (2, ("refuse", 1), "f0_method: it is not here."), (2, ("fail", "why"), "ZeroDivisionError: why"),
    (2, ("exit", 3), "was ended by status 3."),
    pytest.param(2, ("signal", 11), "was ended by signal 11.", marks=POSIX),
    pytest.param(2, ("signal", 9), "signal 9, as the system does when memory runs out", marks=POSIX)])
def test_what_goes_wrong_is_said_with_the_files_name_and_at_once(workers, task, words):
    began = time.monotonic()
    with pytest.raises(DatasetError) as refusal:
        in_workers(work, [("ä.wav", task), ("b.wav", ("say", 1))], workers=workers, report=silent, what="x")
    assert words in str(refusal.value) and "'ä.wav'" in str(refusal.value)
    assert time.monotonic() - began < 5


def test_a_stop_ends_work_that_would_take_long():
    began = time.monotonic()

    def stop(step):
        if time.monotonic() - began > 1.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        in_workers(work, [("a", ("sleep", 60)), ("b", ("sleep", 60))], workers=2, report=stop, what="x")
    assert time.monotonic() - began < 6


@POSIX
def test_no_process_outlives_one_that_is_killed(tmp_path):
    script = tmp_path / "main.py"
    script.write_text(f"""
import os, sys, time
sys.path.insert(0, {str(ROOT)!r})
from rvc.progress import silent
from rvc.training.workers import in_workers

def note(folder):
    open(os.path.join(folder, str(os.getpid())), "w").close()
    time.sleep(60)

if __name__ == "__main__":
    in_workers(note, [("a", {str(tmp_path)!r}), ("b", {str(tmp_path)!r})], workers=2, report=silent, what="x")
""")
    parent = subprocess.Popen([sys.executable, str(script)])
    pids = _until(lambda: len(found := [int(f.name) for f in tmp_path.iterdir() if f.name.isdigit()]) == 2 and found)
    parent.kill()
    parent.wait()
    assert _until(lambda: not any(map(_alive, pids)))


def _until(condition, seconds: float = 15.0):
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
