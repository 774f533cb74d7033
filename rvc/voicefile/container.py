"""Opens a torch file, zip or legacy, as plain data whose tensors are read one by one.

Zip (torch 1.6 and later): `<root>/data.pkl`, one stored record `<root>/data/<key>` for each storage.
Legacy: five pickles in a row (magic number, protocol, facts of the machine, the data, the order of the keys), then for
each key its count of elements as int64 and the elements.
"""
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from torch import Tensor

from rvc.voicefile.cursor import Cursor
from rvc.voicefile.pickles import LONGEST_PICKLE, Record, read_pickle
from rvc.voicefile.refusal import Refusal, demand, named, shown
from rvc.voicefile.stored import Storage, StoredTensor
from rvc.voicefile.zips import LOCAL, ZipArchive

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_RECORDS = {"data.pkl", "version", "byteorder", ".format_version", ".storage_alignment", ".data/serialization_id"}


@dataclass
class Archive:
    """tree: the data, with a `StoredTensor` for each tensor.  inert: classes whose objects became `Record`s.

    Usable while `open_archive` is.
    """

    tree: Any
    inert: frozenset[str]
    _source: Any
    _read: dict[str, bytearray] = field(default_factory=dict)

    def tensor(self, stored: StoredTensor) -> Tensor:
        """Reads the tensor's storage, once, and returns a view of it."""
        key = stored.storage.key
        if key not in self._read:
            self._read[key] = self._source.data(stored.storage)
        return stored.view(self._read[key])

    def loaded(self, tree: Any) -> Any:
        """A part of the tree with its tensors read, and None for what became a `Record`."""
        if isinstance(tree, StoredTensor):
            return self.tensor(tree)
        if isinstance(tree, dict):
            return {key: self.loaded(value) for key, value in tree.items()}
        if isinstance(tree, (list, tuple)):
            return type(tree)(self.loaded(value) for value in tree)
        return None if isinstance(tree, Record) else tree


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Raises `Refusal` for anything that is not a sound torch file."""
    with Cursor.open(path) as cursor:
        head = cursor.peek(4)
        source = _ZipSource(cursor) if head == LOCAL else _LegacySource(cursor)
        yield Archive(source.tree, source.inert, source)


class _ZipSource:
    def __init__(self, cursor: Cursor):
        self._zip = ZipArchive(cursor)
        self._root = _root(list(self._zip.members))
        self._check_records()
        name = self._root + "data.pkl"
        demand(self._zip.members[name].size <= LONGEST_PICKLE, "holds a pickle that is too long")
        file = BytesIO(self._zip.read(name))
        self.tree, self.inert = read_pickle(file, self._check)
        demand(not file.read(1), "holds more than one pickle")

    def _check_records(self) -> None:
        inside = [name.removeprefix(self._root) for name in self._zip.members]
        demand(not any(name.startswith(("code/", "constants.pkl")) for name in inside),
               "is a TorchScript program, not weights")
        strange = [name for name in inside if name not in _RECORDS and not name.startswith("data/")]
        if strange:
            raise Refusal(f"holds records that do not belong into it: {named(strange)}")
        order = self._root + "byteorder"
        if order in self._zip.members and (self._zip.members[order].size > 16 or self._zip.read(order) != b"little"):
            raise Refusal("is written for a machine with another byte order")

    def _check(self, storage: Storage) -> None:
        member = self._zip.members.get(f"{self._root}data/{storage.key}")
        if member is None:
            raise Refusal(f"lacks the record data/{shown(storage.key)}")
        if member.size != storage.nbytes:
            length = "shorter" if member.size < storage.nbytes else "longer"
            raise Refusal(f"is damaged: the record data/{shown(storage.key)} is {length} than it says")

    def data(self, storage: Storage) -> bytearray:
        return self._zip.read(f"{self._root}data/{storage.key}")


def _root(names: list[str]) -> str:
    """The folder that torch puts all records into, with its slash."""
    pickles = [name for name in names if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        voices = [name for name in names if name.endswith((".pth", ".index", ".safetensors"))]
        advice = f": unpack it to get {named(voices)}" if voices else f", not a torch file; it holds {named(names)}" \
            if names else " that is empty"
        raise Refusal("is a zip archive" + advice)
    root = pickles[0].removesuffix("data.pkl")
    strange = [name for name in names if not name.startswith(root)]
    if strange:
        raise Refusal(f"holds records that do not belong into it: {named(strange)}")
    return root


class _LegacySource:
    def __init__(self, cursor: Cursor):
        self._cursor = cursor
        self._told: dict[str, Storage] = {}
        file = BytesIO(cursor.peek(LONGEST_PICKLE))
        magic = read_pickle(file, self._refuse)[0]
        demand(magic == MAGIC, "is a bare pickle, which no voice program writes")
        protocol, machine = (read_pickle(file, self._refuse)[0] for _ in range(2))
        demand(protocol == PROTOCOL, "is of a torch version that is not supported")
        little = isinstance(machine, dict) and machine.get("little_endian") is True
        demand(little, "is written for a machine with another byte order")
        self.tree, self.inert = read_pickle(file, self._check)
        keys = read_pickle(file, self._refuse)[0]
        sound = isinstance(keys, list) and all(type(key) is str for key in keys) and len(set(keys)) == len(keys)
        demand(sound and set(keys) == set(self._told), "is damaged: its list of storages is another than it uses")
        cursor.move(file.tell())
        self._places = {key: self._place(self._told[key]) for key in keys}
        demand(cursor.left == 0, "has more bytes after its end")

    def _check(self, storage: Storage) -> None:
        if storage.nbytes > self._cursor.size:
            raise Refusal(f"is cut off at byte {self._cursor.size}: it announces {storage.nbytes} bytes of numbers")
        same = self._told.setdefault(storage.key, storage) == storage
        demand(same, "is damaged: it describes one storage in two ways")

    @staticmethod
    def _refuse(storage: Storage) -> None:
        raise Refusal("is damaged: it has a tensor where none can be")

    def _place(self, storage: Storage) -> int:
        """Where the storage's numbers begin; moves behind them."""
        demand(self._cursor.number("q") == storage.numel, "is damaged: a storage has another length than it says")
        place = self._cursor.position
        demand(storage.nbytes <= self._cursor.left, f"is cut off at byte {self._cursor.size}")
        self._cursor.move(place + storage.nbytes)
        return place

    def data(self, storage: Storage) -> bytearray:
        self._cursor.move(self._places[storage.key])
        return self._cursor.take(storage.nbytes)
