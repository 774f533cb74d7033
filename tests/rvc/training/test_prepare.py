"""A folder of recordings becomes what training reads; each recording is made use of, or it is said why not."""
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rule
import soundfile

from rvc.__main__ import main
from rvc.errors import Cancelled, DatasetError, SettingsError, VoiceFileError
from rvc.features import FeatureExtractor
from rvc.options import build, flat
from rvc.settings.training import PrepareSettings, TrainModelSettings, TrainSettings
from rvc.training.card import read_card
from rvc.training.dataset import load_clip, read_manifest
from rvc.training.ears import ears
from rvc.training.lock import Busy, alone
from rvc.training.prepare import NothingUsable, prepare
from rvc.training.recordings import find_recordings, label_of, speaker_numbers
from rvc.training.runfile import RunFile, read_run, renewed, write_run
from rvc.voicefile.npy import read_npy
from rvc.workspace import Workspace

ROOT = Path(__file__).resolve().parents[3]
MODEL = TrainModelSettings(sample_rate=32000)
PATIENCE = 5.0  # seconds until a failure must be said


def settings(**values) -> PrepareSettings:
    """Without weights, quick, and in this process."""
    return build(PrepareSettings, {"listening.encoder": "mel", "listening.f0_method": "fcpe", "workers": 1}
                 | {name.replace("__", "."): value for name, value in values.items()})


def record(path: Path, seconds: float = 1.2, rate: int = 32000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, rule.speech(path.name, int(seconds * rate), rate), rate)
    return path


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(tmp_path / "wörk 'space'")


@pytest.fixture
def dataset(tmp_path) -> Path:
    folder = tmp_path / "ünï côde 声音 ²"
    for name in ("a.wav", "b c.flac", "Anna/x.wav"):
        record(folder / name)
    return folder


def files(voice) -> dict[str, int]:
    """Everything that was made, and when."""
    return {path.relative_to(voice.path).as_posix(): path.stat().st_mtime_ns
            for folder in (voice.slices, voice.features) for path in folder.iterdir()}


def made(before: dict[str, int], after: dict[str, int]) -> set[str]:
    """The kinds of files that are new: wav, json, content.npy, f0.npy."""
    return {name.partition(".")[2] for name, at in after.items() if before.get(name) != at}


def test_training_can_read_what_was_prepared(workspace, dataset):
    voice = workspace.voice("Stimme")
    done = prepare(voice, dataset, settings(), MODEL, workspace=workspace)
    slices = read_manifest(voice.manifest)
    assert done.slices == 3 and len(slices) == 3 + 2 * 2 and done.refusals == ()
    for item in slices:
        clip = load_clip(voice.path, item, 32000)
        assert len(clip.wave) == item.samples and clip.content.shape[1] == 80
        assert clip.frames(320) >= item.samples // 320 - 3
    assert {item.speaker for item in slices} == {0, 1}
    card = json.loads(voice.card.read_text("utf-8"))
    assert card["speakers"] == {"0": "Stimme", "1": "Anna"} and card["seconds"] == pytest.approx(3.6)
    facts = [card[name] for name in ("encoder", "f0_method", "sample_rate", "content_width")]
    assert facts == ["mel", "fcpe", 32000, 80]


def test_features_are_what_a_conversion_hears(workspace, dataset):
    from rvc.training.extraction import extractor

    voice = workspace.voice("v")
    prepare(voice, dataset, settings(), MODEL, workspace=workspace)
    item = read_manifest(voice.manifest)[0]
    heard, rate = soundfile.read(voice.path / item.wave, dtype="float32")
    assert rate == 32000 and soundfile.info(voice.path / item.wave).subtype == "FLOAT"
    from rvc.audio.audio import Audio

    samples = Audio(heard[None], rate).resampled(16000).samples[0]
    listener = extractor(ears(workspace, settings().listening, uses_f0=True), "cpu")
    assert isinstance(listener, FeatureExtractor)
    np.testing.assert_array_equal(read_npy(voice.path / item.content), listener.content(samples).numpy())
    melody = read_npy(voice.path / item.f0)
    np.testing.assert_array_equal(melody, listener.melody(samples).hz.numpy())
    assert melody.dtype == np.float32 and len(melody) == len(samples) // 160 + 1 and melody.max() > 50


def test_it_does_not_matter_who_listens(workspace, dataset, monkeypatch):
    one, other = workspace.voice("one"), workspace.voice("other")
    prepare(one, dataset, settings(), MODEL, workspace=workspace)
    monkeypatch.setattr("rvc.training.prepare.WORTH", 1)
    monkeypatch.setattr("rvc.training.workers._one_by_one", lambda *_: pytest.fail("in this process"))
    prepare(other, dataset, settings(workers=2), MODEL, workspace=workspace)
    assert files(one).keys() == files(other).keys() and len(files(one)) == 3 * 4 + 3
    assert one.manifest.read_bytes() == other.manifest.read_bytes()  # and with it the hash of every sound
    for path in one.features.iterdir():
        assert path.read_bytes() == (other.features / path.name).read_bytes()


