"""Files that were made to do harm: every one ends in one sentence, soon, in little memory, and touches nothing else."""
import shutil
import socket
import struct
import time
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile

from rvc.audio.audio import Audio
from rvc.audio.denoising import reduce_noise
from rvc.audio.filters import high_pass, high_pass_causal
from rvc.audio.formants import formant_shift
from rvc.audio.io import probe, read_audio, read_blocks, stream_audio, write_audio
from rvc.audio.loudness import limit_peak, match_loudness
from rvc.audio.slicing import loud_intervals, silent_stretches, slices
from rvc.errors import AudioError

MIB = 2**20


@contextmanager
def within(*, seconds: float, memory: int):
    """What happens inside is quick and takes little memory."""
    tracemalloc.start()
    began = time.monotonic()
    try:
        yield
        taken, (_, peak) = time.monotonic() - began, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < seconds and peak < memory


def wav(data: bytes, *, rate: int = 16000, channels: int = 1, tag: int = 1, bits: int = 16, size: int | None = None,
        riff: bytes = b"RIFF", extra: bytes = b"") -> bytes:
    """A WAV file with whatever the header is told to say."""
    frame = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels & 0xFFFF, rate, rate * frame & 0xFFFFFFFF, frame & 0xFFFF, bits)
    said = len(data) if size is None else size
    body = b"WAVE" + extra + b"fmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", said) + data
    return riff + struct.pack("<I", 0xFFFFFFFF if riff == b"RF64" else len(body)) + body


@pytest.fixture
def written(tmp_path):
    """written(bytes) → a file of them."""

    def write(data: bytes, name: str = "attack.wav"):
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return write


def forged_flac(path, samples: int, rate: int, channels: int):
    """A short FLAC whose header speaks of this many samples."""
    soundfile.write(path, np.zeros((4096, channels)), rate, "PCM_16", format="FLAC")
    data = bytearray(path.read_bytes())
    data[21] = data[21] & 0xF0 | samples >> 32
    data[22:26] = (samples & 0xFFFFFFFF).to_bytes(4, "big")
    path.write_bytes(data)
    return path


def test_36_a_flac_bomb_is_refused_by_its_header(tmp_path, refused):
    bomb = forged_flac(tmp_path / "bomb.flac", 2**36 - 1, 192_000, 8)
    for read in (read_audio, read_blocks, lambda path: stream_audio(path, 16000)):
        with within(seconds=1, memory=MIB):
            assert "4 hours" in refused(read, bomb)


def test_36_what_the_header_allows_must_fit_into_memory(tmp_path, refused):
    wide = forged_flac(tmp_path / "wide.flac", 3 * 3600 * 192_000, 192_000, 8)
    with within(seconds=1, memory=MIB):
        refused(read_audio, wide)


def test_36_what_is_longer_than_allowed_takes_no_memory_first(tmp_path, refused):
    soundfile.write(tmp_path / "x.flac", np.zeros(600 * 48000, np.int16), 48000)
    with within(seconds=1, memory=MIB):
        assert "20 seconds" in refused(read_audio, tmp_path / "x.flac", limit_seconds=20)


def test_36_a_bomb_that_does_not_say_how_long_it_is_stops_at_the_limit(tmp_path, ffmpeg, refused):
    path = tmp_path / "x.webm"
    ffmpeg("-f", "lavfi", "-i", "anullsrc=r=48000:cl=mono", "-t", "300", "-c:a", "libopus", "-live", "1", path)
    assert probe(path).seconds is None
    with within(seconds=10, memory=20 * MIB):
        assert "20 seconds" in refused(read_audio, path, limit_seconds=20)
        assert "20 seconds" in refused(stream_audio, path, 16000, limit_seconds=20)


@pytest.mark.parametrize("rate", [1, 2**31 - 1, 0, 7999, 384_001], ids=["37", "38", "39", "low", "high"])
def test_37_38_39_impossible_rates_are_refused(written, refused, rate):
    with within(seconds=2, memory=MIB):
        refused(read_audio, written(wav(bytes(3200), rate=rate)))


@pytest.mark.parametrize("channels", [65_535, 9, 0])
def test_40_too_many_channels_are_refused(written, refused, channels):
    with within(seconds=2, memory=2 * MIB):
        refused(read_audio, written(wav(bytes(65_535 * 4), channels=channels)))


def test_41_a_wav_of_four_gigabytes_that_are_not_there(written, refused):
    with within(seconds=2, memory=MIB):
        assert "no sound" in refused(read_audio, written(wav(b"", size=0xFFFFFFFF)))
        assert read_audio(written(wav(bytes(3200), size=0xFFFFFFFF))).length == 1600


def test_42_an_odd_number_of_bytes_is_rounded_down(written):
    assert read_audio(written(wav(bytes(3201)))).length == 1600


