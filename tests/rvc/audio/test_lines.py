"""A line is the same sound, whether it lies in memory or on disk, whole or in blocks."""
import numpy as np
import pytest
import rule

from rvc.audio.denoising import denoised
from rvc.audio.filters import high_pass, high_passed
from rvc.audio.formants import formant_shift, formants_shifted
from rvc.audio.lines import Reflected, Scaled, Scratch, Stretch, in_blocks
from rvc.audio.loudness import frame_energy, rms_envelope

SOUND = rule.speech("lines", 40_000, 16000).astype(np.float32)


def test_scratch_gives_back_what_was_put_in(tmp_path):
    with Scratch(tmp_path / "a b ü") as line:
        line.append(SOUND[:1000])
        line.append(SOUND[1000:])
        assert len(line) == len(SOUND)
        assert line.peak == np.abs(SOUND).max()
        assert np.array_equal(line[500:1500], SOUND[500:1500])
        assert np.array_equal(line[39_990:50_000], SOUND[39_990:])


def test_scratch_leaves_nothing_behind(tmp_path):
    with Scratch(tmp_path) as line:
        line.append(SOUND)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length, pad", [(1000, 300), (10, 300), (2, 5), (1, 4)])
def test_reflection_is_numpys(length, pad):
    sound = SOUND[5000:5000 + length]
    expected = np.pad(sound, pad, mode="reflect") if length > 1 else np.repeat(sound, 1 + 2 * pad)
    line = Reflected(sound, pad)
    assert len(line) == length + 2 * pad
    assert np.array_equal(line[0:len(line)], expected)
    assert np.array_equal(line[pad - 2:pad + 3], expected[pad - 2:pad + 3])


def test_views_are_slices():
    assert np.array_equal(Scaled(SOUND, 0.5)[10:20], SOUND[10:20] * np.float32(0.5))
    assert np.array_equal(Stretch(SOUND, 100, 200)[50:500], SOUND[150:200])


def test_blocks_hear_their_context():
    moving_sum = lambda x: np.convolve(x, np.ones(9), "same")  # noqa: E731
    blocks = np.concatenate(list(in_blocks(SOUND, moving_sum, block=700, context=8)))
    assert np.allclose(blocks, moving_sum(SOUND), atol=1e-5)


def test_filters_do_not_show_their_blocks():
    long = np.tile(SOUND, 30)  # 75 s
    assert np.abs(np.concatenate(list(high_passed(long, 16000))) - high_pass(long, 16000)).max() < 1e-7
    shifted = np.concatenate(list(formants_shifted(long, 1.0, 1.2)))
    edge = 60 * 16000
    whole = formant_shift(long[edge - 32_000:edge + 32_000], 1.0, 1.2)
    assert np.abs(shifted[edge - 16_000:edge + 16_000] - whole[16_000:-16_000]).max() < 1e-5


def test_without_strength_nothing_is_denoised():
    assert np.array_equal(np.concatenate(list(denoised(SOUND, 16000, 0.0))), SOUND)


def test_energy_counts_a_short_last_frame():
    assert frame_energy(np.ones(25), 10).tolist() == [10, 10, 5]
    assert frame_energy(np.zeros(0), 10).tolist() == []
    assert len(rms_envelope(np.ones(20), 10)) == 3
    assert len(rms_envelope(np.ones(25), 10)) == 3
