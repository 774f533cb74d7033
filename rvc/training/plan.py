"""From what a person asked for to the numbers of a run."""
from collections.abc import Collection

from rvc.errors import SettingsError
from rvc.settings.training import TrainSettings
from rvc.synthesis.vocoders import VOCODERS
from rvc.training.schedule import Schedule
from rvc.training.vits_recipe import RecipeConfig

AUTO = "auto"
JUDGES = {"refinegan": "v3"}  # by vocoder; else v2
SPECTRAL = {"refinegan": "multi-scale"}  # by vocoder; else l1


def recipe_config(settings: TrainSettings, precision: str) -> RecipeConfig:
    """precision: as `choose_precision` says.  Raises `SettingsError` for options that do not go together."""
    chosen, pace = settings.learning, settings.schedule
    if len(chosen.betas) != 2:
        raise SettingsError("learning.betas", f"there are {len(chosen.betas)} of them; give two, such as 0.8,0.99.")
    schedule = Schedule(pace.warmup, pace.warmup_length, pace.warmup_unit, pace.decay, pace.gamma, pace.epochs,
                        pace.floor)
    spectral = SPECTRAL.get(settings.model.vocoder, "l1") if settings.loss.mel == AUTO else settings.loss.mel
    return RecipeConfig(
        optimizer=chosen.optimizer, rate_generator=chosen.rate_generator, rate_judges=chosen.rate_discriminator,
        betas=chosen.betas, eps=chosen.eps, weight_decay=chosen.weight_decay, clip=chosen.clip,
        generator_waits=chosen.generator_waits, judges_wait=chosen.judges_wait,
        judges_updates=2 if chosen.double_judges else 1, mean_of_weights=chosen.mean_of_weights, spectral=spectral,
        spectral_weight=settings.loss.mel_weight, kl_weight=settings.loss.kl_weight, precision=precision,
        recompute=settings.model.recompute, schedule=schedule)


def judges_version(settings: TrainSettings) -> str:
    """Of the discriminators, as `Discriminator` knows it."""
    model = settings.model
    return JUDGES.get(model.vocoder, "v2") if model.judges == AUTO else model.judges


def check_model(settings: TrainSettings) -> None:
    """Raises `SettingsError` for a rate or a lack of melody that the vocoder does not allow."""
    model, facts = settings.model, VOCODERS[settings.model.vocoder].facts
    if model.sample_rate not in facts["rates"]:
        rates = ", ".join(map(str, facts["rates"]))
        raise SettingsError("model.sample_rate", f"{model.sample_rate} Hz cannot be trained; choose one of {rates}.")
    if facts["needs_f0"] and not model.uses_f0:
        raise SettingsError("model.uses_f0", f"{model.vocoder} needs melody; choose hifigan or turn melody on.")


def choose_precision(asked: str, fast: Collection[str], device: str) -> str:
    """fast: formats beside fp32 that the device is fast in; device: its kind.  auto is bf16 where it is fast."""
    if asked == AUTO:
        return "bf16" if "bf16" in fast else "fp32"
    if asked == "fp16" and device != "cuda":
        raise SettingsError("model.precision", f"fp16 trains on CUDA only, and the device is {device}; choose auto.")
    return asked
