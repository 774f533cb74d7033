"""The shape of a VITS voice: the list of 18 values that every voice file of the RVC family carries."""
from dataclasses import dataclass
from math import prod
from typing import Any

from rvc.errors import VoiceFileError

FRAME_RATE = 100  # frames a second, in every voice
RATES = (24000, 32000, 40000, 44100, 48000)  # Hz
CONTENT_WIDTHS = {"v1": 256, "v2": 768}  # of the encoders that the community's voices were made with
WIDEST_CONTENT = 4096


@dataclass(frozen=True)
class VitsConfig:
    """Sizes of the networks, by name.  Raises `VoiceFileError` outside sane ranges, before anything is built.

    spec_channels: bins of the linear spectrogram; segment_frames: length trained on; speakers: rows of the table;
    speaker_channels: G.  The product of upsample_rates is the hop.
    """

    spec_channels: int
    segment_frames: int
    inter_channels: int
    hidden_channels: int
    filter_channels: int
    heads: int
    layers: int
    kernel_size: int
    dropout: float
    resblock: str
    resblock_kernel_sizes: tuple[int, ...]
    resblock_dilations: tuple[tuple[int, ...], ...]
    upsample_rates: tuple[int, ...]
    upsample_initial_channels: int
    upsample_kernel_sizes: tuple[int, ...]
    speakers: int
    speaker_channels: int
    sample_rate: int

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            _demand(low <= getattr(self, name) <= high, f"{name} is {getattr(self, name)}, outside {low} to {high}")
        _demand(self.resblock == "1", f"resblock is {self.resblock!r}, and only '1' is known")
        _demand(self.hidden_channels % self.heads == 0, "hidden_channels is not a multiple of heads")
        _demand(self.inter_channels % 2 == 0, "inter_channels is odd")
        _demand(self.kernel_size % 2 == 1, "kernel_size is even")
        self._check_resblocks()
        self._check_upsampling()

    @property
    def hop(self) -> int:
        """Samples a frame."""
        return prod(self.upsample_rates)

    @classmethod
    def from_legacy(cls, values: Any) -> "VitsConfig":
        """From the list of 18 in a voice file."""
        _demand(isinstance(values, (list, tuple)), "it is not a list")
        _demand(len(values) == 18, f"it has {len(values)} entries instead of 18")
        return cls(*(_typed(value, kind) for value, kind in zip(values, cls.__annotations__.values())))

    def to_legacy(self) -> list:
        """The list of 18 as the community's programs write it."""
        return [_plain(getattr(self, name)) for name in self.__annotations__]

    def _check_resblocks(self) -> None:
        kernels, dilations = self.resblock_kernel_sizes, self.resblock_dilations
        _demand(1 <= len(kernels) <= 4 and len(dilations) == len(kernels), "resblock lists do not fit each other")
        _demand(all(k % 2 == 1 and 1 <= k <= 31 for k in kernels), "a resblock kernel is even or outside 1 to 31")
        _demand(all(1 <= len(row) <= 4 for row in dilations), "a resblock has no or more than 4 dilations")
        _demand(all(1 <= d <= 64 for row in dilations for d in row), "a dilation is outside 1 to 64")

    def _check_upsampling(self) -> None:
        rates, kernels = self.upsample_rates, self.upsample_kernel_sizes
        _demand(1 <= len(rates) <= 6 and len(kernels) == len(rates), "upsampling lists do not fit each other")
        _demand(all(1 <= rate <= 64 for rate in rates), "an upsampling rate is outside 1 to 64")
        _demand(all(k == 2 * u if u % 2 else u <= k <= 4 * u + 64 and k % 2 == 0 for u, k in zip(rates, kernels)),
                "an upsampling kernel does not fit its rate")  # else a stage would not give exactly u samples for one
        _demand(self.hop * FRAME_RATE == self.sample_rate,
                f"the upsampling rates multiply to {self.hop} samples a frame, which at 100 frames a second is not "
                f"{self.sample_rate} Hz")
        _demand(self.upsample_initial_channels % 2 ** len(rates) == 0, "too few channels to halve at every stage")


def version_of(content_width: int) -> str:
    """What a voice of this width is called; with an encoder of another width than the community's it is a v2."""
    return next((version for version, width in CONTENT_WIDTHS.items() if width == content_width), "v2")


_RANGES = {
    "spec_channels": (65, 4097), "segment_frames": (1, 4096), "inter_channels": (2, 1024),
    "hidden_channels": (2, 1024), "filter_channels": (1, 4096), "heads": (1, 32), "layers": (1, 24),
    "kernel_size": (1, 15), "dropout": (0, 1), "upsample_initial_channels": (2, 2048), "speakers": (1, 16384),
    "speaker_channels": (1, 1024), "sample_rate": (8000, 96000),
}


def _demand(condition: bool, what_else: str) -> None:
    if not condition:
        raise VoiceFileError(f"The voice's config cannot be used: {what_else}.")


def _typed(value: Any, kind: Any) -> Any:
    """The value if it is of the kind, lists as tuples; text and numbers are never taken for each other."""
    if kind is str:
        _demand(isinstance(value, str) and len(value) < 8, "resblock is not a short text")
        return value
    if kind in (int, float):
        number = isinstance(value, (int, float) if kind is float else int) and not isinstance(value, bool)
        _demand(number and abs(value) < 1e6, f"a {type(value).__name__} stands where a number is expected"
                if not number else "a number in it is far too large")
        return value
    _demand(isinstance(value, (list, tuple)) and len(value) <= 8, "a short list is expected")
    return tuple(_typed(item, kind.__args__[0]) for item in value)


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