def test_43_a_lying_rf64_gives_what_is_there(written):
    sizes = b"ds64" + struct.pack("<IQQQI", 28, 2**62, 2**61, 2**60, 0)
    path = written(wav(bytes(3200), riff=b"RF64", size=0xFFFFFFFF, extra=sizes))
    with within(seconds=2, memory=2 * MIB):
        assert read_audio(path).length == 1600


@pytest.mark.parametrize("name", ["x.wav", "x.aiff"])
def test_44_no_samples_are_no_sound(tmp_path, refused, name):
    soundfile.write(tmp_path / name, np.zeros((0, 1)), 16000)
    for read in (read_audio, read_blocks, lambda path: stream_audio(path, 40000)):
        assert "no sound" in refused(read, tmp_path / name)


@pytest.mark.parametrize("length", [1, 17], ids=["45", "46"])
def test_45_46_the_shortest_sounds_go_all_the_way(tmp_path, length):
    soundfile.write(tmp_path / "x.wav", np.full(length, 0.5), 44100, "FLOAT")
    sound = read_audio(tmp_path / "x.wav").mono().resampled(16000).samples[0]
    assert len(sound) == -(-length * 16000 // 44100)
    for step in (lambda x: high_pass(x, 16000), lambda x: high_pass_causal(x, 16000),
                 lambda x: formant_shift(x, 0.8, 1.2), lambda x: reduce_noise(x, 16000, 0.5),
                 lambda x: match_loudness(x, 16000, x, 16000, 0.5), lambda x: limit_peak(x, 0.95)):
        done = step(sound)
        assert done.shape == sound.shape and np.isfinite(done).all() and np.abs(done).max() <= 1
    assert slices(sound, 16000) == [(0, len(sound))]
    write_audio(tmp_path / "y.wav", Audio(sound[None], 16000))
    assert read_audio(tmp_path / "y.wav").length == len(sound)


def test_47_a_wav_of_nan_is_refused(written, refused):
    data = np.full(16000, np.nan, "<f4").tobytes()
    assert "damaged" in refused(read_audio, written(wav(data, tag=3, bits=32)))


def test_47_damage_is_known_before_the_end(written):
    data = np.zeros(160_000, "<f4")
    data[16_000:18_000] = np.inf
    blocks = read_blocks(written(wav(data.tobytes(), tag=3, bits=32)), 1.0)
    assert next(blocks).length == 16_000
    with pytest.raises(AudioError, match="damaged"):
        next(blocks)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e38, -1e38])
@pytest.mark.parametrize("rate", [16000, 40000])
def test_47_a_few_wrong_numbers_are_mended_and_noted(written, tone, wrong, rate):
    samples = tone().samples[0].copy()
    samples[5000:5003] = wrong
    path = written(wav(samples.astype("<f4").tobytes(), tag=3, bits=32))
    whole, streamed = read_audio(path).resampled(rate), list(stream_audio(path, rate, 0.25))
    assert "3 samples" in whole.notes[0] and streamed[0].notes == () and streamed[-1].notes == whole.notes
    for sound in (whole.samples, np.concatenate([block.samples for block in streamed], axis=1)):
        assert np.isfinite(sound).all()
        limited = limit_peak(sound, 0.95)
        assert np.isfinite(limited).all() and np.abs(limited).max() <= 1


def test_47_numbers_too_small_to_be_normal_are_silence(written):
    data = np.full(16000, 1e-42, "<f4")
    sound = read_audio(written(wav(data.tobytes(), tag=3, bits=32))).resampled(40000)
    assert np.abs(sound.samples).max() < 1e-30 and sound.notes == ()
    assert np.isfinite(high_pass(data, 16000)).all() and np.isfinite(formant_shift(data, 0.8, 1.2)).all()


def test_48_a_minute_of_silence_is_silence(tmp_path):
    silence = Audio(np.zeros((1, 60 * 16000), np.float32), 16000)
    write_audio(tmp_path / "x.wav", silence)
    sound = read_audio(tmp_path / "x.wav").samples[0]
    assert silent_stretches(sound).tolist() == [[0, 960_000]] and len(loud_intervals(sound)) == 0
    for done in (high_pass(sound, 16000), formant_shift(sound, 0.8, 1.2), reduce_noise(sound, 16000, 0.5),
                 limit_peak(sound, 0.95), match_loudness(sound, 16000, sound, 16000, 0.5)):
        assert not done.any()


def test_49_silence_in_a_dataset_gives_no_slice():
    silence = np.zeros(60 * 40000, np.float32)
    assert slices(high_pass_causal(silence, 40000), 40000) == []