def test_silent_clips_are_heard_by_the_chosen_encoder(workspace, dataset):
    voice = workspace.voice("v")
    prepare(voice, dataset, settings(include_mutes=3), MODEL, workspace=workspace)
    mutes = [item for item in read_manifest(voice.manifest) if item.samples == 3 * 32000]
    assert [item.speaker for item in mutes] == [0, 0, 0, 1, 1, 1]
    assert not soundfile.read(voice.path / mutes[0].wave)[0].any()
    content, melody = read_npy(voice.path / mutes[0].content), read_npy(voice.path / mutes[0].f0)
    assert content.shape == (149, 80) and melody.shape == (301,) and not melody.any()
    assert np.ptp(content, axis=0).max() == 0  # silence is the same all along


def test_without_melody_there_is_none(workspace, dataset):
    voice = workspace.voice("v")
    prepare(voice, dataset, settings(), replace(MODEL, uses_f0=False), workspace=workspace)
    assert all(item.f0 is None for item in read_manifest(voice.manifest))
    assert not list(voice.features.glob("*.f0.npy"))


CHANGES = {
    "nothing": ({}, {}, set()),
    "workers": ({"workers": 2}, {}, set()),
    "pitch method": ({"listening__f0_method": "crepe-tiny"}, {}, {"f0.npy"}),
    "threshold": ({"listening__f0_threshold": 0.5}, {}, {"f0.npy"}),
    "the method's own threshold": ({"listening__f0_threshold": 0.006}, {}, set()),
    "hop": ({"listening__hop_length": 80}, {}, {"f0.npy"}),
    "rate": ({}, {"sample_rate": 40000}, {"wav", "json"}),
    "melody": ({}, {"uses_f0": False}, set()),
    "another cut of the same place": ({"cutting__cut": "skip"}, {}, {"wav", "json"}),
    "strength of a cleaning that is off": ({"cutting__clean_strength": 0.9}, {}, set()),
    "levelling": ({"cutting__normalise": "none"}, {}, {"wav", "json", "content.npy", "f0.npy"}),
    "filter": ({"cutting__high_pass": True}, {}, {"wav", "json", "content.npy", "f0.npy"}),
    "silent clips": ({"include_mutes": 5}, {}, set()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_makes_only_what_it_must_and_leaves_nothing_stale(change, workspace, dataset, tmp_path):
    asked, model, expected = CHANGES[change]
    voice = workspace.voice("v")
    prepare(voice, dataset, settings(), MODEL, workspace=workspace)
    before = files(voice)
    prepare(voice, dataset, settings(**asked), replace(MODEL, **model), workspace=workspace)
    after = files(voice)
    assert made(before, after) == expected
    named = {path for item in read_manifest(voice.manifest) for path in (item.wave, item.content, item.f0) if path}
    assert {name for name in after if not name.endswith(".json")} == named
    assert sum(name.endswith(".json") for name in after) == 3


def test_a_new_recording_is_made_and_a_removed_one_forgotten(workspace, dataset):
    voice = workspace.voice("v")
    prepare(voice, dataset, settings(), MODEL, workspace=workspace)
    before = files(voice)
    (dataset / "a.wav").rename(dataset / "Anna" / "moved.wav")
    (dataset / "b c.flac").unlink()
    record(dataset / "new.wav")
    done = prepare(voice, dataset, settings(), MODEL, workspace=workspace)
    after = files(voice)
    assert [speaker.recordings for speaker in done.speakers] == [1, 2]
    assert len(set(after) - set(before)) == len(set(before) - set(after)) == 4  # slice, record, content, melody


def test_a_stop_between_files_loses_nothing_that_was_done(workspace, dataset):
    voice = workspace.voice("v")

    def stop(step):
        if step.what.startswith("Listening") and step.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        prepare(voice, dataset, settings(), MODEL, workspace=workspace, report=stop)
    assert not voice.manifest.exists()
    before = files(voice)
    prepare(voice, dataset, settings(), MODEL, workspace=workspace)
    assert len(before) == 3 + 3 + 1 + 2 * 2
    assert all(files(voice)[name] == at for name, at in before.items())


def test_the_old_list_holds_until_the_new_one_is_whole(workspace, dataset):
    voice = workspace.voice("v")
    prepare(voice, dataset, settings(), MODEL, workspace=workspace)

    def stop(step):
        if step.what.startswith("Listening") and step.done == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        prepare(voice, dataset, settings(cutting__high_pass=True), MODEL, workspace=workspace, report=stop)
    assert all(load_clip(voice.path, item, 32000) for item in read_manifest(voice.manifest))


def test_nothing_is_changed_under_a_training(workspace, dataset):
    voice = workspace.voice("v")
    with alone(voice.lock), pytest.raises(Busy):
        prepare(voice, dataset, settings(), MODEL, workspace=workspace)
    assert not voice.slices.exists()


def test_training_reads_the_card(workspace, dataset):
    voice = workspace.voice("v")
    prepare(voice, dataset, settings(), replace(MODEL, uses_f0=False), workspace=workspace)
    card = read_card(voice.card)
    assert (card.speakers, card.uses_f0, card.f0_method) == ({0: "v", 1: "Anna"}, False, None)


def test_numbers_that_are_not_finite_refuse_the_file_by_its_name(workspace, dataset, monkeypatch):
    honest, ill = FeatureExtractor.content, []

    def content(self, samples, *rest):
        found = honest(self, samples, *rest)
        if not ill and samples.any():
            ill.append(True)
            found[3, 7] = np.nan
        return found

    monkeypatch.setattr(FeatureExtractor, "content", content)
    voice = workspace.voice("v")
    done = prepare(voice, dataset, settings(), MODEL, workspace=workspace)
    assert [refusal.name for refusal in done.refusals] == ["a.wav"] and "not finite" in done.refusals[0].reason
    assert done.slices == 2
    assert all(np.isfinite(read_npy(path)).all() for path in voice.features.iterdir())


@pytest.fixture
def spoilt(tmp_path) -> Path:
    """Twenty recordings, four of which are none: corrupt, silent, empty, 5 ms."""
    folder = tmp_path / "twenty"
    for number in range(16):
        record(folder / f"good {number:02}.wav", 0.6)
    (folder / "corrupt.wav").write_bytes((folder / "good 00.wav").read_bytes()[:30])
    soundfile.write(folder / "silent.wav", np.zeros(32000), 32000)
    (folder / "empty.wav").touch()
    record(folder / "short.wav", 0.005)
    return folder


def run(*words: str, **more) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "rvc", "prepare", *words], cwd=ROOT, capture_output=True,
                          encoding="utf-8", timeout=120, env=os.environ | {"PYTHONIOENCODING": "utf-8"}, **more)


