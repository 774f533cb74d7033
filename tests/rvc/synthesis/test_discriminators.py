"""Every judge says what the reference's says, on sound of even and odd length."""
import json
from pathlib import Path

import numpy as np
import pytest
import rule
import torch

from rvc.synthesis.discriminators import VERSIONS, Discriminator, shapes
from rvc.synthesis.memory import set_recompute
from rvc.training.losses import deception_loss, feature_loss, judges_loss

STORED = Path(__file__).parents[2] / "golden" / "training"
PARAMETERS = {"v1": 54_968_286, "v2": 71_410_594, "v3": 47_028_034}


@pytest.fixture(scope="module", params=VERSIONS)
def judged(request):
    discriminator = Discriminator(request.param).eval()
    discriminator.load_state_dict({k: torch.from_numpy(v) for k, v in rule.weights(shapes(request.param)).items()})
    return request.param, discriminator, json.loads((STORED / f"disc_{request.param}.json").read_text())


def sounds(length: int) -> tuple[torch.Tensor, torch.Tensor]:
    real = rule.speech("disc_real", 25600, 40000).astype(np.float32).reshape(2, 1, 12800)
    fake = np.clip(0.7 * real + 0.05 * rule.normal("disc_fake", (2, 1, 12800)), -1, 1).astype(np.float32)
    return torch.from_numpy(real[..., :length]), torch.from_numpy(fake[..., :length])


def assert_described(found: torch.Tensor, stored: dict) -> None:
    absmax = stored["absmax"]
    assert list(found.shape) == stored["shape"]
    for name, value in {"mean": found.mean(), "absmax": found.abs().max(), "std": found.std(correction=0)}.items():
        assert value.item() == pytest.approx(stored[name], abs=1e-4 * absmax), name
    assert found.flatten()[:16].tolist() == pytest.approx(stored["first16"], abs=1e-4 * absmax)


@torch.no_grad()
@pytest.mark.parametrize("length", [12800, 12763])
def test_verdicts_and_maps_equal_the_reference(judged, length):
    _, discriminator, stored = judged
    stored = stored[f"n{length}"]
    (real_verdicts, real_maps), (fake_verdicts, fake_maps) = (zip(*discriminator(sound)) for sound in sounds(length))
    for found, expected in ((real_verdicts, stored["out_real"]), (fake_verdicts, stored["out_fake"])):
        assert len(found) == len(expected)
        for one, described in zip(found, expected):
            assert_described(one, described)
    for found, expected in ((real_maps, stored["fmap_real"]), (fake_maps, stored["fmap_fake"])):
        for maps, described in zip(found, expected):
            assert len(maps) == len(described)
            for one, description in zip(maps, described):
                assert_described(one, description)
    assert judges_loss(real_verdicts, fake_verdicts).item() == pytest.approx(stored["loss_disc"], rel=1e-5)
    assert deception_loss(fake_verdicts).item() == pytest.approx(stored["loss_gen"], rel=1e-5)
    assert feature_loss(real_maps, fake_maps).item() == pytest.approx(stored["loss_fm"], rel=1e-5)


def test_it_has_as_many_parameters_as_the_reference(judged):
    version, discriminator, _ = judged
    assert sum(parameter.numel() for parameter in discriminator.parameters()) == PARAMETERS[version]


def test_recomputing_changes_no_gradient():
    judge = Discriminator("v1").discriminators[0].train()
    sound = sounds(4000)[0]

    def gradient() -> torch.Tensor:
        judge.zero_grad()
        judge(sound)[0].sum().backward()
        return judge.convs[0].weight_v.grad.clone()

    plain = gradient()
    set_recompute(judge, True)
    assert torch.equal(gradient(), plain)
