"""`python -m rvc prepare NAME DATASET_FOLDER`"""
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from rvc.commandline import settings_from
from rvc.commands import Command
from rvc.commands.terminal import TimeLeft, cleared, written_over
from rvc.settings.training import PrepareCommandSettings, TrainSettings
from rvc.workspace import find_workspace


def positionals(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="of the voice")
    parser.add_argument("dataset", metavar="DATASET_FOLDER",
                        help="recordings; in folders of their own for several speakers")


def run(arguments: Namespace) -> int:
    """0 when there is something to train on, even if recordings were left out."""
    from rvc.training.prepare import NothingUsable, prepare
    from rvc.training.runfile import RunFile, renewed, write_run

    settings = settings_from(PrepareCommandSettings, arguments)
    workspace = find_workspace(settings.workspace)
    voice, dataset = workspace.voice(arguments.name), workspace.dataset(arguments.dataset)
    asked = renewed(voice.run_file, RunFile(dataset, settings.prepare, TrainSettings(model=settings.model)))
    try:
        done = prepare(voice, dataset, settings.prepare, settings.model, workspace=workspace, device=settings.device,
                       report=written_over(TimeLeft()))
    except NothingUsable as problem:
        _print_refusals(problem.refusals)
        raise
    finally:
        print(cleared(), end="", flush=True)
    write_run(voice.run_file, asked)
    _print_refusals(done.refusals)
    _print_totals(done, voice.name)
    return 0


def _print_refusals(refusals: Sequence) -> None:
    if not refusals:
        return
    print(f"Left out ({len(refusals)}):")
    width = max(len(repr(refusal.name)) for refusal in refusals)
    for refusal in refusals:
        print(f"  {refusal.name!r:<{width}}  {refusal.reason}")


def _print_totals(done, name: str) -> None:
    from rvc.training.prepare import ADVISED

    if done.others:
        print(f"{done.others} files that are no sound by their names were passed over.")
    width = max(len(repr(speaker.name)) for speaker in done.speakers)
    for speaker in done.speakers:
        print(f"Speaker {speaker.number:>3}  {speaker.name!r:<{width}}  {clock(speaker.seconds):>8}  "
              f"from {speaker.recordings} recordings")
    melody = f"melody by {done.ears.method}" if done.ears.method else "no melody"
    print(f"{name}: {done.slices} slices at {done.sample_rate} Hz, content by {done.ears.encoder}, {melody}.")
    more = f"; at least {clock(ADVISED)} is advised, 10 to 30 minutes are good" if done.seconds < ADVISED else ""
    print(f"{clock(done.seconds)} of usable sound{more}.")


def clock(seconds: float) -> str:
    """0:42, 12:05, 1:02:03."""
    whole = int(seconds)
    hours = f"{whole // 3600}:{whole // 60 % 60:02}" if whole >= 3600 else f"{whole // 60}"
    return f"{hours}:{whole % 60:02}"


COMMAND = Command(settings=PrepareCommandSettings, run=run, positionals=positionals)