QUICK = ("--encoder", "mel", "--f0-method", "fcpe", "--sample-rate", "32000", "--workers", "2")


def test_sixteen_of_twenty_are_used_and_four_are_listed(workspace, spoilt):
    told = run("Stimme", str(spoilt), *QUICK, "--epochs-are-no-option", "--workspace", str(workspace.root))
    assert told.returncode == 2
    told = run("Stimme", str(spoilt), *QUICK, "--workspace", str(workspace.root))
    assert told.returncode == 0, told.stderr
    assert "Left out (4):" in told.stdout and "from 16 recordings" in told.stdout
    for name, reason in {"corrupt": "", "silent": "is silent", "empty": "is empty", "short": "lasts 5 ms"}.items():
        assert any(line.startswith(f"  '{name}.wav'") and reason in line for line in told.stdout.splitlines()), name
    assert "0:09 of usable sound; at least 5:00 is advised" in told.stdout
    run_file = read_run(workspace.voice("Stimme").run_file)
    assert run_file.train.model.sample_rate == 32000 and run_file.prepare.listening.encoder == "mel"
    assert run_file.dataset == spoilt and len(read_manifest(workspace.voice("Stimme").manifest)) == 18


def test_nothing_usable_is_a_failure_at_once(workspace, spoilt):
    for path in spoilt.glob("good*"):
        path.unlink()
    began = time.monotonic()
    told = run("v", str(spoilt), *QUICK, "--workspace", str(workspace.root))
    assert time.monotonic() - began < PATIENCE
    assert told.returncode == 1 and "None of the 4 recordings" in told.stderr and "Left out (4):" in told.stdout
    assert not workspace.voice("v").manifest.exists() and not workspace.voice("v").run_file.exists()


@pytest.mark.parametrize("make, words", [
    (lambda folder: None, "no folder"), (lambda folder: folder.mkdir(), "holds no recordings"),
    (lambda folder: folder.touch(), "no folder"),
    (lambda folder: (folder.mkdir(), (folder / "notes.txt").touch()), "holds no recordings"),
    (lambda folder: record(folder / "99999" / "a.wav"), "16383 is the highest")])
def test_a_folder_that_is_no_dataset_is_refused(make, words, workspace, tmp_path):
    make(tmp_path / "set")
    with pytest.raises(DatasetError, match=words):
        prepare(workspace.voice("v"), tmp_path / "set", settings(), MODEL, workspace=workspace)
    assert not workspace.root.exists()


