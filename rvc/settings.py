"""Every option that a person can set, declared once.

A settings class is a frozen dataclass whose fields are made by `option`; nested classes are groups.
Command lines, pages, presets, run files and the API are all built from `leaves` and `build`.
Values are coerced to the declared types, because a slider hands over 12 for a float and a flag hands over "12".
"""
import math
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rvc.errors import SettingsError
from rvc.f0 import F0_ESTIMATORS
from rvc.synthesis.vocoders import VOCODERS
from rvc.training.optimizers import OPTIMIZERS

TRUE_WORDS = {"true", "yes", "on", "1"}
FALSE_WORDS = {"false", "no", "off", "0"}
LONGEST_TEXT = 4096  # characters


@dataclass(frozen=True)
class Option:
    """What a form, a help page and a range check need to know of one option.

    low, high: both ends belong to the range; an infinite end must be named to be allowed.
    advanced: shown only to experts.
    """

    label: str
    help: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[str, ...] | None = None
    advanced: bool = False


def option(default: Any, label: str, help: str, *, choices=None, **facts: Any) -> Any:
    """A dataclass field that carries its `Option`; a class as default makes a group of options."""
    about = Option(label, help, choices=None if choices is None else tuple(choices), **facts)
    if isinstance(default, type) and issubclass(default, Settings):
        return field(default_factory=default, metadata={"option": about})
    return field(default=default, metadata={"option": about})


class Settings:
    """Base of the settings classes: values of the declared types and within their ranges, or `SettingsError`."""

    def __post_init__(self) -> None:
        for leaf in _own_fields(type(self)):
            object.__setattr__(self, leaf.name, leaf.check(getattr(self, leaf.name)))


@dataclass(frozen=True)
class Leaf:
    """One option in a tree of settings.  name: dotted path from the root; kind: the declared type."""

    name: str
    kind: Any
    default: Any
    option: Option

    def check(self, value: Any) -> Any:
        """The value as the declared type.  Raises `SettingsError` naming the option."""
        try:
            value = _coerce(value, self.kind)
        except ValueError as problem:
            raise SettingsError(self.name, str(problem)) from None
        self._check_range(value)
        return value

    def _check_range(self, value: Any) -> None:
        about = self.option
        for item in value if isinstance(value, tuple) else (value,):
            if about.choices is not None and item is not None and item not in about.choices:
                raise SettingsError(self.name, f"{item!r} is not one of {', '.join(about.choices)}.")
            if isinstance(item, bool) or not isinstance(item, (int, float)):
                continue
            if math.isinf(item) and item not in (about.low, about.high):
                raise SettingsError(self.name, f"{item} is not a number that can be used here.")
            if (about.low is not None and item < about.low) or (about.high is not None and item > about.high):
                raise SettingsError(self.name, f"{item:g} is outside {_span(about)}.")


def leaves(cls: type[Settings], prefix: str = "") -> Iterator[Leaf]:
    """Every option of a settings class and of the groups in it, in order of declaration."""
    for leaf in _own_fields(cls):
        name = prefix + leaf.name
        if isinstance(leaf.kind, type) and issubclass(leaf.kind, Settings):
            yield from leaves(leaf.kind, name + ".")
        else:
            yield Leaf(name, leaf.kind, leaf.default, leaf.option)


