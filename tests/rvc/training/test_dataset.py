"""From files on disk to batches: nothing dropped, nothing out of place, and the same for the same seed."""
import json
from collections import Counter
from dataclasses import replace
from time import sleep

import numpy as np
import pytest
import small
import torch

from rvc.audio.audio import Audio
from rvc.audio.io import write_audio
from rvc.audio.spectrogram import magnitudes
from rvc.errors import AudioError, DatasetError, VoiceFileError
from rvc.training.batches import Clip, collate
from rvc.training.dataset import Dataset, Slice, hold_out, made_ahead, order, read_manifest, write_manifest

HOP, RATE = small.HOP, small.RATE
FACTS = {"sample_rate": RATE, "n_fft": 1024, "shortest": small.SEGMENT}


def slices(count: int) -> list[Slice]:
    return [Slice(f"slices/é {n}.wav", n % 3, 24000, f"features/{n}.npy", f"features/{n}.f0.npy", f"{n:064x}")
            for n in range(count)]


@pytest.fixture
def voice(tmp_path):
    """A voice's folder whose clips last 5, 30, 60 and 250 frames; content row t says t, and f0 says 100 + t Hz."""
    items = []
    for number, frames in enumerate((5, 30, 60, 250)):
        wave = np.repeat(np.arange(frames, dtype=np.float32) / 1000, HOP)
        write_audio(tmp_path / f"ä {number}.wav", Audio(wave[None], RATE), subtype="FLOAT")
        rows = (frames + 1) // 2
        np.save(tmp_path / f"{number}.npy", np.repeat(np.arange(rows, dtype=np.float32)[:, None], small.WIDTH, 1))
        np.save(tmp_path / f"{number}.f0.npy", 100 + np.arange(frames + 1, dtype=np.float32))
        items.append(Slice(f"ä {number}.wav", number, frames * HOP, f"{number}.npy", f"{number}.f0.npy", str(number)))
    return tmp_path, items


def dataset(voice, **kwargs) -> Dataset:
    return Dataset(*voice, **{**FACTS, "longest": 100, **kwargs})


def test_a_manifest_reads_as_it_was_written(tmp_path):
    path = tmp_path / "manifest.jsonl"
    items = [*slices(3), replace(slices(1)[0], f0=None)]
    write_manifest(path, items)
    assert read_manifest(path) == tuple(items)
    assert json.loads(path.read_text("utf-8").splitlines()[0])["wave"] == "slices/é 0.wav"


@pytest.mark.parametrize("spoilt", [
    {"wave": "../a.wav"}, {"wave": "/etc/passwd"}, {"content": "C:\\a.npy"}, {"content": "a\\..\\..\\b.npy"},
    {"f0": "x/../../b.npy"}, {"speaker": -1}, {"speaker": 1 << 20}, {"speaker": True}, {"samples": 0},
    {"samples": 1.5}, {"wave": None}, {"surplus": 1}])
