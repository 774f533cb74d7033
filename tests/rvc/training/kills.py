"""`python kills.py FOLDER CUTS`: checkpoints whose saving is killed (SIGKILL) before every file operation there is, and
at so many places of every file; after each kill one line of JSON says what is left.

A process is forked for each kill, so that PyTorch is loaded once.
"""
import json
import os
import shutil
import signal
import sys
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[3])]

import torch  # noqa: E402

from rvc.training import checkpoint  # noqa: E402
from rvc.training.checkpoint import Checkpoints  # noqa: E402
from rvc.training.state import State  # noqa: E402
from rvc.voicefile import tensors as tensor_files  # noqa: E402

PARTS = ("generator", "generator.optimizer", "judges", "judges.optimizer", "mean", "random")
WATCHED = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "fsync"}


def state(number: int) -> State:
    """Every tensor and number says which checkpoint it belongs to."""
    return State({f"{part}/{key}": torch.full((9, 5), float(number)) for part in PARTS for key in "ab"},
                 {"steps": number})


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Countdown:
    """Kills this process at the n-th operation, before it happens."""

    def __init__(self, turns: int):
        self.turns, self.seen = turns, []
        fsync = os.fsync
        os.fsync = lambda handle: (self("fsync", ()), fsync(handle))[1]
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple) -> None:
        if event in WATCHED:
            self.seen.append(event)
            if len(self.seen) == self.turns:
                die()


def cut(file: int, share: float) -> None:
    """Let the n-th tensor file end after a share of its bytes."""
    import safetensors.torch as library

    save, written = library.save_file, []

    def save_a_part(tensors, path, metadata):
        save(tensors, path, metadata)
        written.append(path)
        if len(written) == file:
            os.truncate(path, int(share * Path(path).stat().st_size))
            die()

    library.save_file = save_a_part


def child(prepare, folder: Path) -> bool:
    """Save once more in a process of its own; whether it was killed."""
    number = os.fork()
    if number == 0:
        prepare()
        Checkpoints(folder, keep=2).save(state(3))
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(number, 0)[1])


def left(folder: Path) -> dict:
    """What the next start finds."""
    said: list[str] = []
    checkpoints = Checkpoints(folder, keep=2)
    checkpoints.sweep()
    found = checkpoints.latest(said.append)
    numbers = {value for tensor in found.state.tensors.values() for value in tensor.unique().tolist()}
    return {"latest": found.path.name, "numbers": sorted(numbers | {found.state.numbers["steps"]}), "said": said,
            "names": sorted(path.name for path in folder.iterdir())}


def after_kill(folder: Path, prepare) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(before(folder), folder)
    killed = child(prepare, folder)
    print(json.dumps({"killed": killed, **left(folder)}), flush=True)
    return killed


@cache
def before(folder: Path) -> Path:
    """Two checkpoints, as the kills find them."""
    place = folder.with_name("before")
    for number in (1, 2):
        Checkpoints(place, keep=2).save(state(number))
    return place


def main(folder: Path, shares: int) -> None:
    turn = 1
    while after_kill(folder, lambda: Countdown(turn)):  # noqa: B023
        turn += 1
    for file in range(1, len(PARTS) + 1):
        for share in range(shares):
            after_kill(folder, lambda: cut(file, share / shares))  # noqa: B023


if __name__ == "__main__":
    assert checkpoint.write_tensors is tensor_files.write_tensors
    main(Path(sys.argv[1]), int(sys.argv[2]))
