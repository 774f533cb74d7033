"""Voices of the written rule, in a workspace, that listen by mel spectrum and need no download."""
from pathlib import Path

import rule
import torch

from rvc.synthesis.config import VitsConfig
from rvc.synthesis.vits import shapes
from rvc.voicefile.rvc import VoiceFile, write_voice
from rvc.workspace import Workspace

TINY = [513, 32, 32, 32, 64, 2, 2, 3, 0, "1", [3, 7, 11], [[1, 3, 5]] * 3, [10, 8, 2, 2], 64, [20, 16, 4, 4], 2, 16,
        32000]
FULL = [1025, 32, 192, 192, 768, 2, 6, 3, 0, "1", [3, 7, 11], [[1, 3, 5]] * 3, [10, 10, 2, 2], 512, [16, 16, 4, 4], 1,
        256, 40000]


def add_voice(workspace: Workspace, name: str, config: list, **facts) -> Path:
    """The folder of a voice that is now in the workspace."""
    folder = workspace.voice(name).path
    folder.mkdir(parents=True)
    kind = {"vocoder": "hifigan", "uses_f0": True, "content_width": 80}
    config = VitsConfig.from_legacy(config)
    table = {key: shape for key, shape in shapes(config, **kind).items() if not key.startswith("enc_q")}
    weights = {key: torch.from_numpy(value) for key, value in rule.weights(table).items()}
    write_voice(folder / f"{name}.pth", VoiceFile(config, "hifigan", True, 80, weights, {
        "model_name": name, "embedder_model": "mel"} | facts))
    return folder
