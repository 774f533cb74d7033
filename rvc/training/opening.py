"""All that a run needs, found, checked and loaded before the first step."""
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256

import torch
from torch import nn

from rvc.device import precisions
from rvc.errors import CheckpointError, SettingsError
from rvc.settings.training import TrainSettings
from rvc.synthesis.config import FRAME_RATE
from rvc.synthesis.vits import Vits
from rvc.training import networks, start
from rvc.training.card import PreparedCard, read_card
from rvc.training.checkpoint import Checkpoint, Checkpoints
from rvc.training.dataset import Dataset, Slice, hold_out, read_manifest
from rvc.training.events import Event, Tell
from rvc.training.plan import check_model, choose_precision, judges_version, recipe_config
from rvc.training.state import State
from rvc.training.team import Team
from rvc.training.vits_recipe import VitsRecipe
from rvc.voicefile.checkpoint import read_checkpoint
from rvc.workspace import VoiceFolder, Workspace

NEEDS_PREPARE = ("sample_rate", "uses_f0")  # of the model: slices and features depend on them
OPTIMIZER_SHARE = 2  # sizes of the weights that the moments of Adam take


@dataclass(frozen=True)
class Position:
    """Where a run stands.  batch: of this epoch, heard already; order: what the order of batches depends on.

    share: of the learning rate, less than 1 after values that were not finite; parts: in how many each batch is heard,
    since memory is short; best, best_epoch: of the clips held out.
    """

    epoch: int = 0
    batch: int = 0
    order: str = ""
    share: float = 1.0
    parts: int = 1
    best: float | None = None
    best_epoch: int = 0


@dataclass(frozen=True)
class Run:
    """One voice, ready to learn.  heard: clips that are only listened to; held: whether they are held out."""

    workspace: Workspace
    voice: VoiceFolder
    settings: TrainSettings
    card: PreparedCard
    team: Team
    networks: tuple[Vits, nn.Module]
    precision: str
    dataset: Dataset
    heard: Dataset
    held: bool
    checkpoints: Checkpoints

    def recipe(self, share: float) -> VitsRecipe:
        """share: of the learning rates."""
        config = recipe_config(self.settings, self.precision)
        recipe = VitsRecipe(*self.networks, config)
        if share == 1:
            return recipe
        rates = [learner.rate * share for learner in (recipe.generator, recipe.judges)]
        return VitsRecipe(*self.networks, replace(config, rate_generator=rates[0], rate_judges=rates[1]))

    def order(self) -> str:
        """A hash of all that decides which clips lie in which batch."""
        data = self.settings.data
        text = f"{data.batch_size * self.team.size} {data.seed} {data.longest} {self.dataset.slices}"
        return sha256(text.encode()).hexdigest()[:16]


def open_run(workspace: Workspace, voice: VoiceFolder, settings: TrainSettings, team: Team,
             tell: Tell) -> tuple[Run, VitsRecipe, Position]:
    """Raises an `RvcError` with the remedy for what is missing or does not fit."""
    card, slices = read_card(voice.card), read_manifest(voice.manifest)
    check_against(card, settings, voice.name)
    precision = choose_precision(settings.model.precision, precisions(team.device), team.device.type)
    checkpoints = Checkpoints(voice.checkpoints, settings.saving.keep)
    found = last_checkpoint(checkpoints, team, tell)
    foreign = None if found else start.foreign_pair(voice)
    pair, said = start.pretrained_pair(workspace, settings.model)
    if found is None and foreign is None and said:
        tell(Event("warning", {"text": said}))
    run = Run(workspace, voice, settings, card, team,
              _networks(card, settings, team, _speakers(slices, found, foreign or pair)), precision,
              *_datasets(voice, slices, card, settings, team), checkpoints)
    if team.leads:
        checkpoints.check_room(_size(run))
    if found:
        return run, *resumed(run, found, tell)
    torch.manual_seed(settings.data.seed)
    _take(run, foreign or pair, tell)
    recipe = run.recipe(1.0)
    return run, recipe, _go_on(run, recipe, foreign, tell) if foreign else Position(order=run.order())


def check_against(card: PreparedCard, settings: TrainSettings, name: str) -> None:
    """Raises `SettingsError` for options that need another preparation, or do not go together."""
    check_model(settings)
    recipe_config(settings, "fp32")
    for field in NEEDS_PREPARE:
        now, then = getattr(settings.model, field), getattr(card, field)
        if now != then:
            raise SettingsError(f"model.{field}", f"the voice was prepared with {then}, and {now} needs other "
                                                  f"features: python -m rvc prepare {name!r} DATASET_FOLDER")


def last_checkpoint(checkpoints: Checkpoints, team: Team, tell: Tell) -> Checkpoint | None:
    """The first process tidies up, then all read the same."""
    found = None
    if team.leads:
        checkpoints.sweep()
        found = checkpoints.latest(lambda text: tell(Event("warning", {"text": text})))
    team.meet()
    return found if team.leads else checkpoints.latest(lambda text: None)


