"""Cuts fall where the reference's fall, to the sample, or where nothing is heard."""
import json
from pathlib import Path

import numpy as np
import pytest
import rule

from rvc.audio.joining import join
from rvc.audio.slicing import frame_rms, loud_intervals, quiet_cuts, silent_stretches, slices

STORED = json.loads((Path(__file__).parents[2] / "golden" / "dsp" / "dsp.json").read_text())
RATE = 16000


def planned(plan: list, rate: int, name: str) -> np.ndarray:
    """Seconds of voice, of silence and of quiet noise, one after the other."""
    parts = []
    for i, (seconds, kind) in enumerate(plan):
        t = np.arange(int(rate * seconds)) / rate
        parts.append({
            "v": 0.3 * np.sin(2 * np.pi * (180 + 20 * i) * t) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t)),
            "s": np.zeros(len(t)),
            "q": 0.001 * rule.generator(f"slicer:{name}:{i}").standard_normal(len(t)),
        }[kind])
    return np.concatenate(parts)


def split_signal() -> np.ndarray:
    sound = np.zeros(STORED["split_audio"]["n"], np.float32)
    sound[6000:22000] = sound[31000:55000] = 0.5
    return sound


@pytest.mark.parametrize("case", STORED["slicer"])
def test_slices_are_those_of_the_reference(case):
    name, _, rate = case.rpartition("_")
    stored = STORED["slicer"][case]
    sound = planned(stored["plan"], int(rate), name)
    assert len(sound) == stored["n"]
    whole = [(0, len(sound))] * stored["n_chunks"]
    expected = [tuple(cut[2:]) for cut in stored["cuts_frames_samples"]] or whole
    assert slices(sound, int(rate)) == expected


def test_the_level_that_decides_is_that_of_the_reference(golden):
    sound = planned(STORED["slicer"]["mixed_40000"]["plan"], 40000, "mixed")
    np.testing.assert_allclose(frame_rms(sound, 1600, 600), golden("dsp/dsp.npz")["slicer_rms_mixed40k_win1600_hop600"],
                               atol=1e-7)


def test_intervals_are_those_of_the_reference():
    assert loud_intervals(split_signal()).tolist() == STORED["split_audio"]["intervals"]


def test_a_part_stays_at_its_place_whatever_length_it_came_out():
    """The reference appends parts, so one that is too long pushes every later one back, by 8 000 samples here, and
    drops the silence at the end.  Words would drift away from the music; ours start where they were sung."""
    stored, ratio, fade = STORED["split_audio"], 40000 / RATE, 400
    starts = [round(start * ratio) for start, _ in stored["intervals"]]
    parts = [np.ones(length, np.float32) for length in stored["fake_lengths"]]
    whole = round(stored["n"] * ratio)
    joined = join(zip(starts, parts), whole, fade)
    assert len(joined) == whole != stored["merged_len"]
    sounding = np.flatnonzero(np.diff((joined != 0).astype(int)))
    ends = [start + len(part) for start, part in zip(starts, parts)]
    assert sounding.tolist() == [starts[0] - 1, ends[0] - 1, starts[1] - 1, ends[1] - 1]
    assert np.abs(np.diff(joined)).max() < 0.005  # no click at any edge


def test_intervals_of_silence_are_none():
    assert len(loud_intervals(np.zeros(RATE))) == 0


def test_a_quiet_recording_has_pauses_too():
    assert loud_intervals(1e-4 * split_signal()).tolist() == STORED["split_audio"]["intervals"]


def test_a_silence_of_half_a_second_is_found():
    sound = planned([(1, "v"), (0.6, "s"), (1, "v"), (0.4, "s"), (0.5, "v"), (0.75, "s")], RATE, "silences")
    assert silent_stretches(sound).tolist() == [[16000, 25600], [48000 + 8000, 60000 + 8000]]


@pytest.mark.parametrize("level_db, found", [(-71, 1), (-69, 0)])
def test_silence_lies_below_70_dbfs(level_db, found):
    assert len(silent_stretches(np.full(RATE, 10 ** (level_db / 20)))) == found


def test_one_click_ends_a_silence():
    sound = np.zeros(RATE)
    sound[8000] = 0.1
    assert silent_stretches(sound, least_seconds=0.4).tolist() == [[0, 8000], [8320, RATE]]


@pytest.mark.parametrize("length, found", [(7999, []), (8001, [[0, 8001]]), (1, []), (0, [])])
def test_the_last_frame_may_be_short(length, found):
    assert silent_stretches(np.zeros(length)).tolist() == found


MINUTE = {"shortest": 26 * RATE, "longest": 40 * RATE}


def test_a_sound_that_fits_is_not_cut():
    assert quiet_cuts(rule.normal("long", (40 * RATE,)), **MINUTE) == []


def test_a_long_sound_is_cut_where_it_is_quiet():
    sound = np.sin(np.arange(1_400_000) * 0.3).astype(np.float32)
    sound[550_000:550_400] *= 0.01
    sound[1_050_000:1_050_400] *= 0.01
    first, second = quiet_cuts(sound, **MINUTE)
    assert 550_080 <= first <= 550_320 and 1_050_080 <= second <= 1_050_320


def test_no_piece_is_longer_than_allowed():
    cuts = quiet_cuts(rule.normal("pieces", (5_000_000,)), **MINUTE)
    lengths = np.diff([0, *cuts, 5_000_000])
    assert lengths.max() <= 40 * RATE and lengths[:-1].min() >= 26 * RATE


def test_a_constant_is_not_taken_for_silence():
    """Summed with its sign a wave is as quiet as silence; the reference cuts there."""
    sound = np.cos(2 * np.pi * np.arange(700_000) / 16).astype(np.float32)  # ten whole periods in a window
    sound[600_000:600_200] = 0.001
    assert 600_080 <= quiet_cuts(sound, **MINUTE)[0] <= 600_120


def test_the_first_of_equals_is_chosen():
    assert quiet_cuts(np.zeros(700_000, np.float32), **MINUTE) == [26 * RATE]


def test_the_sum_is_of_what_lies_around_a_place():
    sound = np.abs(rule.normal("around", (3000,)))
    cut = quiet_cuts(sound, shortest=5, longest=2900, window=10)[0]
    padded = np.pad(sound, 5, mode="reflect")
    assert cut == 5 + np.argmin([padded[n:n + 10].astype(np.float64).sum() for n in range(5, 2900)])
