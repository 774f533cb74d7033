"""Every format is read and written, at its length, its pitch and its level; and no file is ever half there."""
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import soundfile

from rvc.audio.audio import Audio
from rvc.audio.io import AudioWriter, nearest_rate, probe, read_audio, read_blocks, stream_audio, write_audio

SAMPLE_TYPES = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM"]
BY_FFMPEG = {  # name: encoder
    "a.mp3": ["-c:a", "libmp3lame"], "b.ogg": ["-c:a", "libvorbis"], "c.opus": ["-c:a", "libopus"],
    "d.m4a": ["-c:a", "aac"], "e.aac": ["-c:a", "aac"], "f.webm": ["-c:a", "libopus"], "g.flac": ["-c:a", "flac"],
    "h.aiff": ["-c:a", "pcm_s16be"], "i.wav": ["-c:a", "adpcm_swf"], "j.m4a": ["-c:a", "alac"],
    "k.mp4": ["-f", "lavfi", "-i", "color=s=64x64:r=5:d=1", "-c:v", "mpeg4", "-c:a", "aac"],
}


def assert_is_tone(heard: Audio, seconds: float = 1.0, hz: float = 440.0, slack: float = 0.15):
    """A sine of amplitude 0.5; slack: seconds by which codecs round a length."""
    assert abs(heard.duration - seconds) < slack
    middle = heard.samples[0, heard.length // 4:-heard.length // 4]
    assert np.sqrt(2 * np.mean(middle.astype(np.float64) ** 2)) == pytest.approx(0.5, rel=0.06)
    peak = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))).argmax()
    assert abs(peak * heard.sample_rate / len(middle) - hz) < 3


@pytest.mark.parametrize("subtype", SAMPLE_TYPES)
def test_every_sample_type_is_read(tmp_path, tone, subtype):
    path = tmp_path / "tone.wav"
    soundfile.write(path, tone(rate=44100).samples.T, 44100, subtype)
    assert_is_tone(read_audio(path))
    assert probe(path).codec == subtype.lower()


@pytest.mark.parametrize("name", BY_FFMPEG)
def test_every_format_is_read(tmp_path, tone, ffmpeg, name):
    source, path = tmp_path / "source.wav", tmp_path / name
    soundfile.write(source, tone(rate=44100).samples.T, 44100)
    ffmpeg("-i", source, *BY_FFMPEG[name], path)
    facts = probe(path)
    assert facts.channels == 1 and facts.rate in (44100, 48000) and abs(facts.seconds - 1) < 0.15
    assert_is_tone(read_audio(path))


@pytest.mark.parametrize("name", ["d.m4a", "g.flac"])
def test_the_content_decides_not_the_name(tmp_path, tone, ffmpeg, name):
    source, path = tmp_path / "source.wav", tmp_path / name
    soundfile.write(source, tone().samples.T, 16000)
    ffmpeg("-i", source, *BY_FFMPEG[name], path)
    assert_is_tone(read_audio(path.rename(tmp_path / "renamed.mp3")))


def test_a_tag_before_the_sound_is_passed_over(tmp_path, tone):
    plain, tagged = tmp_path / "plain.mp3", tmp_path / "tagged.mp3"
    write_audio(plain, tone())
    tagged.write_bytes(b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128) + plain.read_bytes())
    assert_is_tone(read_audio(tagged))


@pytest.mark.parametrize("channels", range(1, 9))
@pytest.mark.parametrize("name", ["many.wav", "many.flac"])
def test_one_to_eight_channels(tmp_path, tone, channels, name):
    write_audio(tmp_path / name, tone(channels=channels))
    heard = read_audio(tmp_path / name)
    assert heard.channels == probe(tmp_path / name).channels == channels
    assert_is_tone(heard.mono())


@pytest.mark.parametrize("rate", [8000, 11025, 96000, 192000, 384000])
def test_rates_from_8_to_384_khz(tmp_path, tone, rate):
    write_audio(tmp_path / "fast.wav", tone(rate=rate))
    heard = read_audio(tmp_path / "fast.wav")
    assert heard.sample_rate == rate
    assert_is_tone(heard, slack=1e-6)


@pytest.mark.parametrize("name", ["it's a \"song\" (ça va?).wav", "歌 🎤.flac", "-i.ogg", "with  spaces.m4a", "%d.m4a",
                                  "http:x.m4a", "$(touch x);`id`.mp3"])
def test_a_path_is_a_path(tmp_path, tone, ffmpeg, name):
    folder = tmp_path / "Müller & Söhne, \"Aufnahmen\""
    folder.mkdir()
    write_audio(folder / name, tone())
    assert_is_tone(read_audio(folder / name), slack=0.2)
    assert [file.name for file in folder.iterdir()] == [name]


