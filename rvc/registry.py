"""Tables of interchangeable parts: a name, a label, and where the code is.

A table is written down in one place and read as a menu; what it points to is imported on demand,
so that listing the choices costs nothing.
"""
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType
from typing import Any

from rvc.errors import SettingsError


@dataclass(frozen=True)
class Entry:
    """One choice.  target: "package.module:attribute"; facts: what a menu must know without importing it."""

    target: str
    label: str
    help: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))


class Registry(Mapping[str, Entry]):
    """Entries in the order of their table, which is the order of the menu."""

    def __init__(self, kind: str, entries: Mapping[str, Entry]):
        self.kind = kind
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> Entry:
        if name in self._entries:
            return self._entries[name]
        close = get_close_matches(str(name), self._entries, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise SettingsError(self.kind, f"there is no {name!r}; the choices are {', '.join(self)}.{hint}")

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def load(self, name: str) -> Any:
        """Import what the entry points to.  Raises `SettingsError` with the choices for an unknown name."""
        module, _, attribute = self[name].target.partition(":")
        return getattr(import_module(module), attribute)
