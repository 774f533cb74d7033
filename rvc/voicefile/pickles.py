"""Reads the pickle inside a torch file as data.  Nothing is imported, looked up or called.

A pickle is a program for a small stack machine.  `pickletools.genops` only splits it into instructions; the machine
below knows the instructions that data need, and the few names that real files hold.  A name is never resolved: each
stands for a function of this module that builds plain data.  Everything else is refused by what it would have run.
"""
import pickletools
import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from rvc.voicefile.refusal import Refusal, demand, shown
from rvc.voicefile.stored import STORAGES, Storage, StoredTensor

LONGEST_PICKLE = 32 << 20  # bytes
MOST_INSTRUCTIONS = 1_500_000
MOST_ENTRIES = 500_000  # of the tree, counted where it is reached by several ways
DEEPEST = 64
WIDEST_NUMBER = 128  # bits

INERT = frozenset({
    "argparse.Namespace", "fairseq.data.dictionary.Dictionary", "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig", "omegaconf.base.ContainerMetadata", "omegaconf.base.Metadata",
    "omegaconf.nodes.AnyNode", "typing.Any",
})
"""Classes whose objects stand beside the weights in fairseq's files; they become `Record`s, which nobody reads."""

_FACTORIES = {f"{module}.{kind}" for module in ("builtins", "__builtin__") for kind in ("dict", "list", "int", "float")}
_HIDDEN = {"posix": "os", "nt": "os", "__builtin__": "builtins"}  # modules under the name that people know
_NUMBERS = {"f2": "e", "f4": "f", "f8": "d", "i1": "b", "i2": "h", "i4": "i", "i8": "q",
            "u1": "B", "u2": "H", "u4": "I", "u8": "Q", "b1": "?"}  # numpy's name → struct's


@dataclass(frozen=True)
class Name:
    """A dotted name of the pickle; never more than its text."""

    text: str


@dataclass(frozen=True)
class Record:
    """What stands in place of an object whose class is on the inert list."""

    name: str


@dataclass(frozen=True)
class NumberKind:
    """A numpy dtype of one number, as `struct` writes it."""

    layout: str


def read_pickle(file: BytesIO, storage: Callable[[Storage], None]) -> tuple[Any, frozenset[str]]:
    """(the data, the inert names met) of one pickle, which ends where the file then stands.

    The data are made of dict, list, tuple, str, bytes, int, float, bool, None, `StoredTensor` and `Record`.
    storage is told of every storage that a tensor may use, and refuses those that the file cannot hold.
    """
    machine = _Machine(storage)
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            demand(count < MOST_INSTRUCTIONS, f"holds a pickle of more than {MOST_INSTRUCTIONS} instructions")
            machine.step(opcode.name, argument)
    except (ValueError, IndexError, KeyError, OverflowError):
        damage = "is damaged" if file.read(1) else "is cut off"
        raise Refusal(f"holds a pickle that {damage} at byte {file.tell()}") from None
    return _checked(machine.result), frozenset(machine.inert)


