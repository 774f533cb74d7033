"""No change to a file's bytes makes a reader do anything but read it or refuse it in a sentence."""
import warnings
import zipfile

import pytest
import torch
from forge import SMALL_INDEX, pickled, saved
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rvc.errors import VoiceFileError
from rvc.synthesis.config import VitsConfig
from rvc.synthesis.vits import shapes
from rvc.voicefile.describe import Description, describe
from rvc.voicefile.index import read_index
from rvc.voicefile.rvc import VoiceFile, read_voice, read_weights, write_voice

SMALLEST = VitsConfig(65, 32, 4, 4, 4, 1, 1, 3, 0, "1", (3,), ((1,),), (10, 8), 4, (20, 16), 1, 2, 8000)

pieces = st.sampled_from([b"", b"\xff" * 8, b"\0" * 8, b"cos\nsystem\n", b"R", b"."])
changes = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255) | pieces), min_size=1, max_size=6)
quick = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
few = settings(quick, max_examples=60)


def mutated(data: bytes, edits: list) -> bytes:
    changed = bytearray(data)
    for place, edit in edits:
        at = int(place * len(changed))
        if edit == b"":
            del changed[at:]
            changed = changed or bytearray(b"\0")
        else:
            new = edit if isinstance(edit, bytes) else bytes([edit])
            changed[at:at + len(new)] = new
    return bytes(changed)


def refused_or_read(read, path) -> None:
    try:
        read(path)
    except VoiceFileError as refusal:
        assert "\n" not in str(refusal) and str(refusal).endswith(".")
        assert isinstance(describe(path), Description)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    """The smallest voice that there can be, in every form, so that a change seldom falls among mere weights."""
    folder = tmp_path_factory.mktemp("whole")
    network = shapes(SMALLEST, vocoder="hifigan", uses_f0=True, content_width=256)
    weights = {key: torch.full(shape, 0.5) for key, shape in network.items() if "enc_q" not in key}
    for name in ("zip.pth", "tensors.safetensors"):
        write_voice(folder / name, VoiceFile(SMALLEST, "hifigan", True, 256, weights, {"epoch": 1}))
    saved(folder / "legacy.pth", torch.load(folder / "zip.pth", weights_only=True), legacy=True)
    (folder / "index").write_bytes(SMALL_INDEX.read_bytes())
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth", "tensors.safetensors"])
@given(edits=changes)
@quick
def test_bytes_of_a_voice(tmp_path_factory, files, name, edits):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(mutated(files[name], edits))
    refused_or_read(read_voice, path)


@given(edits=changes)
@quick
def test_bytes_of_the_pickle_alone(tmp_path_factory, files, edits):
    """The container stays sound, so that its checksums do not catch the change first."""
    folder = tmp_path_factory.getbasetemp()
    (folder / "whole.pth").write_bytes(files["zip.pth"])
    with zipfile.ZipFile(folder / "whole.pth") as whole, zipfile.ZipFile(folder / "part.pth", "w") as part:
        for name in whole.namelist():
            data = whole.read(name)
            part.writestr(name, mutated(data, edits) if name.endswith("data.pkl") else data)
    refused_or_read(read_voice, folder / "part.pth")


@given(edits=changes, header=st.booleans())
@quick
def test_bytes_of_an_index(tmp_path_factory, files, edits, header):
    path = tmp_path_factory.getbasetemp() / "a.index"
    data = files["index"]
    path.write_bytes(mutated(data[:120], edits) + data[120:] if header else mutated(data, edits))
    refused_or_read(read_index, path)


_leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_plain = st.recursive(_leaf, lambda inner: st.lists(inner, max_size=4) |
                      st.dictionaries(st.text(max_size=8), inner, max_size=4))


@given(value=_plain)
@quick
def test_any_plain_data_are_read_as_they_are(tmp_path_factory, value):
    from rvc.voicefile.container import open_archive

    path = tmp_path_factory.getbasetemp() / "plain.pth"
    torch.save({"value": value}, path)
    with open_archive(path) as archive:
        assert pickled(archive.tree) == pickled({"value": value}) or archive.tree == {"value": value}


@given(fact=_plain, key=st.sampled_from(["config", "sr", "f0", "version", "vocoder", "weight", "epoch", "info"]))
@few
def test_any_fact_of_a_voice(tmp_path_factory, files, fact, key):
    folder = tmp_path_factory.getbasetemp()
    (folder / "b.pth").write_bytes(files["zip.pth"])
    contents = torch.load(folder / "b.pth", weights_only=True)
    refused_or_read(read_voice, saved(folder / "b.pth", {**contents, key: fact}))


@given(data=st.binary(max_size=400))
@quick
def test_any_bytes_at_all(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refused_or_read(read_weights, path)
