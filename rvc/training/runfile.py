"""`train.json`: a run is its file.

    {"dataset": "/home/…", "prepare": {"cutting.cut": "automatic", …}, "train": {"model.sample_rate": 40000, …}}
"""
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rvc.errors import DatasetError
from rvc.files import replace_atomically
from rvc.options import Settings, build, flat
from rvc.settings.training import PrepareSettings, TrainSettings


@dataclass(frozen=True)
class RunFile:
    """What a voice was prepared from, and all options of its preparation and its training."""

    dataset: Path
    prepare: PrepareSettings
    train: TrainSettings


def write_run(path: Path, run: RunFile) -> None:
    """Whole or not there."""
    text = {"dataset": str(run.dataset), "prepare": _plain(run.prepare), "train": _plain(run.train)}
    with replace_atomically(path) as beside:
        beside.write_text(json.dumps(text, ensure_ascii=True, indent=1), "utf-8")


def read_run(path: Path) -> RunFile:
    """Raises `DatasetError` when the file cannot be read, `SettingsError` for options that are not known."""
    try:
        text = json.loads(path.read_text("utf-8"))
        dataset, prepare, train = Path(text["dataset"]), dict(text["prepare"]), dict(text["train"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise DatasetError(f"{path} is missing or damaged; delete it and prepare the voice again.") from None
    return RunFile(dataset, build(PrepareSettings, prepare), build(TrainSettings, train))


def renewed(path: Path, run: RunFile) -> RunFile:
    """The run, with those options of an earlier one at this path that belong to training alone."""
    if not path.is_file():
        return run
    return replace(run, train=replace(read_run(path).train, model=run.train.model))


def _plain(settings: Settings) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in flat(settings).items()}
