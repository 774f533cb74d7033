"""Settings classes as widgets: the only place that decides how an option looks."""
import math
import types
import typing
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from rvc.errors import SettingsError
from rvc.options import Leaf, Option, Settings, build, group_labels, leaves

FEW = 3  # choices that stand side by side
FINEST = 2000  # steps of a slider that a hand can still tell apart


class Form:
    """A widget for each option of a settings class; `form["melody.pitch"].render()` places one where it belongs.

    omit: options that have no place on a page and keep their defaults.  widgets: by dotted name, as declared.
    """

    def __init__(self, cls: type[Settings], *, omit: Iterable[str] = ()):
        self._cls, self._leaves = cls, {leaf.name: leaf for leaf in leaves(cls)}
        for name in omit:
            del self._leaves[name]
        self.widgets = {name: widget(leaf) for name, leaf in self._leaves.items()}

    def __getitem__(self, name: str) -> Component:
        return self.widgets[name]

    @property
    def names(self) -> list[str]:
        """Of the options, as the API and the command line call them."""
        return [name.rpartition(".")[2] for name in self.widgets]

    def settings(self, values: Sequence[Any]) -> Any:
        """What the widgets hold, in their order.  Raises `SettingsError` naming the label of what is wrong."""
        try:
            return build(self._cls, {name: given(self._leaves[name], value)
                                     for name, value in zip(self.widgets, values, strict=True)})
        except SettingsError as problem:
            raise self.labelled(problem) from None

    def labelled(self, problem: SettingsError) -> SettingsError:
        """The same problem under the label that a person sees."""
        for name, leaf in self._leaves.items():
            if problem.field in (name, name.rpartition(".")[2]):
                return SettingsError(leaf.option.label, problem.problem)
        return problem

    def place_rest(self) -> None:
        """Lay out what nobody has placed, group by group; what is for experts comes last, folded."""
        rest = [leaf for leaf in self._leaves.values() if not self.widgets[leaf.name].is_rendered]
        self._place([leaf for leaf in rest if not leaf.option.advanced])
        advanced = [leaf for leaf in rest if leaf.option.advanced]
        if advanced:
            with gr.Accordion("For experts", open=False):
                self._place(advanced)

    def _place(self, chosen: list[Leaf]) -> None:
        titles = dict(group_labels(self._cls))
        for group, members in groupby(chosen, lambda leaf: leaf.name.rpartition(".")[0]):
            if group in titles:
                gr.Markdown(f"## {titles[group]}", elem_classes="group")
            with gr.Row(elem_classes="options"):
                for leaf in members:
                    self.widgets[leaf.name].render()


def widget(leaf: Leaf) -> Component:
    """The widget of one option, not placed yet."""
    about, (kind, optional, several) = leaf.option, _shape(leaf.kind)
    shown = {"label": about.label, "info": explained(about), "render": False}
    if about.choices is not None:
        return _choice(leaf, optional, several, shown)
    if kind is bool:
        return gr.Checkbox(leaf.default, **shown)
    if kind is Path:
        return gr.File(label=f"{about.label}: {about.help}", height=150, render=False)
    if kind in (int, float) and not (several or optional):
        return _number(leaf, kind, shown)
    text = ",".join(map(str, leaf.default)) if several else leaf.default
    return gr.Textbox(text, max_lines=1, **shown)  # also for numbers that may be empty, which gr.Number shows as 0


def given(leaf: Leaf, value: Any) -> Any:
    """What a widget handed over.  A file is known by what Gradio says of an upload, never by a path that was typed."""
    if _shape(leaf.kind)[0] is not Path or value is None:
        return value
    if not isinstance(value, dict) or not isinstance(value.get("path"), str):
        raise SettingsError(leaf.name, "this is no uploaded file.")
    return Path(value["path"])


def explained(about: Option) -> str:
    """Help, with range and unit in words."""
    low, high = (end if end is not None and math.isfinite(end) else None for end in (about.low, about.high))
    unit = f" {about.unit}" if about.unit else ""
    if low is None and high is None:
        span = f" In {about.unit}." if unit else ""
    elif low is None or high is None:
        span = f" At most {high}{unit}." if low is None else f" At least {low}{unit}."
    else:
        span = f" From {low} to {high}{unit}."
    return about.help + span.replace(" -", " −")


def _choice(leaf: Leaf, optional: bool, several: bool, shown: dict[str, Any]) -> Component:
    choices = [*([("default", "")] if optional else []), *((name, name) for name in leaf.option.choices)]
    if several:
        return gr.Dropdown(choices, value=list(leaf.default), multiselect=True, **shown)
    value = "" if leaf.default is None else leaf.default
    return (gr.Radio if len(choices) <= FEW else gr.Dropdown)(choices, value=value, **shown)


def _number(leaf: Leaf, kind: type, shown: dict[str, Any]) -> Component:
    about = leaf.option
    low, high = (end if end is not None and math.isfinite(end) else None for end in (about.low, about.high))
    step = about.step or (1 if kind is int else None)
    if step and None not in (low, high) and (high - low) / step <= FINEST:
        return gr.Slider(low, high, leaf.default, step=step, **shown)
    return gr.Number(leaf.default, minimum=low, maximum=high, step=step or 0.01, **shown)


def _shape(kind: Any) -> tuple[Any, bool, bool]:
    """A declared type as (type of one value, may it be empty, are there several)."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        inner = next(part for part in typing.get_args(kind) if part is not type(None))
        return _shape(inner)[0], True, _shape(inner)[2]
    if typing.get_origin(kind) is tuple:
        return typing.get_args(kind)[0], False, True
    return kind, False, False
