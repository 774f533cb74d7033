"""Training checkpoints, pretrained networks and bare weights of the whole family."""
import json
from argparse import Namespace

import pytest
import rule
import torch
from forge import GOLDEN, MODELS, archive, named_call, saved, tiny

from rvc.errors import VoiceFileError
from rvc.synthesis.config import VitsConfig
from rvc.synthesis.vits import shapes
from rvc.voicefile.checkpoint import _discriminator, _generator
from rvc.voicefile.describe import describe
from rvc.voicefile.rvc import read_checkpoint, read_voice, read_weights, write_checkpoint

MANIFESTS = {path.stem: json.loads(path.read_text()) for path in (GOLDEN / "manifests").glob("*.json")}
CONFIG = VitsConfig.from_legacy(MODELS["tiny_32k_v2_f0"]["meta"]["config"])


def tiny_generator() -> dict[str, torch.Tensor]:
    network = shapes(CONFIG, vocoder="hifigan", uses_f0=True, content_width=768)
    return {key: torch.from_numpy(value) for key, value in rule.weights(network).items()}


def optimizer_state() -> dict:
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([parameter], lr=1e-4, betas=(0.8, 0.99), eps=1e-9)
    parameter.sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def test_a_checkpoint_survives_writing_and_reading(tmp_path):
    weights, state = tiny_generator(), optimizer_state()
    write_checkpoint(tmp_path / "G_7.pth", weights, iteration=7, learning_rate=1e-4, optimizer=state)
    found = read_checkpoint(tmp_path / "G_7.pth")
    assert (found.role, found.iteration, found.learning_rate, found.speakers) == ("generator", 7, 1e-4, 4)
    assert (found.config, found.vocoder, found.uses_f0, found.content_width) == (CONFIG, "hifigan", True, 768)
    assert list(found.weights) == list(weights)
    assert all(torch.equal(found.weights[key], weights[key]) for key in weights)
    assert found.optimizer["param_groups"] == state["param_groups"]
    assert torch.equal(found.optimizer["state"][0]["exp_avg"], state["state"][0]["exp_avg"])
    top = torch.load(tmp_path / "G_7.pth", weights_only=True)
    assert list(top) == ["model", "iteration", "optimizer", "learning_rate", "scaler"]


def test_the_optimizer_can_be_left_unread(tmp_path):
    path = tmp_path / "G_7.pth"
    write_checkpoint(path, tiny_generator(), iteration=7, learning_rate=1e-4, optimizer=optimizer_state())
    assert read_checkpoint(path).optimizer and read_checkpoint(path, with_optimizer=False).optimizer is None


@pytest.mark.parametrize("changes", [
    {}, {"scaler": {}}, {"iteration": ...}, {"optimizer": ..., "learning_rate": ..., "iteration": ...},
])
def test_files_with_and_without_what_stands_beside_the_weights(tmp_path, changes):
    contents = {"model": tiny_generator(), "iteration": 7, "optimizer": {}, "learning_rate": 1e-4, **changes}
    path = saved(tmp_path / "G_2333333.pth", {key: value for key, value in contents.items() if value is not ...})
    assert read_checkpoint(path).config == CONFIG


def test_bare_weights_in_the_new_spelling(tmp_path):
    weights = {rule.new_spelling(key): value for key, value in tiny_generator().items()}
    assert read_checkpoint(saved(tmp_path / "f0G32k.pth", weights)).config == CONFIG


@pytest.mark.parametrize("name", sorted(name for name in MANIFESTS if "config" in MANIFESTS[name]))
def test_pretrained_generators_tell_their_traits(name):
    found = {rule.old_spelling(key): tuple(shape) for key, shape in MANIFESTS[name]["full_new"].items()}
    traits = _generator({**found, "emb_g.weight": (5, 256)})
    kind = name.split("_")[0]
    assert traits["vocoder"] == {"fork4": "refinegan-legacy"}.get(kind, kind)
    assert (traits["uses_f0"], traits["content_width"]) == ("_nof0" not in name, 256 if "_v1_" in name else 768)
    if traits["config"] is None:
        assert kind in ("refinegan", "fork4") and str(MANIFESTS[name]["config"][-1]) in traits["notes"][0]
    else:
        assert traits["config"].to_legacy() == [*MANIFESTS[name]["config"][:15], 5, *MANIFESTS[name]["config"][16:]]


def judges(version: str) -> dict[str, tuple[int, ...]]:
    return {rule.old_spelling(key): tuple(shape) for key, shape in MANIFESTS[f"disc_{version}"]["full_new"].items()}


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
def test_pretrained_discriminators_by_what_they_look_at(version):
    assert _discriminator(judges(version)) == {"role": "discriminator", "version": version}


def test_a_discriminator_with_a_missing_layer():
    found = judges("v2")
    del found["discriminators.3.convs.2.bias"]
    with pytest.raises(VoiceFileError, match="missing: discriminators.3.convs.2.bias"):
        _discriminator(found)


@pytest.mark.parametrize("kept, words", [(6, "so-vits-svc"), (3, "not known here")])
def test_discriminators_of_others(kept, words):
    found = {key: shape for key, shape in judges("v1").items() if int(key.split(".")[1]) < kept}
    with pytest.raises(VoiceFileError, match=words):
        _discriminator(found)


def test_a_discriminator_of_ringformer():
    found = judges("v2")
    found |= {key.replace("discriminators.", "discriminators.1"): shape for key, shape in judges("v3").items()
              if len(shape) == 4 and shape[-1] != 1 or int(key.split(".")[1]) > 5}
    with pytest.raises(VoiceFileError, match="is a RingFormer discriminator"):
        _discriminator(found)


