"""What the generator and its judges are told they did wrong (Mao et al., 2017; Larsen et al., 2016)."""
from collections.abc import Sequence

import torch
from torch import Tensor

FEATURE_WEIGHT = 2.0


def judges_loss(verdicts_real: Sequence[Tensor], verdicts_fake: Sequence[Tensor]) -> Tensor:
    """Least squares: real sound should be judged 1 and made sound 0, summed over judges.  Verdicts: (B, M) each."""
    pairs = zip(verdicts_real, verdicts_fake)
    return sum(((1 - real.float()) ** 2).mean() + (fake.float() ** 2).mean() for real, fake in pairs)


def deception_loss(verdicts_fake: Sequence[Tensor]) -> Tensor:
    """Least squares: the generator wants its sound to be judged 1."""
    return sum(((1 - fake.float()) ** 2).mean() for fake in verdicts_fake)


def feature_loss(maps_real: Sequence[Sequence[Tensor]], maps_fake: Sequence[Sequence[Tensor]]) -> Tensor:
    """Mean absolute difference of every map of every judge, each map with the same say."""
    pairs = ((real, fake) for reals, fakes in zip(maps_real, maps_fake) for real, fake in zip(reals, fakes))
    return FEATURE_WEIGHT * sum((real.float().detach() - fake.float()).abs().mean() for real, fake in pairs)


def kl_loss(z_p: Tensor, log_std_q: Tensor, mean_p: Tensor, log_std_p: Tensor, mask: Tensor) -> Tensor:
    """How far the posterior, seen through the flow, lies from the prior: nats a frame, summed over channels.

    z_p, log_std_q, mean_p, log_std_p: (B, C, T); mask: (B, 1, T).
    """
    z_p, log_std_q, mean_p, log_std_p = (x.float() for x in (z_p, log_std_q, mean_p, log_std_p))
    distance = log_std_p - log_std_q - 0.5 + 0.5 * (z_p - mean_p) ** 2 * torch.exp(-2 * log_std_p)
    return (distance * mask).sum() / mask.sum()
