"""How weights are called: three spellings of weight normalisation, and the keys that a network must find.

Old: `x.weight_g`, `x.weight_v`.  New: `x.parametrizations.weight.original0` and `original1`.  Fused: `x.weight`.
"""
from collections.abc import Mapping
from dataclasses import dataclass

from rvc.voicefile.networks import Shapes
from rvc.voicefile.refusal import Refusal, named

_NEW = {".parametrizations.weight.original0": ".weight_g", ".parametrizations.weight.original1": ".weight_v"}
POSTERIOR = "enc_q"  # keys that contain this belong to training alone



def old_spelling(key: str) -> str:
    for new, old in _NEW.items():
        if key.endswith(new):
            return key.removesuffix(new) + old
    return key


def respelled(found: Mapping[str, object]) -> dict[str, str]:
    """Old spelling → the key as the file has it.  Refuses a file that has one weight in two spellings."""
    keys: dict[str, str] = {}
    for key in found:
        if old_spelling(key) in keys:
            raise Refusal(f"is damaged: it holds {named([old_spelling(key)])} in two spellings")
        keys[old_spelling(key)] = key
    return keys


@dataclass(frozen=True)
class Difference:
    """Between the shapes of a file, in old or fused spelling, and those of a network without its posterior.

    wanted: the network's keys in its own order, fused where the file is.
    """

    wanted: tuple[str, ...]
    missing: tuple[str, ...]
    misshapen: tuple[str, ...]
    extra: tuple[str, ...]

    def demand_none(self) -> None:
        """Refuses missing keys and wrong shapes, and names them; extra keys are harmless."""
        if self.missing:
            raise Refusal(f"cannot be used, missing: {named(self.missing)}")
        if self.misshapen:
            raise Refusal(f"cannot be used, of the wrong shape: {named(self.misshapen)}")


def compare(found: Shapes, network: Shapes) -> Difference:
    """found: old or fused spelling; network: old spelling."""
    wanted = {key: shape for key, shape in network.items() if POSTERIOR not in key}
    if not any(key.endswith(".weight_v") for key in found):
        wanted = fused(wanted)
    wrong = [f"{key} ({_times(found[key])} instead of {_times(shape)})"
             for key, shape in wanted.items() if key in found and tuple(found[key]) != shape]
    return Difference(tuple(wanted), tuple(key for key in wanted if key not in found), tuple(wrong),
                      tuple(key for key in found if key not in wanted and POSTERIOR not in key))


def fused(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """Of the network after each weight_g and weight_v has become one weight."""
    return {key.removesuffix("_v") if key.endswith(".weight_v") else key: shape
            for key, shape in shapes.items() if not key.endswith(".weight_g")}


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "a single number"
