"""The installer: whom it refuses and how it waits; that it installs is shown by .ci/run, which uses it."""
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ODD = "a folder ünï 'quoted'"


@pytest.fixture(scope="module")
def install():
    spec = importlib.util.spec_from_file_location("install", ROOT / "setup" / "install.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["install"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["install"]


@pytest.mark.parametrize("python", [(3, 11), (3, 12), (3, 13)])
@pytest.mark.parametrize("system, processor", [("Linux", "x86_64"), ("Linux", "aarch64"), ("Windows", "AMD64"),
                                               ("Darwin", "arm64")])
def test_machines_with_a_build_of_pytorch_are_welcome(install, python, system, processor):
    install.check_machine(install.Machine(system, processor, python, 64))


@pytest.mark.parametrize("machine, word", [
    (("Linux", "x86_64", (3, 10), 64), "3.10"), (("Linux", "x86_64", (3, 14), 64), "3.14"),
    (("Windows", "AMD64", (3, 12), 32), "64-bit"), (("Darwin", "x86_64", (3, 12), 64), "Intel")])
def test_others_are_refused_in_one_line(install, machine, word):
    with pytest.raises(install.Refused, match=word) as refusal:
        install.check_machine(install.Machine(*machine))
    assert "\n" not in str(refusal.value)


def test_a_full_disk_is_refused_before_anything_is_fetched(install, tmp_path):
    install.check_disk(7_000_000_000, tmp_path)
    with pytest.raises(install.Refused, match=r"6\.9 GB free and 7 GB are needed"):
        install.check_disk(6_900_000_000, tmp_path)


def quiet(seconds: float) -> list[str]:
    return [sys.executable, "-c", f"import time; time.sleep({seconds})"]


def test_a_silent_command_is_ended(install):
    began = time.monotonic()
    outcome = install.run(quiet(60), silence=0.5)
    assert outcome.status is None and "no answer" in outcome.reason
    assert time.monotonic() - began < 20


def test_a_silent_command_may_take_its_time_when_nobody_minds(install):
    assert install.run(quiet(0.5)).status == 0


def test_words_are_a_sign_of_life(install):
    talk = "import time\nfor n in range(20):\n print(n, flush=True)\n time.sleep(0.2)"
    outcome = install.run([sys.executable, "-c", talk], silence=2.5)  # 4 s of it
    assert outcome.status == 0 and outcome.lines[-1] == "19"


def test_a_disk_that_fills_is_a_sign_of_life(install):
    free = iter(range(0, 10**12, install.A_SIGN))
    assert install.run(quiet(2), silence=1, life=lambda: next(free)).status == 0


@pytest.mark.parametrize("said, reason", [
    ("error: Request failed after 3 retries\n  cause: dns error", "is there a network"),
    ("error: failed to write: No space left on device", "disk is full"),
    ("  x No solution found\nerror: there is no version of torch==9", "error: there is no version of torch==9")])
def test_a_failure_is_told_in_one_line(install, said, reason):
    assert reason in install.Outcome(1, tuple(said.splitlines())).reason


def copy_of_the_program(folder: Path) -> Path:
    """The installer with the requirement files, in a path that is hard to quote."""
    root = folder / ODD
    shutil.copytree(ROOT / "setup", root / "setup", ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.glob("r*"):
        if path.name.startswith(("requirements", "run-")):
            shutil.copy(path, root)
    return root


def test_what_is_noted_is_not_installed_again(install, tmp_path):
    root = copy_of_the_program(tmp_path)
    everything = {name: install.digest(root / name) for name in (install.NEEDED, install.TESTS, install.EXTRA)}
    assert install.missing(root, {}, tests=False) == ["requirements.txt", "requirements-extra.txt"]
    assert install.missing(root, everything, tests=True) == []
    (root / install.NEEDED).write_text("torch==2.11.0\n")
    assert install.missing(root, everything, tests=True) == ["requirements.txt"]


def test_line_endings_are_no_reason_to_install_again(install, tmp_path):
    (tmp_path / "a").write_bytes(b"one\r\ntwo\r\n")
    (tmp_path / "b").write_bytes(b"one\ntwo\n")
    assert install.digest(tmp_path / "a") == install.digest(tmp_path / "b")


def test_torch_is_pinned_once(install):
    assert install.torch_pins(ROOT / "requirements.txt") == ["torch==2.11.0", "torchaudio==2.11.0"]


@pytest.mark.skipif(os.name == "nt", reason="there the .bat does it")
def test_a_second_run_needs_neither_network_nor_time(install, tmp_path):
    root = copy_of_the_program(tmp_path)
    environment = install.Environment(root / ".venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment.folder], check=True)
    environment.write_note({name: install.digest(root / name) for name in (install.NEEDED, install.EXTRA)})
    nowhere = {**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9", "UV_INDEX_URL": "http://127.0.0.1:9"}
    done = subprocess.run(["bash", root / "run-install.sh"], cwd=tmp_path, env=nowhere, timeout=60,
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    environment.write_note({})
    assert environment.noted() == {}


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_no_python_is_one_line(tmp_path):
    root = copy_of_the_program(tmp_path)
    (tmp_path / "bin").mkdir()
    for name in ("dirname", "cat"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    (tmp_path / "bin" / "python3").symlink_to(shutil.which("false"))
    done = subprocess.run([shutil.which("bash"), root / "run-install.sh"], env={"PATH": str(tmp_path / "bin")},
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "3.11, 3.12 or 3.13" in done.stderr
