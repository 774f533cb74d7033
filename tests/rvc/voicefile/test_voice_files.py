"""A voice survives reading and writing, and every program of the family can read what is written."""
import hashlib
import json
from dataclasses import replace

import pytest
import rule
import torch
from forge import GOLDEN, MODELS, TINY, saved, tiny

from rvc.errors import VoiceFileError
from rvc.synthesis.config import VitsConfig
from rvc.voicefile.rvc import VoiceFile, model_hash, read_voice, write_voice
from rvc.voicefile.spelling import fused

MANIFESTS = {path.stem: json.loads(path.read_text()) for path in (GOLDEN / "manifests").glob("*.json")}
VOICES = sorted(name for name in MANIFESTS if "config" in MANIFESTS[name])
VOCODERS = {"hifigan": "hifigan", "mrf": "mrf", "refinegan": "refinegan", "fork4": "refinegan-legacy"}
LABELS = {"hifigan": "HiFi-GAN", "mrf": "MRF HiFi-GAN", "refinegan": "RefineGAN", "refinegan-legacy": "RefineGAN"}
TOP = list(MODELS["tiny_32k_v2_f0"]["key_order_top"])


def manifest_voice(name: str) -> tuple[VoiceFile, dict[str, tuple[int, ...]]]:
    """A voice of zeros in the manifest's shapes, and those shapes in the manifest's order."""
    manifest, vocoder = MANIFESTS[name], VOCODERS[name.split("_")[0]]
    shapes = {rule.old_spelling(key): tuple(shape) for key, shape in manifest["full_new"].items() if "enc_q" not in key}
    uses_f0, width = "_nof0" not in name, 256 if "_v1_" in name else 768
    facts = {key: value for key, value in MODELS["tiny_32k_v2_f0"]["meta"].items() if key != "config"}
    weights = {key: torch.zeros(1).expand(shape) for key, shape in reversed(shapes.items())}
    return VoiceFile(VitsConfig.from_legacy(manifest["config"]), vocoder, uses_f0, width, weights, facts), shapes


@pytest.mark.parametrize("name", VOICES)
def test_a_written_voice_has_the_manifests_keys_order_types_and_config(tmp_path, name):
    voice, shapes = manifest_voice(name)
    write_voice(tmp_path / "a.pth", voice)
    top = torch.load(tmp_path / "a.pth", weights_only=True)
    assert list(top) == TOP and top["config"] == MANIFESTS[name]["config"]
    assert [type(value) for value in top["config"]] == [type(value) for value in MANIFESTS[name]["config"]]
    assert [(key, tuple(value.shape)) for key, value in top["weight"].items()] == list(shapes.items())
    assert len(shapes) == MANIFESTS[name]["n_stripped"]
    assert {value.dtype for value in top["weight"].values()} == {torch.float16}
    assert (top["sr"], top["f0"]) == (voice.config.sample_rate, voice.uses_f0) and type(top["f0"]) is bool
    assert (top["version"], top["vocoder"]) == (voice.version, LABELS[voice.vocoder])
    again = read_voice(tmp_path / "a.pth")
    assert (again.config, again.vocoder, again.uses_f0, again.content_width, again.notes) == (
        voice.config, voice.vocoder, voice.uses_f0, voice.content_width, ())


def same(a: VoiceFile, b: VoiceFile) -> bool:
    equal = list(a.weights) == list(b.weights) and all(torch.equal(a.weights[k], b.weights[k]) for k in a.weights)
    return equal and replace(a, weights={}) == replace(b, weights={})


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize("ending", [".pth", ".safetensors", ".SAFETENSORS"])
def test_read_and_write_are_inverse(tmp_path, name, ending):
    model = MODELS[name]
    first = read_voice(saved(tmp_path / "first.pth", tiny(name)))
    write_voice(tmp_path / f"sec ond’{ending}", first)
    assert same(first, read_voice(tmp_path / f"sec ond’{ending}"))
    for key, digest in model["digests_fp16"].items():
        assert hashlib.sha256(first.weights[key].numpy().tobytes()).hexdigest()[:16] == digest


