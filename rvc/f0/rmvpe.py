"""RMVPE: the melody of a voice, even with music around it (Wei, Cao, Dan and Chen, 2023).

A log-mel spectrogram goes through a U-Net of residual convolutions over time and frequency, a bidirectional GRU reads
the result along time, and every frame says how salient each of 360 pitches, 20 cents apart, is.
"""
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rvc.errors import VoiceFileError
from rvc.f0.frames import HOP, SAMPLE_RATE, finished, frame_count
from rvc.f0.track import F0Track
from rvc.interruption import Check, unchecked

MELS, FFT = 128, 1024
MEL_LOW, MEL_HIGH = 30.0, 8000.0  # Hz
MEL_FLOOR = 1e-5
PITCHES = 360
CENTS_PER_PITCH, LOWEST_CENTS = 20, 1997.3794084376191  # above 10 Hz
REACH = 4  # pitches on either side of the peak that have a say
LEVELS = 5  # of the U-Net; each halves time and frequency
CHUNK = 32000  # frames that the network reads at once (320 s)
MEL_BLOCK = 6000  # frames whose complex spectrum is held at once
TILE_CPU, TILE_GPU = 128, 8192  # frames that a stage computes at once
SEGMENT = 2000  # frames that the GRU reads between two questions
STAGE_HALO = 8  # frames: four residual blocks of two 3 × 3 convolutions


class RMVPE:
    """weights: the bare state dict of `rmvpe.pt`.  threshold: salience above which a frame is voiced, 0…1."""

    def __init__(self, weights: Mapping[str, Tensor], device: torch.device | str = "cpu",
                 dtype: torch.dtype = torch.float32, threshold: float = 0.03):
        self.device, self.dtype, self.threshold = torch.device(device), dtype, threshold
        self.network = load(weights).to(self.device, dtype)
        self.network.tile = TILE_CPU if self.device.type == "cpu" else TILE_GPU

    @torch.inference_mode()
    def estimate(self, samples: Tensor, check: Check = unchecked) -> F0Track:
        """(N,) at 16 kHz → N // 160 + 1 frames."""
        if len(samples) == 0:
            return finished(samples.new_zeros(1), samples)
        return finished(decode(self.salience(samples, check), self.threshold), samples)

    @torch.inference_mode()
    def salience(self, samples: Tensor, check: Check = unchecked) -> Tensor:
        """(N,) → (T, 360) float32, 0…1."""
        mel = log_mel(samples.to(self.device, torch.float32), check)
        frames = mel.shape[-1]
        mel = mirror(mel, 0, -frames % 2 ** LEVELS).to(self.dtype)
        chunks = [self.network(chunk[None], check)[0].float() for chunk in mel.split(CHUNK, dim=-1)]
        return torch.cat(chunks)[:frames]


def load(weights: Mapping[str, Tensor]) -> "SalienceNet":
    """Raises `VoiceFileError` unless the tensors are exactly those of RMVPE."""
    with torch.device("meta"):
        network = SalienceNet()
    expected = {name: value.shape for name, value in network.state_dict().items()}
    wrong = [name for name in expected.keys() | weights.keys()
             if name not in expected or name not in weights or weights[name].shape != expected[name]]
    if wrong:
        raise VoiceFileError(f"The RMVPE weights do not fit: {len(wrong)} tensors are missing, unknown or of another "
                             f"shape, such as {min(wrong)!r}; download rmvpe again.")
    network.load_state_dict(dict(weights), assign=True)
    return network.eval().requires_grad_(False)


def log_mel(samples: Tensor, check: Check = unchecked) -> Tensor:
    """(N,) → (128, N // 160 + 1): natural logarithm of mel magnitudes, HTK scale, 30…8000 Hz."""
    basis, window = mel_basis().to(samples), torch.hann_window(FFT, device=samples.device)
    padded = mirror(samples, FFT // 2, FFT // 2)
    blocks = []
    for first in range(0, frame_count(len(samples)), MEL_BLOCK):
        check()
        last = min(first + MEL_BLOCK, frame_count(len(samples)))
        piece = padded[first * HOP:(last - 1) * HOP + FFT]
        spectrum = torch.stft(piece, FFT, HOP, window=window, center=False, return_complex=True)
        blocks.append((basis @ spectrum.abs()).clamp_min(MEL_FLOOR).log())
    return torch.cat(blocks, dim=-1)


def mel_basis() -> Tensor:
    """(128, 513) float32: triangles of area 1 over Hz, evenly spaced on the HTK mel scale."""
    low, high = 2595 * np.log10(1 + np.array([MEL_LOW, MEL_HIGH]) / 700)
    edges = 700 * (10 ** (np.linspace(low, high, MELS + 2) / 2595) - 1)[:, None]  # Hz
    bins = np.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])
    return torch.from_numpy(triangles.astype(np.float32))


def mirror(x: Tensor, left: int, right: int) -> Tensor:
    """(..., T) → (..., left + T + right) by reflection at the ends, as often as it takes; T must be at least 1."""
    last = x.shape[-1] - 1
    index = torch.arange(-left, last + 1 + right, device=x.device) % max(2 * last, 1)
    return x[..., torch.minimum(index, 2 * last - index)] if left or right else x


