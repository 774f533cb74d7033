"""Every optimiser of the table walks downhill, at the rate that it is made for."""
import pytest
import torch

from rvc.training.optimizers import OPTIMIZERS, build

USUAL = {"betas": (0.8, 0.99), "eps": 1e-8, "weight_decay": 0.01}


def weights(*values: float) -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.tensor(values))]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_goes_downhill(name, capsys):
    place = weights(3.0, -2.0)
    optimizer = build(name, place, rate=None, **USUAL)
    assert optimizer.param_groups[0]["lr"] == OPTIMIZERS[name].facts["rate"]
    height = [place[0].detach().square().sum().item()]
    for _ in range(200):
        optimizer.zero_grad()
        loss = place[0].square().sum()
        loss.backward()
        optimizer.step()
        height.append(loss.item())
    assert height[-1] < height[0]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["radam", "adamw"])
def test_weight_decay_is_apart_from_the_gradient(name):
    place = weights(2.0)
    optimizer = build(name, place, rate=0.1, **USUAL)
    place[0].grad = torch.zeros(1)
    optimizer.step()
    assert place[0].item() == pytest.approx(2.0 * (1 - 0.1 * 0.01))


def test_radam_begins_without_trusting_its_variance():
    """It warms up by itself: with a second beta of 0.99 the first steps follow the plain gradient's mean."""
    place = weights(1.0)
    optimizer = build("radam", place, rate=1e-4, betas=(0.8, 0.99), eps=1e-8, weight_decay=0.0)
    moved = []
    for _ in range(40):
        before = place[0].item()
        place[0].grad = torch.full((1,), 1e-3)
        optimizer.step()
        moved.append(before - place[0].item())
    assert moved[0] < 1e-6 < 1e-5 < moved[39] < 1e-4
    assert moved[10] < moved[20] < moved[39]


def test_adamw_is_fused_where_that_exists():
    assert build("adamw", weights(1.0), rate=None, **USUAL).param_groups[0]["fused"]
