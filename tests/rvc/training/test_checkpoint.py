"""A checkpoint is whole or not there: kills at every point, full disks, flipped bits, and clocks that go backwards."""
import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rvc.errors import CheckpointError, Diverged
from rvc.training import checkpoint
from rvc.training.checkpoint import MANIFEST, Checkpoints, damage, size
from rvc.training.state import State

KILLS = Path(__file__).with_name("kills.py")


def state(number: float) -> State:
    tensors = {f"{part}/weight": torch.full((40, 5), float(number)) for part in ("generator", "judges", "random")}
    return State(tensors, {"steps": number, "generator.groups": [{"lr": 0.1 + number}]})


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "checkpoints é", keep=2)


def silent(text: str) -> None:
    raise AssertionError(text)


def test_what_was_saved_comes_back_to_the_bit(checkpoints):
    told = State({"generator/a": torch.randn(3, 4, dtype=torch.float64), "judges/b": torch.randn(5).bfloat16(),
                  "generator.optimizer/0/step": torch.tensor(7.0), "random/processor": torch.get_rng_state()},
                 {"steps": 3, "share": 0.1 + 0.2, "betas": [0.8, 0.99], "best": None, "growth": float("inf")})
    checkpoints.save(told)
    found = checkpoints.latest(silent).state
    assert found.numbers == told.numbers and found.tensors.keys() == told.tensors.keys()
    for key, value in told.tensors.items():
        assert found.tensors[key].dtype == value.dtype and torch.equal(found.tensors[key], value)


def test_the_last_ones_stay_and_the_latest_is_used(checkpoints):
    for number in range(1, 6):
        checkpoints.save(state(number))
    assert [path.name for path in checkpoints.whole()] == ["00000004", "00000005"]
    assert checkpoints.latest(silent).state.numbers["steps"] == 5


def test_the_highest_number_is_the_latest_whatever_the_clock_says(checkpoints):
    first, second = checkpoints.save(state(1)), checkpoints.save(state(2))
    os.utime(first, (2e9, 2e9))
    os.utime(second, (1e9, 1e9))
    assert checkpoints.latest(silent).path == second
    assert Checkpoints(checkpoints.folder.parent / "none yet").latest(silent) is None


@pytest.mark.skipif(os.name == "nt", reason="processes are forked")
@pytest.mark.parametrize("shares", [2, pytest.param(25, marks=pytest.mark.nightly)])
def test_no_kill_at_any_point_of_a_save_costs_the_checkpoint_before(tmp_path, shares):
    done = subprocess.run([sys.executable, KILLS, tmp_path / "c", str(shares)], capture_output=True, text=True,
                          timeout=300, check=True)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    kills = [result for result in results if result["killed"]]
    assert len(kills) >= 60 + 6 * shares - 6 and len(results) == len(kills) + 1
    for result in results:
        assert result["numbers"] in ([2.0], [3.0]) and result["said"] == []
        assert f"{result['numbers'][0]:08.0f}" == result["latest"]
        assert set(result["names"]) <= {"00000001", "00000002", "00000003"}
    assert {result["latest"] for result in kills} == {"00000002", "00000003"}  # both sides of the moment were hit


def test_everything_is_on_the_disk_before_it_gets_its_name(checkpoints, monkeypatch):
    told = []
    fsync, rename = os.fsync, Path.rename
    monkeypatch.setattr(os, "fsync", lambda handle: (told.append(os.fstat(handle).st_ino), fsync(handle))[1])
    monkeypatch.setattr(Path, "rename", lambda path, to: (told.append("named"), rename(path, to))[1])
    place = checkpoints.save(state(1))
    before, after = told[:told.index("named")], told[told.index("named") + 1:]
    assert {path.stat().st_ino for path in place.iterdir()} | {place.stat().st_ino} <= set(before)
    assert checkpoints.folder.stat().st_ino in after