def build(cls: type[Settings], values: Mapping[str, Any]) -> Any:
    """Settings from dotted names; absent ones keep their defaults.  Unknown names are refused, all of them named."""
    known = {leaf.name: leaf for leaf in leaves(cls)}
    unknown = [name for name in values if name not in known]
    if unknown:
        close = get_close_matches(str(unknown[0]), known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise SettingsError("", f"Unknown option {', '.join(map(repr, unknown))}.{hint}")
    return _nest(cls, {name: known[name].check(value) for name, value in values.items()})


def flat(settings: Settings, prefix: str = "") -> dict[str, Any]:
    """Dotted name → value: the inverse of `build`."""
    found: dict[str, Any] = {}
    for leaf in _own_fields(type(settings)):
        value = getattr(settings, leaf.name)
        nested = isinstance(value, Settings)
        found |= flat(value, f"{prefix}{leaf.name}.") if nested else {prefix + leaf.name: value}
    return found


def _nest(cls: type[Settings], values: Mapping[str, Any]) -> Any:
    here = {name: value for name, value in values.items() if "." not in name}
    for leaf in _own_fields(cls):
        inside = {n.partition(".")[2]: v for n, v in values.items() if n.startswith(leaf.name + ".")}
        if inside:
            here[leaf.name] = _nest(leaf.kind, inside)
    return cls(**here)


def _own_fields(cls: type) -> Iterator[Leaf]:
    if not is_dataclass(cls):
        raise TypeError(f"{cls.__name__} must be a dataclass")
    kinds = typing.get_type_hints(cls)
    for item in fields(cls):
        default = item.default if item.default is not MISSING else item.default_factory
        yield Leaf(item.name, kinds[item.name], default, item.metadata["option"])


def _span(about: Option) -> str:
    unit = f" {about.unit}" if about.unit else ""
    if about.low is None:
        return f"the range up to {about.high:g}{unit}"
    if about.high is None:
        return f"the range from {about.low:g}{unit}"
    return f"the range {about.low:g} to {about.high:g}{unit}"


def _coerce(value: Any, kind: Any) -> Any:
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        inner = [part for part in typing.get_args(kind) if part is not type(None)][0]
        return None if value is None or value == "" else _coerce(value, inner)
    if typing.get_origin(kind) is tuple:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, (list, tuple)):
            raise ValueError(f"{value!r} is not a list.")
        return tuple(_coerce(part, typing.get_args(kind)[0]) for part in parts if part != "")
    return _COERCE.get(kind, _instance_of(kind))(value)


def _to_bool(value: Any) -> bool:
    word = str(value).strip().lower()
    if isinstance(value, (bool, int, str)) and word in TRUE_WORDS | FALSE_WORDS:
        return word in TRUE_WORDS
    raise ValueError(f"{value!r} is neither yes nor no.")


def _to_float(value: Any) -> float:
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if math.isnan(number):
        raise ValueError(f"{_shown(value)} is not a number.")
    return number


def _to_int(value: Any) -> int:
    number = _to_float(value)
    if not math.isfinite(number) or number != round(number):
        raise ValueError(f"{_shown(value)} is not a whole number.")
    return int(value) if isinstance(value, int) else int(number)


def _to_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{_shown(value)} is not a text.")
    if "\0" in value or len(value) > LONGEST_TEXT:
        raise ValueError(f"the text holds a NUL or is longer than {LONGEST_TEXT} characters.")
    return value


def _to_path(value: Any) -> Path:
    return value if isinstance(value, Path) else Path(_to_text(value))


def _instance_of(kind: Any):
    def check(value: Any) -> Any:
        if not isinstance(value, kind):
            raise ValueError(f"{_shown(value)} is not {kind.__name__}.")
        return value

    return check


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


_COERCE = {bool: _to_bool, int: _to_int, float: _to_float, str: _to_text, Path: _to_path}


@dataclass(frozen=True)
class PitchSettings(Settings):
    """How the voice sings."""

    pitch: int = option(0, "Pitch", "Semitones to move the melody by: +12 from a low voice to a high one, −12 back.",
                        unit="semitones", low=-24, high=24, step=1)
    f0_method: str = option("auto", "Pitch method", "Who listens for the melody; auto is rmvpe where its weights are, "
                            "else fcpe.", choices=("auto", *F0_ESTIMATORS))
    hybrid_methods: tuple[str, ...] = option(("rmvpe", "fcpe"), "Hybrid of", "The methods that vote when the pitch "
                                             "method is hybrid.", choices=[m for m in F0_ESTIMATORS if m != "hybrid"],
                                             advanced=True)
    f0_threshold: float | None = option(None, "Voicing threshold", "How sure the method must be to call a frame "
                                        "voiced; empty is the method's own.", low=0, high=1, step=0.001, advanced=True)
    hop_length: int = option(160, "Hop", "Listen every so many samples of 16 kHz; less follows fast vibrato and costs "
                             "time.", unit="samples", low=1, high=512, step=1, advanced=True)
    filter_radius: int = option(0, "Median filter", "Each voiced frame becomes the median of so many on either side; "
                                "mends single octave errors.", unit="frames", low=0, high=10, step=1, advanced=True)
    autotune: bool = option(False, "Autotune", "Pull the melody to the nearest semitone.")
    autotune_strength: float = option(1.0, "Autotune strength", "0 keeps the melody, 1 snaps it.",
                                      low=0, high=1, step=0.05)
    proposed_pitch: bool = option(False, "Propose pitch", "Move the melody's median to the target, on top of the pitch "
                                  "above.")
    proposed_pitch_target: float = option(155.0, "Proposed pitch", "Where the median should lie: 155 for a male, 255 "
                                          "for a female voice.", unit="Hz", low=50, high=1200, step=1)
    f0_file: Path | None = option(None, "Melody file", "A text of lines seconds,Hz that gives the final melody.",
                                  advanced=True)
    f0_save: Path | None = option(None, "Save melody", "Write the melody as it is sung, as lines seconds,Hz.",
                                  advanced=True)


