"""Proof that an exported voice speaks: a fresh process loads the file and renders a recording with it.

    python -m rvc.training.proof VOICE_FILE CONTENT.npy [F0.npy]
"""
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from rvc.errors import RvcError, VoiceFileError
from rvc.f0.track import F0Track
from rvc.features import Features, to_frames
from rvc.synthesis.config import FRAME_RATE
from rvc.synthesis.noise import drawn_from
from rvc.voice import load_voice
from rvc.voicefile.npy import read_npy
from rvc.workspace import CHECKOUT, VoiceFolder

if TYPE_CHECKING:
    from rvc.training.dataset import Slice

LONGEST = 300  # frames that are rendered
AUDIBLE = 1e-4  # peak, −80 dBFS
TIME = 600.0  # seconds; a processor alone needs a few


def prove(voice: VoiceFolder, file: Path, line: "Slice") -> None:
    """Raises `VoiceFileError` unless a fresh process renders finite, audible sound of the right length."""
    features = [voice.path / line.content, *([] if line.f0 is None else [voice.path / line.f0])]
    command = [sys.executable, "-m", "rvc.training.proof", str(file.absolute()), *map(str, features)]
    try:
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, encoding="utf-8", errors="replace",
                              timeout=TIME, env={**_alone(), "PYTHONUTF8": "1"}, check=False,
                              start_new_session=True)  # Ctrl-C is for us: the proof ends by itself
    except subprocess.TimeoutExpired:
        raise VoiceFileError(f"{file.name} was written, but rendering with it took more than {TIME:g} s; try it with "
                             "python -m rvc convert.") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise VoiceFileError(f"{file.name} was written, but does not speak: {said[-1]}")


def speak(file: Path, content: Path, f0: Path | None) -> torch.Tensor:
    """(N,) of sound from stored features.  Raises `VoiceFileError` for sound that is none."""
    model = load_voice(file, torch.device("cpu"))
    frames = to_frames(torch.from_numpy(read_npy(content)).float())[:LONGEST]
    melody = None if f0 is None else F0Track(torch.from_numpy(read_npy(f0)).float()[:len(frames)], FRAME_RATE)
    frames = frames[:len(melody)] if melody is not None else frames
    sound = model.speak(Features(frames, melody), model.speaker(0), drawn_from(torch.Generator().manual_seed(0)),
                        longest=LONGEST)
    check(sound, len(frames) * model.hop)
    return sound


def check(sound: torch.Tensor, length: int) -> None:
    """Raises `VoiceFileError` unless the sound is finite, audible and so many samples long."""
    if len(sound) != length:
        raise VoiceFileError(f"it gives {len(sound)} samples in place of {length}.")
    if not bool(sound.isfinite().all()):
        raise VoiceFileError("its sound holds values that are not finite.")
    if not length or float(sound.max() - sound.min()) < 2 * AUDIBLE:
        raise VoiceFileError("it is silent.")


def _alone() -> dict[str, str]:
    """The environment without what makes a process one of several."""
    return {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}


def main(arguments: list[str]) -> int:
    paths = [Path(argument) for argument in arguments]
    try:
        speak(paths[0], paths[1], paths[2] if len(paths) > 2 else None)
    except RvcError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
