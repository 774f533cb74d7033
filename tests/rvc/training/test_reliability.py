"""A run never loses work, and says what happened to it."""
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import prepared
import pytest
import torch

from rvc.errors import CheckpointError, DatasetError, DeviceError, Diverged, RvcError, VoiceFileError
from rvc.options import build
from rvc.settings.training import PrepareSettings, TrainSettings
from rvc.training import loop, run
from rvc.training.checkpoint import Checkpoints
from rvc.training.events import outcome, read_events
from rvc.training.lock import Busy, holder
from rvc.training.runfile import RunFile, read_run
from rvc.training.stop import stop_training
from rvc.training.vits_recipe import VitsRecipe
from rvc.voicefile.rvc import read_voice
from rvc.workspace import Workspace

PROGRAM = Path(prepared.__file__)


@pytest.fixture(autouse=True)
def small_networks(monkeypatch):
    monkeypatch.setattr("rvc.training.networks.voice_config", prepared.small_config)
    monkeypatch.setattr("rvc.training.networks.new_networks", prepared.small_networks)


@pytest.fixture
def voice(tmp_path):
    return prepared.voice(tmp_path)


@pytest.fixture
def unproven(monkeypatch):
    """Leave out the fresh process, which takes seconds; tests of their own are about it."""
    monkeypatch.setattr(run, "prove", lambda *arguments: None)


def options(**asked) -> TrainSettings:
    """epochs=3 is schedule.epochs; else names with __ for the dot."""
    renamed = {"schedule.epochs" if name == "epochs" else name.replace("__", "."): value
               for name, value in asked.items()}
    return build(TrainSettings, prepared.OPTIONS | renamed)


def train(voice, **asked):
    """The ending and the events."""
    told = []
    ending = run.train(Workspace(voice.path.parents[1]), voice,
                       RunFile(voice.path, PrepareSettings(), options(**asked)), listener=told.append)
    return ending, told


def latest(voice):
    return Checkpoints(voice.checkpoints).latest(pytest.fail).state


def same(one, other) -> bool:
    return one.numbers == other.numbers and one.tensors.keys() == other.tensors.keys() and all(
        torch.equal(value, other.tensors[key]) for key, value in one.tensors.items())


def events(voice, kind):
    return [event for event in read_events(voice.events) if event["event"] == kind]


@pytest.fixture
def each_step(monkeypatch):
    """each_step(change): change(recipe, what a step found) is what it finds; called after every step."""
    return lambda change: after_each_step(monkeypatch, change)


def after_each_step(patch, change):
    step = VitsRecipe.step
    patch.setattr(VitsRecipe, "step", lambda recipe, *arguments: change(recipe, step(recipe, *arguments)))


def recording(found):
    """Keeps the losses of every step by its number."""
    def keep(recipe, losses):
        found[recipe.steps] = losses.generator.item()
        return losses

    return keep


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """40 steps without a break: the state, and the losses."""
    losses = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rvc.training.networks.voice_config", prepared.small_config)
        patch.setattr("rvc.training.networks.new_networks", prepared.small_networks)
        patch.setattr(run, "prove", lambda *arguments: None)
        after_each_step(patch, recording(losses))
        whole = prepared.voice(tmp_path_factory.mktemp("straight"))
        train(whole, epochs=10)
    assert latest(whole).numbers["steps"] == 40
    return latest(whole), losses


def killed_after(voice, steps: int, **asked) -> subprocess.CompletedProcess:
    """Train in a process that is killed (-9) after so many steps."""
    text = f"""
import os, signal, sys
sys.path[:0] = {sys.path!r}
import prepared
from rvc.__main__ import main
from rvc.training.vits_recipe import VitsRecipe
prepared.shrink()
step = VitsRecipe.step
def until(recipe, *arguments):
    if recipe.steps == {steps}:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(recipe, *arguments)
VitsRecipe.step = until
sys.exit(main(sys.argv[1:]))
"""
    flags = [part for name, value in asked.items() for part in (f"--{name}", str(value))]
    return subprocess.run([sys.executable, "-c", text, "train", voice.name, "--workspace", voice.path.parents[1],
                           *flags], capture_output=True, text=True, timeout=120, check=False)


