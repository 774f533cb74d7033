"""Parts of one sound come together again without a seam."""
import numpy as np
import pytest
import rule

from rvc.audio.joining import Joiner, join


@pytest.mark.parametrize("cuts", [[0], [0, 700], [0, 300, 500, 999], [0, 500, 990]])
def test_a_sound_cut_with_overlap_is_whole_again(cuts):
    sound, fade = rule.normal("joined", (1000,)), 40
    parts = [(start, sound[start:end + fade]) for start, end in zip(cuts, [*cuts[1:], 1000])]
    np.testing.assert_allclose(join(parts, 1000, fade), sound, atol=1e-6)


def test_a_part_too_long_is_faded_out_under_the_next():
    joined = join([(0, np.ones(900)), (500, np.full(500, 2.0))], 1000, 100)
    assert (joined[:500] == 1).all() and (joined[600:] == 2).all()
    assert (np.diff(joined[499:601]) >= 0).all()


def test_a_gap_is_silent_and_its_edges_are_soft():
    joined = join([(0, np.ones(300)), (700, np.ones(300))], 1000, 50)
    assert not joined[300:700].any() and joined[0] == joined[-1] == 1
    assert np.abs(np.diff(joined)).max() < 0.05


def test_the_end_is_cut_or_filled():
    assert join([(0, np.ones(10))], 4, 2).tolist() == [1, 1, 1, 1]
    np.testing.assert_allclose(join([(0, np.ones(4))], 6, 1), [1, 1, 1, 0.5, 0, 0], atol=1e-6)
    assert join([], 3, 2).tolist() == [0, 0, 0]


def test_what_is_finished_comes_out_at_once():
    joiner = Joiner(10)
    assert len(joiner.add(0, np.ones(200))) == 0
    assert len(joiner.add(150, np.ones(200))) == 150
    assert len(joiner.finish(400)) == 250
