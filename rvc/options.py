"""How options are declared: once, in the fields of a frozen dataclass.

A settings class is a frozen dataclass whose fields are made by `option`; nested classes are groups.
Command lines, pages, presets, run files and the API are all built from `leaves` and `build`.
Values are coerced to the declared types, because a slider hands over 12 for a float and a flag hands over "12".
"""
import math
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rvc.errors import SettingsError

TRUE_WORDS = {"true", "yes", "on", "1"}
FALSE_WORDS = {"false", "no", "off", "0"}
LONGEST_TEXT = 4096  # characters


@dataclass(frozen=True)
class Option:
    """What a form, a help page and a range check need to know of one option.

    low, high: both ends belong to the range; an infinite end must be named to be allowed.
    advanced: shown only to experts.
    """

    label: str
    help: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[str, ...] | None = None
    advanced: bool = False


def option(default: Any, label: str, help: str, *, choices=None, **facts: Any) -> Any:
    """A dataclass field that carries its `Option`; a class as default makes a group of options."""
    about = Option(label, help, choices=None if choices is None else tuple(choices), **facts)
    if isinstance(default, type) and issubclass(default, Settings):
        return field(default_factory=default, metadata={"option": about})
    return field(default=default, metadata={"option": about})


class Settings:
    """Base of the settings classes: values of the declared types and within their ranges, or `SettingsError`."""

    def __post_init__(self) -> None:
        for leaf in _own_fields(type(self)):
            object.__setattr__(self, leaf.name, leaf.check(getattr(self, leaf.name)))


@dataclass(frozen=True)
class Leaf:
    """One option in a tree of settings.  name: dotted path from the root; kind: the declared type."""

    name: str
    kind: Any
    default: Any
    option: Option

    def check(self, value: Any) -> Any:
        """The value as the declared type.  Raises `SettingsError` naming the option."""
        try:
            value = _coerce(value, self.kind)
        except ValueError as problem:
            raise SettingsError(self.name, str(problem)) from None
        self._check_range(value)
        return value

    def _check_range(self, value: Any) -> None:
        about = self.option
        for item in value if isinstance(value, tuple) else (value,):
            if about.choices is not None and item is not None and item not in about.choices:
                raise SettingsError(self.name, f"{item!r} is not one of {', '.join(about.choices)}.")
            if isinstance(item, bool) or not isinstance(item, (int, float)):
                continue
            if math.isinf(item) and item not in (about.low, about.high):
                raise SettingsError(self.name, f"{item} is not a number that can be used here.")
            if (about.low is not None and item < about.low) or (about.high is not None and item > about.high):
                raise SettingsError(self.name, f"{item:g} is outside {_span(about)}.")


def leaves(cls: type[Settings], prefix: str = "") -> Iterator[Leaf]:
    """Every option of a settings class and of the groups in it, in order of declaration."""
    for leaf in _own_fields(cls):
        name = prefix + leaf.name
        if isinstance(leaf.kind, type) and issubclass(leaf.kind, Settings):
            yield from leaves(leaf.kind, name + ".")
        else:
            yield Leaf(name, leaf.kind, leaf.default, leaf.option)


def group_labels(cls: type[Settings], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted name and label of every group in a settings class, outer before inner."""
    for leaf in _own_fields(cls):
        if isinstance(leaf.kind, type) and issubclass(leaf.kind, Settings):
            yield prefix + leaf.name, leaf.option.label
            yield from group_labels(leaf.kind, prefix + leaf.name + ".")


def build(cls: type[Settings], values: Mapping[str, Any]) -> Any:
    """Settings from dotted names; absent ones keep their defaults.  Unknown names are refused, all of them named."""
    known = {leaf.name: leaf for leaf in leaves(cls)}
    unknown = [name for name in values if name not in known]
    if unknown:
        close = get_close_matches(str(unknown[0]), known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise SettingsError("", f"Unknown option {', '.join(map(repr, unknown))}.{hint}")
    return _nest(cls, {name: known[name].check(value) for name, value in values.items()})


def flat(settings: Settings, prefix: str = "") -> dict[str, Any]:
    """Dotted name → value: the inverse of `build`."""
    found: dict[str, Any] = {}
    for leaf in _own_fields(type(settings)):
        value = getattr(settings, leaf.name)
        nested = isinstance(value, Settings)
        found |= flat(value, f"{prefix}{leaf.name}.") if nested else {prefix + leaf.name: value}
    return found


def _nest(cls: type[Settings], values: Mapping[str, Any]) -> Any:
    here = {name: value for name, value in values.items() if "." not in name}
    for leaf in _own_fields(cls):
        inside = {n.partition(".")[2]: v for n, v in values.items() if n.startswith(leaf.name + ".")}
        if inside:
            here[leaf.name] = _nest(leaf.kind, inside)
    return cls(**here)


def _own_fields(cls: type) -> Iterator[Leaf]:
    if not is_dataclass(cls):
        raise TypeError(f"{cls.__name__} must be a dataclass")
    kinds = typing.get_type_hints(cls)
    for item in fields(cls):
        default = item.default if item.default is not MISSING else item.default_factory
        yield Leaf(item.name, kinds[item.name], default, item.metadata["option"])


def _span(about: Option) -> str:
    unit = f" {about.unit}" if about.unit else ""
    if about.low is None:
        return f"the range up to {about.high:g}{unit}"
    if about.high is None:
        return f"the range from {about.low:g}{unit}"
    return f"the range {about.low:g} to {about.high:g}{unit}"


def _coerce(value: Any, kind: Any) -> Any:
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        inner = [part for part in typing.get_args(kind) if part is not type(None)][0]
        return None if value is None or value == "" else _coerce(value, inner)
    if typing.get_origin(kind) is tuple:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, (list, tuple)):
            raise ValueError(f"{value!r} is not a list.")
        return tuple(_coerce(part, typing.get_args(kind)[0]) for part in parts if part != "")
    return _COERCE.get(kind, _instance_of(kind))(value)


def _to_bool(value: Any) -> bool:
    word = str(value).strip().lower()
    if isinstance(value, (bool, int, str)) and word in TRUE_WORDS | FALSE_WORDS:
        return word in TRUE_WORDS
    raise ValueError(f"{value!r} is neither yes nor no.")


def _to_float(value: Any) -> float:
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if math.isnan(number):
        raise ValueError(f"{_shown(value)} is not a number.")
    return number


def _to_int(value: Any) -> int:
    number = _to_float(value)
    if not math.isfinite(number) or number != round(number):
        raise ValueError(f"{_shown(value)} is not a whole number.")
    return int(value) if isinstance(value, int) else int(number)


def _to_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{_shown(value)} is not a text.")
    if "\0" in value or len(value) > LONGEST_TEXT:
        raise ValueError(f"the text holds a NUL or is longer than {LONGEST_TEXT} characters.")
    return value


def _to_path(value: Any) -> Path:
    return value if isinstance(value, Path) else Path(_to_text(value))


def _instance_of(kind: Any):
    def check(value: Any) -> Any:
        if not isinstance(value, kind):
            raise ValueError(f"{_shown(value)} is not {kind.__name__}.")
        return value

    return check


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


_COERCE = {bool: _to_bool, int: _to_int, float: _to_float, str: _to_text, Path: _to_path}
