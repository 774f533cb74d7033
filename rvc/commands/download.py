"""`python -m rvc download`: weights from the hub, from a mirror, or from a file that is already here."""
import os
import shlex
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from rvc.commandline import settings_from
from rvc.commands import Command
from rvc.commands.terminal import cleared, written_over
from rvc.downloads import NotAccepted, install, install_copy
from rvc.errors import DownloadError, SettingsError
from rvc.fetching import PATIENCE, address_problem, megabytes
from rvc.holdings import Holding, State, holdings, is_sha256
from rvc.progress import Step
from rvc.registry import Entry, Registry
from rvc.settings.program import DownloadSettings
from rvc.weights import ESSENTIAL, HUB, WEIGHTS, Weight
from rvc.workspace import Workspace, find_workspace

ALL = "all"


def positionals(parser: ArgumentParser) -> None:
    """What to fetch; and --from, which is a word of Python and so cannot be the name of a field."""
    parser.add_argument("ids", nargs="*", metavar="ID",
                        help=f"names from --list, or {ALL} (default: {' '.join(ESSENTIAL)})")
    parser.add_argument("--from", dest="source", metavar="FILE", type=Path,
                        help="a file that you already have; it is copied once it is found to be the right one")


def run(arguments: Namespace) -> int:
    """0 when everything asked for is there, 1 when a file failed; the others are fetched all the same."""
    settings = settings_from(DownloadSettings, arguments)
    workspace = find_workspace(settings.workspace)
    ids = _chosen(arguments.ids)
    _check(settings, arguments)
    if settings.list:
        _print_table(workspace, ids if arguments.ids else list(WEIGHTS))
        return 0
    task = _Task(workspace, settings, arguments)
    if arguments.source:
        return 0 if task.copy(ids[0], arguments.source.expanduser()) else 1
    done = [task.fetch(holding) for id in ids for holding in holdings(workspace, id)]
    return 0 if all(done) else 1


class _Task:
    """One call of the command: where to, on which terms."""

    def __init__(self, workspace: Workspace, settings: DownloadSettings, arguments: Namespace):
        self.workspace, self.settings, self.arguments = workspace, settings, arguments
        self.hub = settings.mirror.rstrip("/") if settings.mirror else HUB

    def fetch(self, holding: Holding) -> bool:
        """Show what will be fetched, fetch it, say how it went."""
        print("\n".join(_facts(holding, self.hub)), flush=True)
        try:
            install(self.workspace, holding, hub=self.hub, ask=self.ask, patience=PATIENCE,
                    report=written_over(_how_far))
        except DownloadError as problem:
            return self._refused(holding.id, problem)
        finally:
            print(cleared(), end="", flush=True)
        print("  is there already, and verified" if holding.state is State.PRESENT else "  installed")
        return True

    def copy(self, id: str, source: Path) -> bool:
        """Show what the weight is, then put the person's own file into its place."""
        for holding in holdings(self.workspace, id):
            print("\n".join(_facts(holding, HUB)), flush=True)
        try:
            placed = install_copy(self.workspace, id, source, ask=self.ask)
        except DownloadError as problem:
            return self._refused(id, problem)
        print(f"  installed from {source}: {placed.path}")
        return True

    def ask(self, holding: Holding, size: int, sha256: str) -> bool:
        """By --accept, else by a question, else no."""
        print(f"{cleared()}  arrived   {holding.file.name}, {megabytes(size)} ({size:,} bytes)\n  SHA-256   {sha256}")
        if sha256 in map(str.lower, self.settings.accept):
            return True
        if not sys.stdin.isatty():
            return False
        try:
            answer = input("  Nobody has published its hash.  Is this the file that you want? [y/N] ")
        except EOFError:
            return False
        return answer.strip().lower() in ("y", "yes")

    def _refused(self, id: str, problem: DownloadError) -> bool:
        print(f"{cleared()}{problem}", file=sys.stderr, flush=True)
        if isinstance(problem, NotAccepted):
            print(f"To accept it: {self._again(id, problem.sha256)}", file=sys.stderr)
        return False

    def _again(self, id: str, sha256: str) -> str:
        words = ["python", "-m", "rvc", "download", id, "--accept", sha256]
        if self.arguments.source:
            words += ["--from", str(self.arguments.source)]
        if self.settings.workspace:
            words += ["--workspace", str(self.settings.workspace)]
        return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _chosen(asked: list[str]) -> list[str]:
    """Ids in the order asked for, each once.  Raises `SettingsError` for one that is not in the table."""
    known = Registry("ID", {id: Entry("", weight.purpose) for id, weight in WEIGHTS.items()})
    for id in asked:
        if id != ALL:
            known[id]
    return list(WEIGHTS) if ALL in asked else list(dict.fromkeys(asked or ESSENTIAL))


def _check(settings: DownloadSettings, arguments: Namespace) -> None:
    if arguments.source and (len(set(arguments.ids)) != 1 or ALL in arguments.ids):
        raise SettingsError("from", "a file is given for exactly one ID; write that ID.")
    if arguments.source and settings.mirror:
        raise SettingsError("from", "a file of your own needs no mirror; leave one of the two out.")
    if settings.mirror is not None and (problem := address_problem(settings.mirror)):
        raise SettingsError("mirror", f"{settings.mirror} cannot be used: {problem}.")
    for word in settings.accept:
        if not is_sha256(word.lower()):
            raise SettingsError("accept", f"{word!r} is no SHA-256, which has 64 digits from 0 to f.")


def _facts(holding: Holding, hub: str) -> list[str]:
    """What the person should know before a byte is fetched."""
    file, weight = holding.file, holding.weight
    size = "not published" if file.bytes is None else f"{megabytes(file.bytes)} ({file.bytes:,} bytes)"
    sha256 = file.sha256 or (f"{holding.sha256}, as you accepted it" if holding.sha256 else
                             "not published; shown after the download, for you to accept")
    wrong = ["  now       another file lies there; it stays until the right one is verified"]
    return [f"{holding.id}: {file.name}, needed for {weight.purpose}", f"  address   {holding.url(hub)}",
            f"  size      {size}", f"  licence   {weight.licence}, as {weight.repository} declares",
            f"  SHA-256   {sha256}", f"  place     {holding.path}", *(wrong if holding.state is State.WRONG else [])]


def _print_table(workspace: Workspace, ids: list[str]) -> None:
    rows = [("ID", "state", "size", "licence", "needed for")]
    rows += [(id, _state(found := holdings(workspace, id)), _size(WEIGHTS[id], found), WEIGHTS[id].licence,
              WEIGHTS[id].purpose) for id in ids]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def _state(found: list[Holding]) -> str:
    """The worst state of the files of a weight, and how many have it if not all."""
    order = list(State)
    worst = max((holding.state for holding in found), key=order.index)
    count = sum(holding.state is worst for holding in found)
    return str(worst) if count == len(found) else f"{worst}: {count} of {len(found)}"


def _size(weight: Weight, found: list[Holding]) -> str:
    """The published size, else that of what is here, else a dash."""
    sizes = [file.bytes or (holding.path.stat().st_size if holding.path.is_file() else None)
             for file, holding in zip(weight.files, found)]
    return "–" if None in sizes else megabytes(sum(sizes))


def _how_far(step: Step) -> str:
    rate = step.facts.get("bytes_per_second")
    of = f" of {megabytes(step.total)}" if step.total else ""
    return f"  {step.what}" + ("" if rate is None else f": {megabytes(step.done)}{of}, {megabytes(round(rate))}/s")


COMMAND = Command(settings=DownloadSettings, run=run, positionals=positionals)
