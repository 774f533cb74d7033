"""FFmpeg as a child that may read one file with one demuxer, and nothing else."""
import json
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import numpy as np

from rvc.audio.containers import Container
from rvc.errors import AudioError

PATIENCE = 60.0  # seconds that one answer of the child may take
COMPLAINT = 200  # characters of its complaints that are shown
NOTHING = "it holds no sound"
MAYBE_FULL = "perhaps the disk is full"
INSTALL = "install the package ffmpeg (apt install ffmpeg, brew install ffmpeg, winget install ffmpeg)"


def facts(path: Path, container: Container) -> tuple[int, int, float | None, str]:
    """Rate in Hz, channels, seconds (None: the header does not say) and codec, from the header."""
    wanted = "stream=codec_name,sample_rate,channels,duration:format=duration"
    command = [_program("ffprobe", container.name), *_confined(path, container), "-select_streams", "a:0",
               "-show_entries", wanted, "-of", "json"]
    try:
        answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise AudioError(f"{path.name!r} cannot be read: its header took longer than {PATIENCE:.0f} s.") from None
    try:
        found = json.loads(answer.stdout or b"{}")
        stream = found["streams"][0]
        seconds = stream.get("duration") or found.get("format", {}).get("duration")
        return (int(stream["sample_rate"]), int(stream["channels"]), float(seconds) if seconds else None,
                str(stream["codec_name"]))
    except (ValueError, LookupError, TypeError):
        raise _unreadable(path, answer.stderr.decode("utf-8", "replace")) from None


def decoded(path: Path, container: Container, rate: int, channels: int, block: int) -> Iterator[np.ndarray]:
    """(n, channels) float32, n ≤ block samples, one after the other; rate and channels as `facts` found them.

    The child is held back by its pipe, so nothing is decoded that is not asked for, and it ends with the iterator.
    """
    command = [_program("ffmpeg", container.name), "-nostdin", *_confined(path, container),
               "-map", "0:a:0", "-vn", "-sn", "-dn", "-ar", str(rate), "-ac", str(channels),
               "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1"]
    with _child(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as (child, complaints):
        while data := _patiently(child, lambda: child.stdout.read(block * channels * 4), path):
            whole = len(data) // (4 * channels)
            yield np.frombuffer(data, "<f4", whole * channels).reshape(whole, channels).astype(np.float32)
        if child.wait(PATIENCE) != 0:
            raise _unreadable(path, complaints())


@contextmanager
def aac_encoder(path: Path, rate: int, channels: int) -> Iterator[IO[bytes]]:
    """A pipe that takes interleaved float32 and leaves an MPEG-4 file of AAC at the path."""
    command = [_program("ffmpeg", "m4a"), "-v", "error", "-f", "f32le", "-ar", str(rate), "-ac", str(channels),
               "-i", "pipe:0", "-c:a", "aac", "-b:a", f"{128 * channels}k", "-movflags", "+faststart",
               "-f", "ipod", "-y", _literal(path)]
    with _child(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as (child, complaints):
        try:
            yield child.stdin
            child.stdin.close()
            failed = child.wait(PATIENCE) != 0
        except (OSError, subprocess.TimeoutExpired):
            failed = True
        if failed:
            raise AudioError(f"The m4a file could not be written: {_last(complaints(), path) or MAYBE_FULL}.")


def is_installed() -> bool:
    return shutil.which("ffmpeg") is not None and shutil.which("ffprobe") is not None


def _program(name: str, kind: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise AudioError(f"{kind} files need FFmpeg, and {name} is missing: {INSTALL}.")
    return found


def _confined(path: Path, container: Container) -> list[str]:
    """One file, one demuxer, no other protocol; references to further files are not followed."""
    no_references = ["-enable_drefs", "0", "-use_absolute_path", "0"] if container.demuxer == "mov" else []
    return ["-v", "error", "-protocol_whitelist", "file,pipe", *no_references, "-f", container.demuxer,
            "-i", _literal(path)]


def _literal(path: Path) -> str:
    """A path that FFmpeg takes for a file whatever it looks like."""
    return f"file:{path}"


@contextmanager
def _child(command: list[str], **pipes: int):
    """The process and a function for its complaints; it is dead when the block is left."""
    child = subprocess.Popen(command, stderr=subprocess.PIPE, **pipes)
    last = deque(maxlen=20)
    listener = threading.Thread(target=lambda: last.extend(child.stderr), daemon=True)
    listener.start()

    def complaints() -> str:
        listener.join(PATIENCE)
        return b"".join(last).decode("utf-8", "replace")

    try:
        yield child, complaints
    finally:
        child.kill()
        child.wait()
        listener.join(PATIENCE)
        for pipe in filter(None, (child.stdin, child.stdout, child.stderr)):
            with suppress(OSError):  # a dead child takes no more of what is buffered for it
                pipe.close()


def _patiently(child: subprocess.Popen, read: Callable[[], bytes], path: Path) -> bytes:
    """What read() returns; a child that stays silent for too long is killed, which ends the read."""
    late = threading.Event()
    alarm = threading.Timer(PATIENCE, lambda: (late.set(), child.kill()))
    alarm.start()
    try:
        data = read()
    finally:
        alarm.cancel()
    if late.is_set():
        raise AudioError(f"{path.name!r} cannot be read: FFmpeg was silent for {PATIENCE:.0f} s.")
    return data


def _unreadable(path: Path, complaint: str) -> AudioError:
    return AudioError(f"{path.name!r} cannot be read: {_last(complaint, path) or NOTHING}.")


def _last(complaint: str, path: Path) -> str:
    """The last line of the complaints, without the path and control characters."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    text = lines[-1] if lines else ""
    text = text.rpartition("] ")[2].replace(f"{_literal(path)}: ", "").rstrip(".")
    return "".join(letter for letter in text if letter.isprintable())[:COMPLAINT]
