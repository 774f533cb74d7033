"""Ways to walk downhill.

Facts: rate, the learning rate that the entry is made for; arguments of its own; fuses, whether one kernel can do the
whole step; averages, whether it keeps the weights to be heard beside those that it moves (then it has `train()` and
`eval()`).
"""
import io
from collections.abc import Iterable
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from rvc.registry import Entry, Registry

if TYPE_CHECKING:
    from torch.nn import Parameter
    from torch.optim import Optimizer

FUSING = ("cuda", "mps", "xpu", "cpu")  # kinds of device for which PyTorch has the fused kernels


def _entry(target: str, label: str, help: str, *, rate: float = 1e-4, fuses: bool = False, averages: bool = False,
           **arguments: Any) -> Entry:
    return Entry(target, label, help, {"rate": rate, "fuses": fuses, "averages": averages, "arguments": arguments})


OPTIMIZERS = Registry("optimizer", {
    "radam": _entry("torch.optim:RAdam", "RAdam",
                    "Adam that trusts its own variance only once it has seen enough steps, and so warms up by itself "
                    "(Liu et al., 2020).", decoupled_weight_decay=True),
    "adamw": _entry("torch.optim:AdamW", "AdamW",
                    "What RVC and Applio train with; a warm-up helps it.", fuses=True),
    "prodigy": _entry("prodigyopt:Prodigy", "Prodigy",
                      "Finds its own learning rate (Mishchenko & Defazio, 2024), which makes each step slower; the "
                      "rate here is a factor, best left at 1.", rate=1.0, decouple=True),
    "schedule-free": _entry("schedulefree:RAdamScheduleFree", "Schedule-free RAdam",
                            "Hears the mean of where it has been in place of a decaying rate (Defazio et al., 2024); "
                            "use it without decay.", averages=True),
})


def build(name: str, parameters: Iterable["Parameter"], *, rate: float | None, betas: tuple[float, float], eps: float,
          weight_decay: float) -> "Optimizer":
    """An optimiser from the table.  rate: None for the one that it is made for.  weight_decay: decoupled, in all."""
    facts, parameters = OPTIMIZERS[name].facts, list(parameters)
    fused = {"fused": True} if facts["fuses"] and parameters[0].device.type in FUSING else {}
    with redirect_stdout(io.StringIO()):  # Prodigy prints its choice of weight decay
        optimizer = OPTIMIZERS.load(name)(parameters, lr=facts["rate"] if rate is None else rate, betas=tuple(betas),
                                          eps=eps, weight_decay=weight_decay, **facts["arguments"], **fused)
    if facts["averages"]:
        optimizer.train()
    return optimizer