@pytest.mark.parametrize("asked, model, words", [
    ({"listening__encoder": "contentvec"}, {}, "python -m rvc download contentvec"),
    ({"listening__f0_method": "rmvpe"}, {}, "download rmvpe"),
    ({"listening__encoder": "nobody's"}, {}, "no content encoder"),
    ({}, {"sample_rate": 30000}, "cannot be trained"),
    ({}, {"vocoder": "refinegan", "uses_f0": False}, "needs melody")])
def test_what_would_be_missed_later_is_missed_before_anything_is_cut(asked, model, words, workspace, dataset):
    with pytest.raises((SettingsError, VoiceFileError), match=words):
        prepare(workspace.voice("v"), dataset, settings(**asked), replace(MODEL, **model), workspace=workspace)
    assert not workspace.root.exists()


def test_of_equal_files_the_first_is_taken(workspace, dataset):
    shutil.copy(dataset / "a.wav", dataset / "z.wav")
    done = prepare(workspace.voice("v"), dataset, settings(), MODEL, workspace=workspace)
    assert [(refusal.name, refusal.reason) for refusal in done.refusals] == [("z.wav", "is a copy of 'a.wav'.")]


def test_only_copies_of_what_is_silent_are_nothing(workspace, tmp_path):
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(32000), 32000)
    with pytest.raises(NothingUsable) as refusal:
        prepare(workspace.voice("v"), tmp_path, settings(), MODEL, workspace=workspace)
    assert [one.reason for one in refusal.value.refusals] == ["is silent."] * 2


@pytest.mark.parametrize("labels, numbers", [
    (["", "Anna", "bob"], {"": 0, "Anna": 1, "bob": 2}), (["bob", "Anna"], {"Anna": 0, "bob": 1}),
    (["0", "2", "x", "y"], {"0": 0, "2": 2, "x": 1, "y": 3}), (["", "0", "5"], {"": 0, "0": 0, "5": 5}),
    (["07", "é", "²"], {"07": 7, "²": 0, "é": 1})])
def test_speakers_get_their_numbers(labels, numbers):
    assert speaker_numbers(labels) == speaker_numbers(reversed(labels)) == numbers


@pytest.mark.parametrize("name, label", [("a.wav", ""), ("Anna/a.wav", "Anna"), ("Anna/take 1/a.wav", "Anna"),
                                         ("choir/3/a.wav", "3"), ("3/take 1/a.wav", "3"), ("²/a.wav", "²")])
def test_a_folder_names_the_speaker(name, label):
    assert label_of(name) == label


def test_hidden_files_are_passed_over_and_others_counted(dataset):
    for name in (".a.wav", ".git/b.wav", "notes.txt", "Anna/cover.jpg"):
        (dataset / name).parent.mkdir(exist_ok=True)
        (dataset / name).touch()
    found = find_recordings(dataset)
    assert [recording.name for recording in found.recordings] == ["Anna/x.wav", "a.wav", "b c.flac"]
    assert found.others == ("Anna/cover.jpg", "notes.txt")


@pytest.mark.skipif(os.name != "posix", reason="links need rights there")
def test_links_are_followed_and_lead_nowhere_twice(dataset, tmp_path):
    record(tmp_path / "elsewhere" / "y.wav")
    (dataset / "Bob").symlink_to(tmp_path / "elsewhere")
    (dataset / "Bob" / "back").symlink_to(dataset)
    assert [one.name for one in find_recordings(dataset).recordings] == ["Anna/x.wav", "Bob/y.wav", "a.wav", "b c.flac"]


def test_a_run_is_its_file(tmp_path):
    train = build(TrainSettings, {"model.generator": tmp_path / "G ü.pth", "learning.betas": (0.5, 0.9)})
    written = RunFile(tmp_path / "dä ta", settings(listening__f0_threshold=0.2), train)
    write_run(tmp_path / "train.json", written)
    assert read_run(tmp_path / "train.json") == written
    assert set(json.loads((tmp_path / "train.json").read_text())["train"]) == set(flat(TrainSettings()))


def test_preparing_again_keeps_what_only_training_asks_for(tmp_path):
    path = tmp_path / "train.json"
    first = RunFile(tmp_path, settings(), build(TrainSettings, {"schedule.epochs": 7, "model.sample_rate": 32000}))
    write_run(path, first)
    again = renewed(path, RunFile(tmp_path, settings(workers=2), TrainSettings()))
    assert again.train.schedule.epochs == 7 and again.train.model.sample_rate == 40000 and again.prepare.workers == 2
    path.write_text("{")
    with pytest.raises(DatasetError, match="delete it"):
        renewed(path, first)


def test_a_dataset_is_known_by_its_name(workspace, capsys):
    record(workspace.datasets / "choir" / "a.wav")
    assert main(["prepare", "v", "choir", *QUICK, "--workspace", str(workspace.root)]) == 0
    assert "0:01 of usable sound" in capsys.readouterr().out
