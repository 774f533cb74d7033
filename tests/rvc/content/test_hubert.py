"""HuBERT hears the same whoever wrote its weights, and each version of a voice gets the layer it was made from."""
import json
from pathlib import Path

import pytest
import torch
from transformers import HubertConfig, HubertModel

from rvc.content import CONTENT_ENCODERS, frames
from rvc.content.hubert import Hubert
from rvc.content.sizes import BASE, checked_sizes, read_sizes
from rvc.errors import AudioError, VoiceFileError
from tests.golden import rule
from tests.rvc.content.tiny import POSITION, TINY, built, fairseq, old_spelling

CONFIGS = Path(__file__).parents[3] / "configs" / "encoders"
CPU = {"device": "cpu", "dtype": torch.float32}


@pytest.fixture(scope="module")
def reference() -> HubertModel:
    """All of the tiny network as transformers builds it, with weights by rule and the layer that RVC adds."""
    return built(TINY)


@pytest.fixture(scope="module")
def weights(reference) -> dict[str, torch.Tensor]:
    return reference.state_dict()


@pytest.fixture(scope="module")
def speech() -> torch.Tensor:
    return torch.from_numpy(rule.speech("content", 8000, 16000)).float()


def wrapped(weights):
    return {f"hubert.{name}": value for name, value in weights.items()}


def doubly_wrapped(weights):
    return {f"model.hubert.{name}": value for name, value in old_spelling(weights).items()}


def without_mask(weights):
    return {name: value for name, value in weights.items() if name != "masked_spec_embed"}


@pytest.mark.parametrize("layout", [dict, old_spelling, wrapped, doubly_wrapped, fairseq, without_mask])
@pytest.mark.parametrize("layer, projects", [(2, True), (3, False)])
def test_every_layout_gives_what_transformers_gives(layout, layer, projects, reference, weights, speech):
    encoder = Hubert(TINY, layout(weights), layer=layer, projects=projects, **CPU)
    with torch.no_grad():
        wanted = reference(speech[None], output_hidden_states=True).hidden_states[layer]
        wanted = reference.final_proj(wanted) if projects else wanted
    heard = encoder.encode(speech)
    assert heard.shape == (24, encoder.width) and heard.dtype == torch.float32
    torch.testing.assert_close(heard, wanted[0], atol=2e-6, rtol=1e-5)


def test_the_projection_of_the_last_layer_is_not_what_v1_voices_know(weights, speech):
    """Programs that project the last layer instead of the ninth give v1 voices another language."""
    right = Hubert(TINY, weights, layer=2, projects=True, **CPU).encode(speech)
    wrong = Hubert(TINY, weights, layer=3, projects=True, **CPU).encode(speech)
    assert (right - wrong).abs().mean() > 0.1 * right.abs().mean()


def test_layers_above_the_one_needed_are_neither_built_nor_demanded(weights, speech):
    below = {name: value for name, value in weights.items() if not name.startswith("encoder.layers.2.")}
    encoder = Hubert(TINY, below, layer=2, projects=True, **CPU)
    assert len(encoder.model.encoder.layers) == 2
    assert torch.equal(encoder.encode(speech), Hubert(TINY, weights, layer=2, projects=True, **CPU).encode(speech))


def test_half_precision_weights_are_heard_in_full_precision(weights, speech):
    half = {name: value.half() for name, value in weights.items()}
    rounded = {name: value.float() for name, value in half.items()}
    heard = Hubert(TINY, half, layer=3, projects=False, **CPU).encode(speech)
    assert torch.equal(heard, Hubert(TINY, rounded, layer=3, projects=False, **CPU).encode(speech))


@pytest.mark.parametrize("layer", [2, 3])
def test_networks_that_normalise_first_give_the_state_before_their_last_norm(layer, speech):
    """HuBERT large normalises before each block, and once more behind the last layer only."""
    sizes = TINY | {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}
    reference = built(sizes)
    states = []
    for block in reference.encoder.layers:
        block.register_forward_hook(lambda _, __, output: states.append(output))
    with torch.no_grad():
        last = reference(speech[None]).last_hidden_state
    wanted = last if layer == 3 else states[layer - 1]
    heard = Hubert(sizes, reference.state_dict(), layer=layer, projects=False, **CPU).encode(speech)
    torch.testing.assert_close(heard, wanted[0], atol=5e-6, rtol=1e-5)


@pytest.mark.parametrize("samples", [400, 719, 720, 1039, 1040, 16000])
def test_frames_are_counted_as_the_network_counts_them(samples, weights):
    encoder = Hubert(TINY, weights, layer=1, projects=False, **CPU)
    assert len(encoder.encode(torch.zeros(samples))) == frames(samples) == (samples - 400) // 320 + 1


@pytest.mark.parametrize("samples", [0, 1, 399])
def test_less_than_one_frame_is_refused(samples, weights):
    with pytest.raises(AudioError, match="shorter than 25 milliseconds"):
        Hubert(TINY, weights, layer=1, projects=False, **CPU).encode(torch.zeros(samples))