class _Machine:
    """The stack of a pickle, its marks and its memo."""

    def __init__(self, storage: Callable[[Storage], None]):
        self.result: Any = None
        self.inert: set[str] = set()
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._storage = storage

    def step(self, opcode: str, argument: Any) -> None:
        if opcode in _PUSHED:
            self._stack.append(_bounded(argument))
        elif opcode in _CONSTANTS:
            self._stack.append(_CONSTANTS[opcode]())
        else:
            action = _ACTIONS.get(opcode)
            demand(action, f"would run code: the pickle instruction {opcode}")
            action(self, argument)

    def _mark(self, _: Any) -> None:
        self._marked.append(self._stack)
        self._stack = []

    def _since_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._marked.pop()
        return items

    def _stop(self, _: Any) -> None:
        demand(len(self._stack) == 1 and not self._marked, "holds a damaged pickle")
        self.result = self._stack.pop()

    def _remember(self, place: Any) -> None:
        self._memo[len(self._memo) if place is None else place] = self._stack[-1]

    def _recall(self, place: int) -> None:
        self._stack.append(self._memo[place])

    def _tuple(self, _: Any) -> None:
        items = self._since_mark()
        self._stack.append(tuple(items))

    def _list(self, _: Any) -> None:
        items = self._since_mark()
        self._stack.append(items)

    def _short_tuple(self, size: int) -> None:
        items = [self._stack.pop() for _ in range(size)]
        self._stack.append(tuple(reversed(items)))

    def _dict(self, _: Any) -> None:
        items = self._since_mark()
        self._stack.append({})
        self._insert(items)

    def _append(self, _: Any) -> None:
        item = self._stack.pop()
        self._extend([item])

    def _appends(self, _: Any) -> None:
        self._extend(self._since_mark())

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, Record):
            return
        demand(type(target) is list, "holds a damaged pickle")
        target.extend(items)

    def _set_item(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._insert([key, value])

    def _set_items(self, _: Any) -> None:
        self._insert(self._since_mark())

    def _insert(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, Record):
            return
        demand(type(target) is dict and len(items) % 2 == 0, "holds a damaged pickle")
        for key, value in zip(items[::2], items[1::2]):
            _add(target, key, value)

    def _build(self, _: Any) -> None:
        """State for the object below: attributes of an OrderedDict or a record, which nobody reads."""
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, NumberKind):
            little = type(state) is tuple and len(state) > 1 and state[1] in ("<", "|")
            demand(little, "holds a numpy object that is not a number")
        else:
            demand(isinstance(target, (dict, Record)), "would run code: it sets an object's state")

    def _global(self, name: str) -> None:
        module, _, attribute = name.partition(" ")
        self._push_name(module, attribute)

    def _stack_global(self, _: Any) -> None:
        attribute, module = self._stack.pop(), self._stack.pop()
        demand(type(module) is type(attribute) is str, "holds a damaged pickle")
        self._push_name(module, attribute)

    def _push_name(self, module: str, attribute: str) -> None:
        name = f"{module}.{attribute}"
        if not (name in _CALLS or name in INERT or name in _FACTORIES or _storage_kind(name)):
            raise Refusal(f"would run code: {shown(_HIDDEN.get(module, module) + '.' + attribute)}")
        self._stack.append(Name(name))

    def _reduce(self, _: Any) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        demand(isinstance(function, Name) and type(arguments) is tuple, "holds a damaged pickle")
        self._stack.append(self._call(function.text, arguments))

    def _call(self, name: str, arguments: tuple) -> Any:
        if name in INERT:
            self.inert.add(name)
            return Record(name)
        demand(name in _CALLS, f"would run code: {shown(name)}")
        return _CALLS[name](*_fitting(name, arguments))

    def _persistent(self, _: Any) -> None:
        """A reference to a storage: ("storage", kind, key, device, numel), in old files also None for "no view"."""
        told = self._stack.pop()
        demand(type(told) is tuple and len(told) in (5, 6) and told[0] == "storage" and told[5:] in ((), (None,)),
               "refers to data in a way that is not supported")
        _, kind, key, _, numel = told[:5]
        dtype = _storage_kind(kind.text) if isinstance(kind, Name) else None
        demand(dtype and type(key) is str and type(numel) is int and numel >= 0, "holds a damaged pickle")
        storage = Storage(key, dtype, numel)
        self._storage(storage)
        self._stack.append(storage)


def _storage_kind(name: str) -> Any:
    module, _, kind = name.rpartition(".")
    return STORAGES.get(kind) if module == "torch" else None


def _fitting(name: str, arguments: tuple) -> tuple:
    low, high = _ARGUMENTS[name]
    demand(low <= len(arguments) <= high, f"calls {name} in a way that is not supported")
    return arguments


def _add(table: dict, key: Any, value: Any) -> None:
    demand(type(key) in (str, int), "holds a table whose keys are neither texts nor numbers")
    if key in table:
        raise Refusal(f"names {shown(str(key))} twice")
    table[key] = value


def _ordered_dict(pairs: Any = ()) -> dict:
    made: dict[str, Any] = {}
    demand(type(pairs) in (list, tuple), "holds a damaged pickle")
    for pair in pairs:
        demand(type(pair) in (list, tuple) and len(pair) == 2, "holds a damaged pickle")
        _add(made, *pair)
    return made


