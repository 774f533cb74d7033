"""What becomes of a recording: the reference's slices, and reasons that a person can act on."""
import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import rule
import soundfile

from rvc.audio.audio import Audio
from rvc.audio.denoising import reduce_noise
from rvc.audio.filters import high_pass_causal
from rvc.errors import AudioError
from rvc.training.cutting import (
    Manner,
    clipped_share,
    cut_recording,
    levelled_slices,
    listened,
    normalised,
    spans,
)

STORED = json.loads((Path(__file__).parents[2] / "golden" / "training" / "preprocess.json").read_text())
RATE = 40000


def planned(plan: list, rate: int, name: str) -> np.ndarray:
    """Seconds of voice, of silence and of quiet noise, one after the other."""
    parts = []
    for i, (seconds, kind) in enumerate(plan):
        t = np.arange(int(rate * seconds)) / rate
        parts.append({"v": 0.3 * np.sin(2 * np.pi * (180 + 20 * i) * t) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t)),
                      "s": np.zeros(len(t)),
                      "q": 0.001 * rule.generator(f"slicer:{name}:{i}").standard_normal(len(t))}[kind])
    return np.concatenate(parts).astype(np.float32)


@pytest.fixture(scope="module")
def recording() -> Audio:
    return Audio(planned(STORED["signal"], RATE, STORED["name"])[None], RATE)


def stored_of(samples: np.ndarray) -> list:
    half = len(samples) // 2
    wide = samples.astype(np.float64)
    return [len(samples), np.sqrt(np.mean(wide**2)), np.abs(wide).max(), samples[:8], samples[half:half + 8]]