def spoil(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "bit":
        data[len(data) // 2] ^= 4
    elif how == "zeros":
        data[-64:] = bytes(64)
    else:
        data = data[:int(float(how) * len(data))]
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["bit", "zeros", "0", "0.01", "0.5", "0.999"])
@pytest.mark.parametrize("name", ["generator.safetensors", "judges.safetensors", "state.json", MANIFEST])
def test_a_damaged_one_is_set_aside_and_said_and_the_one_before_is_used(checkpoints, name, how):
    checkpoints.save(state(1))
    spoilt = checkpoints.save(state(2)) / name
    spoil(spoilt, how)
    damaged, said = spoilt.read_bytes(), []
    assert checkpoints.latest(said.append).state.numbers["steps"] == 1
    assert len(said) == 1 and "00000002" in said[0] and "damaged" in said[0]
    assert (checkpoints.folder / "damaged-00000002" / name).read_bytes() == damaged
    assert checkpoints.save(state(3)).name == "00000003"  # a number is never given twice
    assert checkpoints.latest(silent).state.numbers["steps"] == 3


@pytest.mark.parametrize("name", ["generator.safetensors", "state.json", MANIFEST])
def test_a_missing_file_is_damage(checkpoints, name):
    place = checkpoints.save(state(1))
    (place / name).unlink()
    assert name in damage(place)


def test_starting_afresh_deletes_nothing(checkpoints):
    checkpoints.save(state(1))
    checkpoints.start_afresh()
    assert checkpoints.latest(silent) is None
    assert damage(checkpoints.folder / "fresh-00000001") == ""
    assert checkpoints.save(state(2)).name == "00000002"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_never_reach_a_file(checkpoints, value):
    checkpoints.save(state(1))
    spoilt = state(2)
    spoilt.tensors["judges/weight"][3, 3] = value
    with pytest.raises(Diverged, match="judges/weight"):
        checkpoints.save(spoilt)
    with pytest.raises(Diverged, match="generator.groups"):
        checkpoints.save(State({}, {"generator.groups": [{"d": float("nan")}]}))
    assert checkpoints.latest(silent).state.numbers["steps"] == 1
    assert [path.name for path in checkpoints.folder.iterdir()] == ["00000001"]


def test_a_full_disk_names_the_bytes_keeps_the_old_and_is_mended_by_room(checkpoints, monkeypatch):
    checkpoints.save(state(1))
    with monkeypatch.context() as full:
        def no_room(path, tensors, metadata):
            path.write_bytes(b"half")
            if path.name.startswith("judges"):
                raise OSError(errno.ENOSPC, "No space left on device")

        full.setattr(checkpoint, "write_tensors", no_room)
        with pytest.raises(CheckpointError, match=f"needs {size(state(2)):,} bytes"):
            checkpoints.save(state(2))
    assert [path.name for path in checkpoints.folder.iterdir()] == ["00000001"]
    assert checkpoints.latest(silent).state.numbers["steps"] == 1
    assert checkpoints.save(state(2)).name == "00000002"


def test_a_disk_that_is_too_small_is_said_before_the_start(checkpoints, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 10**12, 10**9))
    with pytest.raises(CheckpointError, match=r"1,073,743,824 bytes.*1,000,000,000 are free"):
        checkpoints.check_room(1000)


FULL = """
mount -t tmpfs -o size=220k none "$1" && exec "$2" -c '
import sys, torch
from pathlib import Path
from rvc.errors import CheckpointError
from rvc.training.checkpoint import Checkpoints
from rvc.training.state import State
checkpoints = Checkpoints(Path(sys.argv[1]) / "c")
make = lambda n: State({f"{part}/w": torch.full((10000,), float(n)) for part in "gdr"}, {"steps": n})
checkpoints.save(make(1))
try:
    checkpoints.save(make(2))
except CheckpointError as problem:
    print(problem)
print([path.name for path in checkpoints.folder.iterdir()], checkpoints.latest(print).state.numbers)
' "$1"
"""


def test_a_disk_that_is_really_full(tmp_path):
    """In a file system of 220 kB of its own, where the system lets a user make one."""
    if not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", tmp_path],
                                                     capture_output=True).returncode:
        pytest.skip("this system lets no user mount a file system")
    done = subprocess.run(["unshare", "-rm", "sh", "-c", FULL, "sh", tmp_path, sys.executable], capture_output=True,
                          text=True, cwd=Path(checkpoint.__file__).parents[2], timeout=120, check=False)
    said, names = done.stdout.splitlines()
    assert "needs 120,000 bytes" in said and "The one before it is kept" in said
    assert names == "['00000001'] {'steps': 1}"