def test_forty_steps_are_twenty_a_kill_and_twenty_more_to_the_bit(voice, straight, unproven, each_step):
    again = {}
    done = killed_after(voice, 23, epochs=10, every=5)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert latest(voice).numbers["steps"] == 20
    assert outcome(voice)["event"] == "failed" and "killed" in outcome(voice)["why"] and holder(voice.lock) is None
    each_step(recording(again))
    train(voice, epochs=10)
    state, losses = straight
    assert same(latest(voice), state)
    assert again == {step: losses[step] for step in range(21, 41)}


def test_a_stop_in_the_middle_of_an_epoch_changes_nothing(voice, straight, unproven, each_step):
    def stop_at_14(recipe, losses):
        if recipe.steps == 14:
            voice.stop.touch()
        return losses

    each_step(stop_at_14)
    ending, _ = train(voice, epochs=10)
    assert ending.stopped == "the file stop" and latest(voice).numbers["steps"] == 14
    assert events(voice, "stopped")[-1]["step"] == 14 and not voice.stop.exists()
    ending, _ = train(voice, epochs=10)
    assert not ending.stopped and same(latest(voice), straight[0])


def test_a_finished_voice_can_be_continued(voice, unproven, straight):
    train(voice, epochs=4)
    train(voice, epochs=10)
    assert same(latest(voice), straight[0])


@pytest.mark.parametrize("asked", [{"learning__optimizer": "prodigy"}, {"learning__optimizer": "schedule-free"},
                                   {"learning__optimizer": "adamw", "learning__mean_of_weights": 0.9},
                                   {"data__accumulate": 3, "data__cache": "ram"}])
def test_every_optimizer_goes_on_as_if_nothing_had_happened(tmp_path, unproven, each_step, asked):
    stopped, whole = prepared.voice(tmp_path, "stopped"), prepared.voice(tmp_path, "whole")
    train(whole, epochs=2, **asked)
    each_step(lambda recipe, losses: (stopped.stop.touch() if recipe.steps == 1 else None, losses)[1])
    assert train(stopped, epochs=2, **asked)[0].step == 1
    train(stopped, epochs=2, **asked)
    assert same(latest(stopped), latest(whole))


def test_short_memory_halves_the_batch_and_goes_on(voice, unproven, monkeypatch):
    step, calls = VitsRecipe.step, []

    def short(recipe, batches, *arguments):
        calls.append([len(batch) for batch in batches])
        if len(calls) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return step(recipe, batches, *arguments)

    monkeypatch.setattr(VitsRecipe, "step", short)
    ending, told = train(voice, epochs=2)
    assert calls[:4] == [[2], [2], [1, 1], [1, 1]] and ending.step == 8
    said = [event.facts["text"] for event in told if event.kind == "warning"]
    assert any("batches of 2: they are halved to 1, and the accumulation is doubled to 2" in text for text in said)
    monkeypatch.setattr(VitsRecipe, "step", lambda *arguments: (_ for _ in ()).throw(torch.OutOfMemoryError()))
    with pytest.raises(DeviceError, match="--batch-size"):
        train(voice, epochs=3)
    assert outcome(voice)["event"] == "failed"


def test_a_step_that_is_not_finite_is_skipped(voice, unproven, each_step):
    each_step(lambda recipe, losses: replace(losses, sound=recipe.steps not in (2, 3, 5)))
    ending, told = train(voice, epochs=2)
    assert ending.step == 8
    said = [event.facts["text"] for event in told if "skipped" in event.facts.get("text", "")]
    assert len(said) == 3 and "slices/" in said[0]


