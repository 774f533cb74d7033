"""Noise goes, the voice stays, and silence is no accident."""
import numpy as np
import pytest
import rule

from rvc.audio import denoising
from rvc.audio.denoising import reduce_noise


def test_reduction_is_that_of_the_reference(golden):
    speech = rule.speech("dsp_3s", 48000, 16000).astype(np.float32)[:32000]
    expected = golden("dsp/dsp.npz")["noisereduce_0.5_16k"]
    np.testing.assert_allclose(reduce_noise(speech, 16000, 0.5), expected, atol=1e-6)


def test_strength_zero_changes_nothing():
    speech = rule.normal("noise", (1000,))
    np.testing.assert_array_equal(reduce_noise(speech, 16000, 0), speech)


def test_noise_becomes_quieter():
    noise = 0.01 * rule.normal("noise", (32000,))
    rms = [np.sqrt(np.mean(reduce_noise(noise, 16000, strength) ** 2)) for strength in (0.3, 0.6, 1.0)]
    assert 0.01 > rms[0] > rms[1] > rms[2]


@pytest.mark.parametrize("length", [1, 17, 5000])
@pytest.mark.parametrize("rate", [8000, 48000, 384000])
def test_any_length_at_any_rate_comes_back_finite(length, rate):
    clean = reduce_noise(rule.normal("noise", (length,)), rate, 0.7)
    assert clean.shape == (length,) and np.isfinite(clean).all()


def test_a_long_silence_inside_stays_finite_and_silent(monkeypatch):
    monkeypatch.setattr(denoising, "BLOCK", 50_000)
    sound = np.concatenate([rule.normal("before", (60_000,)), np.zeros(250_000, np.float32),
                            rule.normal("after", (1000,))])
    clean = reduce_noise(sound, 16000, 1.0)
    assert np.isfinite(clean).all() and not clean[120_000:200_000].any()
