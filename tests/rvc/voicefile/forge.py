"""Makes files that are wrong in one named way, and the tiny voices of the golden files."""
import copyreg
import io
import json
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import rule
import torch

GOLDEN = Path(__file__).parents[2] / "golden"
TINY = GOLDEN / "voices" / "tiny_32k_v2_f0.pth"
SMALL_INDEX = GOLDEN / "voices" / "small_ivf10.index"
MODELS = json.loads((GOLDEN / "voices" / "tiny.json").read_text())


def tiny(name: str = "tiny_32k_v2_f0", **changes) -> dict:
    """The contents of a tiny voice file, with other values where asked; a value of ... removes the key."""
    model = MODELS[name]
    weight = {key: torch.from_numpy(value) for key, value in rule.weights(model["shapes"], half=True).items()}
    top = {"weight": weight, **model["meta"], **changes}
    return OrderedDict((key, value) for key, value in top.items() if value is not ...)


def saved(path: Path, contents: object, *, legacy: bool = False) -> Path:
    torch.save(contents, path, _use_new_zipfile_serialization=not legacy)
    return path


def pickled(contents: object) -> bytes:
    return pickle.dumps(contents, protocol=2)


class Bomb:
    """Pickles to a call of any function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def named_call(module: str, name: str, argument: str) -> bytes:
    """A pickle that calls module.name(argument); the module need not exist."""
    text = argument.encode()
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"X" + struct.pack("<I", len(text)) + text + b"\x85R."


def archive(path: Path, pickle_bytes: bytes, records: dict[str, bytes] | None = None, byteorder: bytes = b"little",
            method: int = zipfile.ZIP_STORED) -> Path:
    """A torch file put together by hand."""
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("voice/data.pkl", pickle_bytes)
        file.writestr("voice/byteorder", byteorder)
        for key, data in (records or {}).items():
            file.writestr(f"voice/data/{key}", data)
        file.writestr("voice/version", b"3\n")
    return path


class _Storage:
    """Pickled as a reference to data/<key>."""

    def __init__(self, key: str, numel: int, kind: str):
        self.pid = ("storage", getattr(torch, kind), key, "cpu", numel)


class _Tensor:
    def __init__(self, *arguments):
        self.arguments = arguments


class _Pickler(pickle._Pickler):
    def persistent_id(self, thing):
        return thing.pid if isinstance(thing, _Storage) else None

    def reducer_override(self, thing):
        if isinstance(thing, _Tensor):
            return torch._utils._rebuild_tensor_v2, thing.arguments
        return NotImplemented


def tensor(*, numel: int = 16, offset=0, shape=(4, 4), strides=(4, 1), kind: str = "FloatStorage") -> _Tensor:
    """A view that need not be possible, over the record data/0."""
    return _Tensor(_Storage("0", numel, kind), offset, shape, strides, False, OrderedDict())


def pickled_tensors(contents: object) -> bytes:
    copyreg.pickle(_Tensor, lambda thing: (torch._utils._rebuild_tensor_v2, thing.arguments))
    file = io.BytesIO()
    _Pickler(file, protocol=2).dump(contents)
    return file.getvalue()


def legacy(contents: bytes, keys: list[str], storages: bytes) -> bytes:
    """A legacy file put together by hand: contents is the pickle of the data."""
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    parts = (0x1950A86A20F9469CFC6C, 1001, machine)
    return b"".join(map(pickled, parts)) + contents + pickled(keys) + storages


def safetensors(path: Path, header: bytes, data: bytes, length: int | None = None) -> Path:
    path.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + data)
    return path


def with_two_members(path: Path) -> Path:
    """A sound torch file in which one record stands twice."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("voice/data.pkl", pickled({}))
        file.writestr("voice/data/0", b"one")
        file.fp.flush()
        info = zipfile.ZipInfo("voice/data/0")
        file.NameToInfo.pop("voice/data/0")
        file.writestr(info, b"two")
    return path


def with_other_archive(path: Path, first: bytes, second: bytes) -> Path:
    """The directory of the second archive, its offsets moved, behind both."""
    shift, end = len(first), second.rindex(b"PK\x05\x06")
    count, length, start = struct.unpack("<HII", second[end + 10:end + 20])
    directory, at = bytearray(second[start:start + length]), 0
    for _ in range(count):
        name, extra, comment = struct.unpack("<3H", directory[at + 28:at + 34])
        offset = struct.unpack("<I", directory[at + 42:at + 46])[0]
        directory[at + 42:at + 46] = struct.pack("<I", offset + shift)
        at += 46 + name + extra + comment
    tail = second[end:end + 16] + struct.pack("<I", start + shift) + b"\0\0"
    path.write_bytes(first + second[:start] + directory + tail)
    return path


