"""`python -m rvc train NAME`: start, or go on from the last checkpoint."""
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rvc.commandline import given
from rvc.commands import Command
from rvc.errors import SettingsError
from rvc.options import build, flat
from rvc.settings.training import TrainCommandSettings, TrainSettings
from rvc.workspace import VoiceFolder, Workspace, find_workspace

if TYPE_CHECKING:
    from rvc.training.runfile import RunFile


def positionals(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="of a voice that has been prepared")


def run(arguments: Namespace) -> int:
    """0 when the voice is finished, or stopped as somebody asked."""
    asked = given(TrainCommandSettings, arguments)
    chosen = build(TrainCommandSettings, asked)
    workspace = find_workspace(chosen.workspace)
    voice = workspace.voice(arguments.name)
    options = renewed_options(voice, asked)
    confirm_fresh(voice, chosen)
    return train_voice(workspace, voice, options, fresh=chosen.fresh)


def renewed_options(voice: VoiceFolder, asked: Mapping[str, Any]) -> "RunFile":
    """The options of the voice with those that were given."""
    from rvc.training.card import read_card
    from rvc.training.opening import check_against
    from rvc.training.runfile import read_run

    card, before = read_card(voice.card), read_run(voice.run_file)
    known = flat(before.train)
    settings = build(TrainSettings, known | {name: value for name, value in asked.items() if name in known})
    check_against(card, settings, voice.name)
    return replace(before, train=settings)


def leads() -> bool:
    """Whether this is the first of the processes that train together."""
    return os.environ.get("RANK", "0") == "0"


def confirm_fresh(voice: VoiceFolder, chosen: TrainCommandSettings) -> None:
    """Ask before checkpoints are set aside.  Raises `SettingsError` when the answer is no, or nobody is there."""
    from rvc.training.checkpoint import Checkpoints

    count = len(Checkpoints(voice.checkpoints).whole())
    if not chosen.fresh or chosen.yes or not count or not leads():
        return
    if not sys.stdin.isatty():
        raise SettingsError("fresh", f"{voice.name} has {count} checkpoints, which would be set aside; add --yes if "
                                     "that is meant.")
    answer = input(f"{voice.name} has {count} checkpoints.  Set them aside and start over? [y/N] ")
    if answer.strip().lower() not in ("y", "yes"):
        raise SettingsError("fresh", "nothing was changed; leave it out to go on from the last checkpoint.")


def train_voice(workspace: Workspace, voice: VoiceFolder, options: "RunFile", *, fresh: bool) -> int:
    """Train, and say how it ended."""
    from rvc.commands.events import show
    from rvc.commands.terminal import cleared
    from rvc.training.run import train

    ending = train(workspace, voice, options, fresh=fresh, listener=show)
    where = f"after epoch {ending.epoch}, step {ending.step}"
    if ending.voice:
        print(f"{cleared()}Finished {where}{' by ' * bool(ending.stopped)}{ending.stopped}: {ending.voice}")
    elif ending.stopped:
        print(f"{cleared()}Stopped by {ending.stopped} {where}.  To go on: python -m rvc train {voice.name!r}")
    return 0


COMMAND = Command(settings=TrainCommandSettings, run=run, positionals=positionals)