def test_the_file_of_another_program_is_written_back_as_it_was(tmp_path):
    theirs = torch.load(TINY, weights_only=True)
    write_voice(tmp_path / "a.pth", read_voice(TINY))
    ours = torch.load(tmp_path / "a.pth", weights_only=True)
    assert type(ours) is type(theirs) and list(ours) == list(theirs)
    assert type(ours["weight"]) is type(theirs["weight"]) and list(ours["weight"]) == list(theirs["weight"])
    assert all(torch.equal(ours["weight"][key], theirs["weight"][key]) for key in theirs["weight"])
    assert {k: v for k, v in ours.items() if k != "weight"} == {k: v for k, v in theirs.items() if k != "weight"}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("spelling", ["old", "new", "fused"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_every_spelling_container_and_precision_is_read(tmp_path, legacy, spelling, dtype):
    contents = tiny()
    shapes = {key: tuple(value.shape) for key, value in contents["weight"].items()}
    if spelling == "new":
        weight = {rule.new_spelling(key): value for key, value in contents["weight"].items()}
    elif spelling == "fused":
        weight = {key: torch.zeros(shape) for key, shape in fused(shapes).items()}
    else:
        weight = contents["weight"]
    contents["weight"] = {key: value.to(dtype) for key, value in weight.items()}
    voice = read_voice(saved(tmp_path / "a.pth", contents, legacy=legacy))
    assert list(voice.weights) == list(fused(shapes) if spelling == "fused" else shapes)
    assert {value.dtype for value in voice.weights.values()} == {dtype} and voice.notes == ()


def test_a_fused_voice_can_be_written(tmp_path):
    contents = tiny()
    shapes = {key: tuple(value.shape) for key, value in contents["weight"].items()}
    contents["weight"] = {key: torch.ones(shape) for key, shape in fused(shapes).items()}
    voice = read_voice(saved(tmp_path / "a.pth", contents))
    write_voice(tmp_path / "b.pth", voice)
    assert list(read_voice(tmp_path / "b.pth").weights) == list(fused(shapes))


def test_a_weight_in_two_spellings_is_refused(tmp_path):
    contents = tiny()
    contents["weight"][rule.new_spelling("dec.ups.0.weight_v")] = contents["weight"]["dec.ups.0.weight_v"]
    with pytest.raises(VoiceFileError, match="in two spellings"):
        read_voice(saved(tmp_path / "a.pth", contents))


def test_the_posterior_encoder_is_left_out(tmp_path):
    contents = tiny()
    contents["weight"]["enc_q.pre.weight"] = torch.zeros(32, 513, 1)
    voice = read_voice(saved(tmp_path / "a.pth", contents))
    assert not any("enc_q" in key for key in voice.weights) and any("posterior" in note for note in voice.notes)


def test_the_rows_of_the_table_are_the_speakers(tmp_path):
    contents = tiny()
    contents["config"] = [*contents["config"][:15], 109, *contents["config"][16:]]
    assert read_voice(saved(tmp_path / "a.pth", contents)).config.speakers == 4


def test_the_weights_have_the_last_word(tmp_path):
    wrong = {"f0": 0, "version": "v1", "vocoder": "MRF HiFi-GAN", "sr": "48k"}
    voice = read_voice(saved(tmp_path / "a.pth", tiny(**wrong)))
    assert (voice.uses_f0, voice.version, voice.vocoder, voice.facts["sr"]) == (True, "v2", "hifigan", 32000)
    assert len(voice.notes) == 4


def test_the_misspelt_length_of_the_dataset_is_understood(tmp_path):
    voice = read_voice(saved(tmp_path / "a.pth", tiny(dataset_length=..., dataset_lenght="00:02:00")))
    assert voice.facts["dataset_length"] == "00:02:00"


def test_a_blended_voice_has_few_facts(tmp_path):
    few = dict.fromkeys(("epoch", "step", "author", "creation_date", "model_hash", "dataset_length", "model_name",
                         "embedder_model", "speakers_id"), ...)
    voice = read_voice(saved(tmp_path / "a.pth", tiny(**few, sr="32000", f0=1, info="blend of two")))
    assert voice.facts == {"sr": 32000, "f0": True, "version": "v2", "vocoder": "HiFi-GAN", "info": "blend of two"}


def test_numpy_numbers_are_read_as_numbers(tmp_path):
    import numpy as np

    facts = read_voice(saved(tmp_path / "a.pth", tiny(epoch=np.int64(300), overtrain_info=np.float32(0.5)))).facts
    assert facts["epoch"] == 300 and facts["overtrain_info"] == 0.5


def test_the_fingerprint_is_the_communitys():
    meta = MODELS["tiny_32k_v2_f0"]["meta"]
    found = model_hash(meta["model_name"], meta["epoch"], meta["step"], meta["sr"], meta["version"],
                       VitsConfig.from_legacy(meta["config"]))
    assert found == meta["model_hash"]


def test_a_voice_without_a_fingerprint_gets_one(tmp_path):
    voice = read_voice(saved(tmp_path / "a.pth", tiny(model_hash=...)))
    write_voice(tmp_path / "b.pth", voice)
    assert read_voice(tmp_path / "b.pth").facts["model_hash"] == MODELS["tiny_32k_v2_f0"]["meta"]["model_hash"]


def test_weights_too_large_for_half_precision_are_not_written(tmp_path):
    voice = read_voice(TINY)
    loud = {**voice.weights, "dec.cond.bias": voice.weights["dec.cond.bias"].float() + 1e6}
    with pytest.raises(VoiceFileError, match="dec.cond.bias has values that are not finite"):
        write_voice(tmp_path / "a.pth", replace(voice, weights=loud))
    assert list(tmp_path.iterdir()) == []