def resumed(run: Run, found: Checkpoint, tell: Tell, share: float = 1.0) -> tuple[VitsRecipe, Position]:
    """Go on where a checkpoint stands.  share: the learning rate is at most that part of what was asked for."""
    numbers = found.state.numbers.get("run", {})
    if set(numbers) != {item.name for item in fields(Position)}:
        raise CheckpointError(f"The checkpoint {found.path.name} is that of another version of the program; start "
                              "afresh with --fresh.")
    position = Position(**numbers)
    position = replace(position, share=min(position.share, share))
    if position.order != run.order():
        if position.batch:
            tell(Event("warning", {"text": f"Recordings or batch size have changed, so epoch {position.epoch + 1} "
                                           "begins again."}))
        position = replace(position, order=run.order(), batch=0, parts=1)
    recipe = run.recipe(position.share)
    recipe.load_state(found.state)
    _restore_chance(found.state, run.team.device)
    return recipe, position


def state_of(recipe: VitsRecipe, position: Position, device: torch.device) -> State:
    """All of a run: networks, optimisers, chance and place in the data."""
    chance = {"random/processor": torch.get_rng_state()}
    if device.type == "cuda":
        chance["random/device"] = torch.cuda.get_rng_state(device)
    return recipe.state() | State(chance, {"run": asdict(position)})


def _restore_chance(state: State, device: torch.device) -> None:
    torch.set_rng_state(state.tensors["random/processor"])
    if device.type == "cuda" and "random/device" in state.tensors:
        torch.cuda.set_rng_state(state.tensors["random/device"], device)


def _size(run: Run) -> int:
    """Bytes of a checkpoint: both networks, their moments, and the running mean where one is kept."""
    generator, judges = (sum(weight.nbytes for weight in network.parameters()) for network in run.networks)
    return (1 + OPTIMIZER_SHARE) * (generator + judges) + generator * bool(run.settings.learning.mean_of_weights)


def _speakers(slices: Sequence[Slice], found: Checkpoint | None, pair: start.Pair) -> int:
    """Rows of the table of speakers: those of what is gone on from, if they are enough."""
    needed = 1 + max(item.speaker for item in slices)
    if found is None:
        return max(needed, start.speakers_in(pair))
    rows = len(found.state.tensors["generator/emb_g.weight"])
    if rows < needed:
        raise CheckpointError(f"The checkpoint knows {rows} speakers, and the recordings have {needed}; start afresh "
                              "with --fresh.")
    return rows


def _networks(card: PreparedCard, settings: TrainSettings, team: Team, speakers: int) -> tuple[Vits, nn.Module]:
    made = networks.new_networks(
        networks.voice_config(card.sample_rate, speakers), vocoder=settings.model.vocoder, uses_f0=card.uses_f0,
        content_width=card.content_width, judges=judges_version(settings), seed=settings.data.seed)
    return tuple(network.to(team.device) for network in made)


def _datasets(voice: VoiceFolder, slices: Sequence[Slice], card: PreparedCard, settings: TrainSettings,
              team: Team) -> tuple[Dataset, Dataset, bool]:
    """What is learned from; what is listened to, which is learned from too where nothing is held out."""
    config = networks.voice_config(card.sample_rate, 1)
    learned, held = hold_out(slices, settings.data.hold_out)
    facts = {"sample_rate": card.sample_rate, "n_fft": 2 * (config.spec_channels - 1),
             "shortest": config.segment_frames, "longest": round(settings.data.longest * FRAME_RATE)}
    return (Dataset(voice.path, learned, cache=settings.data.cache, device=team.device, **facts),
            Dataset(voice.path, [item for item in held or learned if not is_silence(item)] or learned, **facts),
            bool(held))


def is_silence(item: Slice) -> bool:
    """Whether a slice is one of those from which silence is learned: its hash is that of zeros."""
    return item.hash == sha256(bytes(4 * item.samples)).hexdigest()


def _take(run: Run, pair: start.Pair, tell: Tell) -> None:
    """Start from the files of a pair, and say what was taken."""
    generator, judges = run.networks
    said = []
    if pair.generator:
        said.append(start.take_generator(generator, pair.generator, vocoder=run.settings.model.vocoder))
    if pair.judges:
        said.append(start.take_judges(judges, pair.judges))
    for text in said:
        tell(Event("warning", {"text": text}) if "from nothing" in text else Event("stage", {"what": text}))
    if bool(pair.generator) != bool(pair.judges):
        lacking = "judges start" if pair.generator else "generator starts"
        tell(Event("warning", {"text": f"The {lacking} from nothing: the other file of the pair is not there."}))


def _go_on(run: Run, recipe: VitsRecipe, pair: start.Pair, tell: Tell) -> Position:
    """After another program's last epoch, with its optimisers if they fit."""
    files = [read_checkpoint(path) for path in (pair.generator, pair.judges)]
    taken = [start.take_moments(learner.optimizer, file, run.settings.learning.optimizer)
             for learner, file in zip((recipe.generator, recipe.judges), files)]
    epoch = files[0].iteration or 0
    batches = len(run.dataset.order(batch_size=run.settings.data.batch_size * run.team.size,
                                    seed=run.settings.data.seed, epoch=0))
    recipe.steps = epoch * -(-batches // run.settings.data.accumulate)
    moments = "with its optimizers" if all(taken) else "with new optimizers: theirs are not there, or do not fit"
    tell(Event("warning", {"text": f"Going on after epoch {epoch} of {pair.generator.name} and {pair.judges.name}, "
                                   f"{moments}."}))
    return Position(epoch=epoch, order=run.order())
