"""What may be done to a melody, and that silence stays silent through all of it.

golden f0/f0.npz: a contour of 217 frames, and what the Applio of August 2026 makes of it.
"""
import numpy as np
import pytest
import rule
import torch

from rvc.errors import SettingsError
from rvc.f0.track import (
    F0Track,
    at_length,
    autotune,
    coarse,
    fit_register,
    from_text,
    median,
    median_filter,
    resample,
    to_text,
    transpose,
)

HZ_TOLERANCE = 2e-4


def track(*hz):
    return F0Track(torch.tensor(hz, dtype=torch.float32))


def cents(a, b):
    return 1200 * torch.log2(a / b).abs()


@pytest.fixture(scope="module")
def gold(golden):
    return {name: torch.from_numpy(value) for name, value in golden("f0/f0.npz").items()}


@pytest.fixture
def sung(gold):
    return F0Track(gold["in"])


@pytest.mark.parametrize("name, semitones", [("p0", 0), ("p7", 7), ("m12", -12)])
def test_transposing_gives_the_reference_hz_and_bins(gold, sung, name, semitones):
    moved = transpose(sung, semitones)
    assert torch.allclose(moved.hz, gold[f"{name}_hz"], rtol=0, atol=HZ_TOLERANCE)
    assert torch.equal(coarse(moved.hz), gold[f"{name}_coarse"])


def test_training_reads_the_same_bins(gold, sung):
    assert torch.equal(coarse(sung.hz), gold["train_coarse"])


@pytest.mark.parametrize("name, target, pitch", [("prop155", 155, 0), ("prop255_p2", 255, 2)])
def test_fitting_the_register_gives_the_reference_hz_and_bins(gold, sung, name, target, pitch):
    moved = transpose(sung, pitch + fit_register(sung, target))
    assert torch.allclose(moved.hz, gold[f"{name}_hz"], rtol=0, atol=HZ_TOLERANCE)
    assert torch.equal(coarse(moved.hz), gold[f"{name}_coarse"])


def test_the_reference_autotune_sings_in_silence_and_ours_does_not(gold, sung):
    """Applio pulls 0 Hz to its lowest note, and breaths buzz; a frame without pitch has none to correct."""
    ours, theirs = autotune(sung, 1.0), gold["auto1_hz"]
    assert (~sung.voiced).any() and torch.all(theirs[~sung.voiced] == 49.0)
    assert torch.all(ours.hz[~sung.voiced] == 0)
    assert torch.equal(ours.voiced, sung.voiced)


def test_where_a_note_is_sung_autotune_goes_to_the_note_of_the_reference(gold, sung):
    """Their notes are rounded to a hundredth of a hertz, chosen by distance in Hz, and end at C6."""
    ours, theirs = autotune(sung, 1.0).hz, gold["auto1_hz"]
    semitone = 12 * torch.log2(sung.hz / 440)
    decided = sung.voiced & ((semitone - semitone.round()).abs() < 0.45) & (sung.hz > 50) & (sung.hz < 1070)
    assert decided.sum() > 100
    assert torch.allclose(ours[decided], theirs[decided], rtol=0, atol=0.0051)


def test_the_reference_autotune_forgets_the_shift_and_ours_does_not(gold, sung):
    """Applio asked for +5 semitones tunes the unshifted melody; a singer asked for a fourth up gets it, in tune."""
    theirs = gold["auto035_p5_hz"]
    ours = autotune(transpose(sung, 5), 0.35).hz
    voiced = sung.voiced & (sung.hz > 50) & (sung.hz < 750)
    assert cents(theirs, sung.hz)[voiced].median() < 50  # they did not shift
    assert cents(ours, sung.hz * 2 ** (5 / 12))[voiced].max() <= 0.35 * 50 + 0.01


def test_autotune_goes_to_the_note_nearest_in_cents():
    """Half-way between two notes is lower in cents than in Hz: 453.0 Hz is nearer to A♯4, and by Hz to A4."""
    assert autotune(track(453.0), 1.0).hz.item() == pytest.approx(466.16, abs=0.01)


def test_autotune_strength_is_linear_in_cents():
    off = track(440 * 2 ** (0.40 / 12))
    left = [cents(autotune(off, strength).hz, torch.tensor(440.0)).item() for strength in (0.0, 0.25, 0.5, 1.0)]
    assert left == pytest.approx([40, 30, 20, 0], abs=0.01)


def test_transposing_there_and_back_changes_nothing(sung):
    assert torch.allclose(transpose(transpose(sung, 7.3), -7.3).hz, sung.hz, rtol=1e-6)


@pytest.mark.parametrize("edit", [
    lambda t: transpose(t, 12), lambda t: autotune(t, 0.5), lambda t: median_filter(t, 3),
    lambda t: from_text(to_text(t), t),
])
def test_no_edit_voices_silence_or_silences_a_voice(sung, edit):
    edited = edit(sung)
    assert edited.hz.dtype == torch.float32
    assert torch.equal(edited.voiced, sung.voiced)