def assert_alike(samples: np.ndarray, stored: list) -> None:
    assert len(samples) == stored[0]
    for found, expected in zip(stored_of(samples)[1:], stored[1:], strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("case", STORED["cases"])
def test_slices_are_those_of_the_reference_at_both_rates(case, recording):
    cut, _, normalise = case.partition("_")
    stored = STORED["cases"][case]
    found = list(levelled_slices(recording, Manner(RATE, cut.lower(), 3.0, 0.3, normalise, high_pass=True)))
    count = len(stored) // 2
    assert len(found) == count + (cut == "Simple")  # whose tail of two seconds the reference drops
    for number in range(count):
        assert_alike(found[number][2], stored[str(number)])
        assert_alike(Audio(found[number][2][None], RATE).resampled(16000).samples[0], stored[f"16k_{number}"])


def test_simple_keeps_a_tail_of_half_a_second_and_no_less():
    manner = Manner(RATE, "simple", 3.0, 0.3)
    edges = [spans(np.ones(int(RATE * seconds), np.float32), manner) for seconds in (3.0, 3.19, 3.2, 5.7, 15.5)]
    assert [len(found) for found in edges] == [1, 1, 2, 2, 6]
    assert edges[-1][-1] == (540000, 620000) and edges[2][-1] == (108000, 128000)


def test_automatic_slices_follow_the_options():
    found = spans(planned([[7.0, "v"]], RATE, "x"), Manner(RATE, "automatic", 2.0, 0.4))
    assert found == [(0, 80000), (64000, 144000), (128000, 208000), (192000, 280000)]


def test_levelling_keeps_a_quarter_of_the_sound_as_it_was():
    sound = np.float32([0.0, 0.5, -1.0])
    np.testing.assert_allclose(normalised(sound), 0.675 * sound + 0.25 * sound, atol=1e-7)
    with pytest.raises(AudioError, match="too loud"):
        normalised(sound * 3)


def test_filters_come_in_the_order_of_the_reference():
    """High-pass, then levelling, then noise reduction, all of the whole recording."""
    noisy = planned([[1.0, "q"], [2.0, "v"]], 24000, "x") + np.float32(0.2)
    manner = Manner(24000, "skip", normalise="pre", high_pass=True, clean=0.8)
    (_, _, found), = levelled_slices(Audio(noisy[None], 24000), manner)
    expected = reduce_noise(normalised(high_pass_causal(noisy, 24000)), 24000, 0.8)
    np.testing.assert_array_equal(found, expected)


def test_a_slice_that_is_silent_or_too_loud_is_left_out():
    voice = planned([[3.0, "v"]], RATE, "x")
    sound = Audio(np.concatenate([voice, 0 * voice, 9 * voice, voice])[None], RATE)
    found = list(levelled_slices(sound, Manner(RATE, "simple", 3.0, 0.0)))
    assert [begin // RATE for begin, _, _ in found] == [0, 9]
    assert all(np.isfinite(samples).all() for _, _, samples in found)


@pytest.mark.parametrize("cut", ["skip", "simple", "automatic"])
def test_a_recording_of_which_nothing_is_left_is_refused(cut):
    with pytest.raises(AudioError, match="holds no stretch"):
        list(levelled_slices(Audio(np.full((1, RATE), 5e-4, np.float32), RATE), Manner(RATE, cut)))


def test_whole_files_are_taken_up_to_a_minute():
    with pytest.raises(AudioError, match="choose another cutting"):
        spans(np.ones(61 * 24000, np.float32), Manner(24000, "skip"))


def speech(seconds: float = 2.0, rate: int = 32000) -> np.ndarray:
    return rule.speech("recording", int(seconds * rate), rate)


@pytest.mark.parametrize("gain, clipped", [(1.0, False), (1.3, False), (4.0, True)])
def test_a_wave_that_was_cut_off_is_told_from_a_loud_one(gain, clipped):
    wave = np.clip(gain * speech(), -1, 1).astype(np.float32)
    assert (clipped_share(wave) > 0.01) == (clipped_share(wave / 3) > 0.01) == clipped


@pytest.mark.parametrize("hz", [80.0, 220.0, 1000.0])
def test_a_pure_tone_at_full_scale_is_not_clipped(hz):
    assert clipped_share(np.sin(2 * np.pi * hz * np.arange(48000) / 48000).astype(np.float32)) < 0.01


def bad(sound: np.ndarray, where: slice, value: float) -> np.ndarray:
    sound = sound.astype(np.float32)
    sound[where] = value
    return sound


REFUSED = {
    "silent": (np.zeros(32000), "is silent"),
    "constant": (np.full(32000, 0.3), "is silent"),
    "short": (speech(0.005), "is too short: it lasts 5 ms"),
    "clipped": (np.clip(6 * speech(), -1, 1), "is clipped"),
    "one NaN": (bad(speech(), slice(50, 51), np.nan), "no numbers"),
    "many infinite": (bad(speech(), slice(0, 9000), np.inf), "is damaged"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_learned_from_is_refused_in_words_that_follow_its_name(kind, tmp_path):
    sound, words = REFUSED[kind]
    path = tmp_path / "ünï côde 'q'.wav"
    soundfile.write(path, sound, 32000, "FLOAT")
    cut = cut_recording(path, tmp_path, Manner(RATE))
    assert words in cut.reason and cut.reason.endswith(".") and "\n" not in cut.reason and not cut.pieces
    assert [file for file in tmp_path.iterdir() if file != path] == []


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no sound at all", b"RIFF\x00\x00\x00\x00WAVEfmt "])
def test_a_broken_file_is_refused_and_not_an_error(content, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    assert cut_recording(path, tmp_path, Manner(RATE)).reason


def test_a_file_that_went_away_is_refused(tmp_path):
    assert "cannot be opened" in cut_recording(tmp_path / "a.wav", tmp_path, Manner(RATE)).reason


def test_both_channels_are_heard(tmp_path):
    left, right = speech(1.0), speech(1.0)[::-1]
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], 1), 32000, "FLOAT")
    np.testing.assert_allclose(listened(tmp_path / "a.wav").samples[0], (left + right) / 2, atol=1e-7)


def test_a_recording_with_pauses_becomes_files(recording, tmp_path):
    soundfile.write(tmp_path / "a.wav", recording.samples[0], RATE, "FLOAT")
    cut = cut_recording(tmp_path / "a.wav", tmp_path, Manner(RATE))
    expected = list(levelled_slices(recording, Manner(RATE)))
    assert [(piece.begin, piece.end) for piece in cut.pieces] == [(begin, end) for begin, end, _ in expected]
    for piece, (_, _, samples) in zip(cut.pieces, expected, strict=True):
        np.testing.assert_array_equal(soundfile.read(tmp_path / piece.wave, dtype="float32")[0], samples)
        assert piece.hash == sha256(samples.tobytes()).hexdigest()


def test_a_second_time_nothing_is_decoded(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", speech(), 32000)
    first = cut_recording(tmp_path / "a.wav", tmp_path, Manner(RATE))
    monkeypatch.setattr("rvc.training.cutting.listened", lambda path: pytest.fail("decoded again"))
    assert cut_recording(tmp_path / "a.wav", tmp_path, Manner(RATE)) == first


@pytest.mark.parametrize("harm", [lambda folder: next(folder.glob("*_0.wav")).unlink(),
                                  lambda folder: next(folder.glob("*.json")).write_text("{"),
                                  lambda folder: next(folder.glob("*.json")).write_text("[1]"),
                                  lambda folder: next(folder.glob("*.json")).unlink()])
def test_what_was_lost_is_made_again(harm, tmp_path):
    soundfile.write(tmp_path / "a.wav", speech(), 32000)
    (tmp_path / "slices").mkdir()
    first = cut_recording(tmp_path / "a.wav", tmp_path / "slices", Manner(RATE))
    harm(tmp_path / "slices")
    assert cut_recording(tmp_path / "a.wav", tmp_path / "slices", Manner(RATE)) == first
    assert all((tmp_path / "slices" / piece.wave).is_file() for piece in first.pieces)


def test_what_does_not_matter_changes_no_name():
    assert Manner(RATE, "skip", chunk=3.0).slicing() == Manner(RATE, "skip", chunk=5.0).slicing()
    assert Manner(RATE).slicing() != Manner(RATE, chunk=2.0).slicing() != Manner(32000, chunk=2.0).slicing()
    assert Manner(RATE, "skip").sound() == Manner(32000).sound() != Manner(RATE, high_pass=True).sound()
    assert Manner(RATE, clean=0.5).sound() != Manner(32000, clean=0.5).sound()
