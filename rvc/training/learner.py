"""One network that learns: its optimiser, its gradient, and the decision whether a step may be taken."""
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer

from rvc.training import parallel


class Learner:
    """A network and what moves it.

    clip: the longest gradient that is followed unchanged, 0 for any; half: gradients come in float16 and are scaled,
    so that small ones are not lost.  In a step: `begin`, `backward` once or more, `propose`, `settle`.

    Whether a gradient is finite is known on the device only.  `propose` asks for the answer without waiting, and
    `settle` waits for it; what is queued in between keeps the device busy meanwhile.  So a step that must not be taken
    is never taken, whatever the optimiser, at the price of one answer a step.  sound: False after a loss or gradient
    that was not finite, until somebody sets it again.
    """

    def __init__(self, network: nn.Module, optimizer: Optimizer, *, clip: float = 0.0, half: bool = False):
        self.network, self.optimizer, self.clip = network, optimizer, clip
        self.scaler = torch.amp.GradScaler(next(network.parameters()).device.type, enabled=half)
        self.sound, self._answer = True, None

    @property
    def rate(self) -> float:
        """The learning rate now."""
        return self.optimizer.param_groups[0]["lr"]

    def begin(self) -> None:
        """Forget the gradient of the step before, and a proposal that something came in between of."""
        self.optimizer.zero_grad(set_to_none=True)
        if self._answer is not None:
            self.scaler.update()  # else it would refuse the next proposal
        self._answer = None

    def at_rate(self, rate: float) -> None:
        """Set the learning rate."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def backward(self, loss: Tensor) -> None:
        """Add the loss's gradient to what there is."""
        self.scaler.scale(loss).backward()

    def propose(self, loss: Tensor) -> Tensor:
        """The gradient's norm, averaged over processes, before it is clipped; loss: whose gradient it is."""
        loss = loss.detach().clone()
        parallel.average([*self._gradients(), loss])
        self.scaler.unscale_(self.optimizer)
        norm = get_total_norm(self._gradients())
        if self.clip:
            clip_grads_with_norm_(self.network.parameters(), self.clip, norm)
        self._answer = _Answer(torch.stack((loss.isfinite(), norm.isfinite())))
        return norm

    def settle(self) -> bool:
        """Take the step that was proposed, if one was and it is finite; whether it was taken.

        `sound` becomes False where it was not; but a gradient that only left the range of float16 halves the scale.
        """
        if self._answer is None:
            return False
        (loss_finite, gradient_finite), self._answer = self._answer.wait(), None
        taken = loss_finite and gradient_finite
        if taken:
            self.optimizer.step()
        elif not (loss_finite and self.scaler.get_scale() > 1):  # of a scaler that is off the scale is 1
            self.sound = False
        self.scaler.update()
        return taken

    @contextmanager
    def at_rest(self) -> Iterator[nn.Module]:
        """The network as it should be heard: in evaluation, with the weights that an averaging optimiser stands for."""
        averages = hasattr(self.optimizer, "eval")
        self.network.eval()
        if averages:
            self.optimizer.eval()
        try:
            yield self.network
        finally:
            self.network.train()
            if averages:
                self.optimizer.train()

    def _gradients(self) -> list[Tensor]:
        return [weight.grad for weight in self.network.parameters() if weight.grad is not None]


class _Answer:
    """Truth values on their way from the device to the host."""

    def __init__(self, question: Tensor):
        self._there = question.to("cpu", non_blocking=True) if question.is_cuda else question
        self._event = torch.cuda.Event() if question.is_cuda else None
        if self._event:
            self._event.record()

    def wait(self) -> list[bool]:
        if self._event:
            self._event.synchronize()
        return self._there.tolist()
