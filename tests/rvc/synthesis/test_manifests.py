"""Keys, their order and their shapes are those of the files in circulation."""
import json
from pathlib import Path

import pytest
import rule
import torch

from rvc.synthesis import discriminators, vits
from rvc.synthesis.config import VitsConfig

MANIFESTS = {path.stem: json.loads(path.read_text())
             for path in (Path(__file__).parents[2] / "golden" / "manifests").glob("*.json")}
VOICES = sorted(name for name in MANIFESTS if "config" in MANIFESTS[name])
VOCODERS = {"hifigan": "hifigan", "mrf": "mrf", "refinegan": "refinegan", "fork4": "refinegan-legacy"}


def stored_shapes(name: str) -> dict[str, tuple[int, ...]]:
    return {rule.old_spelling(key): tuple(shape) for key, shape in MANIFESTS[name]["full_new"].items()}


@pytest.mark.parametrize("name", VOICES)
def test_a_voice_has_exactly_these_tensors(name):
    found = vits.shapes(VitsConfig.from_legacy(MANIFESTS[name]["config"]), vocoder=VOCODERS[name.split("_")[0]],
                        uses_f0="_nof0" not in name, content_width=256 if "_v1_" in name else 768)
    assert list(found.items()) == list(stored_shapes(name).items())
    assert len(found) == MANIFESTS[name]["n_full"]
    assert sum("enc_q" not in key for key in found) == MANIFESTS[name]["n_stripped"]


@pytest.mark.parametrize("version", discriminators.VERSIONS)
def test_judges_have_exactly_these_tensors(version):
    assert list(discriminators.shapes(version).items()) == list(stored_shapes(f"disc_{version}").items())


def test_judges_with_spectral_normalisation_have_exactly_these_tensors():
    found = discriminators.shapes("v2", spectral=True)
    assert list(found.items()) == list(stored_shapes("disc_v2_spectralnorm").items())


def test_judges_with_spectral_normalisation_judge_and_learn():
    judge = discriminators.Discriminator("v1", spectral=True).discriminators[0]
    judge(torch.zeros(1, 1, 4000))[0].sum().backward()
    assert judge.convs[0].parametrizations.weight.original.grad is not None


@pytest.mark.parametrize("name", VOICES)
def test_a_config_survives_naming_its_values(name):
    stored = MANIFESTS[name]["config"]
    assert VitsConfig.from_legacy(stored).to_legacy() == stored
