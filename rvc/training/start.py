"""Where learning starts: from a pretrained pair, from a pair of another program's checkpoints, or from nothing."""
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from rvc.errors import SettingsError
from rvc.settings.training import TrainModelSettings
from rvc.voicefile.checkpoint import CheckpointFile, read_checkpoint
from rvc.weights import WEIGHTS, paths
from rvc.workspace import VoiceFolder, Workspace

FOREIGN = re.compile(r"G_(\d+)\.pth$")
SPEAKERS = "emb_g.weight"
ADAMS = ("radam", "adamw")  # whose moments are those of the community's AdamW


@dataclass(frozen=True)
class Pair:
    """Files to start from; either may be missing."""

    generator: Path | None
    judges: Path | None


def pretrained_pair(workspace: Workspace, model: TrainModelSettings) -> tuple[Pair, str]:
    """The files that the options ask for, else those of the table that are here; and what is to be said of it."""
    own = Pair(model.generator, model.discriminator)
    if own.generator or own.judges:
        return own, ""
    if not model.pretrained:
        return own, "Training starts from nothing, as was asked for; it takes far longer than from a pretrained voice."
    id = pretrained_id(model)
    if id is None:
        return own, (f"Training starts from nothing, which takes far longer: there is no pretrained voice for "
                     f"{model.vocoder} at {model.sample_rate} Hz.")
    here = [path if path.is_file() else None for path in paths(workspace.pretrained, id)]
    if not any(here):
        return own, (f"Training starts from nothing, which takes far longer: the pretrained voice is not here; stop, "
                     f"and fetch it with python -m rvc download {id}")
    return Pair(*here), ""


def pretrained_id(model: TrainModelSettings) -> str | None:
    """In the table of weights."""
    khz = model.sample_rate // 1000
    melody = "" if model.uses_f0 else "-without-pitch"
    id = {"hifigan": f"rvc-v2-{khz}k{melody}", "refinegan": f"refinegan-{khz}k"}.get(model.vocoder)
    return id if id in WEIGHTS and model.sample_rate % 1000 == 0 else None


def foreign_pair(voice: VoiceFolder) -> Pair | None:
    """The G_ and D_ of another program with the highest number, if the folder holds both."""
    found = {int(match[1]): path for path in voice.path.glob("G_*.pth") if (match := FOREIGN.fullmatch(path.name))}
    for number in sorted(found, reverse=True):
        judges = found[number].with_name(f"D_{number}.pth")
        if judges.is_file():
            return Pair(found[number], judges)
    return None


def speakers_in(pair: Pair) -> int:
    """Rows of the speaker table that the generator brings; 0 where there is none."""
    return 0 if pair.generator is None else _generator(pair.generator).speakers or 0


def take_generator(network: nn.Module, path: Path, *, vocoder: str) -> str:
    """Start from a file, and say what was taken.  Raises `SettingsError` for another kind of voice."""
    file, config = _generator(path), network.config
    theirs = (file.vocoder, file.uses_f0, file.content_width, file.config and file.config.sample_rate)
    ours = (vocoder, network.uses_f0, network.enc_p.emb_phone.in_features, config.sample_rate)
    names = ("vocoder", "melody", "content width", "sample rate")
    wrong = [f"its {name} is {their} and the voice's {our}" for name, their, our in zip(names, theirs, ours)
             if their not in (None, our)]
    if wrong:
        raise SettingsError("model.generator", f"{path.name} cannot be started from: {'; '.join(wrong)}.")
    return _take(network, file.weights, path.name, "model.generator")


def take_judges(network: nn.Module, path: Path) -> str:
    """As `take_generator`, of the discriminator."""
    file = read_checkpoint(path, with_optimizer=False)
    if file.role != "discriminator":
        raise SettingsError("model.discriminator", f"{path.name} is a generator; give its D file.")
    return _take(network, file.weights, path.name, "model.discriminator")


@torch.no_grad()
def _take(network: nn.Module, weights: Mapping[str, Tensor], name: str, field: str) -> str:
    """Copy every weight that fits; of a table of speakers the rows that there are."""
    own = network.state_dict()
    taken = [key for key in own if key in weights and weights[key].shape == own[key].shape]
    for key in taken:
        own[key].copy_(weights[key])
    if SPEAKERS in own and SPEAKERS in weights and SPEAKERS not in taken \
            and own[SPEAKERS].shape[1] == weights[SPEAKERS].shape[1]:
        rows = min(len(own[SPEAKERS]), len(weights[SPEAKERS]))
        own[SPEAKERS][:rows].copy_(weights[SPEAKERS][:rows])
        taken.append(SPEAKERS)
    if not taken:
        raise SettingsError(field, f"{name} holds nothing that fits this voice; choose one of its vocoder and rate.")
    left = [key for key in own if key not in taken]
    rest = f"; from nothing: {', '.join(left[:3])}{' …' * (len(left) > 3)}" if left else ""
    return f"Started from {name}: {len(taken)} of {len(own)} weights taken{rest}."


def take_moments(optimizer: Optimizer, file: CheckpointFile, kind: str) -> bool:
    """Go on with another program's optimiser, if it is of the same family and its moments fit."""
    if kind not in ADAMS or file.optimizer is None:
        return False
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    state = file.optimizer.get("state")
    if not isinstance(state, Mapping) or sorted(state) != list(range(len(weights))):
        return False
    if not all(_fits(moments, weight) for (_, moments), weight in zip(sorted(state.items()), weights)):
        return False
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": {index: dict(moments) for index, moments in state.items()},
                               "param_groups": groups})
    return True


def _fits(moments: object, weight: Tensor) -> bool:
    return isinstance(moments, Mapping) and set(moments) == {"step", "exp_avg", "exp_avg_sq"} and all(
        isinstance(moments[name], Tensor) and moments[name].shape == weight.shape
        and bool(moments[name].isfinite().all()) for name in ("exp_avg", "exp_avg_sq"))


def _generator(path: Path) -> CheckpointFile:
    file = read_checkpoint(path, with_optimizer=False)
    if file.role != "generator":
        raise SettingsError("model.generator", f"{path.name} is a discriminator; give its G file.")
    return file