@dataclass(frozen=True)
class RetrievalSettings(Settings):
    """How much of the voice's own habits."""

    index: Path | None = option(None, "Index", "The voice's .index file; empty takes the one beside the voice.")
    index_rate: float = option(0.75, "Index rate", "How far the content moves towards what the voice itself was heard "
                               "to say; 0 is off.", low=0, high=1, step=0.01)
    protect: float = option(0.5, "Protect consonants", "Keeps consonants and breaths from the index: lower is "
                            "stronger, 0.5 is off.", low=0, high=0.5, step=0.01)
    encoder: str | None = option(None, "Content encoder", "Another content encoder than the one that the voice names.",
                                 advanced=True)


@dataclass(frozen=True)
class OutputSettings(Settings):
    """What becomes of the sound."""

    volume_envelope: float = option(1.0, "Volume envelope", "0 is as loud as the source at every moment, 1 as loud as "
                                    "the voice comes out.", low=0, high=1, step=0.01)
    formant_shift: bool = option(False, "Formant shift", "Move the resonances of the source's throat first.")
    formant_quefrency: float = option(1.0, "Formant quefrency", "What counts as resonance; 1 suits most voices.",
                                      unit="ms", low=0, high=16, step=0.1)
    formant_timbre: float = option(1.0, "Formant timbre", "Above 1 a smaller throat, below 1 a larger one.",
                                   low=0.1, high=16, step=0.1)
    clean_audio: bool = option(False, "Clean audio", "Take steady noise out of the result.")
    clean_strength: float = option(0.5, "Clean strength", "0 leaves the sound, 1 removes all that is taken for noise.",
                                   low=0, high=1, step=0.05)
    channels: str = option("mix", "Channels", "mix: one channel; keep: each channel is converted, with one melody.",
                           choices=("mix", "keep"), advanced=True)
    resample: int = option(0, "Resample", "Sample rate of the result; 0 is the voice's own.",
                           unit="Hz", low=0, high=192000, step=1, advanced=True)
    format: str | None = option(None, "Format", "Kind of file; empty goes by the name's ending, else wav.",
                                choices=("wav", "flac", "mp3", "ogg", "m4a"))
    bits: str = option("16", "Bits", "Sample format of wav and flac; float is for wav alone.",
                       choices=("16", "24", "float"), advanced=True)


@dataclass(frozen=True)
class ComputeSettings(Settings):
    """Where and in what pieces it is computed."""

    speaker: int = option(0, "Speaker", "Which speaker of the voice.", low=0, high=16383, step=1)
    split_audio: bool = option(False, "Split audio", "Convert the stretches between silences one by one.")
    silence_db: float = option(-70.0, "Silence", "Half a second below this level is written as silence and not "
                               "converted; -inf switches that off.", unit="dBFS", low=-math.inf, high=0, advanced=True)
    seed: int = option(0, "Seed", "The same seed gives the same bytes; -1 is different every time.",
                       low=-1, high=2**31 - 1, advanced=True)
    device: str = option("auto", "Device", "auto, cpu, cuda, cuda:1 … or mps.", advanced=True)
    precision: str = option("auto", "Precision", "auto is fp32; bf16 decodes faster where the hardware has it.",
                            choices=("auto", "fp32", "bf16"), advanced=True)
    overwrite: bool = option(False, "Overwrite", "Replace a result that exists.")


@dataclass(frozen=True)
class ConversionSettings(Settings):
    """`python -m rvc convert` and `batch`"""

    melody: PitchSettings = option(PitchSettings, "Pitch", "How the voice sings.")
    retrieval: RetrievalSettings = option(RetrievalSettings, "Index", "How much of the voice's own habits.")
    output: OutputSettings = option(OutputSettings, "Result", "What becomes of the sound.")
    compute: ComputeSettings = option(ComputeSettings, "Computing", "Where and in what pieces it is computed.")


@dataclass(frozen=True)
class ConvertSettings(Settings):
    """What `convert` and `batch` need beside the conversion's own options."""

    voice: str = option("", "Voice", "A voice's name, or the path of its file or folder.")
    workspace: Path | None = option(None, "Workspace", "Folder for voices, weights and results.")
    conversion: ConversionSettings = option(ConversionSettings, "Conversion", "How it is converted.")

