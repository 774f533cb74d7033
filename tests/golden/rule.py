"""Weights and inputs that can be written down in one line instead of stored.

Every array is drawn from a generator seeded by the SHA-256 of its own name, then scaled by what the name says
it is, so that deep networks keep signals of a sane size.  The reference implementation was run with exactly these.
"""
import hashlib
from collections.abc import Mapping

import numpy as np

FORMANTS = ((600, 250, 1.0), (1700, 400, 0.7), (2700, 500, 0.4))  # Hz, Hz, gain
G, V = ".parametrizations.weight.original0", ".parametrizations.weight.original1"


def new_spelling(key: str) -> str:
    """`x.weight_g` → `x.parametrizations.weight.original0`, and `_v` → `original1`."""
    for old, new in ((".weight_g", G), (".weight_v", V)):
        if key.endswith(old):
            return key.removesuffix(old) + new
    return key


def old_spelling(key: str) -> str:
    return key.replace(G, ".weight_g").replace(V, ".weight_v")


def generator(name: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")))


def normal(name: str, shape) -> np.ndarray:
    """N(0, 1), float32."""
    return generator(name).standard_normal(tuple(shape)).astype(np.float32)


def uniform(name: str, shape) -> np.ndarray:
    """U[0, 1), float32."""
    return generator(name).random(tuple(shape)).astype(np.float32)


def weight(key: str, shape) -> np.ndarray:
    """One entry of a state dict, by the rule."""
    key = new_spelling(key)
    leaf = key.rpartition(".")[2]
    if leaf == "num_batches_tracked":
        return np.zeros(tuple(shape), np.int64)
    x = normal(key, shape)
    one_plus = np.float32(1) + np.float32(0.1) * np.abs(x)
    if leaf == "running_var":
        return np.float32(4) * one_plus
    if key.endswith(G):
        return np.float32(_gain(key)) * one_plus
    if key.endswith(V):
        return x
    offset, scale = _offset_and_scale(key, leaf, tuple(shape))
    if ".m_source." in key and not leaf.startswith("bias"):
        return np.float32(scale) * (np.float32(1) + np.float32(0.1) * x)
    return np.float32(offset) + np.float32(scale) * x if offset else np.float32(scale) * x


def weights(shapes: Mapping[str, tuple[int, ...]], half: bool = False) -> dict[str, np.ndarray]:
    """A whole state dict; half: floats as float16."""
    state = {key: weight(key, shape) for key, shape in shapes.items()}
    return {k: v.astype(np.float16) if half and v.dtype == np.float32 else v for k, v in state.items()}


def _gain(key: str) -> float:
    if ".ups." in key or ".upsamples." in key:
        return 2.0
    if key.startswith("discriminators."):
        return 1.5
    if key.startswith("dec.conv_post."):
        return 0.25
    return 1.6 if key.startswith(("dec.pre_conv.", "dec.downsample_blocks.")) else 1.0


def _offset_and_scale(key: str, leaf: str, shape: tuple[int, ...]) -> tuple[float, float]:
    if leaf == "running_mean":
        return 0, 0.1
    if leaf == "gamma":
        return 1, 0.1
    if leaf == "beta" or leaf.startswith("bias"):
        return 0, 0.02
    if leaf in ("emb_rel_k", "emb_rel_v"):
        return 0, shape[-1] ** -0.5
    if key.endswith("emb_g.weight"):
        return 0, 0.5
    if key.endswith("emb_pitch.weight"):
        return 0, 0.1
    if len(shape) == 1:
        return 1, 0.1
    fan_in = int(np.prod(shape[1:])) ** -0.5
    if ".m_source." in key:
        return 0, 5.0 * fan_in
    for ending, factor in (("emb_phone.weight", 0.1), ("enc_p.proj.weight", 0.5), ("enc_q.proj.weight", 0.5),
                           (".input_conv.weight", 1.25)):
        if key.endswith(ending):
            return 0, factor * fan_in
    return 0, (0.25 if key == "dec.conv_post.weight" else 1.0) * fan_in


def f0_contour(frames: int) -> np.ndarray:
    """Hz: two octaves up from 110 Hz with vibrato and unvoiced gaps at both ends and in the middle."""
    t = np.arange(frames, dtype=np.float64) * 0.01
    hz = 110.0 * 2.0 ** (2.0 * t / max(t[-1], 1e-9)) * (1 + 0.02 * np.sin(2 * np.pi * 5.5 * t))
    hz[: min(3, frames)] = 0.0
    hz[frames // 2: frames // 2 + max(1, frames // 10)] = 0.0
    if frames > 20:
        hz[-2:] = 0.0
    return hz.astype(np.float32)


def coarse(hz: np.ndarray) -> np.ndarray:
    """The reference's quantiser, in float64: 1…255."""
    low, high = (1127 * np.log(1 + edge / 700) for edge in (50.0, 1100.0))
    mel = 1127 * np.log(1 + hz.astype(np.float64) / 700)
    return np.rint(np.clip((mel - low) * 254 / (high - low) + 1, 1, 255)).astype(np.int64)


def speech(name: str, samples: int, rate: int) -> np.ndarray:
    """A buzzing, babbling, pausing voice in [−0.9, 0.9], float64."""
    t = np.arange(samples, dtype=np.float64) / rate
    f0 = 150.0 * 2.0 ** (0.6 * np.sin(2 * np.pi * 0.37 * t)) * (1 + 0.01 * np.sin(2 * np.pi * 5.0 * t))
    phase = 2 * np.pi * np.cumsum(f0) / rate
    voice = np.zeros(samples)
    for h in range(1, 31):
        formants = (a * np.exp(-(((h * f0 - f) / w) ** 2)) for f, w, a in FORMANTS)
        voice += np.where(h * f0 < 0.45 * rate, (1.0 / h) * sum(formants, 0.3) * np.sin(h * phase + 0.3 * h), 0.0)
    swing = np.sin(2 * np.pi * 1.9 * t)
    noise = generator("speech:" + name).standard_normal(samples)
    hiss = np.clip(-swing, 0, 1) * ((t * 1.9) % 2 > 1)
    return np.clip(0.35 * voice * np.clip(swing * 0.8 + 0.35, 0.0, 1.0) + 0.05 * noise * hiss + 0.0005 * noise,
                   -0.9, 0.9)
