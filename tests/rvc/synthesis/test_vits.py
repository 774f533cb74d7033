"""The synthesizer equals the reference to the fifth decimal, in every architecture that circulates."""
import json
from pathlib import Path

import pytest
import rule
import torch

from rvc.synthesis.config import VitsConfig
from rvc.synthesis.vits import Vits, load_vits, shapes

STORED = Path(__file__).parents[2] / "golden" / "synthesis"
CASES = json.loads((STORED / "index.json").read_text())
TOLERANCE = {"m_p": 1e-5, "logs_p": 1e-5, "z_p": 2e-5, "z": 2e-5, "har_source": 5e-5, "out": 5e-5}
WIDTHS = {"v1": 256, "v2": 768}
ASKED_BY_TORCH = {"randn_like": "normal", "rand": "uniform"}


def vocoder_of(case: dict) -> str:
    names = {"HiFi-GAN": "hifigan", "MRF HiFi-GAN": "mrf", "RefineGAN": "refinegan"}
    legacy = "-legacy" if case["upstream"] == "fork4" and case["vocoder"] == "RefineGAN" else ""
    return names[case["vocoder"]] + legacy


def architecture(case: dict) -> dict:
    return {"vocoder": vocoder_of(case), "uses_f0": case["f0"], "content_width": WIDTHS[case["version"]]}


def rule_weights(config: VitsConfig, kind: dict) -> dict[str, torch.Tensor]:
    table = {key: shape for key, shape in shapes(config, **kind).items() if not key.startswith("enc_q")}
    return {key: torch.from_numpy(value) for key, value in rule.weights(table).items()}


def inputs(name: str, case: dict) -> dict[str, torch.Tensor]:
    frames = 7 if name.endswith("_T7") else 40
    width = WIDTHS[case["version"]]
    phone = f"input:phone{width}" + ("_t7" if frames == 7 else "")
    return {"content": torch.from_numpy(rule.normal(phone, (1, frames, width))),
            "f0_hz": torch.from_numpy(rule.f0_contour(frames))[None]}


def render(network: Vits, given: dict, noise, skip: int) -> dict[str, torch.Tensor]:
    """The audio and what passes by on the way, under the reference's names."""
    seen = {}
    network.enc_p.register_forward_hook(lambda _m, _i, out: seen.update(m_p=out[0], logs_p=out[1]))
    if hasattr(network.dec, "m_source"):
        network.dec.m_source.register_forward_hook(lambda _m, _i, out: seen.update(har_source=out.transpose(1, 2)))
    reverse = network.flow.reverse

    def watched(z_p, mask, speaker):
        seen.update(z_p=z_p, z=reverse(z_p, mask, speaker), x_mask=mask)
        return seen["z"]

    network.flow.reverse = watched
    seen["out"] = network.infer(**given, speaker=network.speaker(torch.tensor([3])), noise=noise, skip=skip)
    return seen


@pytest.mark.parametrize("name", CASES)
def test_rendering_equals_the_reference(name, golden, written_noise):
    case = CASES[name]
    kind, config = architecture(case), VitsConfig.from_legacy(case["config"])
    network = load_vits(config, rule_weights(config, kind), **kind)
    noise = written_noise(case["noise"])
    seen = render(network, inputs(name, case), noise, skip=15 if name.endswith("_rate") else 0)
    stored = golden(f"synthesis/{name}.npz")
    assert noise.asked == [(ASKED_BY_TORCH[call], shape) for call, shape in case["noise_calls"]]
    for key, expected in stored.items():
        assert seen[key].shape == expected.shape, key
        difference = (seen[key] - torch.from_numpy(expected)).abs().max().item()
        assert difference <= TOLERANCE.get(key, 0.0), f"{key} differs by {difference:.2e}"


def test_a_batch_equals_its_rows(written_noise):
    case = CASES["hifigan_40000_v2_f0"]
    kind, config = architecture(case), VitsConfig.from_legacy(case["config"])
    network = load_vits(config, rule_weights(config, kind), **kind)
    content = torch.from_numpy(rule.normal("input:phone768_b2", (2, 40, 768)))
    f0 = torch.from_numpy(rule.f0_contour(40)) * torch.tensor([[1.0], [1.25]])
    speaker = network.speaker(torch.tensor([3, 4]))
    both = network.infer(content, f0, speaker, noise=written_noise("zero"), lengths=torch.tensor([40, 27]))
    first = network.infer(content[:1], f0[:1], speaker[:1], noise=written_noise("zero"))
    second = network.infer(content[1:, :27], f0[1:, :27], speaker[1:], noise=written_noise("zero"))
    clear_of_the_edge = (27 - 13) * config.hop  # the decoder sees frames beyond the row's end as zeros
    assert torch.allclose(both[0], first[0], atol=5e-5)
    assert torch.allclose(both[1, :, :clear_of_the_edge], second[0, :, :clear_of_the_edge], atol=5e-5)


