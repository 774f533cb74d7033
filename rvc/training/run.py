"""A training from its options to a voice that was heard to speak."""
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rvc.errors import Cancelled
from rvc.settings.training import TrainSettings
from rvc.training.board import Board
from rvc.training.checkpoint import Checkpoints
from rvc.training.events import Event, EventLog, Tell, to_all, while_it_hears
from rvc.training.export import export_pretrain
from rvc.training.lock import alone
from rvc.training.loop import OVERTRAINED, Loop
from rvc.training.opening import Run, open_run
from rvc.training.proof import prove
from rvc.training.runfile import RunFile, write_run
from rvc.training.stop import listening_for_stops
from rvc.training.team import Team, team
from rvc.workspace import VoiceFolder, Workspace


@dataclass(frozen=True)
class Ending:
    """stopped: who asked for it, "" for a run that came to its end.  voice: its file, None where it was not written."""

    epoch: int
    step: int
    stopped: str = ""
    voice: Path | None = None


def train(workspace: Workspace, voice: VoiceFolder, options: RunFile, *, fresh: bool = False,
          listener: Tell) -> Ending:
    """Go on from the last checkpoint, or start; finished only when a fresh process has heard the voice speak.

    options: written into the voice's folder as soon as everything could be opened with them.
    """
    settings = options.train
    with team(settings.device) as crew, _told(voice, crew, listener) as tell, listening_for_stops(voice) as asked:
        if fresh and crew.leads:
            Checkpoints(voice.checkpoints).start_afresh()
        crew.meet()
        tell(Event("stage", {"what": "Opening", "device": str(crew.device), "reason": crew.reason}))
        run, recipe, position = open_run(workspace, voice, settings, crew, tell)
        if crew.leads:
            write_run(voice.run_file, options)
        loop = Loop(run, recipe, position, tell, asked)
        why = loop.learn()
        done = why in ("", OVERTRAINED)
        ending = Ending(loop.age.epoch, loop.age.step, why, _finish(run, loop, tell) if done and crew.leads else None)
        tell(Event("finished" if done else "stopped", {"epoch": ending.epoch, "step": ending.step, "by": why,
                                                       "voice": str(ending.voice or "")}))
        return ending


def export(workspace: Workspace, voice: VoiceFolder, settings: TrainSettings, *, pretrain: bool,
           listener: Tell) -> list[Path]:
    """The voice, or its pair of networks, from the last checkpoint; where it is."""
    settings = replace(settings, device="cpu", model=replace(settings.model, precision="fp32"))  # nothing is learned
    with team("cpu") as crew, alone(voice.lock):
        run, recipe, position = open_run(workspace, voice, settings, crew, listener)
        loop = Loop(run, recipe, position, listener, str)
        if not pretrain:
            return [_finish(run, loop, listener)]
        with recipe.listening() as network:
            weights = network.state_dict(), recipe.judges.network.state_dict()
            return export_pretrain(voice, weights, run.card, loop.age, recipe.generator.rate)


def _finish(run: Run, loop: Loop, tell: Tell) -> Path:
    """The voice file, proven by a fresh process."""
    loop.export(run.voice.voice_file)
    tell(Event("stage", {"what": "Listening to the voice in a fresh process"}))
    prove(run.voice, run.voice.voice_file, max(run.heard.slices, key=lambda item: item.samples))
    return run.voice.voice_file


@contextmanager
def _told(voice: VoiceFolder, crew: Team, listener: Tell) -> Iterator[Tell]:
    """Alone with the voice, and what happens is written down, a failure too; by the first process."""
    if not crew.leads:
        yield lambda event: None
        return
    with ExitStack() as open_:
        open_.enter_context(alone(voice.lock))
        log, board = open_.enter_context(EventLog(voice.events)), open_.enter_context(Board(voice.board))
        tell = to_all(log, while_it_hears(board), while_it_hears(listener))
        try:
            yield tell
        except (Cancelled, KeyboardInterrupt):
            tell(Event("stopped", {"by": "the person"}))
            raise
        except Exception as problem:
            tell(Event("failed", {"why": str(problem) or type(problem).__name__, "kind": type(problem).__name__}))
            raise
