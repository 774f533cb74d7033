"""`python -m rvc export NAME`"""
from argparse import Namespace

from rvc.commandline import settings_from
from rvc.commands import Command
from rvc.commands.train import positionals
from rvc.settings.training import ExportSettings
from rvc.workspace import find_workspace


def run(arguments: Namespace) -> int:
    """0 when the voice file is written and was heard to speak, or the pair is written."""
    from rvc.commands.events import show
    from rvc.errors import CheckpointError
    from rvc.training.checkpoint import Checkpoints
    from rvc.training.run import export
    from rvc.training.runfile import read_run
    from rvc.training.start import foreign_pair

    chosen = settings_from(ExportSettings, arguments)
    workspace = find_workspace(chosen.workspace)
    voice = workspace.voice(arguments.name)
    settings = read_run(voice.run_file).train
    if not Checkpoints(voice.checkpoints).whole() and not foreign_pair(voice):
        raise CheckpointError(f"{voice.name} has no checkpoint yet; train it first: python -m rvc train {voice.name!r}")
    for path in export(workspace, voice, settings, pretrain=chosen.pretrain, listener=show):
        print(path)
    return 0


COMMAND = Command(settings=ExportSettings, run=run, positionals=positionals)