def test_a_discriminator_is_no_voice(tmp_path):
    path = saved(tmp_path / "D_7.pth", {"model": {"discriminators.0.convs.0.weight_v": torch.ones(16, 1, 15)}})
    with pytest.raises(VoiceFileError, match="is a discriminator, which only training uses"):
        read_voice(path)


@pytest.mark.nightly
def test_a_whole_discriminator_survives_writing_and_reading(tmp_path):
    weights = {key: torch.full(shape, 0.5) for key, shape in judges("v3").items()}
    write_checkpoint(tmp_path / "D_7.pth", weights, iteration=7, learning_rate=1e-4)
    found = read_checkpoint(tmp_path / "D_7.pth")
    assert (found.role, found.version, found.iteration) == ("discriminator", "v3", 7)
    assert all(torch.equal(found.weights[key], weights[key]) for key in weights)


def test_a_voice_is_no_checkpoint(tmp_path):
    with pytest.raises(VoiceFileError, match="is a finished voice"):
        read_checkpoint(saved(tmp_path / "a.pth", tiny()))


def fairseq_pickle() -> bytes:
    """What hubert_base.pt looks like: objects of fairseq beside the table of weights."""
    dictionary = b"cfairseq.data.dictionary\nDictionary\n)\x81}X\x07\0\0\0symbols]X\x01\0\0\0aasb"
    namespace = b"cargparse\nNamespace\n)\x81}X\x05\0\0\0layerK\x0csb"
    key = b"X\x27\0\0\0feature_extractor.conv_layers.0.0.weigh"
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ"
    weight = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\0K\x02K\x02\x86K\x02K\x01\x86\x89}tR"
    return b"\x80\x02}(X\x04\0\0\0args" + namespace + b"X\x05\0\0\0model}" + key + weight + b"sX\x0a\0\0\0task_state" \
        + dictionary + b"u."


def test_objects_beside_the_weights_of_fairseq_are_thrown_away(tmp_path):
    numbers = torch.arange(4.0)
    path = archive(tmp_path / "hubert_base.pt", fairseq_pickle(), {"0": numbers.numpy().tobytes()})
    (weight,) = read_weights(path).values()
    assert torch.equal(weight, numbers.reshape(2, 2))
    assert describe(path).kind == "content encoder"
    with pytest.raises(VoiceFileError, match="is a content encoder"):
        read_voice(path)


def test_only_listed_classes_become_records(tmp_path):
    pickle = fairseq_pickle().replace(b"cargparse\nNamespace\n", b"cargparse\nFileType \n".replace(b" ", b""))
    with pytest.raises(VoiceFileError, match="would run code: argparse.FileType"):
        read_weights(archive(tmp_path / "a.pt", pickle, {"0": bytes(16)}))


def test_a_voice_with_such_an_object_is_refused(tmp_path):
    with pytest.raises(VoiceFileError, match="would run code: argparse.Namespace"):
        read_voice(saved(tmp_path / "a.pth", tiny(hparams=Namespace(a=1))))


@pytest.mark.parametrize("contents, kind", [
    ({"unet.encoder.bn.weight": torch.ones(2)}, "pitch estimator"),
    ({"model": {"unet.encoder.bn.weight": torch.ones(2)}}, "pitch estimator"),
    ({"hubert.feature_extractor.conv_layers.0.conv.weight": torch.ones(2)}, "content encoder"),
    ({"something.weight": torch.ones(2)}, "weights"), ({"generator": {"conv_pre.weight_g": torch.ones(2)}}, "weights"),
    ({"model": {"decoder.denoise_fn.residual_layers.0.dilated_conv.weight": torch.ones(2)}}, "weights"),
    ({"a": 1}, "refused"), ([1, 2], "refused"),
])
def test_other_networks_are_told_apart(tmp_path, contents, kind):
    assert describe(saved(tmp_path / "a.pth", contents)).kind == kind


def test_bare_weights_keep_names_types_and_shapes(tmp_path):
    weights = {"a.weight": torch.randn(3, 4).half(), "a.count": torch.tensor(7), "mask": torch.tensor([True, False]),
               "none": torch.zeros(0, 5)}
    for legacy in (False, True):
        found = read_weights(saved(tmp_path / "a.pt", weights, legacy=legacy))
        assert list(found) == list(weights) and all(torch.equal(found[key], weights[key]) for key in weights)
        assert all(found[key].dtype == weights[key].dtype for key in weights)


def test_bare_weights_from_safetensors(tmp_path):
    from safetensors.torch import save_file

    weights = {"a.weight": torch.randn(3, 4).bfloat16(), "b": torch.arange(5)}
    save_file(weights, tmp_path / "model.safetensors")
    found = read_weights(tmp_path / "model.safetensors")
    assert set(found) == set(weights) and all(torch.equal(found[key], weights[key]) for key in weights)


def test_a_parameter_is_its_tensor(tmp_path):
    path = saved(tmp_path / "a.pt", {"a": torch.nn.Parameter(torch.ones(3))})
    assert torch.equal(read_weights(path)["a"], torch.ones(3))


def test_a_bare_pickle_is_refused(tmp_path):
    (tmp_path / "a.pth").write_bytes(named_call("os", "system", "true"))
    with pytest.raises(VoiceFileError):
        read_weights(tmp_path / "a.pth")
