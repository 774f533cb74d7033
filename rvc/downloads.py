"""Weights into their places: from the hub, from a mirror, or from a file that the person already has.

A file is put into its place last, when its hash is the published one or the person has accepted it.
"""
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rvc import holdings as here
from rvc.errors import DownloadError
from rvc.fetching import HEAD, LARGEST, PATIENCE, Patience, Wanted, check_room, discard, fetch, what_else
from rvc.files import replace_atomically
from rvc.holdings import Holding, State, digest, holdings
from rvc.progress import Report, silent
from rvc.weights import HUB
from rvc.workspace import Workspace

Ask = Callable[[Holding, int, str], bool]
"""(file, bytes, SHA-256) → whether the person takes it for the right one, which no manifest tells."""


class NotAccepted(DownloadError):
    """A file arrived whose hash nobody has published, and the person has not accepted it.  sha256: its hash."""

    def __init__(self, message: str, sha256: str):
        super().__init__(message)
        self.sha256 = sha256


def decline(holding: Holding, size: int, sha256: str) -> bool:
    """Accept nothing of which no hash is known."""
    return False


def install(workspace: Workspace, holding: Holding, *, hub: str = HUB, ask: Ask = decline,
            patience: Patience = PATIENCE, report: Report = silent) -> None:
    """See to it that one file is in its place and is the right one; nothing is done for one that is.

    hub: base address, that of a mirror only for a file with a known hash.  A wrong file stays until the right one is
    there.  Raises `DownloadError`, and `NotAccepted` after ask said no; what has come is kept as `holding.part`.
    """
    if holding.state is State.PRESENT:
        return
    if holding.sha256 is None and hub != HUB:
        raise DownloadError(f"{holding.file.name} of {holding.id} has no published hash, so no mirror may serve it; "
                            "leave --mirror out, or give the file with --from.")
    with _alone(workspace):
        if holding.state is State.UNVERIFIED:
            _settle(workspace, holding, holding.path, digest(holding.path), ask)
            return
        sha256 = fetch(Wanted(holding.url(hub), holding.sha256, holding.file.bytes), holding.part,
                       patience=patience, report=report)
        _settle(workspace, holding, holding.part, sha256, ask)
        with _told(holding.path):
            holding.part.replace(holding.path)  # already on the disk: fetch flushed it
            discard(holding.part)


def install_copy(workspace: Workspace, id: str, source: Path, *, ask: Ask = decline) -> Holding:
    """Copy a file that the person has into the place of that file of the weight which it is, and say which.

    Raises `DownloadError` when it is none of them, and `NotAccepted` after ask said no.
    """
    if not source.is_file():
        raise DownloadError(f"There is no file {source}.")
    if source.stat().st_size > LARGEST:
        raise DownloadError(f"{source} is larger than {LARGEST:,} bytes, so it is none of these weights.")
    sha256 = digest(source)
    holding = _meant(holdings(workspace, id), source, sha256)
    with _alone(workspace):
        _settle(workspace, holding, source, sha256, ask)
        check_room(holding.path.parent, source.stat().st_size)
        with _told(holding.path):
            _copy(source, holding.path, sha256)
            discard(holding.part)
    return holding


def _copy(source: Path, path: Path, sha256: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_atomically(path) as beside:
        shutil.copyfile(source, beside)
        if digest(beside) != sha256:
            raise DownloadError(f"{source} changed while it was copied; start again.")


def _meant(files: list[Holding], source: Path, sha256: str) -> Holding:
    """The file of a weight that the source is: by its hash, else by its name among those without one."""
    for holding in files:
        if holding.sha256 == sha256:
            return holding
    with source.open("rb") as stream:
        other = what_else(stream.read(HEAD))
    if other:
        raise DownloadError(f"{source} is {other}, not weights; fetch {files[0].url()} again.")
    unknown = [holding for holding in files if holding.sha256 is None]
    named = [holding for holding in unknown if holding.file.name == source.name]
    if len(named or unknown) == 1:
        return (named or unknown)[0]
    if unknown:
        raise DownloadError(f"{source} could be each of {_names(unknown)}; give it the name of the one that it is.")
    promised = " or ".join(f"{holding.sha256} ({holding.url()})" for holding in files)
    raise DownloadError(f"{source} was not installed: its SHA-256 is {sha256} instead of {promised}.")


def _settle(workspace: Workspace, holding: Holding, file: Path, sha256: str, ask: Ask) -> None:
    """Have the person accept a file whose hash nobody has published, and remember it."""
    if holding.sha256 is not None:
        return
    size = file.stat().st_size
    if not ask(holding, size, sha256):
        raise NotAccepted(f"{holding.file.name} of {holding.id} was not installed: nobody has published its SHA-256, "
                          f"and {sha256} ({size:,} bytes) has not been accepted; it is kept as {file}.", sha256)
    with _told(workspace.accepted_hashes):
        here.accept(workspace, holding, size, sha256)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system refuses, as a sentence."""
    try:
        yield
    except OSError as problem:
        raise DownloadError(f"{path} cannot be written: {problem.strerror or problem}.") from None


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    """One download at a time in a workspace; the system frees the lock of a process that died."""
    with _told(workspace.download_lock):
        workspace.pretrained.mkdir(parents=True, exist_ok=True)
        stream = workspace.download_lock.open("ab")
    with stream:
        try:
            _lock(stream)
        except OSError:
            raise DownloadError(f"Another download into {workspace.pretrained} is running; wait for its end.") from None
        yield


def _lock(stream: IO[bytes]) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _names(files: list[Holding]) -> str:
    return ", ".join(holding.file.name for holding in files)
