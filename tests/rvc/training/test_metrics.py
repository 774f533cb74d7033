"""Measures of a voice, on sounds whose answer is known."""
import math

import pytest
import small
import torch

from rvc.f0.track import F0Track
from rvc.training.losses import voice_mel
from rvc.training.means import History, Means
from rvc.training.metrics import f0_error, measure, mel_similarity, si_sdr

MEL = voice_mel(small.RATE, 1024)


def voice(name: str = "one") -> torch.Tensor:
    return small.clip(60, name).wave


def test_a_sound_is_itself():
    found = measure(voice(), voice(), MEL)
    assert found["mel_l1"] == found["stft"] == 0 and found["mel_similarity"] == 100 and found["si_sdr"] > 80


def test_the_worse_the_copy_the_worse_the_measures():
    hiss = torch.randn(len(voice()), generator=torch.Generator().manual_seed(0))
    near, far = (measure(voice(), voice() + level * hiss, MEL) for level in (0.001, 0.1))
    assert near["mel_l1"] < far["mel_l1"] and near["stft"] < far["stft"] and near["si_sdr"] > far["si_sdr"]
    assert near["mel_similarity"] > far["mel_similarity"] >= 0


def test_mel_similarity_in_per_cent():
    distances = torch.tensor([0.0, 0.25, 1.0, 3.0])
    assert mel_similarity(distances).tolist() == [100, 75, 0, 0]


def test_si_sdr_is_the_level_of_the_rest_whatever_the_scale():
    wave = torch.sin(torch.arange(4800) * 0.05)
    other = torch.cos(torch.arange(4800) * 0.05)
    for scale in (1.0, 0.01):
        assert si_sdr(wave, scale * (wave + 0.1 * other)).item() == pytest.approx(20, abs=0.1)
    assert si_sdr(torch.zeros(100), torch.zeros(100)).isfinite()


def test_f0_error_in_cents_and_voicing():
    real = F0Track(torch.tensor([0.0, 220.0, 220.0, 220.0, 0.0]))
    sharp = F0Track(torch.tensor([0.0, 220.0 * 2 ** (1 / 12), 220.0 * 2 ** (-1 / 12), 0.0, 0.0, 300.0]))
    found = f0_error(real, sharp)
    assert found.cents == pytest.approx(100, abs=0.01) and found.voicing == pytest.approx(20)
    assert f0_error(real, real).cents == 0
    assert math.isnan(f0_error(real, F0Track(torch.zeros(5))).cents)


def test_means_of_steps_and_epochs():
    history = History()
    for epoch in range(7):
        for step in range(60):
            sometimes = {"odd": torch.tensor(2.0)} if step % 2 else {}
            history.add({"kl": torch.tensor(float(epoch * 60 + step))} | sometimes)
        assert history.epoch.read() == {"kl": epoch * 60 + 29.5, "odd": 2.0}
        assert history.steps.read()["kl"] == epoch * 60 + 34.5  # steps 10 to 59
        history.close_epoch()
        assert history.epoch.read() == {}
    assert history.epochs.read()["kl"] == 4 * 60 + 29.5  # epochs 2 to 6


def test_a_rolling_mean_forgets():
    means = Means(2)
    for value in (100.0, 1.0, 3.0):
        means.add({"x": torch.tensor(value)})
    assert means.read() == {"x": 2.0}
