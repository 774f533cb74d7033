"""What is said: the phonetic content of speech, without who says it and at what pitch."""
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from rvc.registry import Entry, Registry

if TYPE_CHECKING:
    from torch import Tensor

Check = Callable[[], None]
SAMPLE_RATE = 16000  # Hz, of what every encoder hears
FRAME_RATE = 50  # content vectors a second
HOP, WINDOW = 320, 400  # samples between two frames and samples in one: 20 ms and 25 ms


def frames(samples: int) -> int:
    """How many content vectors so many samples give: as many as whole windows fit."""
    return max(0, (samples - WINDOW) // HOP + 1)


class ContentEncoder(Protocol):
    """Hears 16 kHz, says what was said.  width: D."""

    width: int

    def encode(self, samples: "Tensor", check: Check) -> "Tensor":
        """(N,) float in about [−1, 1] → (frames(N), D) float32.

        check is called at least once a second of computing and may raise; by default nothing is asked.
        Raises `AudioError` when not even one frame fits.
        """


def _hubert(label: str, help: str, *weights: str) -> Entry:
    """A HuBERT base: a v1 voice is made from layer 9 projected to 256 values, a v2 voice from all of layer 12."""
    return Entry("rvc.content.hubert:Hubert", label, help, {
        "widths": {"v1": 256, "v2": 768}, "layers": {"v1": 9, "v2": 12}, "projects": {"v1": True, "v2": False},
        "weights": weights, "experimental": False})


CONTENT_ENCODERS = Registry("content encoder", {
    "contentvec": _hubert("ContentVec", "Made to forget the speaker; nearly every voice in circulation uses it.",
                          "contentvec", "hubert_base", "hubert_base_fairseq"),
    "spin": _hubert("Spin", "Speaker-invariant clustering; for voices trained with it.", "spin"),
    "spin-v2": _hubert("Spin 2", "The second Spin; for voices trained with it.", "spin-v2"),
    "chinese-hubert-base": _hubert(
        "Chinese HuBERT", "Learnt from Mandarin; for voices trained with it.", "chinese-hubert-base"),
    "japanese-hubert-base": _hubert(
        "Japanese HuBERT", "Learnt from Japanese; for voices trained with it.", "japanese-hubert-base"),
    "korean-hubert-base": _hubert(
        "Korean HuBERT", "Learnt from Korean; for voices trained with it.", "korean-hubert-base"),
    "mel": Entry("rvc.content.mel:Mel", "Mel spectrum (experimental)",
                 "80 mel bands and no network: needs no download, but keeps much of the speaker.",
                 {"widths": {"v1": 80, "v2": 80}, "layers": {}, "projects": {}, "weights": (), "experimental": True}),
})
"""weights: ids in `rvc.weights`, any of which will do, the preferred one first.  An entry with weights has its
`config.json` as `configs/encoders/<name>.json`."""
