"""Where a run stands, on disk: each checkpoint is a folder that is whole or not there.

    checkpoints/00000012/   generator.safetensors, generator.optimizer.safetensors, judges.safetensors, …
                            state.json      what is no tensor
                            manifest.json   bytes and SHA-256 of each file, written last
It is made beside its place, flushed, and moved there.  The latest has the highest number; clocks do not count.
"""
import json
import math
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from rvc.errors import CheckpointError, Diverged
from rvc.files import flush, replace_atomically
from rvc.training.state import State
from rvc.voicefile.tensors import write_tensors

STATE, MANIFEST = "state.json", "manifest.json"
WHOLE, NUMBERED = re.compile(r"\d{8}$"), re.compile(r"(?:damaged-|fresh-)?(\d{8})")
DAMAGED, FRESH = "damaged-", "fresh-"  # before the number of one that was set aside, and why
SPARE = 1 << 30  # bytes that a run needs beside two checkpoints


@dataclass(frozen=True)
class Checkpoint:
    """One that was verified."""

    path: Path
    state: State


class Checkpoints:
    """Those of one voice.  keep: how many stay."""

    def __init__(self, folder: Path, keep: int = 2):
        self.folder, self.keep = folder, keep

    def save(self, state: State) -> Path:
        """Raises `CheckpointError` with the bytes needed on a full disk, `Diverged` for values that are not finite.

        Whatever happens, the checkpoint before stays.
        """
        refuse_unsound(state)
        number = 1 + max(map(_number, self._all()), default=0)
        beside, place = self.folder / f".{number:08}.part", self.folder / f"{number:08}"
        try:
            beside.mkdir(parents=True)
            _write(beside, state, number)
            beside.rename(place)
            flush(self.folder)
        except (OSError, SafetensorError) as problem:
            raise CheckpointError(_unwritten(self.folder, size(state), problem)) from None
        finally:
            shutil.rmtree(beside, ignore_errors=True)  # it is not there any more where all went well
        self._prune()
        return place

    def latest(self, say: Callable[[str], None]) -> Checkpoint | None:
        """The last one that is sound; newer ones that are damaged are set aside, and that is said."""
        for path in reversed(self.whole()):
            problem = damage(path)
            if not problem:
                return Checkpoint(path, _read(path))
            aside = _set_aside(path, DAMAGED)
            say(f"The checkpoint {path.name} is damaged ({problem}); it was set aside as {aside.name}, and the one "
                "before it is used.")
        return None

    def whole(self) -> list[Path]:
        """Oldest first."""
        return sorted((path for path in self._all() if WHOLE.fullmatch(path.name)), key=_number)

    def start_afresh(self) -> None:
        """Set all of them aside."""
        for path in self.whole():
            _set_aside(path, FRESH)

    def sweep(self) -> None:
        """Remove what an interrupted save or removal left."""
        for path in self.folder.glob(".*"):
            shutil.rmtree(path)

    def check_room(self, size: int) -> None:
        """Raises `CheckpointError` where two checkpoints of so many bytes and a gigabyte more do not fit."""
        self.folder.mkdir(parents=True, exist_ok=True)
        needed, free = 2 * size + SPARE, shutil.disk_usage(self.folder).free
        if free < needed:
            raise CheckpointError(f"Training needs {needed:,} bytes of room in {self.folder}, and {free:,} are free; "
                                  "make room first.")

    def _all(self) -> list[Path]:
        return [path for path in self.folder.glob("*") if path.is_dir() and NUMBERED.match(path.name)]

    def _prune(self) -> None:
        """The last ones stay.  What is removed loses its name first, so that no half of it is taken for a whole."""
        for path in self.whole()[:-self.keep]:
            gone = path.with_name(f".{path.name}.gone")
            path.rename(gone)
            shutil.rmtree(gone)


def refuse_unsound(state: State) -> None:
    """Raises `Diverged` for a value that is not finite; a plain number may be infinite, where it is no limit."""
    unsound = [name for name, tensor in state.tensors.items()
               if tensor.is_floating_point() and not bool(tensor.isfinite().all())]
    unsound += [name for name, value in state.numbers.items() if any(map(math.isnan, _floats(value)))]
    if unsound:
        raise Diverged(f"{unsound[0]} holds values that are not finite, so no checkpoint was written; the one "
                       "before it is sound.", state.numbers.get("steps", 0))


def _floats(value: object) -> Iterator[float]:
    """All that stand somewhere in lists and dictionaries."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, float):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _floats(item)


def size(state: State) -> int:
    """Bytes of its tensors."""
    return sum(tensor.nbytes for tensor in state.tensors.values())


def damage(path: Path) -> str:
    """What is wrong with a checkpoint, "" when it is as it was written."""
    try:
        manifest = json.loads((path / MANIFEST).read_text("utf-8"))
        if manifest["generation"] != _number(path) or STATE not in manifest["files"]:
            return "its list of files is another's"
        for name, facts in manifest["files"].items():
            if (path / name).stat().st_size != facts["bytes"]:
                return f"{name} has another length"
            if _sha256(path / name) != facts["sha256"]:
                return f"{name} has another SHA-256"
    except FileNotFoundError as missing:
        return f"{Path(missing.filename).name} is missing"
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return "its list of files cannot be read"
    return ""


def _write(folder: Path, state: State, generation: int) -> None:
    for name, tensors in _files(state.tensors):
        write_tensors(folder / name, tensors, {})
    _write_json(folder / STATE, state.numbers)
    files = {path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path)} for path in sorted(folder.iterdir())}
    _write_json(folder / MANIFEST, {"generation": generation, "files": files})


def _files(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """One file for each network, optimiser and so on: what stands before the slash."""
    for name in dict.fromkeys(key.partition("/")[0] for key in tensors):
        yield f"{name}.safetensors", {key: value for key, value in tensors.items() if key.startswith(name + "/")}


def _read(folder: Path) -> State:
    tensors: dict[str, Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(path)
    return State(tensors, json.loads((folder / STATE).read_text("utf-8")))


def _write_json(path: Path, content: object) -> None:
    with replace_atomically(path) as beside:
        beside.write_text(json.dumps(content), "utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _number(path: Path) -> int:
    return int(NUMBERED.match(path.name)[1])


def _set_aside(path: Path, why: str) -> Path:
    """Under a name that nothing has yet."""
    aside, turn = path.with_name(why + path.name), 1
    while aside.exists():
        turn += 1
        aside = path.with_name(f"{why}{path.name}-{turn}")
    return path.rename(aside)


def _unwritten(folder: Path, needed: int, problem: Exception) -> str:
    free = shutil.disk_usage(folder).free
    reason = getattr(problem, "strerror", None) or str(problem)
    return (f"The checkpoint could not be written ({reason}): it needs {needed:,} bytes in {folder}, where {free:,} "
            "are free.  The one before it is kept; make room and start again.")