@pytest.mark.parametrize("hz, bin", [(0, 1), (50, 1), (55, 3), (110, 23), (155, 39), (220, 60), (255, 71), (440, 122),
                                     (880, 217), (1100, 255), (1200, 255)])
def test_coarse_bins_of_the_file_format(hz, bin):
    assert coarse(torch.tensor([float(hz)])).item() == bin


def test_coarse_agrees_with_double_precision():
    hz = torch.from_numpy(rule.uniform("coarse", (50000,))) * 1300
    assert torch.equal(coarse(hz), torch.from_numpy(rule.coarse(hz.numpy())))


@pytest.mark.parametrize("hz, shift", [((), 0), ((110.0,), 0), ((0.0, 0.0), 0), ((100.0, 100.0), 12),
                                       ((2000.0,) * 3, -12), ((400.0, 0.0, 400.0), 0)])
def test_fit_register_at_its_limits(hz, shift):
    assert fit_register(track(*hz), 400.0) == shift


def test_unvoiced_frames_count_for_the_register_with_the_line_between_their_neighbours():
    """In the middle of the gap between 100 and 400 Hz the line passes 250 Hz, the median of all."""
    sung = track(*[100.0] * 3, *[0.0] * 7, *[400.0] * 3)
    assert fit_register(sung, 250.0) == 0 and fit_register(sung, 500.0) == 12


def test_median_filter_mends_one_octave_error_and_leaves_a_gap_alone():
    sung = track(220, 221, 440, 222, 223, 0, 0, 330, 331, 165, 332, 333)
    mended = median_filter(sung, 1).hz
    assert mended[2] == 222 and mended[9] == 331
    assert torch.equal(mended > 0, sung.voiced)
    assert median_filter(sung, 0) is sung


def test_median_filter_listens_to_voiced_frames_only():
    assert median_filter(track(0, 200, 0), 1).hz.tolist() == [0, 200, 0]
    assert median_filter(track(100, 0, 200, 300, 0), 2).hz.tolist() == [150, 0, 200, 250, 0]


def test_median_is_that_of_numpy():
    values = torch.from_numpy(rule.uniform("median", (300, 6)))
    values[values < 0.3] = 0
    expected = np.nan_to_num(np.nanmedian(np.where(values == 0, np.nan, values), axis=1))
    assert torch.allclose(median(values), torch.from_numpy(expected).float())


def test_at_length_cuts_or_adds_silence():
    assert at_length(track(100, 200), 1).hz.tolist() == [100]
    assert at_length(track(100, 200), 4).hz.tolist() == [100, 200, 0, 0]
    assert at_length(track(100, 200), 2).hz.tolist() == [100, 200]


def test_resampling_is_straight_in_octaves_and_voiced_as_the_nearest():
    at, onto = torch.tensor([0, 200, 400, 600]), torch.tensor([0, 100, 200, 260, 340, 400, 480, 520, 600, 700])
    hz = torch.tensor([100.0, 400.0, 0.0, 300.0])
    heard = resample(hz, at, onto)
    assert heard.tolist() == pytest.approx([100, 200, 400, 400, 0, 0, 0, 300, 300, 300], abs=1e-3)
    assert heard[5] == 0


def test_a_text_of_every_frame_comes_back_to_the_bit(sung):
    written = to_text(sung)
    assert written.splitlines()[0] == "0,0"
    assert torch.equal(from_text(written, F0Track(torch.zeros(217))).hz, sung.hz)


def test_a_text_covers_its_own_time_and_no_more():
    melody = track(*[100.0] * 8)
    assert from_text("0.02,200\n0.04,300\n", melody).hz.tolist() == [100, 100, 200, 250, 300, 100, 100, 100]
    assert from_text("0.06,200\n0.5,200\n", melody).hz.tolist() == [100] * 6 + [200] * 2
    assert from_text("3,200\n4,200\n", melody).hz.tolist() == [100] * 8


def test_between_a_sung_and_a_silent_point_nothing_slides():
    melody = track(*[100.0] * 5)
    assert from_text("time,f0\n0,200\n\n0.04,0\r\n", melody).hz.tolist() == [200, 200, 200, 0, 0]


@pytest.mark.parametrize("text", ["", "\n\n", "time,f0\n", "0;100", "0,100\nx,y", "0,nan", "nan,100", "-1,100", "0,-5",
                                  "inf,100", "0,inf", "0,1e9", "1e9,100", "0,1,2", "\x00"])
def test_a_bad_text_is_refused_in_one_sentence(text):
    with pytest.raises(SettingsError) as caught:
        from_text(text, track(100, 100))
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.mark.parametrize("hz", [torch.zeros(2, 2), torch.zeros(2, dtype=torch.float64)])
def test_a_track_is_one_row_of_single_precision(hz):
    with pytest.raises(ValueError):
        F0Track(hz)
