"""Does the output follow the source's melody?  Real recordings through a full-size voice of the written rule.

    python -m benchmarks.real_sound WORKSPACE OUT.json METHOD SEMITONES ENVELOPE FILE …

For every file: converted with this method, `--pitch SEMITONES` and `--volume-envelope ENVELOPE`; then FCPE listens to
both.  Printed over all files together: correlation and median error of F0 on the frames that are voiced in both; and
for each file whether its length is exact, its peak, and the loudest 20 ms frame inside silent stretches.

Random weights buzz at the frame rate and its multiples; where the source is quiet FCPE hears that buzz.  With
envelope 0 the result is as quiet there as the source.
"""
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from benchmarks.real_size import make
from rvc.audio.io import read_audio
from rvc.audio.slicing import silent_stretches
from rvc.conversion.opening import open_session
from rvc.f0.fcpe import FCPE
from rvc.options import build
from rvc.settings.conversion import ConversionSettings


def main(workspace: Path, out: Path, method: str, pitch: int, envelope: float, files: list[Path]) -> None:
    settings = build(ConversionSettings, {"melody.f0_method": method, "melody.pitch": pitch, "compute.overwrite": True,
                                          "output.bits": "float", "output.volume_envelope": envelope})
    session, listener = open_session(make(workspace), "rule", settings), FCPE()
    rows, wanted, found = [], [], []
    with TemporaryDirectory() as folder:
        for file in files:
            result = session.convert(file, Path(folder, file.stem + ".wav"))
            source, sung = read_audio(file).mono(), read_audio(result.path)
            a, b = _both_voiced(listener, source, sung, pitch)
            rows.append(_facts(file, source, sung, result) | {"correlation": round(float(np.corrcoef(a, b)[0, 1]), 3)})
            wanted.append(a), found.append(b)
            print(rows[-1], flush=True)
    wanted, found = np.concatenate(wanted), np.concatenate(found)
    cents = 1200 * np.log2(found / wanted)
    report = {"method": method, "pitch": pitch, "envelope": envelope, "frames": len(wanted),
              "correlation": float(np.corrcoef(wanted, found)[0, 1]),
              "median_error_cents": float(np.median(np.abs(cents))), "files": rows}
    out.write_text(json.dumps(report, indent=1))
    print({key: value for key, value in report.items() if key != "files"})


def _facts(file: Path, source, sung, result) -> dict:
    exact = -(-source.length * sung.sample_rate // source.sample_rate)
    heard = source.resampled(16000).samples[0]
    quiet = [_level(sung.samples[0], *(edge * sung.sample_rate // 16000 for edge in span), sung.sample_rate)
             for span in silent_stretches(heard)]
    return {"file": file.name, "seconds": round(source.duration, 2), "took": round(result.took, 1),
            "exact_length": sung.length == exact, "peak": round(float(np.abs(sung.samples).max()), 3),
            "finite": bool(np.isfinite(sung.samples).all()), "silences": len(quiet),
            "loudest_silence_db": max(quiet, default=None)}


def _level(samples: np.ndarray, begin: int, end: int, rate: int) -> float:
    """dBFS of the loudest 20 ms frame, the 20 ms fades at the ends left out."""
    frame = rate // 50
    inside = samples[begin + frame:end - frame]
    frames = inside[:len(inside) // frame * frame].reshape(-1, frame)
    return float(10 * np.log10(max(1e-12, (frames.astype(np.float64) ** 2).mean(1).max(initial=0))))


def _both_voiced(listener: FCPE, source, sung, pitch: int) -> tuple[np.ndarray, np.ndarray]:
    heard = [listener.estimate(torch.from_numpy(audio.resampled(16000).samples[0])).hz.numpy()
             for audio in (source, sung)]
    frames = min(map(len, heard))
    a, b = heard[0][:frames] * 2 ** (pitch / 12), heard[1][:frames]
    both = (a > 0) & (b > 0)
    return a[both], b[both]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5]),
         [Path(name) for name in sys.argv[6:]])
