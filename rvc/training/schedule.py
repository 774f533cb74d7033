"""How the learning rate changes: a warm-up times a decay, each a pure function of where training stands."""
from dataclasses import dataclass
from math import cos, pi

WARMUPS = ("none", "linear", "cosine")
UNITS = ("epochs", "steps")
DECAYS = ("exponential", "cosine", "none")


@dataclass(frozen=True)
class Schedule:
    """warmup_length: in warmup_unit, the first of them already above 0.  gamma: what an exponential decay keeps of
    the rate at each epoch.  epochs: of the whole run.  floor: where a cosine ends, as a share of the starting rate.
    """

    warmup: str = "none"
    warmup_length: int = 5
    warmup_unit: str = "epochs"
    decay: str = "exponential"
    gamma: float = 0.999875
    epochs: int = 200
    floor: float = 0.3


def factor(schedule: Schedule, *, step: int, epoch: int) -> float:
    """What the starting rates are multiplied by.  step, epoch: counted from 0."""
    position = epoch if schedule.warmup_unit == "epochs" else step
    return warmup(schedule.warmup, position, schedule.warmup_length) * decay(schedule, epoch)


def warmup(kind: str, position: int, length: int) -> float:
    """Share of the full rate: linear (n + 1) / length, or half a cosine through the same ends."""
    if kind == "none" or position >= length:
        return 1.0
    way = (position + 1) / length
    return way if kind == "linear" else (1 - cos(pi * way)) / 2


def decay(schedule: Schedule, epoch: int) -> float:
    """Share of the starting rate that is left.  Constant within an epoch, as in the community's trainers."""
    if schedule.decay == "exponential":
        return schedule.gamma ** epoch
    if schedule.decay == "cosine":
        way = min(epoch / max(schedule.epochs, 1), 1.0)
        return schedule.floor + (1 - schedule.floor) * (1 + cos(pi * way)) / 2
    return 1.0