def test_a_damaged_line_is_named(tmp_path, spoilt):
    path = tmp_path / "manifest.jsonl"
    good = vars(slices(1)[0])
    path.write_text(json.dumps(good) + "\n" + json.dumps({**good, **spoilt}) + "\n", "utf-8")
    with pytest.raises(DatasetError, match="Line 2"):
        read_manifest(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]\n", b"{\n", b"[" * 100_000, None])
def test_a_manifest_that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "manifest.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatasetError, match="prepare"):
        read_manifest(path)


def test_what_is_held_out_stays_held_out():
    training, held = hold_out(slices(50), 10)
    assert len(held) == 5 and len(training) == 45 and not set(training) & set(held)
    assert hold_out(list(reversed(slices(50))), 10)[1] == list(reversed(held))
    assert hold_out(slices(50), 0) == (slices(50), [])
    assert [len(part) for part in hold_out(slices(1), 50)] == [1, 0]


def test_the_order_is_a_function_of_seed_and_epoch():
    frames = np.random.default_rng(0).integers(20, 900, 100).tolist()
    kinds = {"batch_size": 4, "longest": 900}
    first = order(frames, **kinds, seed=1, epoch=0)
    assert first == order(frames, **kinds, seed=1, epoch=0)
    assert first != order(frames, **kinds, seed=1, epoch=1) != order(frames, **kinds, seed=2, epoch=0)


@pytest.mark.parametrize("count, batch_size", [(100, 4), (10, 4), (1, 8), (7, 1)])
def test_every_clip_is_heard_and_few_twice(count, batch_size):
    frames = np.random.default_rng(count).integers(1, 900, count).tolist()
    batches = order(frames, batch_size=batch_size, longest=900, seed=0, epoch=3)
    heard = Counter(index for batch in batches for index in batch)
    assert all(len(batch) == batch_size for batch in batches)
    assert set(heard) == set(range(count))
    assert sum(heard.values()) - count < batch_size


def test_clips_of_similar_length_lie_together():
    frames = np.random.default_rng(0).integers(20, 900, 400)
    batches = order(frames.tolist(), batch_size=8, longest=900, seed=0, epoch=0)
    assert max(np.ptp(frames[batch]) for batch in batches) < 150
    assert np.mean([np.ptp(frames[batch]) for batch in batches]) < 60


def test_a_long_clip_is_visited_as_often_as_it_has_windows():
    heard = Counter(index for batch in order([250, 100, 30], batch_size=1, longest=100, seed=0, epoch=0)
                    for index in batch)
    assert heard == {0: 3, 1: 1, 2: 1}


def test_rows_belong_together(voice):
    """Sound, content and melody of a batch are of the same frames of the same clip, and padding is 0."""
    seen = set()
    for batch in dataset(voice).batches(batch_size=4, seed=0, epoch=0):
        for row, length in enumerate(batch.lengths.tolist()):
            speaker = batch.speaker[row].item()
            frames = {0: 5, 1: 30, 2: 60, 3: 100}[speaker]
            assert length == max(frames, small.SEGMENT)
            first = round(batch.wave[row, 0, 0].item() * 1000)
            at = torch.arange(first, first + frames)
            assert torch.equal(batch.f0_hz[row, :frames], 100.0 + at)
            assert torch.equal(batch.content[row, :frames, 0], (at // 2).float())
            assert torch.allclose(batch.wave[row, 0, : frames * HOP], at.repeat_interleave(HOP) / 1000)
            for padded in (batch.content[row, frames:], batch.f0_hz[row, frames:], batch.wave[row, :, frames * HOP:],
                           batch.spectrogram[row, :, frames:]):
                assert not padded.any()
            seen.add((speaker, first))
    assert {speaker for speaker, _ in seen} == {0, 1, 2, 3}
    assert len({first for speaker, first in seen if speaker == 3}) >= 3  # windows of the long clip


def test_windows_move_from_epoch_to_epoch(voice):
    clips = dataset((voice[0], voice[1][3:]))
    firsts = [batch.wave[:, 0, 0].tolist() for epoch in range(4)
              for batch in clips.batches(batch_size=3, seed=0, epoch=epoch)]
    assert len({first for row in firsts for first in row}) > 6


def test_a_spectrogram_is_that_of_the_valid_part():
    clip = small.clip(40)
    batch = collate([clip, small.clip(60, "longer")], **FACTS)
    alone = magnitudes(clip.wave, n_fft=1024, hop=HOP)
    assert torch.equal(batch.spectrogram[0, :, :40], alone) and not batch.spectrogram[0, :, 40:].any()


def test_odd_windows_keep_content_in_step():
    clip = Clip(torch.arange(10.0)[:, None], None, torch.zeros(20 * HOP), 0)
    assert clip.window(3, 6, HOP).content[:, 0].tolist() == [1, 2, 2, 3, 3, 4]
    assert clip.window(4, 5, HOP).content[:, 0].tolist() == [2, 2, 3, 3, 4]


def test_the_shortest_of_three_decides():
    clip = small.clip(50)
    held = replace(clip, content=clip.content[:25])
    assert held.frames(HOP) == 50
    assert replace(held, content=clip.content[:20]).frames(HOP) == 40
    assert replace(held, f0_hz=clip.f0_hz[:33]).frames(HOP) == 33
    assert replace(held, wave=clip.wave[: 30 * HOP + 7], f0_hz=None).frames(HOP) == 30


def test_processes_share_a_batch(voice):
    whole = [batch.speaker.tolist() for batch in dataset(voice).batches(batch_size=4, seed=5, epoch=2)]
    halves = [[batch.speaker.tolist() for batch in dataset(voice).batches(batch_size=2, seed=5, epoch=2, rank=rank,
                                                                          ranks=2)] for rank in (0, 1)]
    assert whole == [[one[0], other[0], one[1], other[1]] for one, other in zip(*halves)]


@pytest.mark.parametrize("cache, survives", [("none", False), ("ram", True), ("gpu", True)])
def test_a_cache_reads_files_once(voice, cache, survives):
    clips = dataset(voice, cache=cache)
    first = [batch.content for batch in clips.batches(batch_size=2, seed=0, epoch=0)]
    for item in voice[1]:
        (voice[0] / item.wave).unlink()
    if not survives:
        with pytest.raises(AudioError, match="wav"):
            list(clips.batches(batch_size=2, seed=0, epoch=0))
        return
    again = [batch.content for batch in clips.batches(batch_size=2, seed=0, epoch=0)]
    assert all(torch.equal(*pair) for pair in zip(first, again))


def test_files_of_another_voice_are_refused(voice):
    folder, items = voice
    with pytest.raises(DatasetError, match="24000 Hz and the voice at 32000"):
        Dataset(folder, items, **{**FACTS, "sample_rate": 32000}, longest=100).clip(1)
    np.save(folder / "1.npy", np.full((15, small.WIDTH), np.nan, np.float32))
    np.save(folder / "2.npy", np.array([{}], dtype=object))
    with pytest.raises(DatasetError, match="1.npy"):
        dataset(voice).clip(1)
    with pytest.raises(VoiceFileError, match="run code"):
        dataset(voice).clip(2)


def test_batches_are_made_ahead_and_in_order():
    made = []

    def make(number):
        made.append(number)
        return number

    batches = made_ahead(make, 10, ahead=3, workers=1)
    assert next(batches) == 0
    for _ in range(100):
        if len(made) == 4:
            break
        sleep(0.02)
    assert made == [0, 1, 2, 3]  # three more than were asked for, and no further
    assert list(batches) == list(range(1, 10))


def test_a_fault_while_making_is_raised_in_its_place():
    def make(number):
        return number if number < 2 else 1 // 0

    batches = made_ahead(make, 5)
    assert (next(batches), next(batches)) == (0, 1)
    with pytest.raises(ZeroDivisionError):
        next(batches)


def test_a_clip_shorter_than_a_segment_is_learned_from(written_noise):
    recipe = small.recipe()
    found = recipe.step([collate([small.clip(4), small.clip(1, "one frame")], **FACTS)], written_noise("half"))
    assert found.sound and found.kl.isfinite()
