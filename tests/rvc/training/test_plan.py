"""What a person asks for becomes the numbers of a run."""
import pytest

from rvc.errors import SettingsError
from rvc.options import build
from rvc.settings.training import TrainSettings
from rvc.synthesis.vocoders import VOCODERS
from rvc.training.plan import check_model, choose_precision, judges_version, recipe_config
from rvc.training.schedule import Schedule
from rvc.training.vits_recipe import RecipeConfig


def asked(**values) -> TrainSettings:
    return build(TrainSettings, {name.replace("__", "."): value for name, value in values.items()})


def test_what_nobody_asked_for_is_as_the_recipe_has_it():
    assert recipe_config(TrainSettings(), "fp32") == RecipeConfig()


def test_every_option_of_the_optimizer_arrives():
    settings = asked(learning__optimizer="adamw", learning__rate_generator=0.1, learning__rate_discriminator=0.2,
                     learning__betas="0.5,0.6", learning__eps=1e-3, learning__weight_decay=0.3, learning__clip=4,
                     learning__generator_waits=5, learning__judges_wait=6, learning__double_judges=True,
                     learning__mean_of_weights=0.7, schedule__warmup="cosine", schedule__warmup_length=8,
                     schedule__warmup_unit="steps", schedule__decay="cosine", schedule__gamma=0.9, schedule__epochs=10,
                     schedule__floor=0.11, loss__mel="stft", loss__mel_weight=12, loss__kl_weight=13,
                     model__recompute=True)
    assert recipe_config(settings, "bf16") == RecipeConfig(
        "adamw", 0.1, 0.2, (0.5, 0.6), 1e-3, 0.3, 4, 5, 6, 2, 0.7, "stft", 12, 13, "bf16", True,
        Schedule("cosine", 8, "steps", "cosine", 0.9, 10, 0.11))


def test_refinegan_comes_with_its_judges_and_its_loss():
    refined, plain = asked(model__vocoder="refinegan"), TrainSettings()
    assert (judges_version(refined), recipe_config(refined, "fp32").spectral) == ("v3", "multi-scale")
    assert (judges_version(plain), recipe_config(plain, "fp32").spectral) == ("v2", "l1")
    assert judges_version(asked(model__vocoder="refinegan", model__judges="v1")) == "v1"


def test_what_does_not_go_together_is_refused():
    with pytest.raises(SettingsError, match="two"):
        recipe_config(asked(learning__betas=(0.9,)), "fp32")
    with pytest.raises(SettingsError, match="needs melody"):
        check_model(asked(model__vocoder="mrf", model__uses_f0=False))
    with pytest.raises(SettingsError, match="24000, 32000"):
        check_model(asked(model__sample_rate=44000))
    for name, entry in VOCODERS.items():
        for rate in entry.facts["rates"]:
            check_model(asked(model__vocoder=name, model__sample_rate=rate))


def test_precision():
    assert choose_precision("auto", ("bf16", "fp16"), "cuda") == "bf16"
    assert choose_precision("auto", ("fp16",), "cuda") == "fp32"
    assert choose_precision("auto", (), "cpu") == "fp32"
    assert choose_precision("fp16", ("fp16",), "cuda") == "fp16"
    with pytest.raises(SettingsError, match="CUDA only"):
        choose_precision("fp16", ("fp16",), "mps")