def test_a_relative_path_that_looks_like_an_option_is_a_path(tmp_path, monkeypatch, tone, ffmpeg):
    monkeypatch.chdir(tmp_path)
    path = tmp_path.__class__("-y.m4a")
    write_audio(path, tone())
    assert_is_tone(read_audio(path), slack=0.2)


@pytest.mark.parametrize("name, subtype, error", [
    ("x.wav", None, 2**-15), ("x.wav", "PCM_24", 2**-23), ("x.wav", "FLOAT", 0), ("x.flac", None, 2**-15),
    ("x.flac", "PCM_24", 2**-23)])
def test_what_is_written_is_what_is_read(tmp_path, tone, name, subtype, error):
    sound = tone(channels=2)
    write_audio(tmp_path / name, sound, subtype=subtype)
    np.testing.assert_allclose(read_audio(tmp_path / name).samples, sound.samples, atol=error)


@pytest.mark.parametrize("name", ["x.mp3", "x.ogg", "x.m4a"])
@pytest.mark.parametrize("rate, written", [(40000, 44100), (16000, 16000), (96000, 48000)])
def test_lossy_formats_get_a_rate_that_they_have(tmp_path, tone, ffmpeg, name, rate, written):
    write_audio(tmp_path / name, tone(rate=rate))
    assert probe(tmp_path / name).rate == written == nearest_rate(rate)
    assert_is_tone(read_audio(tmp_path / name), slack=0.2)


def test_peaks_beyond_full_scale_are_clipped_not_wrapped(tmp_path):
    loud = Audio(np.array([[0, 2, -2, 0.5]], np.float32), 16000)
    write_audio(tmp_path / "loud.wav", loud)
    np.testing.assert_allclose(read_audio(tmp_path / "loud.wav").samples, [[0, 1, -1, 0.5]], atol=2**-14)


@pytest.mark.parametrize("name, message", [("x.xyz", "xyz"), ("x", "extension"), ("x.m3u8", "m3u8")])
def test_an_unknown_format_names_the_known_ones(tmp_path, tone, refused, name, message):
    sentence = refused(write_audio, tmp_path / name, tone())
    assert message in sentence and "wav, flac, mp3, ogg, m4a" in sentence
    assert not list(tmp_path.iterdir())


def test_a_format_can_be_asked_for(tmp_path, tone):
    write_audio(tmp_path / "sound.bin", tone(), format="flac")
    assert (tmp_path / "sound.bin").read_bytes()[:4] == b"fLaC"


def test_impossible_wishes_are_refused(tmp_path, tone, refused):
    assert "PCM_16 or PCM_24" in refused(write_audio, tmp_path / "x.flac", tone(), subtype="FLOAT")
    assert "at most 2 channels" in refused(write_audio, tmp_path / "x.mp3", tone(channels=3))


@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.mp3", "x.ogg", "x.m4a"])
def test_blocks_written_are_the_sound_written(tmp_path, tone, ffmpeg, name):
    sound = tone(rate=40000)
    write_audio(tmp_path / name, sound)
    whole = read_audio(tmp_path / name)
    with AudioWriter(tmp_path / name, 40000) as writer:
        for start in range(0, sound.length, 7777):
            writer.write(Audio(sound.samples[:, start:start + 7777], 40000))
    again = read_audio(tmp_path / name)
    assert again.samples.shape == whole.samples.shape
    np.testing.assert_allclose(again.samples, whole.samples, atol=0.01)


@pytest.mark.parametrize("name", ["x.wav", "x.m4a"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, tone, ffmpeg, name):
    path = tmp_path / name
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), AudioWriter(path, 16000) as writer:
        writer.write(tone())
        assert path.read_bytes() == b"old"
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["x.wav", "x.mp3", "x.m4a"])
def test_nothing_to_write_writes_nothing(tmp_path, refused, ffmpeg, name):
    refused(write_audio, tmp_path / name, Audio(np.zeros((1, 0), np.float32), 16000))
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_one_sentence(tmp_path, tone, refused):
    assert "could not be written" in refused(write_audio, tmp_path / "absent" / "x.wav", tone())


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from rvc.audio.audio import Audio
from rvc.audio.io import write_audio
from rvc.errors import AudioError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    write_audio(Path(sys.argv[1]), Audio(np.random.default_rng(0).random((1, 160_000), np.float32), 16000))
except AudioError as problem:
    print(problem)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX's")
@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.mp3", "x.ogg", "x.m4a"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, ffmpeg, name):
    path = tmp_path / name
    path.write_bytes(b"old")
    child = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, timeout=60)
    assert "writ" in child.stdout and len(child.stdout.splitlines()) == 1, child.stderr
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_blocks_have_the_length_asked_for(tmp_path, tone, ffmpeg):
    for name in ("x.wav", "x.m4a"):
        write_audio(tmp_path / name, tone(2.5))
        lengths = [block.length for block in read_blocks(tmp_path / name, 1.0)]
        assert lengths[:-1] == [16000, 16000] and 0 < lengths[-1] <= 16000


