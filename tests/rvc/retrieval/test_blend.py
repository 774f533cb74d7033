"""What a frame becomes between what was said and whose habits it takes."""
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rvc.retrieval.blend import BLOCK, nearest_mean, protect_consonants, retrieve

SAID = torch.tensor([[5.0, 5.0]])
VECTORS = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])


class Echo:
    """A retriever whose only neighbour is the query plus one; it remembers how many frames each query had."""

    def __init__(self):
        self.asked = []

    def neighbours(self, content, k):
        self.asked.append(len(content))
        return content[:, None] + 1, content.new_ones(len(content), 1)


@pytest.mark.parametrize("distances, share", [([1.0, 1.0], 0.5), ([1.0, 2.0], 0.8), ([1.0, 3.0], 0.9)])
def test_weights_fall_with_the_fourth_power_of_distance(distances, share):
    mean = nearest_mean(SAID, VECTORS, torch.tensor([distances]))
    torch.testing.assert_close(mean, torch.tensor([[share, 1 - share]]))


def test_an_exact_hit_takes_all_and_two_share():
    assert nearest_mean(SAID, VECTORS, torch.tensor([[0.0, 1e-6]])).tolist() == [[1.0, 0.0]]
    assert nearest_mean(SAID, VECTORS, torch.tensor([[0.0, 0.0]])).tolist() == [[0.5, 0.5]]


def test_absent_neighbours_weigh_nothing_and_a_frame_without_any_keeps_its_content():
    assert nearest_mean(SAID, VECTORS, torch.tensor([[4.0, torch.inf]])).tolist() == [[1.0, 0.0]]
    assert nearest_mean(SAID, VECTORS, torch.tensor([[torch.inf, torch.inf]])).tolist() == SAID.tolist()


@given(st.lists(st.floats(0, 2.0**127, width=32), min_size=2, max_size=2))
def test_the_mean_is_finite_and_between_its_neighbours_at_any_distance(distances):
    mean = nearest_mean(SAID, VECTORS, torch.tensor([distances]))
    assert torch.isfinite(mean).all() and mean.sum().item() == pytest.approx(1.0)
    assert (mean[0, 0] >= mean[0, 1]) == (distances[0] <= distances[1]) or mean[0, 0] == mean[0, 1]


def test_rate_0_asks_nobody_rate_1_replaces_and_between_is_linear():
    echo, said = Echo(), torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    assert retrieve(echo, said, rate=0.0) is said and echo.asked == []
    assert torch.equal(retrieve(echo, said, rate=1.0), said + 1)
    torch.testing.assert_close(retrieve(echo, said, rate=0.25), said + 0.25)


def test_long_recordings_are_asked_for_in_blocks():
    echo = Echo()
    said = torch.zeros(2 * BLOCK + 3, 2)
    assert retrieve(echo, said, rate=1.0).shape == said.shape
    assert echo.asked == [BLOCK, BLOCK, 3]
    assert retrieve(Echo(), said[:0], rate=1.0).shape == (0, 2)


def test_protect_touches_unvoiced_frames_only():
    content, original = torch.ones(3, 2), torch.zeros(3, 2)
    voiced = torch.tensor([True, False, True])
    kept = protect_consonants(content, original, voiced, 0.2)
    torch.testing.assert_close(kept, torch.tensor([[1.0, 1.0], [0.2, 0.2], [1.0, 1.0]]))
    assert torch.equal(protect_consonants(content, original, voiced, 0.0)[1], original[1])


def test_protect_at_one_half_is_off():
    content = torch.ones(2, 2)
    assert protect_consonants(content, torch.zeros(2, 2), torch.tensor([False, False]), 0.5) is content
