"""What is converted in which pieces."""
import numpy as np
import pytest
import rule

from rvc.conversion.plan import FADE, chunks, common, complement, gate, merged
from rvc.features import HOP, SAMPLE_RATE

SECOND = SAMPLE_RATE
LONGEST = 24 * SECOND


def test_a_gate_is_shut_in_silence_and_moves_for_20_ms_inside_it():
    silence, rate = (SECOND, 2 * SECOND), 32000
    gain = gate([silence], 0, 3 * rate, rate)
    fade = rate // 50
    assert (gain[:rate] == 1).all() and (gain[2 * rate:] == 1).all()
    assert not gain[rate + fade:2 * rate - fade].any()
    assert (np.diff(gain[rate - 1:rate + fade + 1]) <= 0).all()
    assert (np.diff(gain[2 * rate - fade:2 * rate + 1]) >= 0).all()
    assert gain[rate + fade // 2] == pytest.approx(0.5, abs=0.01)
    assert np.array_equal(gate([silence], rate, 2 * rate, rate), gain[rate:2 * rate])
    assert gate([silence], 0, rate // 2, rate) is None


def test_ranges():
    assert complement([(2, 4), (6, 9)], 10) == [(0, 2), (4, 6), (9, 10)]
    assert complement([(0, 10)], 10) == [] and complement([], 10) == [(0, 10)]
    assert merged([(0, 2), (3, 5), (9, 10)], gap=2) == [(0, 5), (9, 10)]
    assert common([(0, 3), (5, 9)], (2, 6)) == [(2, 3), (5, 6)]


def test_everything_that_sounds_is_in_a_chunk_and_chunks_are_short():
    sound = rule.normal("plan", (100 * SECOND,))
    silences = [(10 * SECOND, 11 * SECOND), (30 * SECOND, 40 * SECOND)]
    plan = chunks(sound, silences, LONGEST)
    assert all(chunk.end - chunk.begin <= LONGEST + HOP and chunk.begin % HOP == 0 for chunk in plan)
    heard = np.zeros(len(sound), bool)
    for chunk in plan:
        for begin, end in chunk.sounding:
            assert chunk.begin <= begin < end <= chunk.end
            heard[begin:end] = True
    expected = np.ones(len(sound), bool)
    for begin, end in silences:
        expected[begin + FADE:end - FADE] = False  # a fade inside the silence still sounds
    assert np.array_equal(heard, expected)
    assert not any(chunk.begin < 35 * SECOND < chunk.end for chunk in plan)  # a long silence is in no chunk
    assert any(chunk.begin < 10.5 * SECOND < chunk.end for chunk in plan)  # a short one costs no second chunk


def test_silence_alone_needs_no_chunk():
    assert chunks(np.zeros(SECOND), [(0, SECOND)], LONGEST) == []
