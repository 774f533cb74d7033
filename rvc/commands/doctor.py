"""`python -m rvc doctor`: what this machine has, what it lacks, and one line of remedy for each lack."""
import json
import shutil
import subprocess
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from rvc.commandline import settings_from
from rvc.commands import Command
from rvc.content import CONTENT_ENCODERS
from rvc.errors import DeviceError
from rvc.f0 import F0_ESTIMATORS
from rvc.holdings import State, holdings
from rvc.remedies import DOWNLOAD, FFMPEG, INSTALL
from rvc.settings.program import DoctorSettings
from rvc.weights import WEIGHTS, usable
from rvc.workspace import Workspace, find_workspace, writable

ROOM_GB, LEAST_GB = 7.0, 0.5  # for a training run in comfort; for a conversion at all


@dataclass(frozen=True)
class Check:
    """One finding.  state: "warn" can be lived with, "missing" cannot be used; essential: nothing runs without it."""

    name: str
    state: Literal["ok", "warn", "missing"]
    detail: str
    remedy: str = ""
    essential: bool = False


def check_workspace(workspace: Workspace) -> Iterator[Check]:
    """Whether files can be written, and how many."""
    if not writable(workspace.root):
        yield Check("workspace", "missing", f"{workspace.root} cannot be written",
                    "choose another folder with --workspace", essential=True)
        return
    yield Check("workspace", "ok", str(workspace.root))
    place = next(folder for folder in (workspace.root, *workspace.root.parents) if folder.exists())
    free = shutil.disk_usage(place).free / 1e9
    state = "missing" if free < LEAST_GB else "warn" if free < ROOM_GB else "ok"
    remedy = "" if state == "ok" else f"make room: training wants {ROOM_GB:g} GB"
    yield Check("disk", state, f"{free:.1f} GB free", remedy, essential=True)


def check_device(workspace: Workspace) -> Iterator[Check]:
    """PyTorch, the GPU against the architectures of this build, and one step of real work."""
    try:
        from rvc import device
    except (ImportError, OSError) as problem:
        yield Check("torch", "missing", f"PyTorch cannot be imported: {problem}", INSTALL, essential=True)
        return
    unused = device.gpu_advice()
    yield Check("torch", "warn" if unused else "ok", device.torch_build(), unused or "")
    choice = device.choose()
    try:
        seconds = device.probe(choice.device)
    except DeviceError as problem:
        yield Check("device", "missing", str(problem), "choose the device cpu, or update the driver", essential=True)
        return
    formats = ", ".join(("fp32", *device.precisions(choice.device)))
    yield Check("device", "ok", f"{choice.device}, because {_inside(choice.reason)}; one step is right and took "
                                f"{seconds * 1e3:.1f} ms; computes well in {formats}")


def check_ffmpeg(workspace: Workspace) -> Iterator[Check]:
    """Needed for mp4, m4a and other files that are not WAV, FLAC, OGG or MP3."""
    program = shutil.which("ffmpeg")
    try:
        told = subprocess.run([program or "ffmpeg", "-version"], capture_output=True, encoding="utf-8",
                              errors="replace", timeout=20, check=True).stdout
        yield Check("ffmpeg", "ok", told.partition("\n")[0].partition(" Copyright")[0])
    except (OSError, subprocess.SubprocessError):
        yield Check("ffmpeg", "warn", "ffmpeg does not run, so m4a, mp4 and the like cannot be read", FFMPEG)


def check_weights(workspace: Workspace) -> Iterator[Check]:
    """Every file that the program could use and does not carry."""
    for id, weight in WEIGHTS.items():
        held = holdings(workspace, id)
        wrong = [holding.path for holding in held if holding.state is State.WRONG]
        absent = [holding.file.name for holding in held if holding.state in (State.MISSING, State.PARTIAL)]
        unverified = [holding.file.name for holding in held if holding.state is State.UNVERIFIED]
        if wrong:
            yield Check(f"weights {id}", "missing", f"{wrong[0].name} is damaged, or not the file that was published",
                        f"remove {wrong[0]}, then: {DOWNLOAD} {id}")
        elif absent:
            yield Check(f"weights {id}", "missing", f"for {weight.purpose}: {' and '.join(absent)}", f"{DOWNLOAD} {id}")
        else:
            note = f"; no known hash to compare {' and '.join(unverified)} with" if unverified else ""
            yield Check(f"weights {id}", "ok", f"for {weight.purpose}{note}")


def check_encoders(workspace: Workspace) -> Iterator[Check]:
    """Which content encoders can run: those whose weights are there."""
    for name, entry in CONTENT_ENCODERS.items():
        yield _part(f"encoder {name}", workspace, weights=entry.facts["weights"])


def check_f0(workspace: Workspace) -> Iterator[Check]:
    """Which pitch methods can run: those whose weights and package are there."""
    for name, entry in F0_ESTIMATORS.items():
        weights = entry.facts["weights"]
        yield _part(f"f0 {name}", workspace, weights=(weights,) if weights else (), package=entry.facts["package"])


def _part(name: str, workspace: Workspace, *, weights: tuple[str, ...], package: str | None = None) -> Check:
    """weights: ids of which any will do."""
    if weights and not any(usable(workspace.pretrained, id) for id in weights):
        return Check(name, "missing", "its weights are not there", f"{DOWNLOAD} {weights[0]}")
    if package and not _installed(package):
        return Check(name, "missing", f"the package {package} is not installed", f"{INSTALL} --again")
    return Check(name, "ok", "can run")


def _installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def _inside(sentence: str) -> str:
    """A sentence as a part of another."""
    return sentence.rstrip(".").replace("The ", "the ", 1) if sentence.startswith("The ") else sentence.rstrip(".")


CHECKS: tuple[Callable[[Workspace], Iterator[Check]], ...] = (
    check_workspace, check_device, check_ffmpeg, check_weights, check_encoders,
    check_f0)


def examine(workspace: Workspace) -> list[Check]:
    """Every finding on this machine."""
    return [finding for check in CHECKS for finding in check(workspace)]


def healthy(findings: list[Check]) -> bool:
    """Whether a conversion could run here at all."""
    return not any(finding.essential and finding.state == "missing" for finding in findings)


def run(arguments: Namespace) -> int:
    """Print the findings; 0 when a conversion could run on this machine, 1 when something essential is broken."""
    settings = settings_from(DoctorSettings, arguments)
    findings = examine(find_workspace(settings.workspace))
    good = healthy(findings)
    if settings.json:
        print(json.dumps({"ok": good, "checks": [asdict(finding) for finding in findings]}, indent=2))
    else:
        print("\n".join(line for finding in findings for line in _lines(finding)))
        print("Nothing essential is broken." if good else "Something essential is broken: see above.")
    return 0 if good else 1


def _lines(finding: Check) -> Iterator[str]:
    yield f"{finding.state:8}{finding.name:33} {finding.detail}"
    if finding.remedy:
        yield f"{'':41} → {finding.remedy}"


COMMAND = Command(settings=DoctorSettings, run=run)
