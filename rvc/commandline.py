"""Command lines built from settings classes."""
from argparse import SUPPRESS, ArgumentParser, BooleanOptionalAction, Namespace
from typing import Any

from rvc.options import Leaf, Settings, build, group_labels, leaves


def add_options(parser: ArgumentParser, cls: type[Settings]) -> None:
    """Give the parser one flag for each option; groups of settings become groups of flags.

    A flag is the option's own name: `pitch.transpose` is `--transpose`, so names are unique in a class.
    """
    titles, groups = dict(group_labels(cls)), {}
    for leaf in leaves(cls):
        group, _, name = leaf.name.rpartition(".")
        if group and group not in groups:
            groups[group] = parser.add_argument_group(titles[group])
        place = groups[group] if group else parser
        place.add_argument("--" + name.replace("_", "-"), dest=leaf.name, default=SUPPRESS, **_shape(leaf))


def given(cls: type[Settings], arguments: Namespace) -> dict[str, Any]:
    """Dotted name → text of those options alone that were written on the command line."""
    return {leaf.name: vars(arguments)[leaf.name] for leaf in leaves(cls) if leaf.name in vars(arguments)}


def settings_from(cls: type[Settings], arguments: Namespace) -> Any:
    """The settings that the command line asks for.  Raises `SettingsError` for a value out of range."""
    return build(cls, given(cls, arguments))


def _shape(leaf: Leaf) -> dict[str, Any]:
    help = leaf.option.help
    if leaf.kind is bool:
        default = "on" if leaf.default else "off"
        return {"action": BooleanOptionalAction, "help": _literal(f"{help} (default: {default})")}
    about = leaf.option
    where = f", {about.low:g} to {about.high:g}" if None not in (about.low, about.high) else ""
    shown = ",".join(map(str, leaf.default)) if isinstance(leaf.default, tuple) else leaf.default
    default = "" if shown in (None, "") else f"default: {shown}"
    facts = f"{default}{where}".strip(", ")
    unit = f" {about.unit}" if about.unit else ""
    metavar = "{" + ",".join(about.choices) + "}" if about.choices else leaf.name.rpartition(".")[2].upper()
    return {"help": _literal(f"{help} ({facts}{unit})" if facts else help), "metavar": metavar}


def _literal(text: str) -> str:
    """As argparse shows it unchanged."""
    return text.replace("%", "%%")