def test_three_in_a_row_go_back_once_at_half_the_rate_and_then_fail_by_name(voice, unproven, each_step):
    rates = {}

    def unsound(recipe, losses):
        rates.setdefault(recipe.steps, []).append(recipe.generator.rate)
        return replace(losses, sound=recipe.steps < 7)

    each_step(unsound)
    with pytest.raises(Diverged, match=r"slices/\d.wav.*00000001"):
        train(voice, epochs=4, saving__every=1)
    assert len(rates[7]) == 2 and rates[7][1] == rates[7][0] / 2
    assert latest(voice).numbers["steps"] == 4 and len(rates[4]) == 1 and len(rates[5]) == 2
    assert outcome(voice)["event"] == "failed" and "half the learning rate" in outcome(voice)["why"]


def test_going_back_without_a_checkpoint_is_starting_again(voice, unproven, each_step):
    seen = []

    def unsound(recipe, losses):
        seen.append((recipe.steps, recipe.generator.rate))
        return replace(losses, sound=len(seen) > 3)

    each_step(unsound)
    assert train(voice, epochs=1)[0].step == 4
    assert [step for step, _ in seen] == [1, 2, 3, 1, 2, 3, 4] and seen[3][1] == seen[0][1] / 2
    rates = seen[-1][1]
    train(voice, epochs=2)
    assert seen[-1][1] == pytest.approx(rates, rel=1e-3)  # it stays halved


def test_a_really_spoilt_weight_is_never_saved(voice, unproven, each_step):
    def spoil(recipe, losses):
        if recipe.steps == 6:
            with torch.no_grad():
                next(recipe.generator.network.parameters()).view(-1)[0] = torch.nan
        return losses

    each_step(spoil)
    with pytest.raises(Diverged):
        train(voice, epochs=2, saving__every=1)
    assert latest(voice).numbers["steps"] == 4
    for path in voice.path.rglob("*.safetensors"):
        from safetensors.torch import load_file
        assert all(tensor.isfinite().all() for tensor in load_file(path).values() if tensor.is_floating_point())


def test_a_damaged_latest_checkpoint_is_said_and_the_one_before_goes_on(voice, unproven):
    train(voice, epochs=2, saving__every=1)
    newest = sorted(voice.checkpoints.iterdir())[-1] / "generator.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])
    ending, told = train(voice, epochs=3)
    assert ending.step == 12
    assert any("00000002 is damaged" in event.facts.get("text", "") for event in told)


def test_changed_recordings_begin_the_epoch_again(voice, unproven, each_step):
    each_step(lambda recipe, losses: (voice.stop.touch() if recipe.steps == 6 else None, losses)[1])
    train(voice, epochs=3)
    ending, told = train(voice, epochs=3, data__batch_size=4)
    assert any("epoch 2 begins again" in event.facts.get("text", "") for event in told)
    assert ending.step == 6 + 2 + 2  # of batches of four there are two an epoch


def test_a_recording_that_is_gone_or_spoilt_is_a_failure_by_name(voice, unproven):
    content = voice.features / "3.content.npy"
    array = np.load(content)
    array[2, 2] = np.nan
    np.save(content, array)
    with pytest.raises(DatasetError, match="3.content.npy"):
        train(voice, epochs=1)
    assert outcome(voice)["event"] == "failed" and "3.content.npy" in outcome(voice)["why"]
    content.unlink()
    with pytest.raises(RvcError, match="3.content.npy"):
        train(voice, epochs=1)
    assert not events(voice, "finished")


def test_another_network_or_optimizer_is_refused_and_nothing_is_lost(voice, unproven):
    train(voice, epochs=1)
    with pytest.raises(CheckpointError, match="adamw"):
        train(voice, epochs=2, learning__optimizer="adamw")
    with pytest.raises(CheckpointError, match="another network"):
        train(voice, epochs=2, model__vocoder="mrf")
    assert read_run(voice.run_file).train == options(epochs=1)
    assert latest(voice).numbers["steps"] == 4


