"""One way to look into torch and safetensors files: what they say, which tensors they have, each read on demand."""
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rvc.voicefile.container import open_archive
from rvc.voicefile.cursor import Cursor
from rvc.voicefile.kinds import HEAD, is_safetensors, is_torch, kind_of_tree, refuse_foreign, weights_in
from rvc.voicefile.pickles import INERT
from rvc.voicefile.refusal import Refusal, demand, named
from rvc.voicefile.tensors import open_tensors, parse

LARGEST_FILE = 4 << 30  # bytes
METADATA = "rvc"  # the entry of a safetensors header that holds a voice's facts, as JSON


@dataclass(frozen=True)
class Source:
    """An open file of weights.

    top: the plain data beside the weights; kind: one of `kinds`; tensors: name → something with dtype and shape;
    inert: classes whose objects were thrown away; plain: a part of top with its tensors read.
    """

    kind: str
    top: Mapping[str, Any]
    tensors: Mapping[str, Any]
    tensor: Callable[[str], Tensor]
    inert: frozenset[str]
    plain: Callable[[Any], Any]

    def demand_plain(self) -> None:
        """Refuses a file that holds objects of classes, even harmless ones."""
        if self.inert:
            raise Refusal(f"would run code: {named(sorted(self.inert & INERT))}")


@contextmanager
def open_source(path: Path, wanted: str, *, largest: int = LARGEST_FILE) -> Iterator[Source]:
    """wanted: what a refusal says that the file is not, such as "a voice file"; largest: bytes."""
    with Cursor.open(path) as cursor:
        head = cursor.peek(HEAD)
        if not is_torch(head) and not is_safetensors(head):
            refuse_foreign(cursor, wanted)
        demand(cursor.size <= largest, f"is larger than {largest >> 20} MiB, and so not {wanted}")
    with _torch(path) if is_torch(head) else _safetensors(path) as source:
        yield source


@contextmanager
def _torch(path: Path) -> Iterator[Source]:
    with open_archive(path) as archive:
        tree, tensors = archive.tree, weights_in(archive.tree)
        top = tree if isinstance(tree, dict) else {}
        yield Source(kind_of_tree(tree), top, tensors, lambda name: archive.tensor(tensors[name]), archive.inert,
                     archive.loaded)


@contextmanager
def _safetensors(path: Path) -> Iterator[Source]:
    with open_tensors(path) as file:
        facts = parse(file.metadata[METADATA]) if METADATA in file.metadata else {}
        top = {**facts, "weight": dict(file.tensors)} if facts else dict(file.tensors)
        yield Source(kind_of_tree(top), top, file.tensors, file.tensor, frozenset(), lambda tree: tree)


def header(facts: Mapping[str, Any]) -> dict[str, str]:
    """The metadata of a safetensors file that carries a voice's facts."""
    return {"format": "pt", METADATA: json.dumps(dict(facts), ensure_ascii=False)}


def finite(tensor: Tensor, name: str) -> Tensor:
    """The tensor, if it has neither NaN nor infinity."""
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        raise Refusal(f"cannot be used: {named([name])} has values that are not finite")
    return tensor
