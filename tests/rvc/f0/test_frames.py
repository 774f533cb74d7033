"""The frame grid, pieces of long recordings, and silence."""
import pytest
import torch

from rvc.errors import Cancelled
from rvc.f0.frames import finished, frame_count, in_pieces
from rvc.interruption import unchecked


def numbers(samples):
    """An estimate that says which sample each frame is centred on."""
    padded = torch.cat([samples, samples.new_full((160,), -1.0)])
    return padded[::160][:frame_count(len(samples))]


@pytest.mark.parametrize("samples", [0, 1, 159, 160, 1599, 1600, 1601, 16000, 16123])
@pytest.mark.parametrize("context", [0.0, 0.02, 5.0])
def test_pieces_join_frame_by_frame(samples, context):
    recording = torch.arange(float(samples))
    joined = in_pieces(recording, numbers, seconds=0.05, context=context, check=unchecked)
    whole = numbers(recording)
    assert len(joined) == frame_count(samples)
    inside = joined >= 0  # at the very end a frame may be centred on what is no longer there
    assert inside.sum() >= len(whole) - 1 and torch.equal(joined[inside], whole[inside])


def test_a_piece_hears_no_more_than_its_context():
    lengths = []

    def listening(samples):
        lengths.append(len(samples))
        return numbers(samples)

    in_pieces(torch.zeros(160000), listening, seconds=1.0, context=0.5, check=unchecked)
    assert len(lengths) == 11 and max(lengths) == 32000


def test_a_check_comes_before_every_piece():
    asked = []

    def check():
        asked.append(1)
        if len(asked) == 3:
            raise Cancelled("stopped")

    heard = []
    with pytest.raises(Cancelled):
        in_pieces(torch.zeros(160000), lambda s: heard.append(1) or numbers(s), seconds=1.0, check=check)
    assert len(heard) == 2


def test_frames_around_which_nothing_sounds_are_unvoiced():
    samples = torch.zeros(16000)
    samples[8000] = 1e-3
    hz = finished(torch.full((101,), 200.0, dtype=torch.float64), samples).hz
    assert hz.dtype == torch.float32
    assert hz[48:53].tolist() == [200.0] * 5  # windows of 1024 samples hold the click
    assert not hz[:45].any() and not hz[56:].any()


def test_a_voice_just_above_half_a_step_of_sixteen_bits_is_not_silence():
    assert finished(torch.full((11,), 200.0), torch.full((1600,), 2.0 ** -15)).hz.all()
    assert not finished(torch.full((11,), 200.0), torch.full((1600,), 2.0 ** -17)).hz.any()
