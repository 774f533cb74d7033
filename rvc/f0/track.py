"""Melody: one fundamental frequency per frame, and what may be done to it."""
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rvc.errors import SettingsError

FRAME_RATE = 100  # frames a second
A4 = 440.0  # Hz
COARSE_LOW, COARSE_HIGH, COARSE_BINS = 50.0, 1100.0, 255  # Hz, Hz, count
FARTHEST_FIT = 12  # semitones
HEADINGS = {"time,f0", "time,hz", "seconds,f0", "seconds,hz"}  # that an f0 file may begin with
LONGEST_TEXT, HIGHEST_TEXT = 86400, 20000  # seconds, Hz, in an f0 file


@dataclass(frozen=True)
class F0Track:
    """hz: (T,) float32, Hz, exactly 0 where unvoiced.  frame_rate: frames per second."""

    hz: Tensor
    frame_rate: float = FRAME_RATE

    def __post_init__(self) -> None:
        if self.hz.ndim != 1 or self.hz.dtype != torch.float32:
            raise ValueError(f"a melody is (T,) float32, not {tuple(self.hz.shape)} {self.hz.dtype}")

    def __len__(self) -> int:
        return len(self.hz)

    @property
    def voiced(self) -> Tensor:
        """(T,) bool"""
        return self.hz > 0


def transpose(track: F0Track, semitones: float) -> F0Track:
    """Move the melody by equal-tempered semitones."""
    return replace(track, hz=track.hz * 2.0 ** (semitones / 12))


def autotune(track: F0Track, strength: float) -> F0Track:
    """Pull voiced frames to the nearest equal-tempered semitone (A4 = 440 Hz); silence stays silent.

    strength: 0 keeps the melody, 1 snaps it; in between the move is linear in cents.
    """
    semitone = 12 * torch.log2(track.hz.clamp_min(1.0) / A4)
    moved = torch.lerp(semitone, semitone.round(), strength)
    return replace(track, hz=torch.where(track.voiced, A4 * 2 ** (moved / 12), 0.0))


def fit_register(track: F0Track, target_hz: float) -> int:
    """Semitones, −12…12, that bring the melody's median to the target; 0 where fewer than two frames are voiced.

    Unvoiced frames count too, with the straight line between their voiced neighbours, as in the RVC family.
    """
    if track.voiced.sum() < 2:
        return 0
    frames = torch.arange(len(track), device=track.hz.device)
    filled = _line(frames[track.voiced], track.hz[track.voiced], frames)
    shift = 12 * torch.log2(target_hz / median(filled))
    return int(shift.round().clamp(-FARTHEST_FIT, FARTHEST_FIT))


def median_filter(track: F0Track, radius: int) -> F0Track:
    """Each voiced frame becomes the median of the voiced ones among the 2 radius + 1 frames around it; 0 changes none.

    Mends single octave errors.  Voicing stays as it is.
    """
    if radius == 0:
        return track
    around = torch.nn.functional.pad(track.hz, (radius, radius)).unfold(0, 2 * radius + 1, 1)  # (T, 2r + 1)
    return replace(track, hz=torch.where(track.voiced, median(around), 0.0))


