"""The commands of `python -m rvc`, one file each; the only part of the library that prints."""
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass

from rvc.options import Settings
from rvc.registry import Entry, Registry


def _none(parser: ArgumentParser) -> None:
    """A command without positional arguments."""


@dataclass(frozen=True)
class Command:
    """settings: its options; positionals: adds what stands without a flag; run: does it and returns the exit status."""

    settings: type[Settings]
    run: Callable[[Namespace], int]
    positionals: Callable[[ArgumentParser], None] = _none


COMMANDS = Registry("command", {
    "convert": Entry("rvc.commands.convert:COMMAND", "sing a sound file with a voice"),
    "batch": Entry("rvc.commands.batch:COMMAND", "convert a folder of sound files"),
    "prepare": Entry("rvc.commands.prepare:COMMAND", "cut recordings and listen to them, before training"),
    "train": Entry("rvc.commands.train:COMMAND", "train a prepared voice, or go on from its last checkpoint"),
    "index": Entry("rvc.commands.index:COMMAND", "build the index of a prepared voice"),
    "export": Entry("rvc.commands.export:COMMAND", "write the voice file, or a pair to start from, of a checkpoint"),
    "make": Entry("rvc.commands.make:COMMAND", "all of it: prepare, train and index"),
    "inspect": Entry("rvc.commands.inspect:COMMAND", "say what a voice file, checkpoint or index is"),
    "doctor": Entry("rvc.commands.doctor:COMMAND", "check this machine, and say how to mend what is missing"),
    "download": Entry("rvc.commands.download:COMMAND", "fetch weights, resumed and verified; --list shows them"),
})
