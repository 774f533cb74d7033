"""One step of training equals the reference's: every loss, every gradient, every weight afterwards."""
import json
from pathlib import Path

import numpy as np
import pytest
import rule
import torch

from rvc.synthesis import discriminators, vits
from rvc.synthesis.config import VitsConfig
from rvc.training.batches import Clip, collate
from rvc.training.vits_recipe import RecipeConfig, VitsRecipe

STORED = Path(__file__).parents[2] / "golden" / "training"
CASES = json.loads((STORED / "steps.json").read_text())["cases"]
VOCODERS = {"HiFi-GAN": "hifigan", "MRF HiFi-GAN": "mrf", "RefineGAN": "refinegan"}
FRAMES, LENGTHS, MELODIES, SPEAKERS = 60, (60, 47), (1.0, 1.3), (0, 5)
REFERENCE = {"optimizer": "adamw", "eps": 1e-9}
TOLERANCE = {"z": 1e-5, "mean_q": 1e-5, "log_std_q": 1e-5, "z_p": 2e-5, "audio": 5e-5, "mask": 0.0}
STORED_AS = {"z": "z", "mean_q": "m_q", "log_std_q": "logs_q", "z_p": "z_p", "audio": "y_hat", "mask": "y_mask"}
ASKED_BY_TORCH = {"randn_like": "normal", "rand": "uniform"}
LOSSES = {"judges": "loss_disc", "adversarial": "loss_gen_adv", "feature": "loss_fm", "spectral": "loss_mel",
          "kl": "loss_kl", "generator": "loss_gen_all"}
STRIDES = {32000: ([10, 8, 2, 2], [20, 16, 4, 4], 513, 40), 40000: ([10, 10, 2, 2], [16, 16, 4, 4], 1025, 32)}


def by_rule(network: torch.nn.Module) -> torch.nn.Module:
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    network.load_state_dict({key: torch.from_numpy(value) for key, value in rule.weights(shapes).items()})
    return network


def config_at(rate: int) -> VitsConfig:
    strides, kernels, bins, segment = STRIDES[rate]
    return VitsConfig.from_legacy([bins, segment, 192, 192, 768, 2, 6, 3, 0, "1", [3, 7, 11], [[1, 3, 5]] * 3, strides,
                                   512, kernels, 109, 256, rate])


def clips(rate: int) -> list[Clip]:
    content = torch.from_numpy(rule.normal("train:phone", (2, FRAMES, 768)))
    f0 = torch.from_numpy(rule.f0_contour(FRAMES))
    waves = [torch.from_numpy(rule.speech(f"train{b}_{rate}", FRAMES * rate // 100, rate).astype(np.float32))
             for b in (0, 1)]
    return [Clip(content[b, :length], f0[:length] * MELODIES[b], waves[b][: length * rate // 100], SPEAKERS[b])
            for b, length in enumerate(LENGTHS)]


@pytest.mark.parametrize("name", CASES)
def test_a_step_equals_the_reference(name, golden, written_noise):
    case = CASES[name]
    rate, noise = case["sr"], written_noise("half")
    config = config_at(rate)
    batch = collate(clips(rate), sample_rate=rate, n_fft=2 * (config.spec_channels - 1),
                    shortest=config.segment_frames)
    generator = by_rule(vits.Vits(config, vocoder=VOCODERS[case["vocoder"]]))
    before = {key: weight.detach().clone() for key, weight in generator.named_parameters()}
    spectral = "multi-scale" if name.endswith("_ms") else "l1"
    recipe = VitsRecipe(generator, by_rule(discriminators.Discriminator(case["disc"])),
                        RecipeConfig(**REFERENCE, spectral=spectral))
    seen = {}
    generator.register_forward_hook(lambda _module, _inputs, take: seen.update(vars(take)))
    found = recipe.step([batch], noise)

    assert found.sound
    assert noise.asked == [(ASKED_BY_TORCH[call], shape) for call, shape in case["noise_calls"]]
    assert seen["starts"].tolist() == case["ids_slice"]
    assert_takes_equal(seen, golden("training/steps.npz"), name)
    for ours, theirs in LOSSES.items():
        assert getattr(found, ours).item() == pytest.approx(case[theirs], rel=1e-5), theirs
    assert found.norm_judges.item() == pytest.approx(case["grad_norm_d"], rel=1e-4)
    assert found.norm_generator.item() == pytest.approx(case["grad_norm_g"], rel=1e-4)
    assert_gradients_equal(recipe.judges.network, case["d_grad_norms"], case["grad_norm_d"])
    assert_gradients_equal(generator, case["g_grad_norms"], case["grad_norm_g"])
    assert_weights_moved(generator, before, case)


def assert_takes_equal(seen: dict, stored: dict, name: str) -> None:
    for ours, tolerance in TOLERANCE.items():
        expected = torch.from_numpy(stored[f"{name}:{STORED_AS[ours]}"])
        assert (seen[ours] - expected).abs().max() <= tolerance, ours


def assert_gradients_equal(network: torch.nn.Module, stored: dict, total: float) -> None:
    found = {rule.new_spelling(key): weight.grad.norm().item() for key, weight in network.named_parameters()}
    assert found.keys() == stored.keys()
    for key, norm in found.items():
        assert norm == pytest.approx(stored[key], abs=3e-4 * stored[key] + 1e-5 * total), key


def assert_weights_moved(network: torch.nn.Module, before: dict, case: dict) -> None:
    """AdamW's first step is the rate times the gradient's sign, which is rounding where the gradient is all but 0."""
    for key, weight in network.named_parameters():
        stored = rule.new_spelling(key)
        moved = (weight - before[key]).abs().mean().item()
        noisy = key.endswith("conv_k.bias")
        assert moved == pytest.approx(case["g_step_delta_absmean"][stored], rel=1e-3, abs=1e-4 if noisy else 1e-6), key
        vanishing = weight.grad.abs() < 1e-3 * weight.grad.square().mean().sqrt()
        tolerance = torch.where(vanishing | noisy, 2.1e-4, 1e-6).flatten()[:4]
        difference = (weight.flatten()[:4] - torch.tensor(case["g_after_first4"][stored])).abs()
        assert (difference <= tolerance).all(), key
