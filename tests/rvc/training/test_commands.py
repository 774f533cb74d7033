"""train, index, export and make, from the command line to the files."""
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import prepared
import pytest
import small
import torch

from rvc.__main__ import main
from rvc.retrieval.indexfile import load_index
from rvc.training import run
from rvc.training.checkpoint import Checkpoints
from rvc.training.dataset import read_manifest
from rvc.training.runfile import read_run, write_run
from rvc.voicefile.rvc import read_voice


@pytest.fixture(autouse=True)
def small_networks(monkeypatch):
    monkeypatch.setattr("rvc.training.networks.voice_config", prepared.small_config)
    monkeypatch.setattr("rvc.training.networks.new_networks", prepared.small_networks)
    monkeypatch.setattr(run, "prove", lambda *arguments: None)


@pytest.fixture
def voice(tmp_path):
    return prepared.voice(tmp_path, "Ann's Übung")


def command(voice, name: str, *flags: str) -> int:
    return main([name, voice.name, "--workspace", str(voice.path.parents[1]), *flags])


def latest(voice):
    return Checkpoints(voice.checkpoints).latest(pytest.fail).state


def test_a_voice_is_trained_continued_indexed_and_exported(voice, capsys):
    assert command(voice, "train", "--epochs", "1") == 0
    assert command(voice, "train", "--epochs", "2", "--author", "Ada") == 0
    said = capsys.readouterr()
    assert "Epoch 1/1" in said.out and "Epoch 2/2" in said.out and "starts from nothing" in said.out
    assert f"Finished after epoch 2, step 8: {voice.voice_file}" in said.out and said.err == ""
    assert read_run(voice.run_file).train.saving.author == "Ada"
    assert command(voice, "index") == 0
    content = [np.load(voice.path / item.content) for item in read_manifest(voice.manifest)]
    assert len(load_index(voice.index_file, width=small.WIDTH, encoder="mel")) == sum(map(len, content))
    before = read_voice(voice.voice_file)
    voice.voice_file.unlink()
    assert command(voice, "export") == 0
    again = read_voice(voice.voice_file)
    assert again.facts["content_hash"] == before.facts["content_hash"] and again.facts["epoch"] == 2


def test_an_exported_voice_is_the_generator_in_half_precision(voice):
    command(voice, "train", "--epochs", "1")
    tensors, file = latest(voice).tensors, read_voice(voice.voice_file)
    assert file.weights and all(torch.equal(weight, tensors[f"generator/{key}"].half())
                                for key, weight in file.weights.items())
    assert not any(key.startswith("enc_q") for key in file.weights)


def test_the_running_mean_is_what_is_exported(voice):
    command(voice, "train", "--epochs", "1", "--mean-of-weights", "0.99")
    tensors, weights = latest(voice).tensors, read_voice(voice.voice_file).weights
    assert all(torch.equal(weight, tensors[f"mean/{key}"].half()) for key, weight in weights.items())
    assert not small.same(dict(weights), {key: tensors[f"generator/{key}"].half() for key in weights})


def test_silence_is_no_habit(voice):
    from hashlib import sha256

    from rvc.training.dataset import Slice, write_manifest

    items = read_manifest(voice.manifest)
    mute = Slice(items[0].wave, 0, 5, items[0].content, None, sha256(np.zeros(5, np.float32).tobytes()).hexdigest())
    write_manifest(voice.manifest, [mute, *items[1:]])
    command(voice, "index")
    frames = sum(len(np.load(voice.path / item.content)) for item in items[1:])
    assert len(load_index(voice.index_file, width=small.WIDTH)) == frames


@pytest.mark.parametrize("flags, said", [
    (["--sample-rate", "40000"], "needs other features: python -m rvc prepare"),
    (["--no-uses-f0"], "needs other features"),
    (["--vocoder", "mrf", "--sample-rate", "12345"], "outside"),
    (["--epochs", "0"], "schedule.epochs"),
    (["--betas", "0.5"], "learning.betas"),
])
def test_options_that_cannot_be_are_refused_and_not_kept(voice, capsys, flags, said):
    before = voice.run_file.read_bytes()
    assert command(voice, "train", *flags) == 2
    assert said in capsys.readouterr().err
    assert voice.run_file.read_bytes() == before and not voice.checkpoints.exists()


def test_starting_afresh_asks_first(voice, capsys, monkeypatch):
    command(voice, "train", "--epochs", "1")
    assert command(voice, "train", "--fresh") == 2 and "--yes" in capsys.readouterr().err
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: "n")
    assert command(voice, "train", "--fresh") == 2 and latest(voice).numbers["steps"] == 4
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert command(voice, "train", "--fresh", "--epochs", "1") == 0
    assert sorted(path.name for path in voice.checkpoints.iterdir()) == ["00000002", "fresh-00000001"]


@pytest.mark.parametrize("name", ["train", "index", "export"])
def test_a_voice_that_was_not_prepared_is_one_sentence(tmp_path, capsys, name):
    assert main([name, "nobody", "--workspace", str(tmp_path)]) == 1
    assert "prepare" in capsys.readouterr().err


def test_what_was_trained_in_half_precision_is_exported_where_there_is_none(voice):
    command(voice, "train", "--epochs", "1")
    before = read_run(voice.run_file)
    write_run(voice.run_file, replace(before, train=replace(
        before.train, device="cuda", model=replace(before.train.model, precision="fp16"))))
    assert command(voice, "export") == 0 and command(voice, "export", "--pretrain") == 0
    assert sorted(path.name for path in voice.pretrain.iterdir()) == ["f0D24k.pth", "f0G24k.pth"]


def test_nothing_is_exported_before_it_was_trained(voice, capsys):
    assert command(voice, "export") == 1 and "no checkpoint yet" in capsys.readouterr().err


def test_two_processes_train_one_voice(tmp_path):
    """By PyTorch's own torchrun, with the very command; the first alone writes."""
    voice = prepared.voice(tmp_path)
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0",
             "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", prepared.__file__]
    done = subprocess.run([*start, "train", voice.name, "--workspace", tmp_path, "--epochs", "2", "--batch-size", "1"],
                          capture_output=True, text=True, timeout=180, env={**os.environ, "OMP_NUM_THREADS": "1"},
                          check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Finished after epoch 2, step 8") == 1
    state = latest(voice)
    assert state.numbers["steps"] == 8 and len(list(voice.checkpoints.iterdir())) == 1
    assert [json.loads(line)["event"] for line in voice.events.read_text("utf-8").splitlines()].count("finished") == 1
    main(["train", voice.name, "--workspace", str(tmp_path), "--epochs", "3", "--batch-size", "2"])
    assert latest(voice).numbers["steps"] == 12  # one process goes on with what two began