def decode(salience: Tensor, threshold: float) -> Tensor:
    """(T, 360) → (T,) Hz: mean pitch of the nine around the peak, weighted by salience; 0 up to the threshold."""
    salience = salience.cpu().double()  # single precision is off by a thousandth of a hertz
    peak, k = salience.max(dim=-1, keepdim=True)
    offset = torch.arange(-REACH, REACH + 1)
    weight = F.pad(salience, (REACH, REACH)).gather(-1, k + REACH + offset)  # (T, 9)
    mean = (weight * offset).sum(-1) / weight.sum(-1).clamp_min(1e-9)
    cents = CENTS_PER_PITCH * (k[:, 0] + mean) + LOWEST_CENTS
    return torch.where(peak[:, 0] > threshold, 10 * 2 ** (cents / 1200), 0.0)


# The attribute names below are the file format of `rmvpe.pt`.

def convolution(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


class Residual(nn.Module):
    """(B, inputs, T, F) → (B, outputs, T, F)"""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = nn.Sequential(*convolution(inputs, outputs), *convolution(outputs, outputs))
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + self.shortcut(x)


def residuals(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(Residual(inputs, outputs), *(Residual(outputs, outputs) for _ in range(3)))


class Stage(nn.Module):
    """(B, inputs, T, F) → (B, outputs, T, F): four residual blocks."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = residuals(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class UpStage(nn.Module):
    """(B, inputs, T, F) and what the encoder had at twice the size → (B, outputs, 2 T, 2 F)"""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        up = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1, bias=False)
        self.conv1 = nn.Sequential(up, nn.BatchNorm2d(outputs), nn.ReLU())
        self.conv2 = residuals(2 * outputs, outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.conv2(torch.cat([self.conv1(x), skip], dim=1))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2d(1)
        self.layers = nn.ModuleList(Stage(16 * 2 ** (i - 1) if i else 1, 16 * 2 ** i) for i in range(LEVELS))


class Layers(nn.Module):
    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.layers = nn.ModuleList(layers)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.intermediate = Layers(Stage(256, 512), *(Stage(512, 512) for _ in range(3)))
        self.decoder = Layers(*(UpStage(512 // 2 ** i, 256 // 2 ** i) for i in range(LEVELS)))


class BiGRU(nn.Module):
    """(B, T, inputs) → (B, T, 2 width): a GRU that reads ahead and one that reads back (Cho et al., 2014).

    Each is run a segment at a time, handing its state on, so that a stop is heard; the numbers are the same.
    """

    def __init__(self, inputs: int, width: int):
        super().__init__()
        self.gru = nn.GRU(inputs, width, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, check: Check = unchecked) -> Tensor:
        return torch.cat([self._read(x, "", check), self._read(x.flip(1), "_reverse", check).flip(1)], dim=2)

    def _read(self, x: Tensor, direction: str, check: Check) -> Tensor:
        weights = [getattr(self.gru, name + direction) for name in ("weight_ih_l0", "weight_hh_l0",
                                                                    "bias_ih_l0", "bias_hh_l0")]
        state, heard = x.new_zeros(1, len(x), self.gru.hidden_size), []
        for segment in x.split(SEGMENT, dim=1):
            check()
            out, state = torch.gru(segment, state, weights, True, 1, 0.0, False, False, True)  # biases; batch first
            heard.append(out)
        return torch.cat(heard, dim=1)


class SalienceNet(nn.Module):
    """(B, 128, T) log mel, T a multiple of 32 → (B, T, 360) salience, 0…1.

    Each stage runs tile by tile along time, with as many frames around a tile as its convolutions reach: the numbers
    are those of the whole, but a long song needs little memory, the tiles stay in the cache, and a stop is heard.
    """

    tile = TILE_CPU

    def __init__(self):
        super().__init__()
        self.unet = UNet()
        self.cnn = nn.Conv2d(16, 3, 3, padding=1)
        self.fc = nn.Sequential(BiGRU(3 * MELS, 256), nn.Linear(512, PITCHES))

    def forward(self, mel: Tensor, check: Check = unchecked) -> Tensor:
        x, skips = self.unet.encoder.bn(mel.mT[:, None]), []  # (B, 1, T, 128)
        for stage in self.unet.encoder.layers:
            skips.append(self._tiled(stage, check, x))
            x = F.avg_pool2d(skips[-1], 2)
        for stage in self.unet.intermediate.layers:
            x = self._tiled(stage, check, x)  # (B, 512, T / 32, 4)
        *up, top = self.unet.decoder.layers
        for stage in up:
            x = self._tiled(stage, check, x, skips.pop())
        x = self._tiled(lambda *inputs: self.cnn(top(*inputs)), check, x, skips.pop())  # (B, 3, T, 128)
        x = self.fc[0](x.transpose(1, 2).flatten(2), check)  # (B, T, 512), from 3 · 128 of the channels
        return torch.sigmoid(self.fc[1](x))

    def _tiled(self, stage: Callable[..., Tensor], check: Check, x: Tensor, *skip: Tensor) -> Tensor:
        """stage(x), or stage(x, skip) with a skip of twice the frames, without ever holding more than a tile inside."""
        inputs = (x, *skip)
        rate = inputs[-1].shape[2] // x.shape[2]  # frames out for one frame in
        halo = STAGE_HALO // rate + rate - 1
        done = []
        for first in range(0, x.shape[2], self.tile):
            check()
            begin, last = max(0, first - halo), min(first + self.tile, x.shape[2])
            around = [part[:, :, begin * r:(last + halo) * r] for part, r in zip(inputs, (1, rate))]
            done.append(stage(*around)[:, :, (first - begin) * rate:(last - begin) * rate])
        return torch.cat(done, dim=2)