@pytest.mark.parametrize("lost", ["encoder.layers.1.attention.k_proj.bias", "final_proj.weight",
                                  "feature_projection.layer_norm.bias", POSITION + "parametrizations.weight.original0"])
def test_a_missing_weight_is_named(lost, weights):
    rest = {name: value for name, value in weights.items() if name != lost}
    with pytest.raises(VoiceFileError, match="lacks " + lost.replace("parametrizations.weight.original0", "weight")):
        Hubert(TINY, rest, layer=2, projects=True, **CPU)


def test_an_unknown_weight_is_named_and_a_head_for_another_task_is_not_unknown(weights):
    with pytest.raises(VoiceFileError, match="quantizer.codevectors"):
        Hubert(TINY, weights | {"quantizer.codevectors": torch.zeros(2)}, layer=3, projects=False, **CPU)
    Hubert(TINY, weights | {"lm_head.weight": torch.zeros(2)}, layer=3, projects=False, **CPU)


def test_a_weight_of_another_size_is_named(weights):
    with pytest.raises(VoiceFileError, match=r"encoder\.layers\.0\.feed_forward\.intermediate_dense\.weight"):
        Hubert(TINY | {"intermediate_size": 41}, weights, layer=3, projects=False, **CPU)


def test_weights_stored_under_two_names_are_refused(weights):
    with pytest.raises(VoiceFileError, match="twice"):
        Hubert(TINY, weights | wrapped(weights), layer=3, projects=False, **CPU)


def test_gain_and_direction_of_unlike_size_are_refused(weights):
    other = weights | {POSITION + "parametrizations.weight.original0": torch.ones(1, 1, 9)}
    with pytest.raises(VoiceFileError, match="do not fit each other"):
        Hubert(TINY, other, layer=3, projects=False, **CPU)


@pytest.mark.parametrize("layer", [0, 4])
def test_a_layer_that_is_not_there_is_refused(layer, weights):
    with pytest.raises(VoiceFileError, match=f"3 layers and the voice was made from layer {layer}"):
        Hubert(TINY, weights, layer=layer, projects=False, **CPU)


@pytest.mark.parametrize("wrong, said", [
    ({"hidden_size": 10**9}, "hidden_size"), ({"hidden_size": "768"}, "hidden_size"), ({"hidden_size": True}, "hidden"),
    ({"num_attention_heads": 7}, "num_attention_heads"), ({"conv_bias": 1}, "conv_bias"),
    ({"hidden_act": "os.system"}, "hidden_act"), ({"conv_dim": 512}, "conv_dim"), ({"conv_dim": [512] * 6}, "conv_"),
    ({"conv_stride": [5, 2, 2, 2, 2, 2, 0]}, "conv_stride"), ({"conv_stride": [5, 2, 2, 2, 2, 2, 4]}, "every 640"),
    ({"conv_kernel": [10, 3, 3, 3, 3, 2, 3]}, "take 560 samples"), ({"layer_norm_eps": float("nan")}, "layer_norm_eps"),
    ([1], "table"), (None, "table"), ({"conv_dim": [], "conv_stride": [], "conv_kernel": []}, "every 1,")])
def test_sizes_that_make_no_network_are_refused_by_name(wrong, said):
    with pytest.raises(VoiceFileError, match=said):
        checked_sizes(wrong)


@pytest.mark.parametrize("text", [b"", b"\xff\xfe{", b"[" * 100_000, b"{'a': 1}"])
def test_a_config_that_is_not_json_is_refused(text, tmp_path):
    (tmp_path / "config.json").write_bytes(text)
    with pytest.raises(VoiceFileError, match="config.json"):
        read_sizes(tmp_path / "config.json")


def test_shipped_configs_are_hubert_base():
    base = HubertConfig()
    named = [name for name, entry in CONTENT_ENCODERS.items() if entry.facts["weights"]]
    assert sorted(path.stem for path in CONFIGS.glob("*.json")) == sorted(named)
    for name in named:
        assert read_sizes(CONFIGS / f"{name}.json") == BASE
        for key, value in json.loads((CONFIGS / f"{name}.json").read_bytes()).items():
            known = getattr(base, key)
            assert key == "architectures" or value == (list(known) if isinstance(known, tuple) else known)


def test_versions_take_the_layers_and_widths_that_voices_were_made_with():
    for name in ("contentvec", "spin", "japanese-hubert-base"):
        facts = CONTENT_ENCODERS[name].facts
        assert facts["layers"] == {"v1": 9, "v2": 12} and facts["projects"] == {"v1": True, "v2": False}
        assert facts["widths"] == {"v1": BASE["classifier_proj_size"], "v2": BASE["hidden_size"]}


def test_a_minute_in_one_piece(weights):
    assert Hubert(TINY, weights, layer=3, projects=False, **CPU).encode(torch.zeros(960_000)).shape == (2999, 24)