@pytest.mark.parametrize("seconds", [300, pytest.param(3 * 3600, marks=pytest.mark.nightly)])
def test_memory_does_not_grow_with_the_file(tmp_path, tone, seconds):
    with AudioWriter(tmp_path / "long.wav", 44100) as writer:
        for _ in range(seconds // 10):
            writer.write(tone(10, rate=44100))
    tracemalloc.start()
    try:
        with AudioWriter(tmp_path / "long.flac", 16000) as writer:
            for block in stream_audio(tmp_path / "long.wav", 16000, mono=True):
                writer.write(block)
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()
    assert probe(tmp_path / "long.flac").seconds == seconds


def test_leaving_a_stream_early_ends_its_child(tmp_path, tone, ffmpeg, monkeypatch):
    children = []
    popen = subprocess.Popen

    def remembered(*arguments, **named):
        children.append(popen(*arguments, **named))
        return children[-1]

    write_audio(tmp_path / "x.m4a", tone(60))
    monkeypatch.setattr(subprocess, "Popen", remembered)
    blocks = stream_audio(tmp_path / "x.m4a", 44100, 0.1)
    next(blocks)
    blocks.close()
    assert children and all(child.poll() is not None for child in children)


def test_without_ffmpeg_one_sentence_says_what_to_install(tmp_path, tone, ffmpeg, refused, monkeypatch):
    write_audio(tmp_path / "x.m4a", tone())
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "install the package ffmpeg" in refused(read_audio, tmp_path / "x.m4a")
    assert "m4a files need FFmpeg" in refused(write_audio, tmp_path / "y.m4a", tone())
    (tmp_path / "broken.wav").write_bytes(b"RIFF\0\0\0\0WAVE")
    assert "FFmpeg" not in refused(read_audio, tmp_path / "broken.wav")
    write_audio(tmp_path / "x.wav", tone())
    assert_is_tone(read_audio(tmp_path / "x.wav"))


def test_a_child_that_hangs_is_given_up(tmp_path, tone, ffmpeg, refused, monkeypatch):
    write_audio(tmp_path / "x.m4a", tone())
    monkeypatch.setattr("rvc.audio.ffmpeg.PATIENCE", 0.3)
    for name in ("ffmpeg", "ffprobe"):
        (tmp_path / name).write_text("#!/bin/sh\nexec sleep 30\n")
        (tmp_path / name).chmod(0o755)
    real = subprocess.run(["which", "ffprobe"], capture_output=True, text=True).stdout.strip()
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert "longer than" in refused(probe, tmp_path / "x.m4a")
    (tmp_path / "ffprobe").unlink()
    (tmp_path / "ffprobe").symlink_to(real)
    assert "silent for" in refused(read_audio, tmp_path / "x.m4a")


@pytest.mark.parametrize("path", ["absent.wav", ".", "nul\0.wav"])
def test_what_is_no_file_is_refused(tmp_path, refused, path):
    refused(read_audio, tmp_path / path)


def test_a_block_of_another_kind_is_a_mistake(tmp_path, tone):
    with pytest.raises(ValueError, match="same rate"), AudioWriter(tmp_path / "x.wav", 16000) as writer:
        writer.write(tone(rate=48000))
    assert not list(tmp_path.iterdir())


def test_a_broken_m4a_is_one_sentence(tmp_path, tone, ffmpeg, refused):
    write_audio(tmp_path / "x.m4a", tone())
    whole = (tmp_path / "x.m4a").read_bytes()
    for length in (40, 500):
        (tmp_path / "cut.m4a").write_bytes(whole[:length])
        refused(read_audio, tmp_path / "cut.m4a")


def test_half_a_wav_is_half_the_sound_and_half_a_flac_is_damaged(tmp_path, tone, refused):
    for name in ("x.wav", "x.flac"):
        write_audio(tmp_path / name, tone(10))
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[:len(whole) // 2])
    assert_is_tone(read_audio(tmp_path / "x.wav"), seconds=5)
    assert "damaged" in refused(read_audio, tmp_path / "x.flac")


def test_a_sentence_tells_the_name_and_not_the_folder(tmp_path, refused, ffmpeg):
    (tmp_path / "x.m4a").write_bytes(b"\0\0\0\x18ftypM4A " + bytes(100))
    sentence = refused(read_audio, tmp_path / "x.m4a")
    assert "x.m4a" in sentence and str(tmp_path) not in sentence


def test_a_wav_of_floats_does_not_tell_when_it_was_written(tmp_path):
    sound = Audio(np.linspace(-1, 1, 400, dtype=np.float32)[None], 16000)
    write_audio(tmp_path / "a.wav", sound, subtype="FLOAT")
    written = (tmp_path / "a.wav").read_bytes()
    peak = written.index(b"PEAK")
    assert written[peak + 12:peak + 16] == bytes(4)
    assert np.array_equal(read_audio(tmp_path / "a.wav").samples, sound.samples)
