"""The high-pass is the reference's, and stands any length."""
import numpy as np
import pytest
import rule

from rvc.audio import filters
from rvc.audio.filters import high_pass, high_pass_causal, high_pass_coefficients


@pytest.fixture(scope="module")
def stored(golden):
    return golden("dsp/dsp.npz")


@pytest.mark.parametrize("rate, name", [(16000, "hp_{}"), (24000, "hp_train_{}_24000"), (32000, "hp_train_{}_32000"),
                                        (40000, "hp_train_{}_40000"), (48000, "hp_train_{}_48000")])
def test_coefficients(stored, rate, name):
    for found, letter in zip(high_pass_coefficients(rate), "ba"):
        np.testing.assert_allclose(found, stored[name.format(letter)], rtol=1e-12)


def test_conversion_filters_without_delay(stored):
    filtered = high_pass(rule.speech("dsp_3s", 48000, 16000), 16000)
    np.testing.assert_allclose(filtered, stored["hp_infer_filtfilt"], atol=1e-7)


def test_training_filters_forwards(stored):
    filtered = high_pass_causal(rule.speech("dsp_40k", 40000, 40000), 40000)
    np.testing.assert_allclose(filtered[::10], stored["hp_train_lfilter_40000_every10th"], atol=1e-9)


@pytest.mark.parametrize("filter, rounding", [(high_pass, 1e-7), (high_pass_causal, 1e-12)])
def test_blocks_are_not_heard(monkeypatch, filter, rounding):
    """rounding: what the coefficients b, a leave undecided in float64, a few 1e-8 when filtered backwards too."""
    sound = rule.speech("dsp_3s", 160_000, 16000)
    whole = filter(sound, 16000)
    monkeypatch.setattr(filters, "BLOCK", 2.5)
    np.testing.assert_allclose(filter(sound, 16000), whole, atol=rounding)


@pytest.mark.parametrize("filter", [high_pass, high_pass_causal])
@pytest.mark.parametrize("length", [0, 1, 2, 17, 18, 19])
def test_the_shortest_sounds_pass(filter, length):
    filtered = filter(np.full(length, 0.5, np.float32), 16000)
    assert filtered.shape == (length,) and filtered.dtype == np.float32
    assert np.isfinite(filtered).all() and np.abs(filtered).max(initial=0) <= 1


@pytest.mark.parametrize("filter", [high_pass, high_pass_causal])
def test_rumble_goes_and_the_voice_stays(filter):
    t = np.arange(32000) / 16000
    for hz, gain in ((10, 0), (100, 1), (1000, 1)):
        heard = filter(np.sin(2 * np.pi * hz * t), 16000)[8000:24000]
        assert abs(np.sqrt(2 * np.mean(heard**2)) - gain) < 0.03
