"""One step of learning a VITS voice: the judges first, then the generator with what they have just learned."""
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, fields

import torch
from torch import Tensor

from rvc.errors import CheckpointError
from rvc.synthesis.discriminators import Discriminator
from rvc.synthesis.memory import set_recompute
from rvc.synthesis.noise import Noise
from rvc.synthesis.vits import Reconstruction, Vits, segments
from rvc.training import optimizers, parallel
from rvc.training.batches import Batch
from rvc.training.learner import Learner
from rvc.training.losses import (
    SPECTRAL_SHARES,
    deception_loss,
    feature_loss,
    judges_loss,
    kl_loss,
    spectral_distance,
    voice_mel,
)
from rvc.training.optimizers import OPTIMIZERS
from rvc.training.schedule import Schedule, factor
from rvc.training.state import State, learner_state, load_learner, load_network, part, prefixed

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class RecipeConfig:
    """The numbers of a run.

    rate_*: None for the optimiser's own.  clip: the longest gradient, 0 for any.  *_wait: steps before a network begins
    to learn.  judges_updates: steps of the judges for each of the generator's.  mean_of_weights: what the generator's
    running mean keeps at each step, 0 for no mean.  spectral: "l1", "multi-scale" or "stft".
    """

    optimizer: str = "radam"
    rate_generator: float | None = None
    rate_judges: float | None = None
    betas: tuple[float, float] = (0.8, 0.99)
    eps: float = 1e-8
    weight_decay: float = 0.01
    clip: float = 0.0
    generator_waits: int = 0
    judges_wait: int = 0
    judges_updates: int = 1
    mean_of_weights: float = 0.0
    spectral: str = "l1"
    spectral_weight: float = 45.0
    kl_weight: float = 1.0
    precision: str = "fp32"
    recompute: bool = False
    schedule: Schedule = field(default_factory=Schedule)


@dataclass(frozen=True)
class StepLosses:
    """What a step found: numbers still on the device, weighted as they were learned from; None for what was left out.

    norm_*: of the gradients, before clipping.  sound: False when a loss or gradient was not finite, so that a network
    did not move.
    """

    judges: Tensor | None = None
    adversarial: Tensor | None = None
    feature: Tensor | None = None
    spectral: Tensor | None = None
    kl: Tensor | None = None
    generator: Tensor | None = None
    norm_judges: Tensor | None = None
    norm_generator: Tensor | None = None
    sound: bool = True

    def values(self) -> dict[str, Tensor]:
        """The losses and norms that there are."""
        found = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "sound"}
        return {name: value for name, value in found.items() if value is not None}


