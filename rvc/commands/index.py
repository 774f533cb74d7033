"""`python -m rvc index NAME`"""
from argparse import Namespace

from rvc.commandline import settings_from
from rvc.commands import Command
from rvc.commands.train import positionals
from rvc.settings.training import IndexSettings
from rvc.workspace import VoiceFolder, find_workspace


def run(arguments: Namespace) -> int:
    """0 when the index is written."""
    index_voice(find_workspace(settings_from(IndexSettings, arguments).workspace).voice(arguments.name))
    return 0


def index_voice(voice: VoiceFolder) -> None:
    """Write the index, and say what is in it."""
    from rvc.training.indexing import build_index

    built = build_index(voice)
    print(f"{voice.index_file}: {built.frames:,} frames, {built.kept:,} of them kept")


COMMAND = Command(settings=IndexSettings, run=run, positionals=positionals)