def median(hz: Tensor) -> Tensor:
    """(..., K) Hz → (...): the median of the voiced ones, the mean of the middle two if even in number; else 0."""
    voiced = (hz > 0).sum(-1, keepdim=True)
    ordered = hz.where(hz > 0, torch.inf).sort(-1).values
    low, high = (ordered.gather(-1, middle.clamp_min(0)) for middle in ((voiced - 1) // 2, voiced // 2))
    return torch.where(voiced > 0, (low + high) / 2, 0.0).squeeze(-1)


def at_length(track: F0Track, frames: int) -> F0Track:
    """The first frames of the melody; what is missing at the end is unvoiced."""
    return replace(track, hz=torch.nn.functional.pad(track.hz, (0, frames - len(track))))


def resample(hz: Tensor, at: Tensor, onto: Tensor) -> Tensor:
    """(K,) Hz known at the rising times `at` (K,) → (T,) Hz at the times `onto`, in the same unit.

    Frequency is a straight line in octaves between two voiced neighbours; a frame is voiced when the nearest is.
    Where the other neighbour is unvoiced, or missing, the nearest is held.
    """
    octaves = _line(at, hz.clamp_min(1e-3).log2(), onto)
    return _where_both_voiced(at, hz, onto, octaves.exp2())


def to_text(track: F0Track) -> str:
    """One line a frame, `seconds,Hz`; 0 Hz where unvoiced."""
    return "".join(f"{i / track.frame_rate:.10g},{hz:.9g}\n" for i, hz in enumerate(track.hz.tolist()))


def from_text(text: str, track: F0Track) -> F0Track:
    """The melody, with every frame from the first to the last point of a text taken from the text.

    A line is `seconds,Hz`, in any order; a first line of words is a heading.  Between points f0 is a straight line
    in Hz; next to an unvoiced point (0 Hz) the nearest counts.  Raises `SettingsError` for anything else.
    """
    points = torch.tensor(sorted(_points(text)), dtype=torch.float64)
    at, hz = points[:, 0] * track.frame_rate, points[:, 1]
    first, last = (min(round(edge), len(track)) for edge in (float(at[0]), float(at[-1]) + 1))
    onto = torch.arange(first, last, dtype=torch.float64)
    drawn = _where_both_voiced(at, hz, onto, _line(at, hz, onto)).to(track.hz)
    return replace(track, hz=torch.cat([track.hz[:first], drawn, track.hz[last:]]))


def _points(text: str) -> Iterator[tuple[float, float]]:
    """(seconds, Hz) of every line that is not blank; at least one."""
    lines = [(number, line) for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1) if line.strip()]
    if lines and lines[0][1].lower().replace(" ", "") in HEADINGS:
        del lines[0]
    if not lines:
        raise SettingsError("", "The f0 file is empty; it needs lines of the form seconds,Hz.")
    for number, line in lines:
        yield _point(line, number)


def _point(line: str, number: int) -> tuple[float, float]:
    try:
        seconds, hz = (float(part) for part in line.split(","))
    except ValueError:
        raise SettingsError("", f"Line {number} of the f0 file is {line[:40]!r}; write seconds,Hz there.") from None
    if not (0 <= seconds < LONGEST_TEXT and 0 <= hz <= HIGHEST_TEXT):
        raise SettingsError("", f"Line {number} of the f0 file is {line[:40]!r}; seconds must not be negative, and "
                                f"f0 is 0 (unvoiced) to {HIGHEST_TEXT} Hz.")
    return seconds, hz


def _neighbours(at: Tensor, onto: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Indices into `at` left and right of every time, and how far along the time is, 0…1; ends are held."""
    right = torch.searchsorted(at, onto).clamp(1, max(len(at) - 1, 1)).clamp_max(len(at) - 1)
    left = (right - 1).clamp_min(0)
    way = (onto - at[left]) / (at[right] - at[left]).double().clamp_min(1e-9)
    return left, right, way.clamp(0, 1)


def _line(at: Tensor, values: Tensor, onto: Tensor) -> Tensor:
    """Linear interpolation; before the first and after the last time their values are held."""
    left, right, way = _neighbours(at, onto)
    return torch.lerp(values[left], values[right], way.to(values.dtype))


def _where_both_voiced(at: Tensor, hz: Tensor, onto: Tensor, line: Tensor) -> Tensor:
    """The line between two voiced neighbours, else the nearest neighbour's Hz; on a point, exactly that point's."""
    left, right, way = _neighbours(at, onto)
    between = (hz[left] > 0) & (hz[right] > 0) & (way > 0) & (way < 1)
    return torch.where(between, line, hz[torch.where(way > 0.5, right, left)])


def mel(hz: Tensor) -> Tensor:
    """Perceptual pitch, 1127 ln(1 + f / 700) (O'Shaughnessy, 1987)."""
    return 1127 * torch.log1p(hz / 700)


def coarse(hz: Tensor) -> Tensor:
    """(..., T) Hz → (..., T) int64 in 1…255, the index of the VITS prior's pitch embedding.

    Bins are equal in mel from 50 to 1100 Hz; unvoiced shares bin 1 (the RVC file format).
    """
    low, high = mel(hz.new_tensor([COARSE_LOW, COARSE_HIGH]))
    position = (mel(hz) - low) / (high - low) * (COARSE_BINS - 1) + 1
    return position.clamp(1, COARSE_BINS).round().long()
