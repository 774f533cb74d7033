"""Sets up Voicewright in .venv beside the program: torch first, then the rest, then what may fail.

Called by run-install.sh and run-install.bat, so that every system does the same. Needs only Python's own library.
What is installed is noted in .venv; a second run finds the note and needs neither network nor time.
"""
# ruff: noqa: T201 (it speaks to a terminal)
import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

ROOT = Path(__file__).resolve().parent.parent
NEEDED, TESTS, EXTRA = "requirements.txt", "requirements-test.txt", "requirements-extra.txt"
PYTHONS = ((3, 11), (3, 13))  # first and last that work
DISK_GB = 7.0  # torch with its CUDA libraries takes 5.5
SILENCE = 60.0  # seconds without a sign of life, after which a download counts as dead
A_SIGN = 1 << 20  # bytes by which the free space must move to be one
TOLD = ("Resolved", "Downloading", "Prepared", "Installed", "Building", "Collecting")  # of uv's lines, those to repeat
NO_NETWORK = ("dns error", "error sending request", "failed to fetch", "timed out", "temporary failure",
              "failed to establish", "network is unreachable", "connection refused", "connection reset")


class Refused(Exception):
    """Why the program cannot be set up here, in one line with the remedy."""


@dataclass(frozen=True)
class Machine:
    """What decides whether the program can run here at all."""

    system: str = field(default_factory=platform.system)
    processor: str = field(default_factory=platform.machine)
    python: tuple[int, int] = sys.version_info[:2]
    bits: int = 64 if sys.maxsize > 2**32 else 32


def check_machine(machine: Machine) -> None:
    """Raises `Refused` on a Python or a computer for which PyTorch 2.11 has no build."""
    first, last = PYTHONS
    if not first <= machine.python <= last:
        raise Refused(f"Voicewright needs Python {_dotted(first)} to {_dotted(last)}, "
                      f"and this is {_dotted(machine.python)}.")
    if machine.bits != 64:
        raise Refused("This Python is a 32-bit build; install the 64-bit one.")
    if machine.system == "Darwin" and machine.processor == "x86_64":
        raise Refused("PyTorch 2.11 has no build for Intel Macs, so Voicewright cannot run on one "
                      "(on an Apple-silicon Mac: install the arm64 build of Python).")


def _dotted(version: tuple[int, int]) -> str:
    return "{}.{}".format(*version)


def check_disk(free_bytes: int, where: Path, needed_gb: float = DISK_GB) -> None:
    """Raises `Refused` when the packages would not fit."""
    if free_bytes < needed_gb * 1e9:
        raise Refused(f"{where} has {free_bytes / 1e9:.1f} GB free and {needed_gb:g} GB are needed: make room, "
                      "or move this folder to a larger disk.")


@dataclass(frozen=True)
class Outcome:
    """How a command ended.  status: its exit status, None when it was ended for its silence; lines: what it said."""

    status: int | None
    lines: tuple[str, ...]

    @property
    def reason(self) -> str:
        """One line for the person who waits: the network, the disk, or the command's own first error."""
        text = "\n".join(self.lines).lower()
        if self.status is None:
            return "there was no answer for a minute"
        if "no space left" in text or "not enough space" in text:
            return "the disk is full"
        if any(word in text for word in NO_NETWORK):
            return "the packages cannot be reached; is there a network?"
        return next((line for line in self.lines if "error" in line.lower()), "\n".join(self.lines[-3:]))


