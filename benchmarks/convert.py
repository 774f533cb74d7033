"""How long a conversion takes, stage by stage, and how much memory: networks of real size, random weights.

    python -m benchmarks.convert WORKSPACE OUT.json [--seconds 10,60,300] [--threads 1] [--vectors 20000]

Every length runs in a process of its own.  The rate of a 1024³ matrix product is measured in the same process, so
that cost = seconds × rate can be compared between machines.
"""
import json
import os
import resource
import subprocess
import sys
import time
from argparse import ArgumentParser
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

MATRIX = 1024


def main(arguments: list[str]) -> None:
    parser = ArgumentParser()
    parser.add_argument("workspace", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", default="10,60,300")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--vectors", type=int, default=20000)
    parser.add_argument("--only", type=int)
    asked = parser.parse_args(arguments)
    if asked.only:
        print(json.dumps(one(asked.workspace, asked.only, asked.threads, asked.vectors)))
        return
    runs = [_child(asked, int(seconds)) for seconds in asked.seconds.split(",")]
    asked.out.write_text(json.dumps({"command": ["benchmarks.convert", *arguments[2:]], "start_up": start_up(),
                                     "runs": runs}, indent=1))


def _child(asked, seconds: int) -> dict:
    command = [sys.executable, "-m", "benchmarks.convert", str(asked.workspace), str(asked.out), "--only", str(seconds),
               "--threads", str(asked.threads), "--vectors", str(asked.vectors)]
    done = subprocess.run(command, capture_output=True, text=True, check=True,
                          env=os.environ | {"OMP_NUM_THREADS": str(asked.threads)})
    print(done.stdout.strip(), flush=True)
    return json.loads(done.stdout)


def start_up() -> dict:
    """Seconds of whole processes."""
    found = {}
    for name, code in {"help": ["-m", "rvc", "--help"], "import": ["-c", "import rvc.conversion.opening"]}.items():
        began = time.perf_counter()
        subprocess.run([sys.executable, *code], capture_output=True, check=True)
        found[name] = round(time.perf_counter() - began, 3)
    return found


def one(folder: Path, seconds: int, threads: int, vectors: int) -> dict:
    """A conversion of so many seconds of synthetic speech."""
    import torch

    from benchmarks.real_size import make
    from rvc.conversion.opening import open_session
    from rvc.options import build
    from rvc.settings.conversion import ConversionSettings

    torch.set_num_threads(threads)
    rates = {"fp32": rate(torch.float32), "bf16": rate(torch.bfloat16)}
    workspace = make(folder)
    index = _index(folder, vectors)
    with TemporaryDirectory() as place:
        source = _speech(Path(place, "in.wav"), seconds)
        began = time.perf_counter()
        settings = {"melody.f0_method": "fcpe", "retrieval.index": index["path"], "compute.silence_db": float("-inf")}
        session = open_session(workspace, "rule", build(ConversionSettings, settings))
        loading = time.perf_counter() - began
        with timed() as (session_of, stages):
            result = session_of(session).convert(source, Path(place, "out.wav"))
    stages["other"] = result.took - sum(stages.values())
    return {"seconds": seconds, "threads": threads, "matrix_gflops": rates, "loading": round(loading, 2),
            "took": round(result.took, 2), "real_time_factor": round(result.took / seconds, 3),
            "cost": round(result.took * rates["fp32"]), "stages": {k: round(v, 2) for k, v in stages.items()},
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "index": index}


def rate(dtype) -> float:
    """Billions of operations a second of a matrix product, the best of five."""
    import torch

    a, best = torch.randn(MATRIX, MATRIX).to(dtype), float("inf")
    for _ in range(6):
        began = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - began)
    return round(2 * MATRIX ** 3 / best / 1e9, 1)


@contextmanager
def timed():
    """Gives a function that puts clocks into a session, and the seconds that they count."""
    from rvc.conversion import converter
    from rvc.conversion import session as sessions

    stages = dict.fromkeys(("decode", "f0", "content", "retrieval", "synthesis", "write"), 0.0)

    def clocked(stage, function):
        def run(*args, **kwargs):
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                stages[stage] += time.perf_counter() - began
        return run

    @contextmanager
    def decoded(*args, **kwargs):
        began = time.perf_counter()
        with listened(*args, **kwargs) as recording:
            stages["decode"] += time.perf_counter() - began
            yield recording

    listened, write, retrieve = sessions.listened, sessions.write, converter.retrieve
    sessions.listened, sessions.write = decoded, clocked("write", write)
    converter.retrieve = clocked("retrieval", retrieve)

    def with_clocks(session):
        inner = session.converter
        extractor, voice = _Clocked(inner.extractor), _Clocked(inner.voice)
        extractor.content = clocked("content", inner.extractor.content)
        extractor.melody = clocked("f0", inner.extractor.melody)
        voice.speak = clocked("synthesis", inner.voice.speak)
        return replace(session, converter=replace(inner, extractor=extractor, voice=voice))

    try:
        yield with_clocks, stages
    finally:
        sessions.listened, sessions.write, converter.retrieve = listened, write, retrieve


class _Clocked:
    """Everything that the wrapped one has, and what is set on it."""

    def __init__(self, wrapped):
        self._wrapped = wrapped

    def __getattr__(self, name):
        return getattr(self._wrapped, name)


def _index(folder: Path, vectors: int) -> dict:
    """An index of random vectors, built once, with the time of building and of one query."""
    import torch

    from rvc.retrieval.blend import retrieve
    from rvc.retrieval.faiss_index import FaissIndex
    from rvc.retrieval.indexfile import load_index, save_index

    path, facts = folder / f"random-{vectors}.index", {"vectors": vectors}
    if not path.exists():
        began = time.perf_counter()
        save_index(FaissIndex.build(torch.randn(vectors, 768, generator=torch.Generator().manual_seed(0))), path,
                   encoder="contentvec")
        facts["build"] = round(time.perf_counter() - began, 2)
    index = load_index(path, width=768, encoder="contentvec")
    asked = torch.randn(500, 768, generator=torch.Generator().manual_seed(1))
    began = time.perf_counter()
    retrieve(index, asked, rate=0.75)
    return facts | {"path": str(path), "query_ms_for_10_s": round(1000 * (time.perf_counter() - began), 1)}


def _speech(path: Path, seconds: int) -> Path:
    import numpy as np

    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "golden"))
    import rule

    from rvc.audio.audio import Audio
    from rvc.audio.io import write_audio

    words = rule.speech("words", 10 * 16000, 16000).astype(np.float32)
    write_audio(path, Audio(np.tile(words, -(-seconds // 10))[None, :seconds * 16000], 16000))
    return path


if __name__ == "__main__":
    main(sys.argv[1:])
