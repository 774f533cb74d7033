"""safetensors: our own check of the header first, then the safetensors library reads what it describes.

Layout: a length (uint64), that many bytes of JSON {name: {dtype, shape, data_offsets}}, then the numbers without gaps.
"""
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rvc.files import replace_atomically
from rvc.voicefile.cursor import Cursor
from rvc.voicefile.refusal import Refusal, demand, shown

LONGEST_HEADER = 16 << 20  # bytes
MOST_TENSORS = 20_000
_DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64,
           "I8": torch.int8, "I16": torch.int16, "I32": torch.int32, "I64": torch.int64, "U8": torch.uint8,
           "BOOL": torch.bool}


@dataclass(frozen=True)
class Described:
    """What a header says of one tensor."""

    dtype: torch.dtype
    shape: tuple[int, ...]


@dataclass(frozen=True)
class TensorFile:
    """A safetensors file with a sound header.  Usable while `open_tensors` is."""

    metadata: Mapping[str, str]
    tensors: Mapping[str, Described]
    _file: Any

    def tensor(self, name: str) -> Tensor:
        return self._file.get_tensor(name)


@contextmanager
def open_tensors(path: Path) -> Iterator[TensorFile]:
    """Raises `Refusal` for anything that is not a sound safetensors file."""
    from safetensors import SafetensorError, safe_open

    metadata, tensors = read_header(path)
    try:
        file = safe_open(path, framework="pt")
    except SafetensorError as problem:
        raise Refusal(f"is a damaged safetensors file: {shown(str(problem))}") from None
    with file:
        yield TensorFile(metadata, tensors, file)


def read_header(path: Path) -> tuple[dict[str, str], dict[str, Described]]:
    """(metadata, tensors), if every byte of the file belongs to exactly one tensor."""
    with Cursor.open(path) as cursor:
        length = cursor.number("Q")
        demand(length <= LONGEST_HEADER, f"is a damaged safetensors file: it announces a header of {length} bytes")
        header = parse(cursor.take(length))
        metadata = header.pop("__metadata__", {})
        texts = isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values())
        demand(texts and len(header) <= MOST_TENSORS, "is a damaged safetensors file: its header holds something else")
        places = {name: _described(name, entry) for name, entry in header.items()}
        _tile([place for _, place in places.values()], cursor)
    return metadata, {name: tensor for name, (tensor, _) in places.items()}


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """All or nothing; the tensors may be views."""
    from safetensors.torch import save_file

    with replace_atomically(path) as beside:
        save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, beside,
                  dict(metadata))


def parse(text: bytes | bytearray | str) -> dict[str, Any]:
    """A JSON object in which no key stands twice."""
    try:
        parsed = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise Refusal("is damaged: its header is not JSON") from None
    demand(isinstance(parsed, dict), "is damaged: its header is not a JSON object")
    return parsed


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    demand(len(table) == len(pairs), "is damaged: its header names one thing twice")
    return table


def _described(name: str, entry: Any) -> tuple[Described, tuple[int, int]]:
    sound = isinstance(entry, dict) and set(entry) == {"dtype", "shape", "data_offsets"} \
        and _whole(entry["shape"], 8) and _whole(entry["data_offsets"], 2) and len(entry["data_offsets"]) == 2 \
        and isinstance(entry["dtype"], str)
    if not sound or entry["dtype"] not in _DTYPES:
        raise Refusal(f"is a damaged safetensors file: it describes {shown(name)} in a way that is not supported")
    dtype, shape, (begin, end) = _DTYPES[entry["dtype"]], tuple(entry["shape"]), entry["data_offsets"]
    if end - begin != prod(shape) * dtype.itemsize:
        raise Refusal(f"is a damaged safetensors file: the data of {shown(name)} have another length than its shape")
    return Described(dtype, shape), (begin, end)


def _whole(numbers: Any, most: int) -> bool:
    return isinstance(numbers, list) and len(numbers) <= most and all(type(n) is int and n >= 0 for n in numbers)


def _tile(places: list[tuple[int, int]], cursor: Cursor) -> None:
    expected = 0
    for begin, end in sorted(places):
        demand(begin == expected, "is a damaged safetensors file: its tensors overlap or leave gaps")
        expected = end
    demand(expected <= cursor.left, f"is cut off at byte {cursor.size}")
    demand(expected == cursor.left, "has more bytes after its end")