def run(command: list[str | Path], *, silence: float | None = None,
        life: Callable[[], int] = lambda: 0, environment: dict[str, str] | None = None) -> Outcome:
    """Run a command, repeat the lines worth telling, and end it when it stays silent.

    silence: seconds without a line and without a change of life(), a number of bytes; None waits for ever.
    """
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               encoding="utf-8", errors="replace", env=environment)
    lines: list[str] = []
    reader = Thread(target=_listen, args=(process.stdout, lines), daemon=True)
    reader.start()
    try:
        alive = _wait(process, silence, lambda: (len(lines), life() // A_SIGN))
    finally:
        process.kill()
    status = process.wait()
    reader.join(timeout=5)
    return Outcome(status if alive else None, tuple(lines))


def _listen(stream: Iterator[str], lines: list[str]) -> None:
    for line in stream:
        lines.append(line.rstrip())
        if line.lstrip().startswith(TOLD):
            print("  " + line.strip(), flush=True)


def _wait(process: subprocess.Popen, silence: float | None, signs: Callable[[], object]) -> bool:
    """True when the process ended by itself, False when nothing moved for `silence` seconds."""
    last, since = signs(), time.monotonic()
    while process.poll() is None:
        time.sleep(0.1)
        now = signs()
        if now != last:
            last, since = now, time.monotonic()
        if silence is not None and time.monotonic() - since > silence:
            return False
    return True


class Environment:
    """The folder .venv, and the note in it of what it holds."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.note = folder / "voicewright.json"
        self.programs = folder / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.programs / ("python.exe" if os.name == "nt" else "python")

    def ask(self, code: str, **options) -> str | None:
        """What the environment's Python prints, or None when it cannot say."""
        try:
            done = subprocess.run([self.python, "-X", "utf8", "-c", code], capture_output=True, encoding="utf-8",
                                  **options)
        except OSError:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    def version(self) -> str | None:
        """Of its Python, such as "3.12"; None when there is none that runs."""
        return self.ask("import sys; print('%d.%d' % sys.version_info[:2])")

    def packages(self, *names: str) -> list[str | None]:
        """Versions of installed packages, None for an absent one."""
        code = ("import json, importlib.metadata as m\n"
                "def v(n):\n try: return m.version(n)\n except m.PackageNotFoundError: return None\n"
                f"print(json.dumps([v(n) for n in {list(names)!r}]))")
        return json.loads(self.ask(code) or json.dumps([None] * len(names)))

    def noted(self) -> dict[str, str]:
        """Requirement file → digest of what was installed from it; empty for another Python or no note."""
        try:
            note = json.loads(self.note.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return note["installed"] if note.get("python") == self.version() else {}

    def write_note(self, installed: dict[str, str]) -> None:
        """Remember what was installed."""
        new = self.note.with_suffix(".new")
        new.write_text(json.dumps({"python": self.version(), "installed": installed}, indent=1), "utf-8")
        new.replace(self.note)

    def make(self, with_pip: bool) -> None:
        """Create the folder with Python's own venv, unless its Python runs: the scripts try that first."""
        if self.version() == _dotted(sys.version_info[:2]):
            return
        print(f"Making {self.folder} with Python {platform.python_version()}", flush=True)
        made = run([sys.executable, "-m", "venv", "--clear", *([] if with_pip else ["--without-pip"]), self.folder])
        if made.status != 0:
            raise Refused(f"{self.folder} cannot be made: {made.reason} "
                          "(on Debian and Ubuntu: apt install python3-venv).")

    def uv(self) -> Path:
        """The uv on the search path, else the one in this environment, which is put there if need be."""
        found = shutil.which("uv") or shutil.which("uv", path=str(self.programs))
        if found:
            return Path(found)
        print("Getting uv, which installs the packages", flush=True)
        got = run([self.python, "-m", "pip", "install", "--retries", "1", "--timeout", "30", "uv"])
        if got.status != 0:
            raise Refused(f"uv cannot be installed: {got.reason}")
        return Path(shutil.which("uv", path=str(self.programs)) or self.programs / "uv")


class Installer:
    """Brings packages into an environment by uv."""

    def __init__(self, environment: Environment):
        self.environment = environment
        self.uv = environment.uv()

    def install(self, *what: str | Path, silence: float | None = None) -> Outcome:
        """uv pip install …; uv itself gives up on a connection that is silent for as long as we would."""
        patience = {**os.environ, "UV_HTTP_TIMEOUT": os.environ.get("UV_HTTP_TIMEOUT", f"{SILENCE:.0f}")}
        return run([self.uv, "pip", "install", "--python", self.environment.python, *what], silence=silence,
                   life=self._free_bytes, environment=patience)

    def _free_bytes(self) -> int:
        """On the disks of the environment and of uv's cache: a download that is alive fills them."""
        places = {self.environment.folder, Path.home()}
        return sum(shutil.disk_usage(place).free for place in places if place.exists())

    def torch(self, pins: list[str], backend: str | None) -> None:
        """torch and torchaudio, alone: the build for this machine, else the ordinary one.

        backend: one that a person asked for; then nothing else will do.
        """
        again = [word for pin in pins if backend for word in ("--reinstall-package", pin.partition("==")[0])]
        print(f"Installing {' and '.join(pins)}", flush=True)
        fitting = self.install(f"--torch-backend={backend or 'auto'}", *again, *pins, silence=SILENCE)
        if fitting.status == 0:
            return
        if backend:
            raise Refused(f"PyTorch for {backend} cannot be installed: {fitting.reason}")
        print(f"  The build for this machine cannot be had ({fitting.reason}): taking the ordinary one.", flush=True)
        self._need(self.install(*pins), "PyTorch")

    def requirements(self, file: Path) -> None:
        """Everything in a requirement file, by wheels alone."""
        print(f"Installing {file.name}", flush=True)
        self._need(self.install("--only-binary", ":all:", "-r", file), file.name)

    def extra(self, file: Path) -> None:
        """What may fail."""
        print(f"Installing {file.name} (optional)", flush=True)
        outcome = self.install("-r", file)
        if outcome.status != 0:
            print(f"  {file.name} cannot be installed here ({outcome.reason}); without it only the pitch methods "
                  "dio and harvest are missing.", flush=True)

    def _need(self, outcome: Outcome, what: str) -> None:
        if outcome.status != 0:
            raise Refused(f"{what} cannot be installed: {outcome.reason}")


def digest(file: Path) -> str:
    """Of a requirement file's text, whatever its line endings."""
    return hashlib.sha256("\n".join(file.read_text("utf-8").splitlines()).encode()).hexdigest()


def torch_pins(requirements: Path) -> list[str]:
    """The lines for torch and torchaudio, such as "torch==2.11.0"."""
    lines = [line.partition("#")[0].strip() for line in requirements.read_text("utf-8").splitlines()]
    return [line for line in lines if line.partition("==")[0] in ("torch", "torchaudio")]


def missing(root: Path, noted: dict[str, str], tests: bool) -> list[str]:
    """Names of the requirement files that are not installed as they stand, in the order to install them."""
    wanted = [NEEDED, *([TESTS] if tests else []), EXTRA]
    return [name for name in wanted if noted.get(name) != digest(root / name)]


def set_up(root: Path, *, tests: bool, again: bool, backend: str | None) -> None:
    """Make .venv hold what the requirement files ask for.  Raises `Refused`.

    again: look at every package, whatever the note says; backend: the build of PyTorch that a person asked for.
    """
    check_machine(Machine())
    environment = Environment(root / ".venv")
    noted = {} if again else environment.noted()
    todo = missing(root, noted, tests)
    if not todo and not backend:
        return
    pins = torch_pins(root / NEEDED)
    have_torch = _fits(environment, pins)
    check_disk(shutil.disk_usage(root).free, root, 1.0 if have_torch else DISK_GB)
    environment.make(with_pip=shutil.which("uv") is None)
    installer = Installer(environment)
    if backend or not have_torch:
        installer.torch(pins, backend)
    for name in todo:
        (installer.extra if name == EXTRA else installer.requirements)(root / name)
        noted = {**noted, name: digest(root / name)}
        environment.write_note(noted)
    print(_build(environment, root), flush=True)


def _fits(environment: Environment, pins: list[str]) -> bool:
    """Whether the environment holds the pinned versions, in whatever build (2.11.0+cu126 is 2.11.0)."""
    names, versions = zip(*(pin.split("==") for pin in pins))
    return [str(have).partition("+")[0] for have in environment.packages(*names)] == list(versions)


def _build(environment: Environment, root: Path) -> str:
    said = environment.ask("from rvc.device import gpu_advice, torch_build\n"
                           "print('\\n'.join(filter(None, [torch_build(), gpu_advice()])))", cwd=root)
    if said is None:
        raise Refused(f"PyTorch was installed but cannot be imported: remove {environment.folder} and run this again.")
    return said


def main(arguments: list[str]) -> int:
    """0 when everything is installed, 1 when it cannot be."""
    parser = argparse.ArgumentParser(prog="run-install", description="Sets up Voicewright; safe to run again.")
    parser.add_argument("--tests", action="store_true", help="also what the tests need")
    parser.add_argument("--again", action="store_true", help="look at every package, even if all was installed before")
    parser.add_argument("--torch-backend", metavar="NAME",
                        help="install this build of PyTorch: cpu, cu126, cu128, cu130 …")
    asked = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a path may hold letters that the console cannot show
    try:
        set_up(ROOT, tests=asked.tests, again=asked.again, backend=asked.torch_backend)
    except Refused as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; run it again to go on.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
