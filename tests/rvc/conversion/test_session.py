"""From files to files: durations, silence, channels, formats, determinism, cancellation, batches."""
import json
import socket
from pathlib import Path

import numpy as np
import pytest
import rule
import torch
from safetensors.torch import save_file
from transformers import HubertConfig, HubertModel
from voices import TINY, add_voice

from rvc.audio.audio import Audio
from rvc.audio.containers import recognise
from rvc.audio.io import probe, read_audio, write_audio
from rvc.conversion import session as sessions
from rvc.conversion.batch import LEDGER, convert_folder
from rvc.conversion.opening import open_session
from rvc.errors import AudioError, Cancelled, RvcError, SettingsError, VoiceFileError, WorkspaceError
from rvc.options import build
from rvc.pool import Pool
from rvc.retrieval.faiss_index import FaissIndex
from rvc.retrieval.indexfile import save_index
from rvc.settings.conversion import ConversionSettings
from rvc.workspace import Workspace

QUICK = {"melody.f0_method": "fcpe"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Workspace:
    """One voice, named in Unicode, that listens by mel spectrum, with its index."""
    place = Workspace(tmp_path_factory.mktemp("a b 'ü"))
    folder = add_voice(place, "Ada ²", TINY, f0_method="rmvpe")
    content = torch.from_numpy(rule.normal("habits", (50, 80)))
    save_index(FaissIndex.build(content), folder / "Ada ².index", encoder="mel")
    return place


@pytest.fixture(scope="module")
def pool() -> Pool:
    return Pool()


@pytest.fixture
def opened(workspace, pool):
    return lambda **options: open_session(workspace, "Ada ²", build(ConversionSettings, QUICK | options), pool)


def recorded(path: Path, samples: np.ndarray, rate: int) -> Path:
    write_audio(path, Audio(np.atleast_2d(samples).astype(np.float32), rate), subtype="FLOAT")
    return path


def speech(seconds: float, rate: int = 16000) -> np.ndarray:
    return rule.speech("spoken", round(seconds * rate), rate)


def test_choices_are_named_and_differences_said(opened):
    session = opened()
    assert session.choices["encoder"] == "mel"
    assert session.choices["f0_method"] == "fcpe"
    assert session.choices["index"] == "Ada ².index"
    assert session.notes == ("The voice was trained with the pitch method rmvpe, and fcpe listens now.",)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("samples", [1, 17, 3000])
def test_the_result_lasts_as_long_as_the_input(opened, tmp_path, rate, samples):
    source = recorded(tmp_path / "in.wav", rule.speech("d", samples, rate), rate)
    opened().convert(source, tmp_path / "out.wav")
    assert probe(tmp_path / "out.wav").rate == 32000
    assert read_audio(tmp_path / "out.wav").length == -(-samples * 32000 // rate)


def test_resampling_changes_the_rate_and_not_the_speed(opened, tmp_path):
    source = recorded(tmp_path / "in.wav", speech(0.7), 16000)
    opened().convert(source, tmp_path / "plain.wav")
    opened(**{"output.resample": 48000}).convert(source, tmp_path / "more.wav")
    plain, more = read_audio(tmp_path / "plain.wav"), read_audio(tmp_path / "more.wav")
    assert (more.sample_rate, more.length) == (48000, 33600)
    likeness = np.corrcoef(more.samples[0], plain.resampled(48000).samples[0])[0, 1]
    assert likeness > 0.9999 and np.abs(more.samples).max() < 1


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(opened, tmp_path):
    source = recorded(tmp_path / "in.wav", speech(0.6), 16000)
    names = {"a": 0, "b": 0, "c": 1, "d": -1, "e": -1}
    for name, seed in names.items():
        opened(**{"compute.seed": seed}).convert(source, tmp_path / f"{name}.wav")
    a, b, c, d, e = ((tmp_path / f"{name}.wav").read_bytes() for name in names)
    assert a == b
    assert len({a, c, d, e}) == 4


def test_silence_stays_silent_and_is_not_synthesised(opened, tmp_path, monkeypatch):
    sound = np.concatenate([speech(0.5), np.zeros(16000), speech(0.5), np.zeros(80000), speech(0.5)])
    source = recorded(tmp_path / "in.wav", sound, 16000)
    session = opened()
    rendered = []
    render = session.converter.voice.synthesizer.dec.render
    monkeypatch.setattr(session.converter.voice.synthesizer.dec, "render",
                        lambda z, *rest: rendered.append(z.shape[-1]) or render(z, *rest))
    session.convert(source, tmp_path / "out.wav")
    out = read_audio(tmp_path / "out.wav").samples[0]
    for begin, end in ((0.5, 1.5), (2.0, 7.0)):
        quiet = out[int((begin + 0.041) * 32000):int((end - 0.041) * 32000)]
        assert not quiet.any()
    assert np.abs(out[:12000]).max() > 0.01 and np.abs(out[-12000:]).max() > 0.01
    assert sum(rendered) < 300  # of 750 frames: three half seconds, each with what it hears around it


def test_a_minute_of_digital_silence_is_a_minute_of_silence(opened, tmp_path):
    source = recorded(tmp_path / "in.wav", np.zeros(60 * 16000), 16000)
    opened().convert(source, tmp_path / "out.wav")
    out = read_audio(tmp_path / "out.wav")
    assert out.length == 60 * 32000 and not out.samples.any()


def test_parts_of_a_split_recording_stand_where_they_were_said(opened, tmp_path):
    """The reference puts silence before a part that came out too long, and loses the end of the recording."""
    sound = np.concatenate([np.zeros(5000), speech(1), np.zeros(8000), speech(1.5), np.zeros(7000)])
    source = recorded(tmp_path / "in.wav", sound, 16000)
    opened(**{"compute.split_audio": True, "compute.silence_db": -np.inf}).convert(source, tmp_path / "out.wav")
    out = read_audio(tmp_path / "out.wav").samples[0]
    assert len(out) == 2 * len(sound)
    assert not out[:3000].any() and not out[-6000:].any()
    middle = out[2 * 24000:2 * 26000]
    assert not middle.any()
    assert np.abs(out[2 * 6000:2 * 20000]).max() > 0.01 and np.abs(out[2 * 30000:2 * 50000]).max() > 0.01


def test_a_cut_is_not_heard(opened, tmp_path, monkeypatch):
    """A long recording is cut at its quietest places and the pieces cross-fade: no step is larger than in the whole."""
    source = recorded(tmp_path / "in.wav", speech(7), 16000)
    session = opened(**{"compute.silence_db": -np.inf})
    session.convert(source, tmp_path / "whole.wav")
    monkeypatch.setitem(sessions.CHUNKS, "cpu", 3)
    session.convert(source, tmp_path / "pieces.wav")
    whole, pieces = (read_audio(tmp_path / name).samples[0] for name in ("whole.wav", "pieces.wav"))
    assert len(whole) == len(pieces)
    assert np.abs(np.diff(pieces)).max() <= 1.1 * np.abs(np.diff(whole)).max()


def test_kept_channels_share_one_melody(opened, tmp_path):
    left, right = speech(1.0, 44100), 0.2 * rule.speech("other", 44100, 44100)
    source = recorded(tmp_path / "in.wav", np.stack([left, right]), 44100)
    opened(**{"output.channels": "keep"}).convert(source, tmp_path / "out.flac")
    out = read_audio(tmp_path / "out.flac")
    assert out.samples.shape == (2, 32000)
    assert np.abs(out.samples[0] - out.samples[1]).max() > 1e-3
    opened().convert(source, tmp_path / "mixed.wav")
    assert read_audio(tmp_path / "mixed.wav").channels == 1


@pytest.mark.parametrize("name, kind", [("x.wav", "wav"), ("x.flac", "flac"), ("x.mp3", "mp3"), ("x.ogg", "ogg"),
                                        ("x.m4a", "mov")])
def test_every_format_is_written(opened, tmp_path, name, kind):
    source = recorded(tmp_path / "in.wav", speech(0.5), 16000)
    result = opened().convert(source, tmp_path / name)
    assert result.path == tmp_path / name
    assert recognise(tmp_path / name).demuxer == kind
    assert read_audio(tmp_path / name).duration == pytest.approx(0.5, abs=0.1)


def test_a_melody_can_be_taken_out_edited_and_put_back(opened, tmp_path):
    source = recorded(tmp_path / "in.wav", speech(1), 16000)
    opened(**{"melody.pitch": 2, "melody.f0_save": tmp_path / "a.txt"}).convert(source, tmp_path / "a.wav")
    lines = [line.split(",") for line in (tmp_path / "a.txt").read_text().split()]
    assert len(lines) == 101 and float(lines[50][0]) == pytest.approx(0.5)
    edited = "\n".join(f"{t},{220 if float(hz) else 0}" for t, hz in lines)
    (tmp_path / "flat.txt").write_text(edited)
    opened(**{"melody.f0_file": tmp_path / "flat.txt", "melody.f0_save": tmp_path / "b.txt"}).convert(
        source, tmp_path / "b.wav")
    sung = {float(line.split(",")[1]) for line in (tmp_path / "b.txt").read_text().split()}
    assert sung == {0.0, 220.0}


def test_volume_envelope_follows_the_source(opened, tmp_path):
    swell = speech(4) * np.linspace(0.02, 1, 64000)
    source = recorded(tmp_path / "in.wav", swell, 16000)
    opened(**{"output.volume_envelope": 0}).convert(source, tmp_path / "out.wav")
    out = read_audio(tmp_path / "out.wav").samples[0]
    assert np.std(out[-32000:]) > 4 * np.std(out[:32000])


@pytest.mark.parametrize("options", [
    {"output.formant_shift": True, "output.formant_timbre": 1.2}, {"output.clean_audio": True},
    {"melody.autotune": True}, {"melody.filter_radius": 3}, {"melody.proposed_pitch": True},
    {"retrieval.protect": 0.2}, {"compute.speaker": 1}, {"retrieval.index_rate": 0}, {"melody.hop_length": 320},
    {"melody.f0_threshold": 0.3}])
def test_every_option_is_heard(opened, tmp_path, options):
    source = recorded(tmp_path / "in.wav", speech(1), 16000)
    opened().convert(source, tmp_path / "plain.wav")
    opened(**options).convert(source, tmp_path / "other.wav")
    plain, other = (read_audio(tmp_path / name).samples for name in ("plain.wav", "other.wav"))
    assert plain.shape == other.shape and np.abs(plain - other).max() > 1e-4


def test_half_precision_decodes_nearly_the_same(opened, tmp_path):
    source = recorded(tmp_path / "in.wav", speech(1), 16000)
    for precision in ("fp32", "auto", "bf16"):
        opened(**{"compute.precision": precision}).convert(source, tmp_path / f"{precision}.wav")
    full, half = (read_audio(tmp_path / f"{name}.wav").samples[0] for name in ("fp32", "bf16"))
    assert (tmp_path / "auto.wav").read_bytes() == (tmp_path / "fp32.wav").read_bytes()
    assert not np.array_equal(full, half) and np.corrcoef(full, half)[0, 1] > 0.99


def test_progress_goes_from_nothing_to_all(opened, tmp_path):
    source = recorded(tmp_path / "in.wav", speech(3), 16000)
    steps = []
    opened(**{"output.channels": "keep"}).convert(source, tmp_path / "out.wav", steps.append)
    far = [step.done / step.total for step in steps if step.total > 1]
    assert far == sorted(far) and far[-1] > 0.99 and steps[-1].what == "in.wav"


def test_damaged_sound_comes_out_finite(opened, tmp_path):
    sound = speech(1).astype(np.float32)
    sound[[100, 200, 300]] = np.nan, np.inf, 1e38
    import soundfile

    soundfile.write(tmp_path / "in.wav", sound, 16000, subtype="FLOAT")
    result = opened().convert(tmp_path / "in.wav", tmp_path / "out.wav")
    assert result.peak <= 1 and result.notes
    assert np.isfinite(read_audio(tmp_path / "out.wav").samples).all()


def test_a_stop_is_heard_and_leaves_nothing(opened, tmp_path):
    source = recorded(tmp_path / "in.wav", speech(5), 16000)
    asked = []

    def stop(step):
        asked.append(step)
        if len(asked) > 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        opened().convert(source, tmp_path / "out.wav", stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.wav"]
    opened().convert(source, tmp_path / "out.wav")  # and the device is free again


def test_what_exists_is_not_overwritten(opened, tmp_path):
    source = recorded(tmp_path / "in.wav", speech(0.5), 16000)
    (tmp_path / "out.wav").write_text("mine")
    with pytest.raises(AudioError, match="exists already"):
        opened().convert(source, tmp_path / "out.wav")
    assert (tmp_path / "out.wav").read_text() == "mine"
    with pytest.raises(AudioError, match="the recording itself"):
        opened(**{"compute.overwrite": True}).convert(source, source)


def test_refusals_name_the_remedy(workspace, pool, tmp_path):
    def refused(voice="Ada ²", **options) -> RvcError:
        with pytest.raises(RvcError) as caught:
            open_session(workspace, voice, build(ConversionSettings, QUICK | options), pool)
        return caught.value

    assert isinstance(refused("Eve"), WorkspaceError) and "Ada ²" in str(refused("Eve"))
    assert isinstance(refused(**{"compute.speaker": 2}), SettingsError)
    assert "download contentvec" in str(refused(**{"retrieval.encoder": "contentvec"}))
    assert "download rmvpe" in str(refused(**{"melody.f0_method": "rmvpe"}))
    assert "no content encoder 'mine'" in str(refused(**{"retrieval.encoder": "mine"}))
    assert isinstance(refused(**{"compute.device": "cuda:7"}), RvcError)
    wrong = tmp_path / "wrong.index"
    save_index(FaissIndex.build(torch.zeros(50, 256)), wrong, encoder="mel")
    assert isinstance(refused(**{"retrieval.index": wrong}), VoiceFileError)
    assert "256 wide" in str(refused(**{"retrieval.index": wrong}))


def test_a_person_s_own_encoder_is_used_when_asked_for_and_said(workspace, opened, tmp_path, monkeypatch):
    sizes = {"hidden_size": 80, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32,
             "classifier_proj_size": 16, "conv_dim": [16] * 7, "num_conv_pos_embeddings": 16,
             "num_conv_pos_embedding_groups": 4}
    folder = workspace.own_encoder("mine ü")
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(sizes))
    torch.manual_seed(0)
    save_file(HubertModel(HubertConfig(**sizes)).state_dict(), folder / "model.safetensors")
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a conversion asked the network"))
    session = opened(**{"retrieval.encoder": "mine ü", "retrieval.index_rate": 0})
    assert session.notes[0] == "The voice was trained with the encoder mel, and mine ü listens now."
    source = recorded(tmp_path / "in.wav", speech(0.5), 16000)
    session.convert(source, tmp_path / "mine.wav")
    opened(**{"retrieval.index_rate": 0}).convert(source, tmp_path / "mel.wav")
    assert (tmp_path / "mine.wav").read_bytes() != (tmp_path / "mel.wav").read_bytes()
    with pytest.raises(VoiceFileError, match="made with the encoder 'mel'"):
        opened(**{"retrieval.encoder": "mine ü"})


def test_models_are_loaded_once_for_many_files(workspace, tmp_path):
    pool, folder = Pool(), tmp_path / "in"
    folder.mkdir()
    for n in range(4):
        recorded(folder / f"{n}.wav", speech(0.3 + 0.1 * n), 16000)
    for _ in range(2):
        session = open_session(workspace, "Ada ²", build(ConversionSettings, QUICK | {"compute.overwrite": True}), pool)
        convert_folder(session, folder, tmp_path / "out")
    assert pool.loads == {"voice": 1, "encoder": 1, "f0": 1, "index": 1}


def test_one_bad_file_stops_none_and_what_is_done_stays_done(opened, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    recorded(folder / "good.wav", speech(0.4), 16000)
    recorded(folder / "same stem.wav", speech(0.4), 16000)
    write_audio(folder / "same stem.flac", Audio(speech(0.4)[None].astype(np.float32), 16000))
    (folder / "broken.wav").write_bytes(b"RIFF....")
    (folder / "notes.txt").write_text("not a sound")
    rows = {row.source: row for row in convert_folder(opened(), folder, out)}
    assert {name: row.state for name, row in rows.items()} == {
        "good.wav": "done", "same stem.wav": "done", "same stem.flac": "done", "broken.wav": "failed"}
    assert "broken.wav" in rows["broken.wav"].why
    assert rows["good.wav"].result == "good_Ada ².wav"
    assert rows["same stem.flac"].result == "same stem.flac_Ada ².wav"
    assert {path.name for path in out.iterdir()} == {
        LEDGER, "good_Ada ².wav", "same stem.wav_Ada ².wav", "same stem.flac_Ada ².wav"}
    again = {row.source: row.state for row in convert_folder(opened(), folder, out)}
    assert again == {"good.wav": "skipped", "same stem.wav": "skipped", "same stem.flac": "skipped",
                     "broken.wav": "failed"}
    changed = {row.source: row.state
               for row in convert_folder(opened(**{"melody.pitch": 3, "compute.overwrite": True}), folder, out)}
    assert changed["good.wav"] == "done"


def test_a_ledger_cut_off_by_a_crash_is_read(opened, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    recorded(folder / "good.wav", speech(0.4), 16000)
    convert_folder(opened(), folder, out)
    ledger = out / LEDGER
    ledger.write_text(ledger.read_text() + json.dumps({"source": "x"})[:-4])
    assert convert_folder(opened(), folder, out)[0].state == "skipped"


def test_a_folder_without_sounds_is_refused(opened, tmp_path):
    with pytest.raises(AudioError, match="holds no sound files"):
        convert_folder(opened(), tmp_path, tmp_path / "out")
    with pytest.raises(AudioError, match="not a folder"):
        convert_folder(opened(), tmp_path / "absent", tmp_path / "out")
