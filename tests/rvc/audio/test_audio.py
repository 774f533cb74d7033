"""Sound keeps its length, its level and its place when its rate changes."""
import numpy as np
import pytest
import rule
import soundfile

from rvc.audio.audio import Audio, Resampler, resampled_length
from rvc.audio.io import read_audio, stream_audio
from rvc.errors import AudioError


def sine(hz: float, rate: int, seconds: float = 1.0) -> Audio:
    wave = 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)
    return Audio(wave.astype(np.float32)[None], rate)


@pytest.fixture
def stereo_file(tmp_path):
    path = tmp_path / "stereo.wav"
    both = np.stack([rule.speech("st_l", 44100, 44100), 0.5 * rule.speech("st_r", 44100, 44100)], axis=1)
    soundfile.write(path, both.astype(np.float32), 44100, "FLOAT")
    return path


@pytest.mark.parametrize("rate, name", [(16000, "load44st_to16k"), (40000, "load44st_to40k")])
def test_loading_is_that_of_the_reference(stereo_file, golden, rate, name):
    expected = golden("dsp/dsp.npz")[name]
    loaded = read_audio(stereo_file).mono().resampled(rate)
    assert loaded.sample_rate == rate and loaded.length == rate
    np.testing.assert_allclose(loaded.samples[0, :len(expected)], expected, atol=1e-6)


@pytest.mark.parametrize("block_seconds", [0.001, 0.1, 0.37, 5])
def test_a_sound_streamed_is_the_sound_read(stereo_file, block_seconds):
    whole = read_audio(stereo_file).mono().resampled(16000)
    blocks = list(stream_audio(stereo_file, 16000, block_seconds, mono=True))
    np.testing.assert_allclose(np.concatenate([b.samples for b in blocks], axis=1), whole.samples, atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 32000, 44100, 96000, 384000])
@pytest.mark.parametrize("new_rate", [16000, 40000, 48000])
def test_pitch_and_duration_survive_every_rate(rate, new_rate):
    heard = sine(440, rate).resampled(new_rate)
    assert heard.duration == 1
    middle = heard.samples[0, new_rate // 4:-new_rate // 4]
    expected = sine(440, new_rate).samples[0, new_rate // 4:-new_rate // 4]
    np.testing.assert_allclose(middle, expected, atol=1e-4)


@pytest.mark.parametrize("length", [0, 1, 17, 1001])
def test_a_change_of_rate_rounds_the_length_up(length):
    audio = Audio(np.ones((2, length), np.float32), 44100)
    assert audio.resampled(16000).samples.shape == (2, resampled_length(length, 44100, 16000))
    assert resampled_length(1001, 44100, 16000) == 364  # of 363.17


def test_the_same_rate_is_the_same_sound():
    audio = sine(440, 16000)
    assert audio.resampled(16000) is audio
    resampler = Resampler(16000, 16000, 1)
    np.testing.assert_array_equal(resampler.push(audio.samples), audio.samples)
    assert resampler.finish().size == 0


def test_mono_is_the_mean_of_the_channels():
    audio = Audio(np.array([[1, 0, -1], [0, 0, 1]], np.float32), 16000)
    np.testing.assert_array_equal(audio.mono().samples, [[0.5, 0, 0]])


@pytest.mark.parametrize("rate, channels", [(7999, 1), (384001, 1), (16000, 9), (16000, 0)])
def test_sound_of_an_impossible_kind_does_not_exist(rate, channels):
    with pytest.raises(AudioError):
        Audio(np.zeros((channels, 4), np.float32), rate)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_sound_is_finite(wrong):
    with pytest.raises(AudioError):
        Audio(np.array([[0, wrong, 0]], np.float32), 16000)


@pytest.mark.parametrize("samples", [np.zeros(4, np.float32), np.zeros((1, 4)), np.zeros((1, 4), np.int16)])
def test_sound_is_channels_by_samples_in_float32(samples):
    with pytest.raises(TypeError):
        Audio(samples, 16000)
