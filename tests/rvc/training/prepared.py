"""A prepared voice of a few babbled seconds, and the program with networks small enough for it.

`python prepared.py COMMAND NAME …` is `python -m rvc COMMAND NAME …` with these networks.
"""
import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
if __name__ == "__main__":
    sys.path[:0] = [str(HERE.parents[3]), str(HERE.parents[2]), str(HERE.parents[2] / "golden"), str(HERE.parent)]

import numpy as np  # noqa: E402
import rule  # noqa: E402
import small  # noqa: E402
import torch  # noqa: E402

from rvc.audio.audio import Audio  # noqa: E402
from rvc.audio.io import write_audio  # noqa: E402
from rvc.options import build  # noqa: E402
from rvc.settings.training import PrepareSettings, TrainSettings  # noqa: E402
from rvc.synthesis.vits import Vits  # noqa: E402
from rvc.training import networks  # noqa: E402
from rvc.training.dataset import Slice, write_manifest  # noqa: E402
from rvc.training.runfile import RunFile, write_run  # noqa: E402
from rvc.workspace import VoiceFolder, Workspace  # noqa: E402

FRAMES = (40, 36, 44, 30, 52, 48, 33, 38)  # of the clips
OPTIONS = {"data.batch_size": 2, "model.sample_rate": small.RATE, "model.pretrained": False, "device": "cpu",
           "saving.every": 100, "saving.voices": False, "data.cache": "none"}


def small_networks(config, *, vocoder, uses_f0, content_width, judges, seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Vits(config, vocoder=vocoder, uses_f0=uses_f0, content_width=content_width), small.SmallJudges()


def small_config(sample_rate, speakers):
    return small.CONFIG if speakers <= small.CONFIG.speakers else None


def shrink() -> None:
    """Train small networks in this process."""
    networks.voice_config, networks.new_networks = small_config, small_networks
    torch.set_num_threads(1)


def voice(root: Path, name: str = "tiny", **options) -> VoiceFolder:
    """As `prepare` would leave it."""
    folder = Workspace(root).voice(name)
    for place in (folder.slices, folder.features):
        place.mkdir(parents=True)
    write_manifest(folder.manifest, [_slice(folder, number, frames) for number, frames in enumerate(FRAMES)])
    folder.card.write_text(json.dumps({
        "name": name, "speakers": {"0": "Anna"}, "encoder": "mel", "content_width": small.WIDTH, "f0_method": "fcpe",
        "uses_f0": True, "sample_rate": small.RATE, "seconds": sum(FRAMES) / 100}), "utf-8")
    write_run(folder.run_file, RunFile(root, PrepareSettings(), build(TrainSettings, OPTIONS | options)))
    return folder


def _slice(folder: VoiceFolder, number: int, frames: int) -> Slice:
    clip = small.clip(frames, f"clip{number}")
    samples = clip.wave.numpy() * 0.5 / np.abs(clip.wave.numpy()).max()
    write_audio(folder.slices / f"{number}.wav", Audio(samples[None].astype(np.float32), small.RATE), subtype="FLOAT")
    content = rule.normal(f"clip{number}:content", (frames // 2 + 1, small.WIDTH)).astype(np.float32)
    np.save(folder.features / f"{number}.content.npy", content)
    np.save(folder.features / f"{number}.f0.npy", clip.f0_hz.numpy().astype(np.float32))
    return Slice(f"slices/{number}.wav", 0, len(samples), f"features/{number}.content.npy",
                 f"features/{number}.f0.npy", hashlib.sha256(samples.tobytes()).hexdigest())


if __name__ == "__main__":
    from rvc.__main__ import main

    shrink()
    sys.exit(main(sys.argv[1:]))
