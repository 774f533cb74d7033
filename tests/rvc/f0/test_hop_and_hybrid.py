"""Listening at another hop, and several methods voting, with estimators whose answers are known."""
import pytest
import torch

from rvc.f0.fcpe import FCPE
from rvc.f0.hop import AtHop, estimate_times
from rvc.f0.hybrid import Hybrid
from rvc.f0.track import F0Track
from rvc.interruption import unchecked


class Clock:
    """Sings the time: a recording that holds its own sample numbers is heard as 100 Hz an octave higher each second."""

    def __init__(self):
        self.passes = []

    def estimate(self, samples, check=unchecked):
        check()
        self.passes.append(int(samples[0]))
        return F0Track((100 * 2 ** (samples[::160][:len(samples) // 160 + 1] / 16000)).float())


class Fixed:
    def __init__(self, *hz):
        self.hz = torch.tensor(hz, dtype=torch.float32)

    def estimate(self, samples, check=unchecked):
        return F0Track(self.hz)


RAMP = torch.arange(16001.0)


@pytest.mark.parametrize("hop, passes", [(80, 2), (64, 5), (128, 5), (40, 4), (1, 10), (100, 8), (320, 1), (512, 1)])
def test_shifted_passes_are_interleaved_and_estimates_left_out(hop, passes):
    """A melody that rises evenly in octaves is the same at every hop, at the right times and between them."""
    clock = Clock()
    heard = AtHop(clock, hop).estimate(RAMP).hz
    assert len(clock.passes) == len(set(clock.passes)) == passes
    before_last = slice(0, 101 - hop // 160 - 1)  # after the last estimate it is held
    assert torch.allclose(heard[before_last], 100 * 2 ** (torch.arange(101) / 100)[before_last], rtol=1e-5)


@pytest.mark.parametrize("hop, times", [(80, [0, 80, 160, 240, 320]), (320, [0, 320]), (128, [0, 128, 256]),
                                        (200, [0, 160, 320]), (500, [0, 320]), (1, list(range(0, 321, 16)))])
def test_estimates_lie_at_multiples_of_the_hop(hop, times):
    found = estimate_times(330, hop).tolist()
    assert found[:len(times)] == times and max(found) <= 330


def test_a_hop_of_160_is_the_plain_estimate_to_the_bit():
    fcpe, audio = FCPE(), sung_vibrato(7.0)[0]
    assert torch.equal(AtHop(fcpe, 160).estimate(audio).hz, fcpe.estimate(audio).hz)


def sung_vibrato(rate_hz, seconds=1.5):
    """A tone of nine harmonics around 220 Hz, a semitone up and down; and its f0 at every frame."""
    t = torch.arange(round(16000 * seconds), dtype=torch.float64) / 16000
    hz = 220 * 2 ** (torch.sin(2 * torch.pi * rate_hz * t) / 12)
    phase = 2 * torch.pi * hz.cumsum(0) / 16000
    tone = 0.15 * sum(torch.sin(k * phase) / k for k in range(1, 10))
    return tone.float(), hz[::160]


def error_in_cents(heard, true):
    inside = slice(8, len(true) - 8)
    return (1200 * torch.log2(heard[:len(true)][inside] / true[inside])).abs().mean()


def test_a_finer_hop_follows_a_fast_vibrato_at_least_as_well_and_a_coarser_one_worse():
    fcpe = FCPE()
    audio, true = sung_vibrato(7.0)
    plain, fine, coarse = (error_in_cents(AtHop(fcpe, hop).estimate(audio).hz, true) for hop in (160, 80, 512))
    assert fine <= plain + 1e-3 < 15
    assert coarse > 2 * plain


@pytest.mark.parametrize("hop", [1, 80, 100, 159, 161, 320, 512])
@pytest.mark.parametrize("samples", [0, 1, 159, 160, 161, 1000])
def test_every_hop_gives_every_frame(hop, samples):
    clock = Clock()
    clock.estimate = lambda audio, check: F0Track(torch.full((len(audio) // 160 + 1,), 200.0))
    heard = AtHop(clock, hop).estimate(RAMP[:samples]).hz
    assert heard.tolist() == pytest.approx([200.0] * (samples // 160 + 1))


def test_a_frame_is_voiced_when_at_least_half_of_the_methods_say_so():
    three = Hybrid([Fixed(100, 100, 100, 0), Fixed(0, 300, 120, 0), Fixed(0, 0, 140, 0)])
    assert three.estimate(RAMP[:480]).hz.tolist() == [0, 200, 120, 0]
    two = Hybrid([Fixed(100, 100, 0), Fixed(0, 300, 0)])
    assert two.estimate(RAMP[:320]).hz.tolist() == [100, 200, 0]


def test_a_hybrid_of_one_is_that_one():
    assert Hybrid([Fixed(100, 0, 130)]).estimate(RAMP[:320]).hz.tolist() == [100, 0, 130]