def test_folding_keeps_the_sound(written_noise):
    case = CASES["mrf_40000_v2_f0"]
    kind, config = architecture(case), VitsConfig.from_legacy(case["config"])
    weights = rule_weights(config, kind)
    split = Vits(config, **kind, posterior=False).eval()
    split.load_state_dict(weights)
    given = inputs("", case)
    sounds = [network.infer(**given, speaker=network.speaker(torch.tensor([0])), noise=written_noise("zero"))
              for network in (split, load_vits(config, weights, **kind))]
    assert torch.allclose(*sounds, atol=5e-5)


def test_folded_weights_load_too(written_noise):
    config, kind = tiny_config(), {"vocoder": "hifigan", "uses_f0": True, "content_width": 768}
    folded = load_vits(config, rule_weights(config, kind), **kind)
    again = load_vits(config, folded.state_dict(), **kind)
    given = inputs("", CASES["hifigan_40000_v2_f0"])
    sounds = [n.infer(**given, speaker=n.speaker(torch.tensor([0])), noise=written_noise("zero"))
              for n in (folded, again)]
    assert torch.equal(*sounds)


@pytest.mark.parametrize("vocoder", ["hifigan", "mrf", "refinegan", "refinegan-legacy"])
def test_pieces_sound_like_the_whole(vocoder, written_noise):
    network = Vits(tiny_config(), vocoder=vocoder, posterior=False).eval()
    given = {"content": torch.from_numpy(rule.normal("long", (1, 100, 768))),
             "f0_hz": torch.from_numpy(rule.f0_contour(100))[None], "speaker": network.speaker(torch.tensor([0]))}
    whole, pieces = (network.infer(**given, noise=written_noise("zero"), longest=n) for n in (100, 9))
    assert whole.abs().max() > 1e-3
    assert torch.allclose(whole, pieces, atol=1e-6)


@pytest.mark.parametrize("vocoder", ["hifigan", "mrf", "refinegan", "refinegan-legacy"])
def test_a_network_learns_after_it_was_heard(vocoder, written_noise):
    """Nothing that rendering caches stands in the way of a gradient."""
    network = Vits(tiny_config((6, 5, 5, 2), (12, 10, 10, 4), 30000), vocoder=vocoder)
    given = inputs("", CASES["hifigan_40000_v2_f0"]) | {"speaker": network.speaker(torch.tensor([0]))}
    network.infer(**given, noise=written_noise("rule"))
    z = torch.randn(1, 32, 10)
    network.dec(z, given["f0_hz"][:, 10:20], network.speaker(torch.tensor([0])), written_noise("rule")).sum().backward()
    assert all(weight.grad is not None for weight in network.dec.parameters())


def test_only_what_is_wanted_is_decoded(written_noise):
    network = Vits(tiny_config(), vocoder="hifigan", posterior=False).eval()
    given = inputs("", CASES["hifigan_40000_v2_f0"]) | {"speaker": network.speaker(torch.tensor([0]))}
    whole = network.infer(**given, noise=written_noise("zero"))
    part = network.infer(**given, noise=written_noise("zero"), wanted=[(4, 10), (30, 40)])
    hop = network.config.hop
    assert torch.allclose(part[..., 4 * hop: 10 * hop], whole[..., 4 * hop: 10 * hop], atol=1e-6)
    assert not part[..., 10 * hop: 30 * hop].any()


def tiny_config(rates=(10, 8, 2, 2), kernels=(20, 16, 4, 4), rate=32000) -> VitsConfig:
    return VitsConfig.from_legacy([513, 32, 32, 32, 64, 2, 2, 3, 0, "1", [3, 7, 11], [[1, 3, 5]] * 3, list(rates), 64,
                                   list(kernels), 4, 16, rate])


@pytest.mark.parametrize("vocoder", ["hifigan", "mrf", "refinegan", "refinegan-legacy"])
@pytest.mark.parametrize("rates, kernels, rate", [
    ((10, 8, 2, 2), (20, 16, 4, 4), 32000), ((7, 7, 3, 3), (14, 14, 6, 6), 44100),
    ((10, 4, 2, 2, 2), (16, 16, 4, 4, 4), 32000), ((16, 15), (32, 30), 24000)])
def test_every_shape_of_decoder_gives_a_hop_for_a_frame(vocoder, rates, kernels, rate, written_noise):
    config = tiny_config(rates, kernels, rate)
    network = Vits(config, vocoder=vocoder, posterior=False).eval()
    given = inputs("", CASES["hifigan_40000_v2_f0"])
    audio = network.infer(**given, speaker=network.speaker(torch.tensor([0])), noise=written_noise("rule"))
    assert audio.shape == (1, 1, 40 * rate // 100)
    assert audio.isfinite().all()