def _default_dict(factory: Any = None) -> dict:
    demand(factory is None or isinstance(factory, Name) and factory.text in _FACTORIES, "would run code: a factory")
    return {}


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> StoredTensor:
    fits = isinstance(storage, Storage) and type(shape) is type(strides) is tuple
    demand(fits, "holds a tensor of unsupported layout")
    return StoredTensor(storage, offset, shape, strides)


def _parameter(tensor: Any, *_: Any) -> StoredTensor:
    demand(isinstance(tensor, StoredTensor), "holds a damaged pickle")
    return tensor


def _encode(text: Any, encoding: Any) -> bytes:
    """Bytes, as protocol 2 writes them."""
    demand(type(text) is str and encoding == "latin1", "would run code: _codecs.encode")
    return text.encode("latin1")


def _number_kind(name: Any, *_: Any) -> NumberKind:
    demand(type(name) is str and name in _NUMBERS, "holds a numpy object that is not a number")
    return NumberKind("<" + _NUMBERS[name])


def _number(kind: Any, raw: Any) -> Any:
    raw = raw.encode("latin1") if type(raw) is str else raw  # Python 2's texts are bytes
    fits = isinstance(kind, NumberKind) and type(raw) is bytes and len(raw) == struct.calcsize(kind.layout)
    demand(fits, "holds a numpy object that is not a number")
    return struct.unpack(kind.layout, raw)[0]


_CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered_dict, "collections.defaultdict": _default_dict,
    "torch._utils._rebuild_tensor_v2": _tensor, "torch._utils._rebuild_parameter": _parameter,
    "_codecs.encode": _encode, "numpy.dtype": _number_kind,
    "numpy.core.multiarray.scalar": _number, "numpy._core.multiarray.scalar": _number,
}
_ARGUMENTS = {
    "collections.OrderedDict": (0, 1), "collections.defaultdict": (0, 1), "torch._utils._rebuild_tensor_v2": (6, 7),
    "torch._utils._rebuild_parameter": (3, 3), "_codecs.encode": (2, 2), "numpy.dtype": (1, 3),
    "numpy.core.multiarray.scalar": (2, 2), "numpy._core.multiarray.scalar": (2, 2),
}
_PUSHED = {
    "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "INT", "FLOAT", "BINFLOAT", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES",
}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple,
}
_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda machine, version: None, "FRAME": lambda machine, length: None,
    "MARK": _Machine._mark, "STOP": _Machine._stop, "TUPLE": _Machine._tuple, "LIST": _Machine._list,
    "TUPLE1": lambda machine, _: machine._short_tuple(1), "TUPLE2": lambda machine, _: machine._short_tuple(2),
    "TUPLE3": lambda machine, _: machine._short_tuple(3), "DICT": _Machine._dict,
    "PUT": _Machine._remember, "BINPUT": _Machine._remember, "LONG_BINPUT": _Machine._remember,
    "MEMOIZE": _Machine._remember, "GET": _Machine._recall, "BINGET": _Machine._recall,
    "LONG_BINGET": _Machine._recall, "APPEND": _Machine._append, "APPENDS": _Machine._appends,
    "SETITEM": _Machine._set_item, "SETITEMS": _Machine._set_items, "BUILD": _Machine._build,
    "GLOBAL": _Machine._global, "STACK_GLOBAL": _Machine._stack_global, "REDUCE": _Machine._reduce,
    "NEWOBJ": _Machine._reduce, "BINPERSID": _Machine._persistent,
}


def _bounded(value: Any) -> Any:
    if type(value) is int:
        demand(value.bit_length() <= WIDEST_NUMBER, f"holds a number of more than {WIDEST_NUMBER} bits")
    return value


def _checked(tree: Any) -> Any:
    """The tree, if it is data all through, not too deep, and not unfolding to more than `MOST_ENTRIES`."""
    waiting, count = [(tree, 0)], 0
    while waiting:
        value, depth = waiting.pop()
        count += 1
        demand(depth <= DEEPEST, f"holds data nested more than {DEEPEST} deep")
        demand(not isinstance(value, (Name, Storage, NumberKind)), "would run code: it holds a function")
        inside = list(value.values()) if type(value) is dict else value if type(value) in (list, tuple) else ()
        demand(count + len(waiting) + len(inside) <= MOST_ENTRIES, f"holds more than {MOST_ENTRIES} entries")
        waiting.extend((item, depth + 1) for item in inside)
    return tree
