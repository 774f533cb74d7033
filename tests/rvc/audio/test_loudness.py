"""A sound can take the loudness of another, and never passes full scale."""
import numpy as np
import pytest
import rule

from rvc.audio import loudness
from rvc.audio.filters import high_pass
from rvc.audio.loudness import limit_peak, match_loudness, rms_envelope


@pytest.fixture(scope="module")
def source():
    return high_pass(rule.speech("dsp_3s", 48000, 16000), 16000)


@pytest.fixture(scope="module")
def target():
    return (0.5 * rule.speech("rms_target", 120000, 40000)).astype(np.float32)


@pytest.mark.parametrize("mix", [0.0, 0.25, 0.5, 1.0])
def test_matching_is_that_of_the_reference(golden, source, target, mix):
    matched = match_loudness(source, 16000, target, 40000, mix)
    np.testing.assert_allclose(matched[::16], golden("dsp/dsp.npz")[f"rms_mix_{mix}_every16th"], atol=1e-6)


def test_matching_of_less_than_a_window_is_that_of_the_reference(golden, source, target):
    matched = match_loudness(source[:5000], 16000, target[:12345], 40000, 0.25)
    np.testing.assert_allclose(matched, golden("dsp/dsp.npz")["rms_mix_short_0.25"], atol=1e-6)


def test_blocks_are_not_heard(monkeypatch, source, target):
    whole = match_loudness(source, 16000, target, 40000, 0)
    monkeypatch.setattr(loudness, "BLOCK", 777)
    np.testing.assert_array_equal(match_loudness(source, 16000, target, 40000, 0), whole)


def test_a_silent_source_silences_and_a_silent_target_stays_silent(source):
    hum = np.full(40000, 0.1, np.float32)
    assert not match_loudness(np.zeros(16000), 16000, hum, 40000, 0).any()
    assert not match_loudness(source, 16000, np.zeros(40000, np.float32), 40000, 0).any()


@pytest.mark.parametrize("length", [1, 5, 999, 1000, 1001])
def test_the_envelope_is_the_rms_of_two_hops(length):
    sound = rule.normal("envelope", (length,))
    padded = np.pad(sound.astype(np.float64), (100, 200))
    expected = [np.sqrt(np.mean(padded[k * 100:k * 100 + 200] ** 2)) for k in range(length // 100 + 1)]
    np.testing.assert_allclose(rms_envelope(sound, 100), expected, rtol=1e-9)


def test_a_peak_above_the_ceiling_scales_the_whole():
    loud = np.array([0.1, -1.9, 0.95], np.float32)
    np.testing.assert_allclose(limit_peak(loud, 0.95), loud / 2, rtol=1e-6)


def test_a_peak_below_the_ceiling_changes_nothing():
    quiet = np.array([0.1, -0.95], np.float32)
    assert limit_peak(quiet, 0.95) is quiet
    assert limit_peak(np.zeros(0, np.float32), 0.95).size == 0