@pytest.fixture
def listener():
    """A port on this machine that nobody may call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server.getsockname()[1]
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.fixture
def canary(tmp_path, tone):
    """A sound that would be heard if a reference to it were followed."""
    write_audio(tmp_path / "canary.wav", tone())
    return tmp_path / "canary.wav"


IMPOSTORS = {
    "text": "Hello.\n", "exe": "MZ\0\0", "html": "<!DOCTYPE html>", "empty": "", "one byte": "\xff",
    "utf-16": "\xff\xfeH\0i\0",
    "m3u8": "#EXTM3U\n#EXTINF:1,\n{canary}\n#EXT-X-ENDLIST\n",
    "m3u8 elsewhere": "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{canary}'\n", "concat elsewhere": "ffconcat version 1.0\nfile http://127.0.0.1:{port}/\n",
    "dash": '<?xml version="1.0"?><MPD><BaseURL>http://127.0.0.1:{port}/</BaseURL></MPD>',
    "sdp": "v=0\nm=audio {port} RTP/AVP 0\nc=IN IP4 127.0.0.1\n", "ffmetadata": ";FFMETADATA1\n",
    "aiff only in name": "FORM\0\0\0\4AIFF", "mp4 only in name": "\0\0\0\x18ftypM4A #EXTM3U\nhttp://127.0.0.1:{port}/\n",
    "ogg only in name": "OggShttp://127.0.0.1:{port}/", "tag only": "ID3\4\0\0\0\0\0\0#EXTM3U\n{canary}\n",
}


@pytest.mark.parametrize("ending", ["wav", "mp4", "m3u8"])
@pytest.mark.parametrize("kind", IMPOSTORS)
def test_50_what_is_no_sound_is_refused_and_not_followed(written, canary, listener, refused, ffmpeg, kind, ending):
    text = IMPOSTORS[kind].format(canary=canary, port=listener)
    path = written(text.encode("latin-1"), f"attack.{ending}")
    refused(probe, path)
    refused(read_audio, path)


def with_reference(mp4: bytes, target: str) -> bytes:
    """The MPEG-4 file without its sound, and with a reference to another file that has it."""
    name = target.encode()
    alias = (bytes(10) + b"\4none" + bytes(23) + bytes(12) + b"\4none" + bytes(59) + bytes(16) + bytes(4) + bytes(16)
             + struct.pack(">HH", 2, len(name)) + name + bytes(len(name) % 2) + struct.pack(">HH", 0xFFFF, 0))
    entry = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
    reference = struct.pack(">I4sII", 16 + len(entry), b"dref", 0, 1) + entry

    def rebuilt(data: bytes) -> bytes:
        boxes = b""
        while data:
            size, kind = struct.unpack(">I4s", data[:8])
            body, data = data[8:size], data[size:]
            if kind == b"dref":
                boxes += reference
                continue
            if kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
                body = rebuilt(body)
            boxes += struct.pack(">I4s", 8 + len(body), kind) + (bytes(len(body)) if kind == b"mdat" else body)
        return boxes

    return rebuilt(mp4)


def test_50_an_mp4_that_refers_to_another_file_does_not_get_it(tmp_path, ffmpeg, tone):
    write_audio(tmp_path / "source.wav", tone())
    ffmpeg("-i", tmp_path / "source.wav", "-c:a", "pcm_s16le", "-f", "mov", tmp_path / "secret.mov")
    attack = tmp_path / "attack.mov"
    attack.write_bytes(with_reference((tmp_path / "secret.mov").read_bytes(), str(tmp_path / "secret.mov")))
    open_door = ffmpeg("-enable_drefs", "1", "-use_absolute_path", "1", "-i", attack, "-f", "s16le", "pipe:1")
    assert np.abs(np.frombuffer(open_door, "<i2")).max() > 10_000  # the attack works where it is let in
    try:
        heard = read_audio(attack).samples
    except AudioError:
        return
    assert not heard.any()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace shows what a child opens; it is not installed")
@pytest.mark.parametrize("name", ["x.m4a", "x.webm", "attack.mov"])
def test_50_the_child_opens_one_file_and_calls_nobody(tmp_path, tone, ffmpeg, monkeypatch, name):
    folder, watched = tmp_path / "sounds", tmp_path / "watched"
    folder.mkdir()
    watched.mkdir()
    write_audio(folder / "source.wav", tone())
    ffmpeg("-i", folder / "source.wav", folder / ("x.m4a" if name == "attack.mov" else name))
    if name == "attack.mov":
        (folder / name).write_bytes(with_reference((folder / "x.m4a").read_bytes(), str(folder / "x.m4a")))
    log = tmp_path / "log"
    for program in ("ffmpeg", "ffprobe"):
        (watched / program).write_text(f"#!/bin/sh\nexec strace -f -A -o '{log}' -e trace=open,openat,socket,connect "
                                       f"{shutil.which(program)} \"$@\"\n")
        (watched / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{watched}:/usr/bin:/bin")
    try:
        read_audio(folder / name)
    except AudioError:
        assert name == "attack.mov"
    calls = log.read_text()
    assert f"{folder / name}" in calls and "exited" in calls
    assert "socket(" not in calls and "connect(" not in calls
    assert {word for word in calls.split('"') if word.startswith(str(tmp_path))} == {str(folder / name)}
    assert not any(flag in line for line in calls.splitlines() for flag in ("O_CREAT", "O_WRONLY", "O_RDWR"))
