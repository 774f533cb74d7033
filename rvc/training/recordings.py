"""The recordings of a dataset folder, and whose voice is in each."""
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rvc.errors import DatasetError

SOUNDS = {".wav", ".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".mp4", ".webm", ".aif", ".aiff"}
ROOT = ""  # the label of recordings that lie in no folder of their own
HIGHEST_SPEAKER = 16383


@dataclass(frozen=True)
class Recording:
    """name: its path within the dataset, with "/"; label: the folder that names its speaker."""

    path: Path
    name: str
    label: str


@dataclass(frozen=True)
class Dataset:
    """recordings: in the order of their names; others: files that no ending calls sound."""

    recordings: tuple[Recording, ...]
    others: tuple[str, ...]


def find_recordings(folder: Path) -> Dataset:
    """All sound files in a folder and below; hidden ones are passed over.

    Raises `DatasetError` when there is no such folder, or no sound in it.
    """
    if not folder.is_dir():
        raise DatasetError(f"There is no folder {str(folder)!r}; give the one with the recordings.")
    names = sorted(_names(folder))
    sounds = [name for name in names if Path(name).suffix.lower() in SOUNDS]
    if not sounds:
        raise DatasetError(f"The folder {str(folder)!r} holds no recordings; put wav, flac, mp3 or ogg files into it.")
    return Dataset(tuple(Recording(folder / name, name, label_of(name)) for name in sounds),
                   tuple(name for name in names if Path(name).suffix.lower() not in SOUNDS))


def label_of(name: str) -> str:
    """The folder that names the speaker: the innermost one that is a number, else the outermost.

    So 3/take 1/a.wav and choir/3/a.wav are of speaker 3, and Anna/take 1/a.wav of Anna.
    """
    folders = name.split("/")[:-1]
    numbers = [folder for folder in folders if _is_number(folder)]
    return numbers[-1] if numbers else folders[0] if folders else ROOT


def speaker_numbers(labels: Iterable[str]) -> dict[str, int]:
    """Label → number: the root is 0, a number is itself, other names get the free ones in alphabetical order.

    Raises `DatasetError` for a number that no voice can have.
    """
    labels = set(labels)
    numbers = {label: int(label or 0) for label in labels if label == ROOT or _is_number(label)}
    for label, number in numbers.items():
        if number > HIGHEST_SPEAKER:
            raise DatasetError(f"The folder {label!r} would be speaker {label}, and {HIGHEST_SPEAKER} is the highest; "
                               "give it a lower number or a name.")
    taken, free = set(numbers.values()), 0
    for label in sorted(labels - set(numbers), key=lambda text: (text.casefold(), text)):
        while free in taken:
            free += 1
        numbers[label] = free
        taken.add(free)
    return numbers


def _is_number(folder: str) -> bool:
    return folder.isascii() and folder.isdigit() and len(folder) < 20


def _names(folder: Path) -> Iterable[str]:
    def unreadable(problem: OSError) -> None:
        raise DatasetError(f"The folder {problem.filename!r} cannot be read: {problem.strerror}.")

    seen = set()  # a link may lead back
    for place, folders, files in os.walk(folder, onerror=unreadable, followlinks=True):
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name).relative_to(folder).as_posix() for name in files if not name.startswith("."))