@dataclass(frozen=True)
class InspectSettings(Settings):
    """`python -m rvc inspect`"""

    json: bool = option(False, "JSON", "Print one JSON object instead of sentences.")


@dataclass(frozen=True)
class DoctorSettings(Settings):
    """`python -m rvc doctor`"""

    json: bool = option(False, "JSON", "Print one JSON object instead of sentences.")
    workspace: Path | None = option(None, "Workspace", "Folder for voices, weights and results.")


@dataclass(frozen=True)
class AppSettings(Settings):
    """`python app.py`"""

    port: int = option(6969, "Port", "Where the page is served; when it is busy the next free one is taken.",
                       low=1, high=65535)
    open: bool = option(False, "Open", "Open the page in the browser.")
    workspace: Path | None = option(None, "Workspace", "Folder for voices, weights and results.")


@dataclass(frozen=True)
class DownloadSettings(Settings):
    """`python -m rvc download`"""

    list: bool = option(False, "List", "Print what there is and what is here, and fetch nothing.")
    mirror: str | None = option(None, "Mirror", "Base address put in place of https://huggingface.co; only for files "
                                                "with a known hash, which decides.")
    accept: tuple[str, ...] = option((), "Accept", "SHA-256 of a file that has no published one, as shown after its "
                                                   "download; several are joined by commas.")
    workspace: Path | None = option(None, "Workspace", "Folder for voices, weights and results.")


@dataclass(frozen=True)
class TrainDataSettings(Settings):
    """What is learned from."""

    batch_size: int = option(4, "Batch size", "Clips heard at once on each device.", low=1, high=256)
    accumulate: int = option(1, "Accumulation", "Batches whose gradients are added up before a step is taken.",
                             low=1, high=64, advanced=True)
    longest: float = option(9.0, "Longest clip", "Of longer recordings a random stretch is heard at each visit; none "
                                                 "is left out.", unit="s", low=1.0, high=60.0, advanced=True)
    cache: str = option("ram", "Cache", "Where clips stay after they were read once.",
                        choices=("none", "ram", "gpu"), advanced=True)
    hold_out: float = option(0.0, "Hold out", "Share of the clips that is never trained on and measures the voice "
                                              "instead; 0 holds none out.", unit="%", low=0.0, high=50.0)
    seed: int = option(1234, "Seed", "The same seed gives the same order, segments and noise.", low=0, high=2**32 - 1,
                       advanced=True)


@dataclass(frozen=True)
class TrainModelSettings(Settings):
    """What learns."""

    vocoder: str = option("hifigan", "Vocoder", "HiFi-GAN is read by every program of the family.",
                          choices=[name for name, entry in VOCODERS.items() if entry.facts["rates"]])
    sample_rate: int = option(40000, "Sample rate", "Of the voice; 24, 32, 40, 44.1 or 48 kHz.", unit="Hz",
                              low=24000, high=48000, step=100)
    uses_f0: bool = option(True, "Melody", "Off makes a voice for speech that follows no pitch (HiFi-GAN only).")
    judges: str = option("auto", "Judges", "Version of the discriminators; auto is v3 for RefineGAN, else v2.",
                         choices=("auto", "v1", "v2", "v3"), advanced=True)
    recompute: bool = option(False, "Gradient checkpointing", "Computes twice what it does not keep: slower, "
                                                              "and needs far less memory.")
    precision: str = option("auto", "Precision", "auto is bf16 where the device is fast in it, else fp32; fp16 runs "
                                                 "on CUDA only.", choices=("auto", "fp32", "bf16", "fp16"))
    pretrained: bool = option(True, "Start from a pretrained voice", "Off starts from nothing, which takes far longer.")
    generator: Path | None = option(None, "Own pretrained generator", "A G file to start from.", advanced=True)
    discriminator: Path | None = option(None, "Own pretrained discriminator", "A D file to start from.",
                                        advanced=True)


