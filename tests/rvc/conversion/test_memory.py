"""Memory does not grow with the length of the recording."""
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rule
from voices import TINY, add_voice

from rvc.audio.audio import Audio
from rvc.audio.io import AudioWriter
from rvc.workspace import Workspace

PROGRAM = """
import resource, sys
from pathlib import Path
from rvc.conversion.opening import open_session
from rvc.options import build
from rvc.settings.conversion import ConversionSettings
from rvc.workspace import Workspace
import torch
torch.set_num_threads(1)
settings = build(ConversionSettings, {"melody.f0_method": "fcpe", "output.volume_envelope": 0.5})
open_session(Workspace(Path(sys.argv[1])), "tiny", settings).convert(Path(sys.argv[2]), Path(sys.argv[3]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    place = Workspace(tmp_path_factory.mktemp("long"))
    add_voice(place, "tiny", TINY)
    return place


def peak_mb(workspace: Workspace, folder: Path, seconds: int) -> int:
    """Of a process that converts so much speech, most of it in silence so that the test is quick."""
    words = rule.speech("words", 5 * 16000, 16000).astype(np.float32)
    minute = np.concatenate([words, np.zeros(55 * 16000, np.float32)])[None]
    with AudioWriter(folder / f"{seconds}.wav", 16000) as writer:
        for _ in range(seconds // 60):
            writer.write(Audio(minute, 16000))
    arguments = [str(workspace.root), str(folder / f"{seconds}.wav"), str(folder / f"{seconds}-out.wav")]
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True,
                          cwd=Path(__file__).parents[3])
    return int(done.stdout)


def test_five_minutes_take_the_memory_of_one(workspace, tmp_path):
    assert peak_mb(workspace, tmp_path, 300) <= peak_mb(workspace, tmp_path, 60) + 100


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_three_hours_take_the_memory_of_a_minute(workspace, tmp_path):
    assert peak_mb(workspace, tmp_path, 3 * 3600) <= peak_mb(workspace, tmp_path, 60) + 300
