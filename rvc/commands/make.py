"""`python -m rvc make NAME DATASET_FOLDER`: prepare, train and index."""
from argparse import Namespace

from rvc.commandline import given
from rvc.commands import Command
from rvc.commands.prepare import positionals
from rvc.commands.prepare import run as prepare
from rvc.commands.train import confirm_fresh, renewed_options, train_voice
from rvc.options import build
from rvc.settings.training import MakeSettings
from rvc.workspace import find_workspace


def run(arguments: Namespace) -> int:
    """0 when the voice and its index are there, or it was stopped as somebody asked."""
    from rvc.commands.index import index_voice

    asked = given(MakeSettings, arguments)
    chosen = build(MakeSettings, asked)
    workspace = find_workspace(chosen.workspace)
    voice = workspace.voice(arguments.name)
    confirm_fresh(voice, chosen)
    prepare(arguments)
    status = train_voice(workspace, voice, renewed_options(voice, asked), fresh=chosen.fresh)
    index_voice(voice)
    return status


COMMAND = Command(settings=MakeSettings, run=run, positionals=positionals)
