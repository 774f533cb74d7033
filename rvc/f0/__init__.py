"""How it is sung: one fundamental frequency for each of 100 frames a second.

The table is the menu; `auto` stands for the best entry whose weights are there.
"""
from collections.abc import Callable, Collection
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from rvc.errors import SettingsError
from rvc.registry import Entry, Registry
from rvc.remedies import INSTALL

if TYPE_CHECKING:
    from torch import Tensor

    from rvc.f0.track import F0Track

AUTO = "auto"


class F0Estimator(Protocol):
    """Listens to a voice and says how high it sings."""

    def estimate(self, samples: "Tensor", check: Callable[[], None]) -> "F0Track":
        """(N,) float at 16 kHz → N // 160 + 1 frames, frame t centred on sample 160 t, on the samples' device.

        check is called at least once a second of computing and may raise; by default nothing is asked.
        """


def _entry(target: str, label: str, help: str, *, weights: str | None = None, package: str | None = None,
           threshold: float | None = None, network: bool = False, frame_based: bool = True) -> Entry:
    """weights: id of the file to hand in; package: what pip must have installed; threshold: the default, None for none;

    network: runs on a chosen device; frame_based: every frame is judged from its own window, so a hop can be chosen.
    """
    return Entry(target, label, help, {"weights": weights, "package": package, "threshold": threshold,
                                       "network": network, "frame_based": frame_based})


F0_ESTIMATORS = Registry("f0 method", {
    "rmvpe": _entry("rvc.f0.rmvpe:RMVPE", "RMVPE", "Robust against music and noise; the usual choice.",
                    weights="rmvpe", threshold=0.03, network=True),
    "crepe": _entry("rvc.f0.crepe:Crepe", "CREPE", "Precise on clean voices; by far the slowest.",
                    package="torchcrepe", threshold=0.1, network=True),
    "crepe-tiny": _entry("rvc.f0.crepe:CrepeTiny", "CREPE tiny", "CREPE's small sister: quicker, less precise.",
                         package="torchcrepe", threshold=0.1, network=True),
    "fcpe": _entry("rvc.f0.fcpe:FCPE", "FCPE", "Quick, and its weights come with the program.",
                   package="torchfcpe", threshold=0.006, network=True),
    "pm": _entry("rvc.f0.praat:Praat", "Praat (pm)", "Autocorrelation as phoneticians use it; very quick, no network.",
                 package="praat-parselmouth", threshold=0.6),
    "harvest": _entry("rvc.f0.world:Harvest", "Harvest", "WORLD's thorough tracker: good with low voices, slow.",
                      package="pyworld", frame_based=False),
    "dio": _entry("rvc.f0.world:Dio", "DIO", "WORLD's quick tracker, for clean voices.",
                  package="pyworld", frame_based=False),
    "hybrid": _entry("rvc.f0.hybrid:Hybrid", "Hybrid", "Several methods vote; the median of those that agree is sung.",
                     frame_based=False),
})


def choose(name: str, available_weights: Collection[str]) -> str:
    """The method that a name stands for: `auto` is rmvpe where its weights are, else fcpe.

    Raises `SettingsError` for a name that is not in the table.
    """
    if name == AUTO:
        return "rmvpe" if "rmvpe" in available_weights else "fcpe"
    F0_ESTIMATORS[name]  # an unknown name is refused
    return name


def demand_package(method: str, module: str) -> None:
    """Raises `SettingsError` with the remedy when the package that a method needs is not installed."""
    if find_spec(module) is None:
        package = F0_ESTIMATORS[method].facts["package"]
        raise SettingsError("", f"The f0 method {method} needs the package {package}: install it with "
                                f"{INSTALL} --again, or choose another method.")
