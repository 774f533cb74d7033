"""Hardware: what is chosen, and whether the words help."""
import subprocess

import pytest
import torch

from rvc import device
from rvc.device import Gpu, advice, choose, gpu_advice, has_code_for, precisions, probe
from rvc.errors import DeviceError

CU130 = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"]
PASCAL, TURING, KEPLER = Gpu("GTX 1080", "sm_61"), Gpu("RTX 2080", "sm_75"), Gpu("Tesla K80", "sm_37")


@pytest.mark.parametrize("architecture, runs", [
    ("sm_61", False), ("sm_70", False), ("sm_75", True), ("sm_80", True), ("sm_87", True), ("sm_89", True),
    ("sm_90", True), ("sm_103", True), ("sm_110", False), ("sm_120", True), ("sm_121", True), ("sm_130", True)])
def test_code_runs_within_its_generation_and_compiled_code_on_newer_ones(architecture, runs):
    assert has_code_for(architecture, CU130) is runs


def test_amd_needs_its_own_name():
    assert has_code_for("gfx1100", ["gfx906", "gfx1100"])
    assert not has_code_for("gfx1201", ["gfx906", "gfx1100"])


def test_letters_after_an_architecture_are_no_other_generation():
    assert has_code_for("sm_90", ["sm_90a"])


@pytest.fixture
def machine(monkeypatch):
    """machine(gpus that PyTorch sees, gpus of the driver) → a pretended computer with this build of PyTorch."""

    def pretend(seen=(), driver=(), built=CU130, cuda="13.0", apple=False):
        monkeypatch.setattr(device, "gpus_seen", lambda: list(seen))
        monkeypatch.setattr(device, "gpus_of_driver", lambda: list(driver))
        monkeypatch.setattr(device, "architectures", lambda: list(built))
        monkeypatch.setattr(torch.version, "cuda", cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: apple)

    return pretend


def test_auto_takes_the_first_gpu_that_the_build_can_use(machine):
    machine(seen=[PASCAL, TURING])
    choice = choose("auto")
    assert choice.device == torch.device("cuda", 1) and "RTX 2080" in choice.reason
    assert gpu_advice() is None


def test_auto_says_why_a_gpu_is_left_aside(machine):
    machine(seen=[PASCAL])
    choice = choose("auto")
    assert choice.device.type == "cpu" and "GTX 1080" in choice.reason
    assert "--torch-backend=cu126" in choice.reason and "run-install" in choice.reason


def test_auto_without_a_gpu_is_the_processor(machine):
    machine()
    assert choose().device.type == "cpu" and "no GPU" in choose().reason


def test_auto_takes_apples_gpu(machine):
    machine(apple=True)
    assert choose().device.type == "mps"


@pytest.mark.parametrize("gpu, cuda, remedy", [(TURING, None, "--torch-backend=auto"), (TURING, "13.0", "driver"),
                                               (PASCAL, None, "--torch-backend=cu126"), (KEPLER, None, "no build")])
def test_a_gpu_that_only_the_driver_sees_gets_one_line(machine, gpu, cuda, remedy):
    machine(driver=[gpu], cuda=cuda, built=[])
    assert gpu.name in gpu_advice() and remedy in gpu_advice() and "\n" not in gpu_advice()


@pytest.mark.parametrize("asked", ["cuda", "cuda:0", "cuda:7", "mps"])
def test_absent_hardware_is_an_error_in_words(machine, asked):
    machine()
    with pytest.raises(DeviceError, match=r"was asked for, but .* no|none"):
        choose(asked)


@pytest.mark.parametrize("asked", ["", "gpu", "cuda:-1", "cuda:x", "CPU ", "cuda:1000", "meta"])
def test_nonsense_is_no_device(asked):
    with pytest.raises(DeviceError, match="is no device"):
        choose(asked)


def test_a_gpu_without_code_cannot_be_asked_for(machine):
    machine(seen=[PASCAL])
    with pytest.raises(DeviceError, match="cu126"):
        choose("cuda:0")
    with pytest.raises(DeviceError, match="there are 1, counted from 0"):
        choose("cuda:1")


def test_the_processor_computes_rightly():
    assert 0 < probe(choose("cpu").device) < 10
    assert precisions(torch.device("cpu")) == ()


def test_a_device_that_computes_nonsense_is_found_out(monkeypatch):
    right = device._step
    wrong = lambda signal, kernel: right(signal, kernel) * (1 if signal.dtype == torch.float64 else 1.1)  # noqa: E731
    monkeypatch.setattr(device, "_step", wrong)
    with pytest.raises(DeviceError, match="wrong numbers"):
        probe(torch.device("cpu"))


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf")])
def test_a_device_that_computes_no_numbers_is_found_out(monkeypatch, nonsense):
    right = device._step
    monkeypatch.setattr(device, "_step", lambda s, k: right(s, k) * (1 if s.dtype == torch.float64 else nonsense))
    with pytest.raises(DeviceError, match="wrong numbers"):
        probe(torch.device("cpu"))


def test_a_device_that_breaks_is_told_in_one_line(monkeypatch):
    def broken(signal, kernel):
        raise RuntimeError("CUDA error: no kernel image is available\nmore\nlines")

    monkeypatch.setattr(device, "_step", broken)
    with pytest.raises(DeviceError, match=r"no kernel image is available\); choose the device cpu"):
        probe(torch.device("cpu"))


def test_the_drivers_own_list_is_read(monkeypatch):
    told = "NVIDIA GeForce GTX 1080, 6.1\nNVIDIA RTX 6000, Ada, 8.9\n\n"
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 0, told))
    assert device.gpus_of_driver() == [Gpu("NVIDIA GeForce GTX 1080", "sm_61"), Gpu("NVIDIA RTX 6000, Ada", "sm_89")]


@pytest.mark.parametrize("problem", [FileNotFoundError(), subprocess.TimeoutExpired("nvidia-smi", 15),
                                     subprocess.CalledProcessError(9, "nvidia-smi")])
def test_no_driver_is_no_gpu(monkeypatch, problem):
    def fail(*args, **options):
        raise problem

    monkeypatch.setattr(subprocess, "run", fail)
    assert device.gpus_of_driver() == []


def test_the_build_is_named():
    assert device.torch_build().startswith(f"PyTorch {torch.__version__} (")
    assert advice(TURING, CU130) is None


@pytest.mark.gpu
def test_the_gpu_here_computes_rightly():
    assert probe(choose("cuda").device) < 30
    assert "fp16" in precisions(choose("cuda").device)
