"""A throat can grow or shrink while the melody stays."""
import numpy as np
import pytest
import rule

from rvc.audio import formants
from rvc.audio.formants import formant_shift


@pytest.fixture(scope="module")
def speech():
    return rule.speech("dsp_3s", 48000, 16000).astype(np.float32)


def test_shifting_is_that_of_the_reference(golden, speech):
    np.testing.assert_allclose(formant_shift(speech, 0.8, 1.2)[:24000], golden("dsp/dsp.npz")["formant_q0.8_t1.2_16k"],
                               atol=1e-5)


def test_blocks_are_not_heard(monkeypatch, speech):
    whole = formant_shift(speech, 0.8, 1.2)
    monkeypatch.setattr(formants, "BLOCK", 100)
    np.testing.assert_allclose(formant_shift(speech, 0.8, 1.2), whole, atol=1e-7)


@pytest.mark.parametrize("timbre", [0.8, 1.25])
def test_resonances_move_and_harmonics_do_not(timbre):
    t = np.arange(32000) / 16000
    harmonics = 125 * np.arange(1, 60)
    gains = 1 / (1 + ((harmonics - 2000) / 800) ** 2)  # one resonance, at 2 kHz
    buzz = 0.1 * gains @ np.sin(2 * np.pi * np.outer(harmonics, t)) + 1e-3 * rule.normal("breath", (32000,))
    before, after = (np.abs(np.fft.rfft(sound[8000:24000])) ** 2  # bins of 1 Hz
                     for sound in (buzz, formant_shift(buzz, 1.0, timbre)))
    assert after[harmonics].sum() > 0.98 * after.sum()
    middle, moved = (power[harmonics] @ harmonics / power[harmonics].sum() for power in (before, after))
    assert 1 / 4 < (moved / middle - 1) / (timbre - 1) < 1


@pytest.mark.parametrize("quefrency_ms, timbre", [(0, 1.2), (0.8, 1)])
def test_nothing_asked_is_nothing_done(speech, quefrency_ms, timbre):
    assert formant_shift(speech, quefrency_ms, timbre) is speech


@pytest.mark.parametrize("length", [0, 1, 17, 1023, 1024, 5000])
def test_any_length_comes_back_finite(length):
    shifted = formant_shift(rule.normal("formants", (length,)), 0.8, 1.2)
    assert shifted.shape == (length,) and shifted.dtype == np.float32 and np.isfinite(shifted).all()


def test_silence_stays_silent():
    assert not formant_shift(np.zeros(16000, np.float32), 0.8, 1.2).any()
