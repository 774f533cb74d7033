"""What a run has learned so far, as tensors and as numbers that JSON can hold: ready for a checkpoint's two files."""
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from rvc.errors import CheckpointError
from rvc.training.learner import Learner

CHOSEN = ("betas", "eps", "weight_decay")  # of an optimiser: the run's settings decide, not the checkpoint


@dataclass(frozen=True)
class State:
    """tensors: names with slashes between their parts, not copied; numbers: plain lists, dictionaries and numbers."""

    tensors: dict[str, Tensor]
    numbers: dict[str, Any]

    def __or__(self, other: "State") -> "State":
        return State(self.tensors | other.tensors, self.numbers | other.numbers)


def prefixed(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`key` → `name/key`."""
    return {f"{name}/{key}": value for key, value in tensors.items()}


def part(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `prefixed`; what belongs to other names is left out."""
    return {key.removeprefix(name + "/"): value for key, value in tensors.items() if key.startswith(name + "/")}


def learner_state(name: str, learner: Learner) -> State:
    """Weights, optimiser and scale of one network."""
    moments = learner.optimizer.state_dict()
    tensors, numbers = prefixed(name, learner.network.state_dict()), {}
    for index, values in moments["state"].items():
        for key, value in values.items():
            where = tensors if isinstance(value, Tensor) else numbers
            where[f"{name}.optimizer/{index}/{key}"] = value
    return State(tensors, {f"{name}.groups": moments["param_groups"], f"{name}.moments": numbers,
                           f"{name}.scaler": learner.scaler.state_dict()})


def load_learner(name: str, learner: Learner, state: State) -> None:
    """Raises `CheckpointError` when the state is that of another network, or not whole."""
    missing = {f"{name}.{entry}" for entry in ("groups", "moments", "scaler")} - state.numbers.keys()
    if missing:
        raise CheckpointError(f"The checkpoint is not whole: it lacks {', '.join(sorted(missing))}; go back to an "
                              "earlier one.")
    load_network(learner.network, part(name, state.tensors))
    moments: dict[int, dict[str, Any]] = {}
    for key, value in {**part(f"{name}.optimizer", state.tensors),
                       **part(f"{name}.optimizer", state.numbers[f"{name}.moments"])}.items():
        index, _, entry = key.partition("/")
        moments.setdefault(int(index), {})[entry] = value
    groups = [{**then, **{key: now[key] for key in CHOSEN}}
              for then, now in zip(state.numbers[f"{name}.groups"], learner.optimizer.param_groups)]
    try:
        learner.optimizer.load_state_dict({"state": moments, "param_groups": groups})
    except ValueError:
        raise CheckpointError("The optimizer's part of the checkpoint is that of another network; start afresh.") \
            from None
    if state.numbers[f"{name}.scaler"]:  # empty where gradients were not scaled
        learner.scaler.load_state_dict(state.numbers[f"{name}.scaler"])


def load_network(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Raises `CheckpointError` when names or shapes are those of another network."""
    shapes = {key: value.shape for key, value in network.state_dict().items()}
    if shapes != {key: value.shape for key, value in tensors.items()}:
        raise CheckpointError("The checkpoint is that of another network; choose the vocoder, sample rate and judges "
                              "that it was trained with, or start afresh.")
    network.load_state_dict(dict(tensors))
