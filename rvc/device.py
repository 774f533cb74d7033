"""Which hardware there is, and what it can do.  The only file that asks.

A GPU can be present and still be useless to the installed build of PyTorch, which carries code for some
architectures only; then the sentence says which build to install instead.
"""
import re
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch.nn.functional import conv1d

from rvc.errors import DeviceError
from rvc.remedies import INSTALL

OLDEST, OLD = (5, 0), (7, 5)  # compute capabilities: the least of any build of 2.11, and of those after cu126
PROBE_ERROR = 1e-2  # of the largest value: room for TF32, none for nonsense


@dataclass(frozen=True)
class Gpu:
    """An NVIDIA or AMD GPU.  architecture: its name in a build's list, such as "sm_86" or "gfx1100"."""

    name: str
    architecture: str


@dataclass(frozen=True)
class Choice:
    """A device, and why it was taken, in words."""

    device: torch.device
    reason: str


def choose(asked: str = "auto") -> Choice:
    """The device for "auto", "cpu", "cuda", "cuda:1" or "mps".  Raises `DeviceError` for an absent one."""
    if asked == "auto":
        return _best()
    if not re.fullmatch(r"cpu|mps|cuda(:\d{1,2})?", asked):
        raise DeviceError(f"{asked!r} is no device: choose auto, cpu, cuda, cuda:0, cuda:1 … or mps.")
    device = torch.device(asked)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("mps was asked for, but there is no Apple GPU that PyTorch can use: choose auto or cpu.")
    if device.type == "cuda":
        _check_cuda(device.index or 0)
    return Choice(device, f"{asked} was asked for")


def _best() -> Choice:
    for index, gpu in enumerate(gpus_seen()):
        if advice(gpu, architectures()) is None:
            return Choice(torch.device("cuda", index), f"the {gpu.name} is the first GPU that this build can use")
    if torch.backends.mps.is_available():
        return Choice(torch.device("mps"), "this machine has an Apple GPU")
    return Choice(torch.device("cpu"), gpu_advice() or "there is no GPU here")


def _check_cuda(index: int) -> None:
    seen = gpus_seen()
    if index >= len(seen):
        here = f"there are {len(seen)}, counted from 0" if seen else gpu_advice() or "there is none here"
        raise DeviceError(f"cuda:{index} was asked for, but PyTorch does not see that GPU: {here}.".replace("..", "."))
    problem = advice(seen[index], architectures())
    if problem:
        raise DeviceError(problem)


def gpus_seen() -> list[Gpu]:
    """The GPUs that PyTorch counts, in its order, whether or not its code runs on them."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return [Gpu(torch.cuda.get_device_name(index), _architecture(index)) for index in range(count)]


def _architecture(index: int) -> str:
    if torch.version.hip:
        return torch.cuda.get_device_properties(index).gcnArchName.partition(":")[0]
    return "sm_{}{}".format(*torch.cuda.get_device_capability(index))


def architectures() -> list[str]:
    """What this build carries code for, such as "sm_75", "compute_120" (compiled on the spot) or "gfx1100".

    Empty when PyTorch sees no GPU: it does not say then.
    """
    return torch.cuda.get_arch_list()


def has_code_for(architecture: str, built: Iterable[str]) -> bool:
    """Whether a build runs on a GPU: sm_XY within the same X and not above Y, compute_XY on anything newer."""
    capability = _capability(architecture)
    if capability is None:
        return architecture in built
    for name in built:
        have = _capability(name)
        if have and have <= capability and (name.startswith("compute") or have[0] == capability[0]):
            return True
    return False


def _capability(architecture: str) -> tuple[int, int] | None:
    digits = re.match(r"(?:sm|compute)_(\d+)(\d)", architecture)
    return (int(digits[1]), int(digits[2])) if digits else None


def advice(gpu: Gpu, built: Iterable[str]) -> str | None:
    """None when the build runs on the GPU, else one sentence with the remedy."""
    if has_code_for(gpu.architecture, built):
        return None
    return _unused(gpu, "this build of PyTorch has no code for it")


def gpu_advice() -> str | None:
    """One sentence when a GPU is present that this build cannot use, else None."""
    seen = gpus_seen()
    if seen:
        problems = [advice(gpu, architectures()) for gpu in seen]
        return None if None in problems else problems[0]
    present = gpus_of_driver()
    if not present:
        return None
    cuda = torch.version.cuda
    reason = f"its driver may be too old for CUDA {cuda}" if cuda else "this build of PyTorch knows no CUDA"
    return _unused(present[0], reason)


def _unused(gpu: Gpu, reason: str) -> str:
    problem = f"The {gpu.name} ({gpu.architecture}) is not used, because {reason}"
    capability = _capability(gpu.architecture)
    if capability and capability < OLDEST:
        return f"{problem}; no build of this version can use it."
    backend = "cu126" if capability and capability < OLD else "auto"
    return f"{problem}; to change that: {INSTALL} --torch-backend={backend}"


def gpus_of_driver() -> list[Gpu]:
    """The NVIDIA GPUs that the driver's own tool lists; none when there is no driver."""
    ask = ["nvidia-smi", "--query-gpu=name,compute_cap", "--format=csv,noheader"]
    try:
        done = subprocess.run(ask, capture_output=True, encoding="utf-8", errors="replace", timeout=15, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [line.rpartition(", ") for line in done.stdout.splitlines()]
    return [Gpu(name, "sm_" + capability.replace(".", "")) for name, _, capability in rows if name]


def torch_build() -> str:
    """One line: version, what it was built for, and the architectures."""
    cuda, rocm = torch.version.cuda, torch.version.hip
    target = f"CUDA {cuda}" if cuda else f"ROCm {rocm}" if rocm else "no CUDA"
    return f"PyTorch {torch.__version__} ({', '.join([target, *architectures()])})"


def probe(device: torch.device) -> float:
    """One step of real work on the device, checked against float64: its seconds.  Raises `DeviceError`."""
    generator = torch.Generator().manual_seed(0)
    signal = torch.randn(1, 16, 64, generator=generator)
    kernel = torch.randn(16, 16, 5, generator=generator)
    began = time.perf_counter()
    try:
        got = _step(signal.to(device), kernel.to(device)).double().cpu()
    except RuntimeError as problem:
        first = str(problem).partition("\n")[0]
        remedy = "choose the device cpu, or update the driver"
        raise DeviceError(f"{device} cannot compute ({first}); {remedy}.") from problem
    seconds = time.perf_counter() - began
    wanted = _step(signal.double(), kernel.double())
    if not (got - wanted).abs().max() <= PROBE_ERROR * wanted.abs().max():
        raise DeviceError(f"{device} computes wrong numbers; choose the device cpu, or update the driver.")
    return seconds


def _step(signal: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """(1, C, T), (C, C, K) -> (1, T', T'): a convolution and a matrix product, the two things that models do."""
    hidden = conv1d(signal, kernel)
    return hidden.transpose(1, 2) @ hidden


def precisions(device: torch.device) -> tuple[str, ...]:
    """The number formats beside fp32 that the device is fast in: "bf16", "fp16", both or none."""
    if device.type == "mps":
        return ("fp16",)
    if device.type != "cuda":
        return ()
    fast_half = bool(torch.version.hip) or torch.cuda.get_device_capability(device) >= (7, 0)
    bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return ("bf16",) * bf16 + ("fp16",) * fast_half
