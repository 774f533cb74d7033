"""Spectrograms are those that every voice of the RVC family was trained on."""
import json
from pathlib import Path

import numpy as np
import pytest
import rule
import torch

from rvc.audio.spectrogram import MelSpectrogram, magnitudes, multi_scale_mel_distance, scale_distances

STORED = json.loads((Path(__file__).parents[2] / "golden" / "dsp" / "dsp.json").read_text())["spectrogram"]


@pytest.fixture(params=STORED)
def case(request):
    about = STORED[request.param]
    sounds = (rule.speech(f"{name}_{request.param}", 60 * about["hop_length"], int(request.param))
              for name in ("spec", "spec2"))
    return request.param, about, *(torch.from_numpy(sound.astype(np.float32))[None] for sound in sounds)


def mel_of(about: dict) -> MelSpectrogram:
    return MelSpectrogram(about["sample_rate"], about["filter_length"], about["hop_length"], about["win_length"],
                          about["n_mel_channels"], about["mel_fmin"], about["mel_fmax"])


def test_linear(case, golden):
    rate, about, sound, _ = case
    linear = magnitudes(sound, n_fft=about["filter_length"], hop=about["hop_length"])
    assert list(linear.shape) == about["lin"]["shape"]
    np.testing.assert_allclose(linear[0, :, :8], golden("dsp/spectrogram.npz")[f"lin_{rate}_first8frames"],
                               rtol=1e-5, atol=1e-5)
    assert linear.mean() == pytest.approx(about["lin"]["mean"], rel=1e-5)
    assert linear.max() == pytest.approx(about["lin"]["absmax"], rel=1e-5)


def test_mel(case, golden):
    rate, about, sound, _ = case
    np.testing.assert_allclose(mel_of(about)(sound)[0], golden("dsp/spectrogram.npz")[f"mel_{rate}"], atol=1e-4)


def test_multi_scale_distance(case):
    rate, about, sound, other = case
    expected = [distance for _, _, distance, _ in about["multiscale_mel_loss_per_scale"]]
    found = scale_distances(sound[:, None], other[:, None], int(rate))
    np.testing.assert_allclose([distance.item() for distance in found], expected, rtol=1e-5)
    total = multi_scale_mel_distance(sound[:, None], other[:, None], int(rate))
    assert total.item() == pytest.approx(about["multiscale_mel_loss_y_y2"], rel=1e-5)


def test_rates_do_not_share_a_mel_basis():
    device = torch.device("cpu")
    low, high = (MelSpectrogram(rate, 1024, 320, 1024, 80).basis(device) for rate in (32000, 48000))
    assert not torch.equal(low, high)
    assert low is MelSpectrogram(32000, 1024, 320, 1024, 80).basis(device)


def test_silence_has_a_finite_gradient():
    wave = torch.zeros(1, 6400, requires_grad=True)
    MelSpectrogram(32000, 1024, 320, 1024, 80)(wave).sum().backward()
    assert torch.isfinite(wave.grad).all()


def test_autocast_does_not_blur_it():
    wave = torch.from_numpy(rule.normal("autocast", (1, 6400)))
    mel = MelSpectrogram(32000, 1024, 320, 1024, 80)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        blurred = mel(wave)
    torch.testing.assert_close(blurred, mel(wave))


def test_any_leading_shape():
    wave = torch.from_numpy(rule.normal("shape", (2, 3, 6400)))
    mel = MelSpectrogram(32000, 1024, 320, 1024, 80)
    assert mel(wave).shape == (2, 3, 80, 20)
    torch.testing.assert_close(mel(wave[1, 2]), mel(wave)[1, 2])


def test_what_was_kept_from_a_conversion_serves_training():
    mel = MelSpectrogram(32000, 512, 320, 512, 33)
    with torch.inference_mode():
        mel(torch.zeros(1, 6400))
    wave = torch.zeros(1, 6400, requires_grad=True)
    mel(wave).sum().backward()
    assert wave.grad.shape == wave.shape
