"""What a training says of itself: whole lines, a pulse, and the same to everybody."""
import json
import threading
import time

import prepared
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rvc.progress import Step
from rvc.training import run
from rvc.training.events import Event, EventLog, outcome, read_events, reported
from rvc.training.lock import alone
from rvc.training.runfile import read_run
from rvc.voicefile.rvc import read_voice
from rvc.workspace import Workspace


def test_every_event_is_a_line_of_json_and_what_is_not_finite_is_null(tmp_path):
    path = tmp_path / "é" / "events.jsonl"
    with EventLog(path) as log:
        log(Event("step", {"step": 3, "loss": {"kl": float("nan"), "judges": 2.5}, "line": "Übung\n2"}))
        reported(log)(Step("Cutting", 2, 7))
    first, second = read_events(path)
    assert first["loss"] == {"kl": None, "judges": 2.5} and first["line"] == "Übung\n2" and first["step"] == 3
    assert second["event"] == "stage" and (second["what"], second["done"], second["total"]) == ("Cutting", 2, 7)
    assert abs(first["time"] - time.time()) < 60


def test_half_a_line_of_a_killed_process_spoils_no_other(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"event": "step", "step": 1}\n{"event": "st', "utf-8")
    with EventLog(path) as log:
        log(Event("step", {"step": 2}))
    assert [event["step"] for event in read_events(path)] == [1, 2]
    assert read_events(tmp_path / "none") == []


def test_a_pulse_is_felt_while_nothing_else_is_said(tmp_path):
    with EventLog(tmp_path / "events.jsonl", beat=0.1):
        time.sleep(0.6)
    told = read_events(tmp_path / "events.jsonl")
    assert len(told) >= 3 and {event["event"] for event in told} == {"heartbeat"}
    gaps = [later["time"] - event["time"] for event, later in zip(told, told[1:])]
    assert max(gaps) < 0.3
    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeat"]


@pytest.mark.parametrize("last, said", [("finished", "finished"), ("failed", "failed"), ("stopped", "stopped"),
                                        ("step", "failed"), ("stage", "failed")])
def test_a_run_without_a_last_word_has_failed(tmp_path, last, said):
    voice = Workspace(tmp_path).voice("Anna")
    assert outcome(voice) is None
    with EventLog(voice.events) as log:
        log(Event("stage", {}))
        log(Event(last, {"step": 5}))
        log(Event("heartbeat"))
    assert outcome(voice)["event"] == said and outcome(voice)["step"] == 5
    with alone(voice.lock):
        assert outcome(voice) is None  # it goes on


def test_tensorboard_the_file_and_the_terminal_are_told_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("rvc.training.networks.voice_config", prepared.small_config)
    monkeypatch.setattr("rvc.training.networks.new_networks", prepared.small_networks)
    monkeypatch.setattr(run, "prove", lambda *arguments: None)
    voice, told = prepared.voice(tmp_path, **{"schedule.epochs": 2, "data.hold_out": 20.0}), []
    run.train(Workspace(tmp_path), voice, read_run(voice.run_file), listener=told.append)
    written = [event for event in read_events(voice.events) if event["event"] != "heartbeat"]
    assert [json.loads(json.dumps({"event": event.kind, **event.facts})) for event in told] == \
        [{key: value for key, value in event.items() if key != "time"} for event in written]
    board = EventAccumulator(str(voice.board), size_guidance={"scalars": 0, "images": 0, "audio": 0})
    board.Reload()
    for kind in ("step", "epoch"):
        for event in (event for event in written if event["event"] == kind):
            for group, values in ((group, values) for group, values in event.items() if isinstance(values, dict)):
                for name, value in values.items():
                    points = {point.step: point.value for point in board.Scalars(f"{group}/{name}")}
                    assert points[event["step"]] == pytest.approx(value, rel=1e-6), (group, name)
    samples = [event for event in written if event["event"] == "sample"]
    epochs = [event for event in written if event["event"] == "epoch"]
    assert len(samples) == 2 and {"mel_similarity", "mel_l1"} <= epochs[-1]["held_out"].keys()
    for line in (sample["line"] for sample in samples):
        assert f"path/{line}" in board.Tags()["audio"] and f"mel_real/{line}" in board.Tags()["images"]


@pytest.mark.parametrize("problem", [BrokenPipeError(), UnicodeEncodeError("ascii", "Ü", 0, 1, "")])
def test_a_terminal_that_goes_away_does_not_end_the_training(tmp_path, monkeypatch, problem):
    monkeypatch.setattr("rvc.training.networks.voice_config", prepared.small_config)
    monkeypatch.setattr("rvc.training.networks.new_networks", prepared.small_networks)
    monkeypatch.setattr(run, "prove", lambda *arguments: None)
    voice, told = prepared.voice(tmp_path, **{"schedule.epochs": 1}), []

    def leave(event):
        told.append(event)
        raise problem

    assert run.train(Workspace(tmp_path), voice, read_run(voice.run_file), listener=leave).step == 4
    assert len(told) == 1 and outcome(voice)["event"] == "finished"


def test_overtraining_is_said_and_stops_only_who_asked(tmp_path, monkeypatch):
    from rvc.training import loop

    monkeypatch.setattr("rvc.training.networks.voice_config", prepared.small_config)
    monkeypatch.setattr("rvc.training.networks.new_networks", prepared.small_networks)
    monkeypatch.setattr(run, "prove", lambda *arguments: None)
    for name, stop_early in (("on", False), ("off", True)):
        measured = iter((3.0, 2.0, 1.999, 2.1, 2.2, 2.3, 2.4, 2.5))
        monkeypatch.setattr(loop, "distances", lambda network, heard: {"mel_l1": next(measured)})  # noqa: B023
        voice, told = prepared.voice(tmp_path, name, **{"schedule.epochs": 6, "data.hold_out": 20.0,
                                                        "saving.patience": 2, "saving.stop_early": stop_early}), []
        ending = run.train(Workspace(tmp_path), voice, read_run(voice.run_file), listener=told.append)
        said = [event.facts["text"] for event in told if "overtrained" in event.facts.get("text", "")]
        assert "since epoch 2" in said[0] and ending.epoch == (4 if stop_early else 6)
        assert ending.stopped == ("overtraining" if stop_early else "") and ending.voice == voice.voice_file
        assert read_voice(voice.best_voice).facts["epoch"] == 2 and told[-1].kind == "finished"
        assert [path.name for path in voice.checkpoints.iterdir()] == ["00000001"]
