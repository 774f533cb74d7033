"""RMVPE against the public implementation with the weights of the rule: golden rmvpe/rmvpe.npz."""
import json
from pathlib import Path

import numpy as np
import pytest
import rule
import torch

from rvc.errors import Cancelled, VoiceFileError
from rvc.f0 import rmvpe
from rvc.f0.rmvpe import RMVPE, decode, log_mel, mel_basis, mirror

MANIFEST = Path(rule.__file__).parent / "manifests" / "rmvpe.json"


@pytest.fixture(scope="module")
def weights():
    shapes = json.loads(MANIFEST.read_text())["full"]
    return {name: torch.from_numpy(np.asarray(value)) for name, value in rule.weights(shapes).items()}


@pytest.fixture(scope="module")
def model(weights):
    return RMVPE(weights)


@pytest.fixture(scope="module")
def gold(golden):
    return {name: torch.from_numpy(value) for name, value in golden("rmvpe/rmvpe.npz").items()}


def speech(name, samples):
    return torch.from_numpy(rule.speech(name, samples, 16000)).float()


def close(ours, gold, tolerance):
    assert ours.shape == gold.shape
    assert (ours - gold).abs().max() <= tolerance


def test_mel(gold):
    close(mel_basis(), gold["mel_basis"], 1e-7)
    close(log_mel(gold["audio"]), gold["mel"][0], 1e-4)


def test_salience(model, gold):
    close(model.salience(gold["audio"]), gold["salience"][0], 1e-5)


def test_f0(model, gold):
    close(model.estimate(gold["audio"]).hz, gold["f0"], 0.01)


def test_f0_above_a_higher_threshold(model, gold):
    ours = decode(model.salience(gold["audio"]), 0.5)
    close(ours, gold["f0_thr05"], 0.01)


@pytest.mark.parametrize("threshold, name", [(0.03, "synth_f0_thr003"), (0.5, "synth_f0_thr05")])
def test_decoding_edge_peaks_silence_and_the_threshold_itself(gold, threshold, name):
    close(decode(gold["synth_salience"], threshold), gold[name], 1e-3)


def test_decoded_cents(gold):
    voiced = gold["synth_cents_thr003"] > 0
    hz = decode(gold["synth_salience"], 0.03)
    assert torch.equal(hz > 0, voiced)
    close(1200 * torch.log2(hz[voiced] / 10), gold["synth_cents_thr003"][voiced], 1e-2)


@pytest.mark.parametrize("samples", [32777, 5121, 8000])
def test_lengths_that_are_no_multiple_of_32_frames(model, gold, samples):
    audio = speech("rmvpe_len", samples)
    assert [1, *log_mel(audio).shape] == gold[f"len{samples}_mel_shape"].tolist()
    close(model.estimate(audio).hz, gold[f"len{samples}_f0"], 0.01)


def test_tiles_change_no_number(model):
    audio = speech("tiles", 40000)
    whole = RMVPE.salience(model, audio)
    model.network.tile = 32
    try:
        assert torch.equal(model.salience(audio), whole)
    finally:
        model.network.tile = rmvpe.TILE_CPU


def test_segments_of_the_gru_change_no_number(model, monkeypatch):
    frames = torch.from_numpy(rule.normal("gru", (1, 70, 384)))
    reader = model.network.fc[0]
    monkeypatch.setattr(rmvpe, "SEGMENT", 16)
    assert torch.allclose(reader(frames), reader.gru(frames)[0], rtol=0, atol=1e-6)


def test_blocks_of_the_spectrogram_change_no_number(monkeypatch):
    audio = speech("blocks", 20000)
    whole = log_mel(audio)
    monkeypatch.setattr(rmvpe, "MEL_BLOCK", 7)
    assert torch.allclose(log_mel(audio), whole, rtol=0, atol=1e-5)


def test_a_chunk_knows_nothing_of_the_next(model, monkeypatch):
    """As in the reference, which starts anew every 32000 frames; here every 64."""
    monkeypatch.setattr(rmvpe, "CHUNK", 64)
    audio = speech("chunks", 160 * 127)
    first = model.salience(audio)[:64]
    audio[160 * 80:] = 0
    assert torch.equal(model.salience(audio)[:64], first)


def test_a_stop_is_heard_inside_the_network(model):
    asked = []

    def check():
        asked.append(1)
        if len(asked) == 9:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        model.estimate(speech("stop", 16000), check)


@pytest.mark.parametrize("length, left, right", [(5, 2, 3), (3, 7, 9), (1, 4, 4), (2, 0, 5)])
def test_mirror_is_numpy_reflection(length, left, right):
    row = torch.arange(1.0, length + 1)
    expected = np.pad(row.numpy(), (left, right), mode="reflect") if length > 1 else np.ones(left + 1 + right)
    assert mirror(row, left, right).tolist() == expected.tolist()


def damaged(weights, how):
    broken = dict(weights)
    if how == "missing":
        del broken["cnn.bias"]
    elif how == "unknown":
        broken["extra"] = torch.zeros(1)
    else:
        broken["cnn.bias"] = torch.zeros(4)
    return broken


@pytest.mark.parametrize("how", ["missing", "unknown", "of another shape"])
def test_other_weights_are_refused_in_one_sentence(weights, how):
    with pytest.raises(VoiceFileError, match="cnn.bias|extra"):
        RMVPE(damaged(weights, how))


def test_bfloat16_hears_nearly_the_same(weights, model):
    audio = speech("half", 16000)
    difference = RMVPE(weights, dtype=torch.bfloat16).salience(audio) - model.salience(audio)
    assert 0 < difference.abs().max() < 0.1
