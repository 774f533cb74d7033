"""The loop: step after step, epoch after epoch, until the end or until somebody asks for a stop.

Chance in a step is a function of seed, step and process alone.  So a step that is taken again is the same step, and a
run that was stopped goes on as if it had not been.
"""
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from rvc.errors import DeviceError, Diverged
from rvc.synthesis.noise import Noise, drawn_from
from rvc.training.batches import Batch
from rvc.training.events import Event, Tell
from rvc.training.export import Age, export_voice
from rvc.training.listening import Line, distances, lines, write_sample
from rvc.training.means import RECENT_STEPS, History
from rvc.training.opening import Position, Run, last_checkpoint, open_run, resumed, state_of
from rvc.training.stop import Asked
from rvc.training.vits_recipe import StepLosses, VitsRecipe

NEWS = 1.0  # seconds between two reports of steps
MOST_UNSOUND = 3  # steps in a row that may be skipped
BETTER = 0.995  # of the best distance: what counts as an improvement
MOST_NAMED = 4  # recordings in one sentence
OVERTRAINED = "overtraining"  # who stops a run that does not get better


class Loop:
    """A run and where it stands."""

    def __init__(self, run: Run, recipe: VitsRecipe, position: Position, tell: Tell, asked: Asked):
        self.run, self.recipe, self.at, self.tell, self._asked = run, recipe, position, tell, asked
        self._history, self._unsound, self._told, self._saved = History(), 0, 0.0, -1
        self._noise = torch.Generator(run.team.device)
        self._lines: list[Line] = []

    @property
    def age(self) -> Age:
        return Age(self.at.epoch, self.recipe.steps)

    def learn(self) -> str:
        """To the last epoch; else who asked for a stop, with a checkpoint of the step before."""
        epochs = self.run.settings.schedule.epochs
        self.tell(Event("stage", {"what": "Training", "done": self.at.epoch, "total": epochs}))
        why = ""
        while self.at.epoch < epochs and not why:
            why = self._epoch()
        return why

    def save(self) -> None:
        """A checkpoint, by the first process, while the others wait."""
        if self.run.team.leads:
            path = self.run.checkpoints.save(state_of(self.recipe, self.at, self.run.team.device))
            self._say("saved", path=str(path))
        self._saved = self.recipe.steps
        self.run.team.meet()

    def export(self, path: Path) -> None:
        """The voice as it is now."""
        with self.recipe.listening() as network:
            export_voice(path, network, self.run.card, self.age, vocoder=self.run.settings.model.vocoder,
                         saving=self.run.settings.saving)

    def _epoch(self) -> str:
        """The rest of an epoch; it is cut short by a stop, or by going back to a checkpoint."""
        began = time.monotonic()
        for group in self._groups():
            losses = self._step(group)
            first, self.at = self.at.batch, replace(self.at, batch=self.at.batch + len(group))
            if losses.sound:
                self._learned(losses)
            elif self._went_back(range(first, self.at.batch)):
                return ""
            if self.run.team.any(bool(self._asked())):
                self.save()
                return self._asked() or "another process"
        return self._close_epoch(time.monotonic() - began)

    def _groups(self) -> Iterator[list[Batch]]:
        """The batches of each step that is left in the epoch."""
        data, team = self.run.settings.data, self.run.team
        batches = self.run.dataset.batches(batch_size=data.batch_size, seed=data.seed, epoch=self.at.epoch,
                                           rank=team.rank, ranks=team.size, first=self.at.batch)
        return grouped(batches, data.accumulate)

    def _step(self, group: list[Batch]) -> StepLosses:
        """One step; where memory does not suffice, the same in smaller parts."""
        while True:
            parts = [part for batch in group for part in batch.split(self.at.parts)]
            losses = self._tried(parts)
            if losses is not None:
                return losses
            del parts
            self._halve(max(map(len, group)))

    def _tried(self, parts: list[Batch]) -> StepLosses | None:
        """None when memory ran out."""
        try:
            return self.recipe.step(parts, self._chance(), self.at.epoch)
        except torch.OutOfMemoryError:
            return None  # what the step held is freed once this frame is gone

    def _chance(self) -> Noise:
        numbers = np.random.SeedSequence((self.run.settings.data.seed, self.recipe.steps, self.run.team.rank))
        return drawn_from(self._noise.manual_seed(int(numbers.generate_state(1, np.uint64)[0] >> np.uint64(1))))

    def _halve(self, rows: int) -> None:
        """Half the batch and double the accumulation: the same step in less memory."""
        size = -(-rows // self.at.parts)
        if size <= 1 or self.run.team.size > 1:
            raise DeviceError("The device has too little memory for this training: choose a smaller --batch-size, a "
                              "shorter --longest, --recompute, or another device.")
        if self.run.team.device.type == "cuda":
            torch.cuda.empty_cache()
        self.at = replace(self.at, parts=2 * self.at.parts)
        self._say("warning", text=f"Memory ran out with batches of {size}: they are halved to {-(-size // 2)}, and "
                                  f"the accumulation is doubled to "
                                  f"{self.at.parts * self.run.settings.data.accumulate}; nothing else changes.")

    def _learned(self, losses: StepLosses) -> None:
        """A step was taken: it counts, and now and then it is told."""
        self._unsound = 0
        values = losses.values()
        self._history.add(values)
        if time.monotonic() - self._told >= NEWS:
            self._told = time.monotonic()
            self._say("step", **_sorted({name: value.item() for name, value in values.items()}),
                      **{f"mean_{RECENT_STEPS}": self._history.steps.read()}, rate=self._rates())

    def _rates(self) -> dict[str, float]:
        return {"generator": self.recipe.generator.rate, "judges": self.recipe.judges.rate}

    def _went_back(self, batches: Iterable[int]) -> bool:
        """A step was skipped.  After some in a row: back to the last checkpoint at half the rate, but only once."""
        self._unsound += 1
        names = self._recordings(batches)
        self._say("warning", text=f"Step {self.recipe.steps} was skipped: its loss or gradient was not finite "
                                  f"({self._unsound} in a row; {names}).")
        if self._unsound < MOST_UNSOUND:
            return False
        self._go_back(names)
        return True

    def _go_back(self, names: str) -> None:
        found = last_checkpoint(self.run.checkpoints, self.run.team, self.tell)
        last = found.path.name if found else "the start"
        if self.at.share < 1:
            raise Diverged(f"Training met values that are not finite {MOST_UNSOUND} steps in a row, at half the "
                           f"learning rate too; last in {names}.  Look at these recordings, or lower the learning "
                           f"rates; the last good checkpoint is {last}.", self.recipe.steps, last)
        share, parts = self.at.share / 2, self.at.parts
        if found:
            self.recipe, self.at = resumed(self.run, found, self.tell, share)
        else:
            self.run, _, start = open_run(self.run.workspace, self.run.voice, self.run.settings, self.run.team,
                                          self.tell)
            self.recipe, self.at = self.run.recipe(share), replace(start, share=share)
        self.at, self._unsound = replace(self.at, parts=max(self.at.parts, parts)), 0
        self._say("warning", text=f"{MOST_UNSOUND} steps in a row were not finite: back to {last}, at half the "
                                  "learning rate.")

    def _recordings(self, batches: Iterable[int]) -> str:
        data, dataset = self.run.settings.data, self.run.dataset
        order = dataset.order(batch_size=data.batch_size * self.run.team.size, seed=data.seed, epoch=self.at.epoch)
        names = sorted({dataset.slices[index].wave for batch in batches for index in order[batch]})
        return ", ".join(names[:MOST_NAMED]) + " …" * (len(names) > MOST_NAMED)

    def _close_epoch(self, seconds: float) -> str:
        self.at = replace(self.at, epoch=self.at.epoch + 1, batch=0)
        means, saving = self._history.epoch.read(), self.run.settings.saving
        self._history.close_epoch()
        done = self.at.epoch >= self.run.settings.schedule.epochs
        due = done or self.at.epoch % saving.every == 0 and not self._unsound  # else there was no way back
        held = self._distances() if self.run.held and self.run.team.leads and (due or saving.patience) else {}
        self._say("epoch", epochs=self.run.settings.schedule.epochs, epoch_mean=means, rate=self._rates(),
                  held_out=held, seconds=round(seconds, 3), epoch_mean_5=self._history.epochs.read())
        why = self._watch(held)
        if due or why:
            self._keep()
        return why or (self._stop_between_epochs() if not done else "")

    def _stop_between_epochs(self) -> str:
        if not self.run.team.any(bool(self._asked())):
            return ""
        if self._saved != self.recipe.steps:
            self.save()
        return self._asked() or "another process"

    def _distances(self) -> dict[str, float]:
        """How far the clips held out are from what the voice makes of them."""
        with self.recipe.listening() as network:
            return distances(network, self._heard())

    def _heard(self) -> list[Line]:
        self._lines = self._lines or lines(self.run.heard)
        return self._lines

    def _watch(self, held: Mapping[str, float]) -> str:
        """Say when the clips held out stop improving; a reason to stop only where that was asked for."""
        patience = self.run.settings.saving.patience
        if not patience or not self.run.held:
            return ""
        distance = self.run.team.heard(held.get("mel_l1", 0.0))
        if self.at.best is None or distance < BETTER * self.at.best:
            self.at = replace(self.at, best=distance, best_epoch=self.at.epoch)
            if self.run.team.leads:
                self.export(self.run.voice.best_voice)
        idle = self.at.epoch - self.at.best_epoch
        if idle == 0 or idle % patience:
            return ""
        self._say("warning", text=f"The clips held out have not improved for {idle} epochs: the voice may be "
                                  f"overtrained since epoch {self.at.best_epoch}.")
        return OVERTRAINED if self.run.settings.saving.stop_early else ""

    def _keep(self) -> None:
        """A checkpoint, a voice that can be tried, and lines to listen to."""
        self.save()
        if not self.run.team.leads:
            return
        if self.run.settings.saving.voices:
            path = self.run.voice.saved_voice(self.age.epoch, self.age.step)
            self.export(path)
            self._say("saved", path=str(path))
        with self.recipe.listening() as network:
            for number, line in enumerate(self._heard()):
                path = self.run.voice.sample(self.recipe.steps, number)
                write_sample(path, network, line)
                self._say("sample", line=line.name, path=str(path), real=str(line.wave))

    def _say(self, kind: str, **facts: object) -> None:
        self.tell(Event(kind, {"epoch": self.at.epoch, "step": self.recipe.steps, **facts}))


def grouped(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """So many at a time; the last are those that are left."""
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def _sorted(values: dict[str, float]) -> dict[str, dict[str, float]]:
    """Norms of gradients apart from losses."""
    norms = {name.removeprefix("norm_"): value for name, value in values.items() if name.startswith("norm_")}
    return {"loss": {name: value for name, value in values.items() if not name.startswith("norm_")}, "norm": norms}
