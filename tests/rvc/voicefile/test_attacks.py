"""Files made to run code, to exhaust memory or to mislead; each is refused in one sentence, or read as what it is."""
import builtins
import json
import os
import random
import resource
import struct
import time

import faiss
import numpy as np
import pytest
import torch
from forge import (
    MODELS,
    SMALL_INDEX,
    TINY,
    Bomb,
    archive,
    legacy,
    named_call,
    pickled,
    pickled_tensors,
    safetensors,
    saved,
    tensor,
    tiny,
    with_other_archive,
    with_two_members,
)

from rvc.errors import VoiceFileError
from rvc.voicefile.describe import describe
from rvc.voicefile.index import read_index
from rvc.voicefile.npy import read_npy
from rvc.voicefile.rvc import read_checkpoint, read_voice, read_weights

CONFIG = MODELS["tiny_32k_v2_f0"]["meta"]["config"]
MEBIBYTE = 1 << 20


def refusal(read, path) -> str:
    """The one sentence, within 10 seconds and little memory."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(VoiceFileError) as caught:
        read(path)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert time.monotonic() - start < 10 and grown < 1024  # seconds, MiB
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 500
    assert not describe(path).usable
    return sentence


def configured(*values, **places) -> list:
    changed = list(CONFIG)
    for place, value in places.items():
        changed[int(place[1:])] = value
    return changed


# 1 to 3: pickles that call

def test_1_reduce_to_a_shell_command(tmp_path):
    canary = tmp_path / "canary"
    path = saved(tmp_path / "a.pth", Bomb(os.system, f"touch '{canary}'"))
    assert "would run code: os.system" in refusal(read_voice, path)
    assert not canary.exists()


@pytest.mark.parametrize("old", [False, True])
def test_2_a_shell_command_among_the_weights(tmp_path, old):
    canary, contents = tmp_path / "canary", tiny()
    contents["weight"]["dec.ups.0.weight_v"] = Bomb(os.system, f"touch '{canary}'")
    assert "would run code: os.system" in refusal(read_voice, saved(tmp_path / "a.pth", contents, legacy=old))
    assert not canary.exists()


@pytest.mark.parametrize("module, name", [
    ("builtins", "eval"), ("__builtin__", "exec"), ("torch.hub", "load"), ("numpy.f2py.crackfortran", "myeval"),
    ("subprocess", "Popen"), ("runpy", "run_path"), ("torch", "load"), ("torch.storage", "_load_from_bytes"),
    ("operator", "attrgetter"), ("collections", "OrderedDict.fromkeys"), ("never.heard.of", "anything"),
    ("builtins", "dict"), ("torch", "FloatStorage"), ("torch._utils", "_rebuild_sparse_tensor"), ("pty", "spawn"),
])
def test_3_any_other_function(tmp_path, module, name):
    path = archive(tmp_path / "a.pth", named_call(module, name, "touch canary"))
    known = "builtins" if module == "__builtin__" else module
    assert f"would run code: {known}.{name}." in refusal(read_voice, path)


def test_3_functions_that_are_only_held(tmp_path):
    for held in (builtins.dict, torch.FloatStorage):
        path = saved(tmp_path / "a.pth", tiny(info=held))
        assert "would run code" in refusal(read_voice, path)


@pytest.mark.parametrize("code", [
    b"\x80\x02ios\nsystem\n.", b"\x80\x02\x82\x01.", b"\x80\x04\x95\0\0\0\0\0\0\0\0N\x97.", b"\x80\x02N0N.",
])
def test_3_instructions_that_data_do_not_need(tmp_path, code):
    assert "would run code: the pickle instruction" in refusal(read_voice, archive(tmp_path / "a.pth", code))


# 4 to 12: tensors and containers

@pytest.mark.parametrize("layout", [torch.sparse_csr, torch.sparse_coo])
def test_4_a_sparse_tensor(tmp_path, layout):
    contents = tiny()
    contents["weight"]["emb_g.weight"] = torch.eye(4).to_sparse(layout=layout)
    assert "_rebuild_sparse_tensor" in refusal(read_voice, saved(tmp_path / "a.pth", contents))


def test_5_a_legacy_storage_of_64_gib_in_a_few_bytes(tmp_path):
    path, numel = tmp_path / "a.pth", 2**34
    contents = pickled_tensors({"weight": tensor(numel=numel, shape=(numel,), strides=(1,)), "config": CONFIG})
    path.write_bytes(legacy(contents, ["0"], struct.pack("<q", numel)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert f"announces {numel * 4} bytes" in refusal(read_voice, path)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 50  # MiB


def test_5_a_legacy_storage_that_says_two_lengths(tmp_path):
    path = tmp_path / "a.pth"
    path.write_bytes(legacy(pickled_tensors({"a": tensor()}), ["0"], struct.pack("<q", 15) + bytes(64)))
    assert "another length" in refusal(read_weights, path)


@pytest.mark.parametrize("present, word", [(60, "shorter"), (68, "longer")])
def test_6_7_a_record_of_another_length(tmp_path, present, word):
    path = archive(tmp_path / "a.pth", pickled_tensors({"a": tensor()}), {"0": bytes(present)})
    assert f"data/0 is {word} than it says" in refusal(read_weights, path)


@pytest.mark.parametrize("order", [b"big", b"middle", b"little\n", b"l" * 5000])
def test_8_a_forged_byte_order(tmp_path, order):
    path = archive(tmp_path / "a.pth", pickled_tensors({"a": tensor()}), {"0": bytes(64)}, byteorder=order)
    assert "another byte order" in refusal(read_weights, path)


def test_9_a_record_that_stands_twice(tmp_path):
    assert "names the record voice/data/0 twice" in refusal(read_weights, with_two_members(tmp_path / "a.pth"))


def test_10_a_record_packed_a_thousand_to_one(tmp_path):
    contents = pickled_tensors({"a": tensor(numel=25 * MEBIBYTE, shape=(25 * MEBIBYTE,), strides=(1,))})
    path = archive(tmp_path / "a.pth", contents, {"0": bytes(100 * MEBIBYTE)}, method=8)
    assert path.stat().st_size < 200_000
    assert "unpacks the record voice/data/0" in refusal(read_weights, path)


def test_10_many_records_that_are_each_packed_modestly(tmp_path):
    numel = 4 * MEBIBYTE
    noise = random.Random(1).randbytes(numel // 8)  # of four bytes each: packs 32 to 1
    path = archive(tmp_path / "a.pth", pickled_tensors({"a": tensor(numel=numel, shape=(numel,), strides=(1,))}),
                   {str(key): noise + bytes(numel * 4 - len(noise)) for key in range(4)}, method=8)
    assert "unpacks to" in refusal(read_weights, path)


def test_10_an_honestly_packed_record_is_read(tmp_path):
    data = np.random.default_rng(1).standard_normal(16).astype(np.float32)
    path = archive(tmp_path / "a.pth", pickled_tensors({"a": tensor()}), {"0": data.tobytes()}, method=8)
    assert torch.equal(read_weights(path)["a"], torch.from_numpy(data).reshape(4, 4))


def test_11_a_directory_that_points_at_a_second_archive(tmp_path):
    first = archive(tmp_path / "1.pth", pickled_tensors({"a": tensor()}), {"0": bytes(64)}).read_bytes()
    second = archive(tmp_path / "2.pth", pickled({"a": 1})).read_bytes()
    path = with_other_archive(tmp_path / "a.pth", first, second)
    assert "second archive" in refusal(read_weights, path)
    path.write_bytes(second + first)
    assert "damaged zip directory" in refusal(read_weights, path)


@pytest.mark.parametrize("wrong", [
    {"offset": 1}, {"strides": (5, 1)}, {"strides": (-4, 1)}, {"shape": (4, -4)}, {"shape": (2**40, 1)},
    {"offset": 2**62}, {"strides": (0, 0)}, {"strides": (1, 1)}, {"strides": (4,)}, {"shape": (2.0, 2)},
    {"shape": (1,) * 9, "strides": (1,) * 9}, {"offset": "0"}, {"shape": (True, 4)},
])
def test_12_a_view_outside_its_storage_or_over_itself(tmp_path, wrong):
    path = archive(tmp_path / "a.pth", pickled_tensors({"a": tensor(**wrong)}), {"0": bytes(64)})
    assert "holds a tensor" in refusal(read_weights, path)


def test_12_a_transposed_view_is_read(tmp_path):
    data = np.arange(16, dtype=np.float32)
    path = archive(tmp_path / "a.pth", pickled_tensors({"a": tensor(strides=(1, 4))}), {"0": data.tobytes()})
    assert torch.equal(read_weights(path)["a"], torch.from_numpy(data).reshape(4, 4).T)


# 13 to 17: weights

@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_13_a_weight_that_is_not_finite(tmp_path, value):
    contents = tiny()
    contents["weight"]["dec.conv_post.weight"][0, 0, 0] = value
    assert "dec.conv_post.weight has values that are not finite" in refusal(read_voice, saved(tmp_path / "a", contents))


def test_14_missing_keys(tmp_path):
    contents = tiny()
    for key in ("dec.ups.0.weight_v", "dec.ups.1.weight_v", "dec.cond.bias", "flow.flows.0.pre.weight"):
        del contents["weight"][key]
    found = refusal(read_voice, saved(tmp_path / "a.pth", contents))
    assert "missing: " in found and " and 3 more" in found


def test_15_an_extra_key_is_left_out_with_a_note(tmp_path):
    contents = tiny()
    contents["weight"]["dec.surprise"] = torch.zeros(3)
    voice = read_voice(saved(tmp_path / "a.pth", contents))
    assert "dec.surprise" not in voice.weights and any("dec.surprise" in note for note in voice.notes)


def test_16_a_transposed_weight(tmp_path):
    contents = tiny()
    contents["weight"]["enc_p.emb_pitch.weight"] = contents["weight"]["enc_p.emb_pitch.weight"].T
    assert "enc_p.emb_pitch.weight (32×256 instead of 256×32)" in refusal(read_voice, saved(tmp_path / "a", contents))


def test_17_double_precision_is_cast_with_a_note(tmp_path):
    contents = tiny()
    contents["weight"] = {key: value.double() for key, value in contents["weight"].items()}
    voice = read_voice(saved(tmp_path / "a.pth", contents))
    assert {weight.dtype for weight in voice.weights.values()} == {torch.float32}
    assert any("double precision" in note for note in voice.notes)


def test_17_whole_numbers_are_no_weights(tmp_path):
    contents = tiny()
    contents["weight"]["dec.cond.bias"] = contents["weight"]["dec.cond.bias"].long()
    assert "whole numbers" in refusal(read_voice, saved(tmp_path / "a.pth", contents))


# 18 to 23: config and facts

def nested(depth: int) -> list:
    inside: list = []
    for _ in range(depth):
        inside = [inside]
    return inside


def nested_pickle(depth: int) -> bytes:
    return b"\x80\x02}X\x06\0\0\0config" + b"]" * depth + b"a" * (depth - 1) + b"s."


@pytest.mark.parametrize("config", [
    [10**9] * 18, [10**9, *CONFIG[1:]], configured(_13=2**40), configured(_17=-32000), CONFIG[:-1], [*CONFIG, 1], [],
    [str(value) for value in CONFIG], "513", None, {"a": 1}, configured(_12=[[10, 8, 2, 2]]),
    configured(_10=nested(20)),
    configured(_12=[10, 8, 2, 3]), configured(_12=[10, 8, 2, 2, 1]), configured(_12=[0, 8, 2, 2]),
    configured(_15=float("nan")), configured(_2=True), configured(_6=10**30),
])
def test_18_to_22_a_config_that_no_voice_has(tmp_path, config):
    assert "config" in refusal(read_voice, saved(tmp_path / "a.pth", tiny(config=config)))


def test_21_ten_thousand_lists_in_each_other(tmp_path):
    assert "nested" in refusal(read_voice, archive(tmp_path / "a.pth", nested_pickle(10_000)))


def test_21_a_list_that_holds_itself(tmp_path):
    assert "nested" in refusal(read_voice, archive(tmp_path / "a.pth", b"\x80\x02}X\x06\0\0\0config]q\0h\0as."))


def test_21_lists_that_unfold_to_a_billion_entries(tmp_path):
    doubled = [1]
    for _ in range(30):
        doubled = [doubled, doubled]
    assert "entries" in refusal(read_voice, saved(tmp_path / "a.pth", tiny(info=doubled)))


def test_21_a_number_of_a_million_digits(tmp_path):
    assert "bits" in refusal(read_voice, saved(tmp_path / "a.pth", tiny(epoch=1 << 3_000_000)))


def test_21_thirty_million_instructions(tmp_path):
    path = archive(tmp_path / "a.pth", b"\x80\x02]" + b"Na" * (14 * MEBIBYTE) + b".")
    assert "instructions" in refusal(read_voice, path)


@pytest.mark.parametrize("sr", ["32k", 32000, "32000", " 32K ", None])
def test_23_every_spelling_of_the_rate(tmp_path, sr):
    assert read_voice(saved(tmp_path / "a.pth", tiny(sr=sr))).facts["sr"] == 32000


@pytest.mark.parametrize("changes, word", [
    ({"sr": "forty"}, "'forty'"), ({"sr": -1}, "-1"), ({"sr": 10**30}, "sample rate"), ({"sr": "²k"}, "sample rate"),
    ({"sr": [40000]}, "sample rate"), ({"version": "v9"}, "'v9'"), ({"version": 2}, "version is 2"),
    ({"vocoder": "../../x"}, "'../../x'"), ({"vocoder": 7}, "vocoder"), ({"f0": "maybe"}, "f0"), ({"f0": 2}, "f0"),
    ({"vocoder": "RingFormer"}, "RingFormer voice, which this program cannot render yet"),
    ({"vocoder": ..., "vocoder_architecture": "ringformer"}, "RingFormer"),
    ({"ringformer_istft": [20, 5]}, "RingFormer"),
])
def test_23_facts_that_cannot_be(tmp_path, changes, word):
    assert word in refusal(read_voice, saved(tmp_path / "a.pth", tiny(**changes)))


def test_23_missing_facts_have_the_communitys_defaults(tmp_path):
    voice = read_voice(saved(tmp_path / "a.pth", tiny("tiny_32k_v1_f0", f0=..., version=..., vocoder=..., sr=...)))
    assert (voice.uses_f0, voice.version, voice.vocoder) == (True, "v1", "hifigan")


# 24 to 31: what it is instead

@pytest.mark.parametrize("name, contents, words", [
    ("page.pth", b"\n <!DOCTYPE html><html><body>Sign in</body></html>", "a web page"),
    ("empty.pth", b"", "an empty file"), ("one.pth", b"P", "cut off at byte 1"),
    ("x.pth", b"\x80", "cut off at byte 1"),
    ("photo.pth", b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(range(256)), "a JPEG image"),
    ("lfs.pth", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "Git LFS pointer"),
    ("sound.pth", b"RIFF\x24\0\0\0WAVEfmt " + bytes(64), "a WAV recording"),
    ("zeros.pth", bytes(1000), "never finished"), ("noise.pth", random.Random(1).randbytes(999), "no kind"),
    ("sovits.pth", b"06\x03\x04" + bytes(100), "a GPT-SoVITS model"), ("a.pth", b"{\"a\": 1}   ", "a JSON text"),
    ("net.pth", b"\x08\x08\x12\x07pytorch" + bytes(100), "an ONNX model"),
])
def test_24_to_26_and_30_says_what_it_is(tmp_path, name, contents, words):
    (tmp_path / name).write_bytes(contents)
    assert words in refusal(read_voice, tmp_path / name)


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.999])
def test_27_cut_off(tmp_path, part, old):
    whole = saved(tmp_path / "a.pth", tiny(), legacy=old).read_bytes()
    cut = int(len(whole) * part)
    (tmp_path / "a.pth").write_bytes(whole[:cut])
    assert f"cut off at byte {cut}" in refusal(read_voice, tmp_path / "a.pth")


@pytest.mark.parametrize("old", [False, True])
def test_27_more_bytes_after_the_end(tmp_path, old):
    path = saved(tmp_path / "a.pth", tiny(), legacy=old)
    path.write_bytes(path.read_bytes() + b"and more")
    assert "more bytes after its end" in refusal(read_voice, path)


def test_28_a_training_checkpoint(tmp_path):
    weights = tiny()["weight"]
    path = saved(tmp_path / "G_7.pth", {"model": weights, "iteration": 7, "optimizer": {}, "learning_rate": 1e-4})
    with pytest.raises(VoiceFileError, match="is a training checkpoint: export it first"):
        read_voice(path)
    assert describe(path).kind == "generator"


def test_29_a_so_vits_svc_model(tmp_path):
    weights = {"pre.weight": torch.zeros(2, 2), "emb_uv.weight": torch.zeros(2, 2), "emb_g.weight": torch.zeros(2, 2)}
    path = saved(tmp_path / "G_7.pth", {"model": weights, "iteration": 7, "optimizer": {}, "learning_rate": 1e-4})
    assert "is a so-vits-svc model" in refusal(read_voice, path)
    assert "is a so-vits-svc model" in refusal(read_checkpoint, path)


def test_31_texts_are_cleaned_and_cut(tmp_path):
    texts = {"model_name": "A" * (10 * MEBIBYTE), "author": "<img src=x onerror=alert(1)>",
             "info": "\x1b[31mred\x1b[0m \u202egnp.exe\u2066 a\0b\nc\x07", "\x1b]0;title\x07" + "k" * 999: "x"}
    start = time.monotonic()
    voice = read_voice(saved(tmp_path / "a.pth", tiny(**texts)))
    assert time.monotonic() - start < 10
    assert len(voice.facts["model_name"]) == 200
    assert voice.facts["author"] == texts["author"]  # harmless as plain text; a page escapes what it shows
    assert voice.facts["info"] == "red gnp.exe abc"
    for text in [*voice.facts, *voice.facts.values()]:
        assert not isinstance(text, str) or (text.isprintable() and len(text) <= 200)


def test_31_the_file_name_is_cleaned_too(tmp_path):
    path = tmp_path / "a\x1b[31m\u202eb.pth"
    path.write_bytes(b"")
    assert refusal(read_voice, path).startswith("ab.pth is an empty file")


# 32: indexes

def vectors(count: int, width: int = 256) -> np.ndarray:
    return np.random.default_rng(7).standard_normal((count, width)).astype(np.float32)


def index_bytes(count: int = 200, width: int = 256, kind: str = "IVF4,Flat", metric=faiss.METRIC_L2) -> bytearray:
    index = faiss.index_factory(width, kind, metric)
    index.train(vectors(max(count, 400), width))
    if "IDMap" in kind:
        index.add_with_ids(vectors(count, width), np.arange(count))
    elif count:
        index.add(vectors(count, width))
    return bytearray(faiss.serialize_index(index).tobytes())


@pytest.mark.parametrize("kind", ["PQ8x4", "SQ8", "IVF4,SQ8", "IVF4,PQ8x4", "HNSW8", "IDMap,Flat", "PCA8,Flat", "LSH"])
def test_32_other_kinds_of_index(tmp_path, kind):
    (tmp_path / "a.index").write_bytes(index_bytes(kind=kind))
    assert "is an index" in refusal(read_index, tmp_path / "a.index")


@pytest.mark.parametrize("kind", ["Flat", "IVF4,Flat"])
@pytest.mark.parametrize("count", [2**61, 2**40, -1, 199, 201])
def test_32_a_count_that_is_a_lie(tmp_path, kind, count):
    data = index_bytes(kind=kind)
    data[8:16] = struct.pack("<q", count)
    (tmp_path / "a.index").write_bytes(data)
    assert "is damaged" in refusal(read_index, tmp_path / "a.index")


def test_32_a_width_that_is_a_lie(tmp_path):
    for width in (0, -1, 255, 2**31 - 1):
        data = index_bytes()
        data[4:8] = struct.pack("<i", width)
        (tmp_path / "a.index").write_bytes(data)
        refusal(read_index, tmp_path / "a.index")


def test_32_an_index_for_another_width(tmp_path):
    (tmp_path / "a.index").write_bytes(index_bytes())
    with pytest.raises(VoiceFileError, match="256 wide, and the voice needs 768"):
        read_index(tmp_path / "a.index", width=768)


@pytest.mark.parametrize("kind", ["Flat", "IVF4,Flat"])
def test_32_a_trained_index_without_vectors(tmp_path, kind):
    (tmp_path / "trained_a.index").write_bytes(index_bytes(0, kind=kind))
    assert "without vectors" in refusal(read_index, tmp_path / "trained_a.index")


@pytest.mark.parametrize("kind", ["Flat", "IVF4,Flat"])
def test_32_three_vectors(tmp_path, kind):
    (tmp_path / "a.index").write_bytes(index_bytes(3, kind=kind))
    assert np.array_equal(read_index(tmp_path / "a.index").vectors, vectors(3))


@pytest.mark.parametrize("kind", ["Flat", "IVF4,Flat"])
def test_32_a_vector_that_is_not_finite(tmp_path, kind):
    data = index_bytes(kind=kind)
    place = data.rindex(vectors(200)[17].tobytes())
    data[place:place + 4] = struct.pack("<f", float("nan"))
    (tmp_path / "a.index").write_bytes(data)
    assert "not finite" in refusal(read_index, tmp_path / "a.index")


def test_32_two_vectors_of_one_id(tmp_path):
    data = index_bytes()
    data[-8:] = data[-16:-8]
    (tmp_path / "a.index").write_bytes(data)
    assert "have one id" in refusal(read_index, tmp_path / "a.index")


def test_32_inner_product(tmp_path):
    (tmp_path / "a.index").write_bytes(index_bytes(metric=faiss.METRIC_INNER_PRODUCT))
    assert "another measure" in refusal(read_index, tmp_path / "a.index")


def test_32_a_query_that_is_a_stored_vector_gives_finite_features(tmp_path):
    from rvc.retrieval.faiss_index import FaissIndex

    data = read_index(SMALL_INDEX)
    index = FaissIndex.from_lists(data.vectors, data.centroids, data.lists)
    found, distances = index.neighbours(torch.from_numpy(data.vectors[:5].copy()), 8)
    assert torch.isfinite(found).all() and torch.all(distances[:, 0] <= 1e-6)


# 33 to 35: arrays and safetensors

def npy(path, descr: str, shape: str, data: bytes, fortran: str = "False"):
    header = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + data)
    return path


def test_33_an_array_of_48_tebibytes_in_128_bytes(tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "announces" in refusal(read_npy, npy(tmp_path / "a.npy", "<f4", "(17179869184, 768)", b""))
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 50  # MiB


def test_34_an_array_of_objects(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "Python objects" in refusal(read_npy, tmp_path / "a.npy")


def test_34_a_header_that_is_code(tmp_path):
    refusal(read_npy, npy(tmp_path / "a.npy", "<f4", "__import__('os').system('x')", b""))


@pytest.mark.parametrize("array", [
    np.arange(6, dtype=np.float32).reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.array([True, False]), np.float16(3.5).reshape(()), np.zeros((0, 768), np.float32), np.arange(3, dtype=np.int64),
])
def test_33_34_honest_arrays_are_read(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    found = read_npy(tmp_path / "a.npy")
    assert found.dtype == array.dtype and np.array_equal(found, array)


def entry(begin: int, end: int, shape=(4,), dtype="F32") -> dict:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


@pytest.mark.parametrize("header, length", [
    ({"a": entry(0, 16)}, 2**63), ({"a": entry(0, 16)}, 2**40), ({"a": entry(0, 16), "b": entry(8, 24)}, None),
    ({"a": entry(0, 16), "b": entry(16, 2**50, (2**48 - 4,))}, None), ({"a": entry(0, 16, dtype="F64")}, None),
    ({"a": entry(0, 16, dtype="F8_E5M2")}, None), ({"a": entry(-16, 0)}, None), ({"a": entry(4, 20)}, None),
    ({"a": entry(0, 16, (2**62, 4))}, None), ({"a": entry(0, 16, (-2, -2))}, None), ({"a": [1]}, None),
    ({"a": {**entry(0, 16), "more": 1}}, None), ({"__metadata__": {"a": 1}}, None), ({"a": entry(0, 16, (4.0,))}, None),
])
def test_35_safetensors_with_a_header_that_lies(tmp_path, header, length):
    refusal(read_weights, safetensors(tmp_path / "a.safetensors", json.dumps(header).encode(), bytes(24), length))


def test_35_safetensors_that_name_a_tensor_twice(tmp_path):
    text = json.dumps(entry(0, 16))
    header = f'{{"a": {text}, "a": {text}}}'.encode()
    assert "twice" in refusal(read_weights, safetensors(tmp_path / "a.safetensors", header, bytes(16)))


def test_35_safetensors_nested_a_hundred_thousand_deep(tmp_path):
    header = b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert "not JSON" in refusal(read_weights, safetensors(tmp_path / "a.safetensors", header, b""))


def test_the_voice_that_all_of_these_spoil_is_itself_read():
    assert read_voice(TINY).notes == ()
