"""Files that are either whole or not there: written beside their place, then moved into it."""
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def replace_atomically(path: Path) -> Iterator[Path]:
    """Hands out an empty file beside path, and moves it to path when the block ends well.

    After a crash, a full disk or an error in the block, path is what it was before.
    """
    beside = path.with_name(f".{uuid4().hex}.part")
    beside.touch(exist_ok=False)
    try:
        yield beside
        if path.exists():
            shutil.copymode(path, beside)
        flush(beside)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    flush(path.parent)


def flush(path: Path) -> None:
    """Until it is on disk: the bytes of a file, or the names in a folder."""
    if path.is_dir() and os.name != "posix":  # a folder cannot be opened there, and its names are durable without it
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