class VitsRecipe:
    """Owns the two networks and everything that moves them, on the device where the networks are.

    steps: taken so far, skipped ones too.
    """

    def __init__(self, generator: Vits, judges: Discriminator, config: RecipeConfig):
        self.config, self.voice, self.steps = config, generator.config, 0
        self._device = next(generator.parameters()).device
        usual = OPTIMIZERS[config.optimizer].facts["rate"]
        self._rates = [usual if rate is None else rate for rate in (config.rate_generator, config.rate_judges)]
        for network in (generator, judges):
            set_recompute(network.train(), config.recompute)
            parallel.share(network)
        self.generator, self.judges = map(_learner, (generator, judges), (config, config), self._rates)
        self.mean = deepcopy(generator).eval().requires_grad_(False) if config.mean_of_weights else None
        mel = voice_mel(self.voice.sample_rate, 2 * (self.voice.spec_channels - 1))
        self._distance = spectral_distance(config.spectral, mel)
        self._spectral_weight = config.spectral_weight * SPECTRAL_SHARES[config.spectral]

    def step(self, batches: Sequence[Batch], noise: Noise, epoch: int = 0) -> StepLosses:
        """Learn from batches as if they were one; each may have its own number of rows and frames.

        Where there are several, sound for the judges is made apart from the sound that the generator learns from, so
        that only one batch has to be remembered at a time.  After an exception the step may be tried again.
        """
        judging, making = self.steps >= self.config.judges_wait, self.steps >= self.config.generator_waits
        self._begin(epoch)
        lone = self._render(batches[0], noise, gradient=making) if len(batches) == 1 else None
        found = {}
        for _ in range(self.config.judges_updates * judging):
            found |= self._teach_judges(batches, noise, lone)
        if making:
            found |= self._teach_generator(batches, noise, lone, judging)
        self.judges.settle()
        if self.generator.settle() and self.mean is not None:
            self._follow()
        self.steps += 1
        return StepLosses(**found, sound=self.judges.sound and self.generator.sound)

    @contextmanager
    def listening(self) -> Iterator[Vits]:
        """The generator as it is previewed and exported: its running mean where one is kept."""
        if self.mean is not None:
            yield self.mean
            return
        with self.generator.at_rest() as network:
            yield network

    def state(self) -> State:
        """Everything that a later process needs to go on as if nothing had happened, but for the noise."""
        mean = {} if self.mean is None else prefixed("mean", self.mean.state_dict())
        state = State(mean, {"steps": self.steps, "optimizer": self.config.optimizer})
        return state | learner_state("generator", self.generator) | learner_state("judges", self.judges)

    def load_state(self, state: State) -> None:
        """Go on from a state.  Raises `CheckpointError` when it is that of other networks or another optimiser."""
        before = state.numbers.get("optimizer")
        if before != self.config.optimizer:
            raise CheckpointError(f"The checkpoint was trained with {before}, and the run asks for "
                                  f"{self.config.optimizer}; choose the same optimizer, or start afresh.")
        load_learner("generator", self.generator, state)
        load_learner("judges", self.judges, state)
        if self.mean is not None:
            load_network(self.mean, part("mean", state.tensors) or part("generator", state.tensors))
        self.steps = state.numbers["steps"]

    def _begin(self, epoch: int) -> None:
        now = factor(self.config.schedule, step=self.steps, epoch=epoch)
        for learner, rate in ((self.generator, self._rates[0]), (self.judges, self._rates[1])):
            learner.begin()
            learner.at_rate(rate * now)
            learner.sound = True

    def _teach_judges(self, batches: Sequence[Batch], noise: Noise, lone: Reconstruction | None) -> dict[str, Tensor]:
        """Show the judges real and made sound, one after the other, and propose their step."""
        self.judges.settle()
        self.judges.begin()
        total = 0.0
        for batch, share in _shares(batches):
            take = lone or self._render(batch, noise, gradient=False)
            with self._autocast():
                verdicts = [[verdict for verdict, _ in self.judges.network(sound)]
                            for sound in (self._heard(batch, take), take.audio.detach())]
            loss = share * judges_loss(*verdicts)
            self.judges.backward(loss)
            total = total + loss.detach()
        return {"judges": total, "norm_judges": self.judges.propose(total)}

    def _teach_generator(self, batches: Sequence[Batch], noise: Noise, lone: Reconstruction | None,
                         judging: bool) -> dict[str, Tensor]:
        """Compare what was made with what was heard, ask the judges as they are now, and propose a step."""
        frames = parallel.summed(sum(batch.lengths.sum() for batch in batches)) / parallel.processes()
        found = {}
        for batch, share in _shares(batches):
            take = lone or self._render(batch, noise, gradient=True)
            terms = self._own_terms(batch, take, share, frames)
            self.judges.settle()  # waited for here, while the device computes the terms above
            with _frozen(self.judges.network):
                if judging:
                    terms |= self._judged_terms(batch, take, share)
                terms["generator"] = sum(terms.values())
                self.generator.backward(terms["generator"])
            found = {name: found.get(name, 0.0) + term.detach() for name, term in terms.items()}
        return found | {"norm_generator": self.generator.propose(found["generator"])}

    def _own_terms(self, batch: Batch, take: Reconstruction, share: float, frames: Tensor) -> dict[str, Tensor]:
        """What the generator learns without the judges."""
        distance = self._distance(self._heard(batch, take).squeeze(1), take.audio.squeeze(1))
        divergence = kl_loss(take.z_p, take.log_std_q, take.mean_p, take.log_std_p, take.mask, frames)
        return {"spectral": share * self._spectral_weight * distance, "kl": self.config.kl_weight * divergence}

    def _judged_terms(self, batch: Batch, take: Reconstruction, share: float) -> dict[str, Tensor]:
        """What the judges say, who do not learn here; of the real sound only the maps are needed, and no gradient."""
        with self._autocast():
            with torch.no_grad():
                _, maps_real = zip(*self.judges.network(self._heard(batch, take)))
            verdicts, maps = zip(*self.judges.network(take.audio))
        return {"adversarial": share * deception_loss(verdicts), "feature": share * feature_loss(maps_real, maps)}

    def _render(self, batch: Batch, noise: Noise, *, gradient: bool) -> Reconstruction:
        network = self.generator.network
        with torch.set_grad_enabled(gradient), self._autocast():
            return network(batch.content, batch.f0_hz, batch.spectrogram, network.speaker(batch.speaker),
                           lengths=batch.lengths, segment=self.voice.segment_frames, noise=noise)

    def _heard(self, batch: Batch, take: Reconstruction) -> Tensor:
        """(B, 1, S·hop) of the recording, where the take is."""
        hop = self.voice.hop
        return segments(batch.wave, take.starts * hop, self.voice.segment_frames * hop)

    def _autocast(self) -> torch.autocast:
        dtype = DTYPES[self.config.precision]
        return torch.autocast(self._device.type, dtype=dtype, enabled=dtype != torch.float32)

    @torch.no_grad()
    def _follow(self) -> None:
        """Let the running mean follow the generator, faster as long as it is young."""
        keep = min(self.config.mean_of_weights, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(list(self.mean.parameters()), list(self.generator.network.parameters()), 1 - keep)


def _learner(network: torch.nn.Module, config: RecipeConfig, rate: float) -> Learner:
    optimizer = optimizers.build(config.optimizer, network.parameters(), rate=rate, betas=config.betas, eps=config.eps,
                                 weight_decay=config.weight_decay)
    return Learner(network, optimizer, clip=config.clip, half=config.precision == "fp16")


def _shares(batches: Sequence[Batch]) -> Iterator[tuple[Batch, float]]:
    """Each batch, and how much of the whole it is."""
    rows = sum(len(batch) for batch in batches)
    return ((batch, len(batch) / rows) for batch in batches)


@contextmanager
def _frozen(network: torch.nn.Module) -> Iterator[None]:
    """Let gradients pass through the network without leaving any in it."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