@dataclass(frozen=True)
class OptimizerSettings(Settings):
    """How a step is taken."""

    name: str = option("radam", "Optimizer", "RAdam warms up by itself, so it is used without a warm-up.",
                       choices=OPTIMIZERS)
    rate_generator: float | None = option(None, "Learning rate of the generator", "Empty takes the optimizer's own: "
                                          "0.0001, for Prodigy 1.", low=0.0, high=10.0)
    rate_discriminator: float | None = option(None, "Learning rate of the judges", "Empty takes the optimizer's own.",
                                              low=0.0, high=10.0)
    betas: tuple[float, ...] = option((0.8, 0.99), "Betas", "How slowly the means of gradient and square forget.",
                                      low=0.0, high=0.99999, advanced=True)
    eps: float = option(1e-8, "Epsilon", "Keeps the division by the square finite.", low=1e-16, high=1e-2,
                        advanced=True)
    weight_decay: float = option(0.01, "Weight decay", "Decoupled from the gradient.", low=0.0, high=1.0,
                                 advanced=True)
    clip: float = option(0.0, "Largest gradient norm", "Longer gradients are shortened to this length; 0 leaves them "
                                                       "as they are.", low=0.0, high=1e6)
    generator_waits: int = option(0, "Head start of the judges", "The generator begins to learn after so many steps.",
                                  unit="steps", low=0, high=1_000_000, advanced=True)
    judges_wait: int = option(0, "Head start of the generator", "The judges are not asked and do not learn before so "
                                                                "many steps.", unit="steps", low=0, high=1_000_000,
                              advanced=True)
    double_judges: bool = option(False, "Double update of the judges", "They take two steps for each of the "
                                                                       "generator's.", advanced=True)
    mean_of_weights: float = option(0.0, "Running mean of the generator", "Share that the mean keeps at each step, "
                                    "such as 0.999; previews and exports are made from it. 0 keeps none.", low=0.0,
                                    high=0.99999)


@dataclass(frozen=True)
class ScheduleSettings(Settings):
    """How long, and at which pace."""

    epochs: int = option(200, "Epochs", "How often everything is heard.", low=1, high=100_000)
    warmup: str = option("none", "Warm-up", "How the rate rises at the beginning; RAdam needs none, since it warms "
                                            "up by itself.", choices=("none", "linear", "cosine"))
    warmup_length: int = option(5, "Length of the warm-up", "In the unit below.", low=1, high=1_000_000)
    warmup_unit: str = option("epochs", "Unit of the warm-up", "Whether the rate rises at every epoch or every step.",
                              choices=("epochs", "steps"))
    decay: str = option("exponential", "Decay", "How the rate falls afterwards.",
                        choices=("exponential", "cosine", "none"))
    gamma: float = option(0.999875, "Gamma", "What an exponential decay keeps of the rate at each epoch.", low=0.5,
                          high=1.0)
    floor: float = option(0.3, "End of the cosine", "As a share of the rate at the start.", low=0.0, high=1.0,
                          advanced=True)


@dataclass(frozen=True)
class LossSettings(Settings):
    """What the generator is told."""

    mel: str = option("auto", "Spectral loss", "auto is multi-scale for RefineGAN, else the mel distance.",
                      choices=("auto", "l1", "multi-scale", "stft"))
    mel_weight: float = option(45.0, "Weight of the spectral loss", "As in the whole family.", low=0.0, high=1000.0,
                               advanced=True)
    kl_weight: float = option(1.0, "Weight of the prior", "How strictly content has to explain the sound.", low=0.0,
                              high=100.0, advanced=True)


@dataclass(frozen=True)
class SavingSettings(Settings):
    """What is kept."""

    every: int = option(10, "Save every", "A checkpoint after so many epochs.", unit="epochs", low=1, high=10_000)
    only_latest: bool = option(True, "Keep the latest only", "Else every checkpoint stays, at over 1 GB each.")
    export_every: bool = option(True, "Export at every save", "Writes a voice that can be tried at once.")
    fresh: bool = option(False, "Start afresh", "Puts earlier checkpoints of this voice aside.")
    overtraining: int = option(0, "Stop when nothing improves", "After so many epochs without improvement; 0 goes on "
                                                                "to the end.", unit="epochs", low=0, high=10_000)


@dataclass(frozen=True)
class TrainSettings(Settings):
    """`python -m rvc train`: a run is its file."""

    data: TrainDataSettings = option(TrainDataSettings, "Data", "What is learned from.")
    model: TrainModelSettings = option(TrainModelSettings, "Model", "What learns.")
    optimizer: OptimizerSettings = option(OptimizerSettings, "Optimizer", "How a step is taken.")
    schedule: ScheduleSettings = option(ScheduleSettings, "Schedule", "How long, and at which pace.")
    loss: LossSettings = option(LossSettings, "Losses", "What the generator is told.")
    saving: SavingSettings = option(SavingSettings, "Saving", "What is kept.")
    device: str = option("auto", "Device", "auto, cpu, mps, cuda or cuda:1.")