def test_a_voice_that_does_not_speak_is_not_finished(voice, monkeypatch):
    export = loop.Loop.export

    def silent(self, path):
        with self.recipe.listening() as network, torch.no_grad():
            for name, weight in network.dec.named_parameters():
                if name.startswith("conv_post"):
                    weight.zero_()
        export(self, path)

    monkeypatch.setattr(loop.Loop, "export", silent)
    with pytest.raises(VoiceFileError, match="it is silent"):
        train(voice, epochs=1)
    assert not events(voice, "finished") and outcome(voice)["event"] == "failed"


def test_finished_is_said_after_a_fresh_process_has_heard_the_voice(voice):
    ending, _ = train(voice, epochs=1, saving__voices=True, saving__author="Ada", saving__licence="CC0")
    assert ending.voice == voice.voice_file and outcome(voice)["event"] == "finished"
    facts = read_voice(voice.voice_file).facts
    assert {facts[key] for key in ("author", "licence")} == {"Ada", "CC0"}
    assert facts["model_name"] == "tiny" and facts["epoch"] == 1 and facts["step"] == 4
    assert facts["dataset_length"] == "00:00:03" and facts["embedder_model"] == "mel" and facts["f0_method"] == "fcpe"
    assert len(facts["model_hash"]) == len(facts["content_hash"]) == 64
    assert [path.name for path in (voice.path / "voices").iterdir()] == ["tiny_1e_4s.pth"]


@pytest.fixture
def child(voice):
    """A training in a process of its own, after its first epoch."""
    process = subprocess.Popen(
        [sys.executable, PROGRAM, "train", voice.name, "--workspace", voice.path.parents[1], "--epochs", "100000",
         "--every", "10000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not events(voice, "epoch") and process.poll() is None and time.monotonic() < end:
        time.sleep(0.1)
    assert process.poll() is None
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number, name", [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")])
def test_a_signal_leaves_a_checkpoint_of_the_last_step(voice, each_step, number, name):
    before = signal.getsignal(number)
    each_step(lambda recipe, losses: (signal.raise_signal(number) if recipe.steps == 6 else None, losses)[1])
    ending, _ = train(voice, epochs=5)
    assert ending.stopped == name and ending.step == latest(voice).numbers["steps"] == 6
    assert signal.getsignal(number) is before


def test_one_trainer_a_voice_and_whoever_stops_it_waits_for_the_checkpoint(voice, child):
    with pytest.raises(Busy, match=f"process {child.pid}"):
        train(voice, epochs=1)
    assert holder(voice.lock).pid == child.pid
    began = time.monotonic()
    assert stop_training(voice) and child.wait(timeout=10) == 0 and time.monotonic() - began < 10
    last = events(voice, "stopped")[-1]
    assert last["by"] == "the file stop" and last["step"] == latest(voice).numbers["steps"] >= 4
    assert not stop_training(voice) and holder(voice.lock) is None


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_a_process_that_heeds_nothing_is_ended_by_force_and_no_other(voice):
    deaf = subprocess.Popen([sys.executable, "-c", f"""
import signal, sys, time
sys.path[:0] = {sys.path!r}
from pathlib import Path
from rvc.training.lock import alone
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with alone(Path({str(voice.lock)!r})):
    print("ready", flush=True)
    time.sleep(60)
"""], stdout=subprocess.PIPE, text=True)
    try:
        assert deaf.stdout.readline() == "ready\n"
        whole = voice.lock.read_text("utf-8")
        voice.lock.write_text(json.dumps(json.loads(whole) | {"started": "1"}), "utf-8")
        assert not stop_training(voice, kind=0.2, firm=0.2) and deaf.poll() is None  # not the process that locked
        voice.lock.write_text(whole, "utf-8")
        assert stop_training(voice, kind=0.2, firm=0.2) and deaf.wait(timeout=5) == -signal.SIGKILL
    finally:
        deaf.kill()
        deaf.communicate()
