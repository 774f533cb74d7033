"""A stop is heard soon, everywhere: measured on a voice of full width, in seconds of computing."""
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import rule
from voices import FULL, add_voice

from rvc.audio.audio import Audio
from rvc.audio.io import write_audio
from rvc.conversion import pulse
from rvc.conversion.opening import open_session
from rvc.errors import Cancelled
from rvc.options import build
from rvc.pool import Pool
from rvc.progress import stoppable
from rvc.settings.conversion import ConversionSettings
from rvc.workspace import Workspace


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("full"))
    add_voice(workspace, "full", FULL)
    return open_session(workspace, "full", build(ConversionSettings, {"melody.f0_method": "fcpe"}), Pool())


@pytest.fixture
def source(tmp_path) -> Path:
    write_audio(tmp_path / "in.wav", Audio(rule.speech("long", 160_000, 16000)[None].astype(np.float32), 16000))
    return tmp_path / "in.wav"


def test_a_stop_is_asked_for_every_second_of_computing(session, source, tmp_path, monkeypatch):
    asked = [time.thread_time()]
    monkeypatch.setattr(pulse, "INTERVAL", 0.0)

    def note(step):
        asked.append(time.thread_time())
        if asked[-1] - asked[0] > 12:
            raise Cancelled

    with pytest.raises(Cancelled):
        session.convert(source, tmp_path / "out.wav", note)
    gaps = np.diff(asked)
    assert len(gaps) > 100 and gaps.max() < 1.0


def test_the_device_is_free_two_seconds_after_a_stop(session, source, tmp_path):
    stop, ended = threading.Event(), []

    def convert():
        try:
            session.convert(source, tmp_path / "out.wav", stoppable(lambda step: None, stop.is_set))
        except Cancelled:
            ended.append(time.monotonic())

    worker = threading.Thread(target=convert)
    worker.start()
    time.sleep(4)  # it is in the middle of its work
    pressed = time.monotonic()
    stop.set()
    worker.join()
    with session.pool.using(session.device):
        assert time.monotonic() - pressed < 2.0
    assert len(ended) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]
