"""The encoder without weights."""
import math

import pytest
import torch

from rvc.content import CONTENT_ENCODERS, frames
from rvc.content.mel import BANDS, Mel
from rvc.errors import AudioError


@pytest.fixture(scope="module")
def mel() -> Mel:
    return Mel(device="cpu")


def tone(hz: float, samples: int = 16000) -> torch.Tensor:
    return 0.5 * torch.sin(2 * math.pi * hz * torch.arange(samples) / 16000)


@pytest.mark.parametrize("samples", [400, 719, 720, 16000])
def test_its_frames_are_those_of_hubert(samples, mel):
    heard = mel.encode(tone(440, samples))
    assert heard.shape == (frames(samples), BANDS) == (frames(samples), mel.width) and heard.dtype == torch.float32


def test_a_higher_tone_lights_a_higher_band(mel):
    loudest = [mel.encode(tone(hz)).mean(0).argmax().item() for hz in (200, 500, 1200, 3000, 7000)]
    assert loudest == sorted(set(loudest))


def test_silence_is_the_floor_and_speech_stays_near_one(mel):
    silent = mel.encode(torch.zeros(4000))
    assert silent.unique().numel() == 1 and -1.1 < silent[0, 0] < -0.9
    assert 0.8 < mel.encode(tone(500)).max() < 1.2


def test_twice_as_loud_is_the_same_step_in_every_band(mel):
    noise = torch.randn(8000, generator=torch.Generator().manual_seed(0)) * 0.1
    step = mel.encode(2 * noise) - mel.encode(noise)
    torch.testing.assert_close(step, torch.full_like(step, math.log(2) / 6), atol=1e-4, rtol=0)


def test_a_click_is_heard_in_its_own_frames_only(mel):
    click = torch.zeros(4000)
    click[320 * 5 + 200] = 1.0  # the middle of frame 5
    heard = mel.encode(click).amax(1)
    assert heard.argmax() == 5 and (heard[:5] < -0.9).all() and (heard[6:] < -0.9).all()


def test_less_than_one_frame_is_refused(mel):
    with pytest.raises(AudioError, match="25 milliseconds"):
        mel.encode(torch.zeros(399))


def test_it_is_marked_experimental_and_needs_no_weights():
    facts = CONTENT_ENCODERS["mel"].facts
    assert facts["experimental"] and not facts["weights"] and set(facts["widths"].values()) == {BANDS}
