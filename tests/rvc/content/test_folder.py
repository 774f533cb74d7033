"""An encoder is found in its folder, in any of the three formats that are in circulation."""
import argparse
import json

import pytest
import torch
from safetensors.torch import save_file

from rvc.content.folder import find_weights, load_encoder
from rvc.content.mel import Mel
from rvc.errors import VoiceFileError
from tests.golden import rule
from tests.rvc.content.tiny import TINY, built, fairseq, old_spelling

CPU = {"device": "cpu"}
SPEECH = torch.from_numpy(rule.speech("folder", 6400, 16000)).float()
LAYERS = 12  # as many as HuBERT base has, for v1 takes the ninth


@pytest.fixture(scope="module")
def reference():
    return built(TINY | {"num_hidden_layers": LAYERS})


def as_safetensors(weights, folder):
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / "model.safetensors")


def as_bin(weights, folder):
    torch.save(old_spelling(weights), folder / "pytorch_model.bin")


def as_legacy_bin(weights, folder):
    torch.save(old_spelling(weights), folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)


def as_fairseq(weights, folder):
    model = fairseq(weights, layers=LAYERS)
    torch.save({"args": argparse.Namespace(arch="hubert"), "cfg": None, "model": model, "optimizer_history": [],
                "extra_state": {"epoch": 1}, "last_optimizer_state": {}}, folder / "hubert_base.pt")


@pytest.fixture(params=[as_safetensors, as_bin, as_legacy_bin, as_fairseq])
def folder(request, reference, tmp_path):
    folder = tmp_path / "my “own” encoder [声]"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(TINY | {"num_hidden_layers": LAYERS, "torch_dtype": "float32"}))
    request.param(reference.state_dict(), folder)
    return folder


@pytest.mark.parametrize("name", ["contentvec", "my own"])
@pytest.mark.parametrize("version, layer", [("v1", 9), ("v2", 12)])
def test_all_formats_are_heard_alike(name, version, layer, folder, reference):
    with torch.no_grad():
        wanted = reference(SPEECH[None], output_hidden_states=True).hidden_states[layer]
        wanted = reference.final_proj(wanted) if version == "v1" else wanted
    encoder = load_encoder(name, folder, version=version, **CPU)
    assert encoder.width == wanted.shape[-1]
    torch.testing.assert_close(encoder.encode(SPEECH), wanted[0], atol=5e-6, rtol=1e-5)


def test_a_config_that_ships_with_the_program_stands_in_for_one_in_the_folder(folder, tmp_path):
    shipped = tmp_path / "shipped.json"
    (folder / "config.json").rename(shipped)
    assert load_encoder("spin", folder, config=shipped, version="v2", **CPU).width == TINY["hidden_size"]
    with pytest.raises(VoiceFileError, match=r"config\.json"):  # then it must be HuBERT base, and is too small
        load_encoder("spin", folder, version="v2", **CPU)


def test_an_encoder_of_too_few_layers_cannot_serve_v1(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(TINY))
    as_bin(built(TINY).state_dict(), tmp_path)
    assert load_encoder("mine", tmp_path, version="v2", **CPU).encode(SPEECH).shape == (19, 24)
    with pytest.raises(VoiceFileError, match="3 layers and the voice was made from layer 9"):
        load_encoder("mine", tmp_path, version="v1", **CPU)


def test_mel_needs_no_folder(tmp_path):
    assert isinstance(load_encoder("mel", tmp_path / "absent", version="v2", **CPU), Mel)


def test_a_folder_without_weights_says_what_to_put_there(tmp_path):
    with pytest.raises(VoiceFileError, match="holds no weights; put"):
        load_encoder("contentvec", tmp_path, version="v2", **CPU)


def test_the_known_name_comes_first_and_two_unknown_ones_are_a_question(tmp_path):
    for name in ("b.pt", "a.pt"):
        (tmp_path / name).touch()
    with pytest.raises(VoiceFileError, match=r"several files of weights \(a\.pt, b\.pt\)"):
        find_weights(tmp_path)
    (tmp_path / "pytorch_model.bin").touch()
    (tmp_path / "training_args.bin").touch()
    assert find_weights(tmp_path).name == "pytorch_model.bin"
    (tmp_path / "model.safetensors").touch()
    assert find_weights(tmp_path).name == "model.safetensors"


def test_nothing_is_fetched(folder, monkeypatch):
    """Conversion works without a network: any attempt to use one fails the test."""
    def refuse(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    assert load_encoder("contentvec", folder, version="v2", **CPU).encode(SPEECH).shape == (19, 24)
