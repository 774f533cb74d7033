"""A workspace with networks of real size and random weights: what speed and memory depend on, without a download.

    python -m benchmarks.real_size FOLDER

makes a v2 voice at 40 kHz (`rule`), a HuBERT base (as `contentvec`) and an RMVPE, all from fixed seeds.
"""
import sys
from pathlib import Path

import torch
from transformers import HubertConfig, HubertModel

from rvc.content.sizes import read_sizes
from rvc.synthesis.config import VitsConfig
from rvc.synthesis.vits import shapes
from rvc.voicefile.rvc import VoiceFile, write_voice
from rvc.workspace import Shipped, Workspace

CONFIG = [1025, 32, 192, 192, 768, 2, 6, 3, 0, "1", [3, 7, 11], [[1, 3, 5]] * 3, [10, 10, 2, 2], 512, [16, 16, 4, 4],
          1, 256, 40000]


def make(root: Path, vocoder: str = "hifigan") -> Workspace:
    """Everything that is not there yet."""
    workspace = Workspace(root)
    folder = workspace.voices / "rule"
    if not (folder / "rule.pth").exists():
        folder.mkdir(parents=True)
        write_voice(folder / "rule.pth", voice(vocoder))
    encoder = workspace.pretrained / "contentvec" / "pytorch_model.bin"
    if not encoder.exists():
        encoder.parent.mkdir(parents=True)
        torch.manual_seed(0)
        sizes = read_sizes(Shipped().configs / "encoders" / "contentvec.json")
        torch.save(HubertModel(HubertConfig(**sizes)).state_dict(), encoder)
    return workspace


def voice(vocoder: str = "hifigan") -> VoiceFile:
    """A voice of the written rule: it hums what it is told to, in no language."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "golden"))
    import rule

    config = VitsConfig.from_legacy(CONFIG)
    kind = {"vocoder": vocoder, "uses_f0": True, "content_width": 768}
    table = {key: shape for key, shape in shapes(config, **kind).items() if not key.startswith("enc_q")}
    weights = {key: torch.from_numpy(value) for key, value in rule.weights(table).items()}
    return VoiceFile(config, vocoder, True, 768, weights, {"model_name": "rule", "embedder_model": "contentvec"})


if __name__ == "__main__":
    make(Path(sys.argv[1]))
