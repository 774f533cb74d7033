"""From the name of a method to an estimator that is ready to listen."""
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from rvc.errors import SettingsError
from rvc.f0 import F0_ESTIMATORS, F0Estimator
from rvc.f0.frames import HOP
from rvc.f0.hop import AtHop

Weights = Mapping[str, Mapping[str, Tensor]]
"""Id of a weights file (the fact `weights` of an entry) → its state dict."""


def assemble(method: str, *, weights: Weights, device: torch.device | str = "cpu",
             dtype: torch.dtype = torch.float32, threshold: float | None = None, hop: int = HOP,
             voters: Sequence[str] = ()) -> F0Estimator:
    """threshold: None for the method's own; hop: samples at 16 kHz, for methods that listen frame by frame;

    voters: the methods of a hybrid, which keep their own thresholds.  Raises `SettingsError` with the remedy when
    weights or a package are missing.
    """
    if method == "hybrid":
        if "hybrid" in voters:
            raise SettingsError("", "The f0 method hybrid cannot vote in itself; choose other methods.")
        return F0_ESTIMATORS.load("hybrid")(
            [assemble(voter, weights=weights, device=device, dtype=dtype, hop=hop) for voter in voters])
    facts = F0_ESTIMATORS[method].facts
    given = {}
    if facts["weights"] is not None:
        given["weights"] = _weights_of(method, weights)
    if facts["network"]:
        given |= {"device": device, "dtype": dtype}
    if facts["threshold"] is not None:
        given["threshold"] = facts["threshold"] if threshold is None else threshold
    estimator = F0_ESTIMATORS.load(method)(**given)
    return AtHop(estimator, hop) if facts["frame_based"] and hop != HOP else estimator


def _weights_of(method: str, weights: Weights) -> Mapping[str, Tensor]:
    name = F0_ESTIMATORS[method].facts["weights"]
    if name not in weights:
        raise SettingsError("", f"The f0 method {method} needs the weights {name}, which are not there: download them, "
                                f"or choose fcpe, whose weights come with the program.")
    return weights[name]
