"""How a file is refused: one sentence that begins with its name."""
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rvc.errors import VoiceFileError

LONGEST_TEXT = 200  # characters of a text that came out of a file
_TERMINAL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]")


class Refusal(VoiceFileError):
    """What is wrong, as the rest of a sentence that the file's name begins: "is a web page"."""


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Turns what goes wrong inside into a whole sentence about this file."""
    try:
        yield
    except Refusal as what:
        raise VoiceFileError(f"{shown(path.name)} {what}.") from None
    except OSError as problem:
        raise VoiceFileError(f"{shown(path.name)} cannot be read: {problem.strerror or problem}.") from None


def demand(condition: object, otherwise: str) -> None:
    """Raises the refusal unless the condition holds."""
    if not condition:
        raise Refusal(otherwise)


def shown(text: str) -> str:
    """A text from a file as it may be shown: no terminal codes, no invisible or reversing letters, 200 at most."""
    plain = _TERMINAL.sub("", text[:20 * LONGEST_TEXT])
    plain = plain if plain.isprintable() else "".join(map(_letter, plain))
    return plain if len(plain) <= LONGEST_TEXT else plain[:LONGEST_TEXT - 1] + "…"


def named(keys: Iterable[str]) -> str:
    """The first key, and how many there are beside it: "dec.ups.0.weight_v and 3 more"."""
    first, *rest = keys
    return shown(str(first)) + (f" and {len(rest)} more" if rest else "")


def _letter(letter: str) -> str:
    """Itself, a space for any kind of space, nothing for controls, direction marks and line breaks."""
    return letter if letter.isprintable() else " " if unicodedata.category(letter) == "Zs" else ""
