"""What tests of sound files share."""
import shutil
import subprocess

import numpy as np
import pytest

from rvc.audio.audio import Audio
from rvc.errors import AudioError


def tone(seconds: float = 1.0, rate: int = 16000, channels: int = 1, hz: float = 440.0) -> Audio:
    wave = 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)
    return Audio(np.tile(wave.astype(np.float32), (channels, 1)), rate)


@pytest.fixture(name="tone")
def tone_maker():
    return tone


@pytest.fixture(scope="session")
def ffmpeg():
    """ffmpeg("argument", …) runs FFmpeg with these."""
    program = shutil.which("ffmpeg")
    if program is None or shutil.which("ffprobe") is None:
        pytest.fail("This test needs FFmpeg; install the package ffmpeg.")

    def run(*arguments) -> bytes:
        return subprocess.run([program, "-nostdin", "-v", "error", "-y", *map(str, arguments)], check=True,
                              capture_output=True, timeout=60).stdout

    return run


@pytest.fixture
def refused():
    """refused(function, …) calls it and gives back the one sentence in which it refuses."""

    def check(function, *arguments, **named) -> str:
        with pytest.raises(AudioError) as caught:
            found = function(*arguments, **named)
            if hasattr(found, "__next__"):
                list(found)
        sentence = str(caught.value)
        assert "\n" not in sentence and len(sentence) < 400 and sentence.endswith(".") and "Traceback" not in sentence
        return sentence

    return check
