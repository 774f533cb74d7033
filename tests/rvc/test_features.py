"""Long recordings are heard in blocks that do not show, and content and melody have equal length."""
import numpy as np
import pytest
import torch

from rvc import features
from rvc.errors import Cancelled
from rvc.f0.track import F0Track
from rvc.features import HOP, FeatureExtractor, Features, align, to_frames
from rvc.interruption import interruptible

CPU = torch.device("cpu")


class Ruler:
    """Hears in each frame the number of the sample it is centred on."""

    def estimate(self, samples, check):
        padded = torch.nn.functional.pad(samples, (0, HOP))
        return F0Track(padded[::HOP][:len(samples) // HOP + 1].clone())


@pytest.mark.parametrize("length", [1, 159, 160, 5000, 40_000, 123_456])
def test_blocks_of_melody_do_not_show(monkeypatch, length):
    monkeypatch.setattr(features, "MELODY_BLOCK", 16_000)
    monkeypatch.setattr(features, "MELODY_CONTEXT", 1_600)
    line = np.arange(1, length + 1, dtype=np.float32)
    track = FeatureExtractor(None, Ruler(), CPU).melody(line)
    assert len(track) == length // HOP + 1
    within = track.hz[:-(-length // HOP)]
    assert within.tolist() == [1 + HOP * t for t in range(len(within))]


def test_features_are_cut_to_what_they_have_in_common():
    content = to_frames(torch.arange(5.0)[:, None])
    assert content[:, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    found = align(content, F0Track(torch.full((4,), 100.0)), 7)
    assert len(found) == 7 and found.f0.hz.tolist() == [100.0] * 4 + [0.0] * 3
    assert align(content, None, 99).f0 is None and len(align(content, None, 99)) == 10


def test_features_of_unequal_length_do_not_exist():
    with pytest.raises(ValueError):
        Features(torch.zeros(3, 2), F0Track(torch.zeros(4)))


def test_a_network_is_stopped_between_its_layers_and_works_again():
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(2, 2)))
    asked = []

    def check():
        asked.append(1)
        if len(asked) == 3:
            raise Cancelled

    with pytest.raises(Cancelled), interruptible(network, check):
        network(torch.zeros(1, 2))
    network(torch.zeros(1, 2))
    assert len(asked) == 3
