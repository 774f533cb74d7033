"""Every option of training."""
from dataclasses import dataclass
from pathlib import Path

from rvc.content import CONTENT_ENCODERS
from rvc.f0 import F0_ESTIMATORS
from rvc.options import Settings, option
from rvc.synthesis.vocoders import VOCODERS
from rvc.training.optimizers import OPTIMIZERS


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
                                              "instead; 0 holds none out.", unit="per cent", low=0.0, high=50.0)
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
class LearningSettings(Settings):
    """How a step is taken."""

    optimizer: str = option("radam", "Optimizer", "RAdam warms up by itself, so it is used without a warm-up.",
                       choices=OPTIMIZERS)
    rate_generator: float | None = option(None, "Learning rate of the generator", "Empty takes the optimizer's own: "
                                          "0.0001, for Prodigy 1.", low=1e-8, high=10.0)
    rate_discriminator: float | None = option(None, "Learning rate of the judges", "Empty takes the optimizer's own.",
                                              low=1e-8, high=10.0)
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
    keep: int = option(2, "Checkpoints kept", "The last so many stay, at over 1 GB each.", low=1, high=10_000)
    voices: bool = option(True, "A voice at every save", "Writes a small voice file, which can be tried at once, into "
                                                         "the folder voices.")
    patience: int = option(0, "Overtraining", "Says so when the clips held out have not improved for so many epochs; "
                                              "0 does not watch.", unit="epochs", low=0, high=10_000)
    stop_early: bool = option(False, "Stop when overtrained", "Else it is only said; nothing is ever deleted.")
    author: str = option("", "Author", "Written into the voice file.")
    description: str = option("", "Description", "Written into the voice file.")
    licence: str = option("", "Licence", "Written into the voice file: what others may do with the voice.")


@dataclass(frozen=True)
class TrainSettings(Settings):
    """`python -m rvc train`: a run is its file."""

    data: TrainDataSettings = option(TrainDataSettings, "Data", "What is learned from.")
    model: TrainModelSettings = option(TrainModelSettings, "Model", "What learns.")
    learning: LearningSettings = option(LearningSettings, "Learning", "How a step is taken.")
    schedule: ScheduleSettings = option(ScheduleSettings, "Schedule", "How long, and at which pace.")
    loss: LossSettings = option(LossSettings, "Losses", "What the generator is told.")
    saving: SavingSettings = option(SavingSettings, "Saving", "What is kept.")
    device: str = option("auto", "Device", "auto, cpu, mps, cuda or cuda:1.")


@dataclass(frozen=True)
class TrainCommandSettings(TrainSettings):
    """`python -m rvc train`"""

    fresh: bool = option(False, "Start afresh", "Puts the earlier checkpoints of this voice aside, after asking.")
    yes: bool = option(False, "Yes", "Answers every question with yes.")
    workspace: Path | None = option(None, "Workspace", "Folder for voices, weights and results.")


@dataclass(frozen=True)
class ExportSettings(Settings):
    """`python -m rvc export`"""

    pretrain: bool = option(False, "Pretrain", "Write generator and discriminator, for others to start from, instead "
                                               "of the voice.")
    workspace: Path | None = option(None, "Workspace", "Folder for voices, weights and results.")


@dataclass(frozen=True)
class IndexSettings(Settings):
    """`python -m rvc index`"""

    workspace: Path | None = option(None, "Workspace", "Folder for voices, weights and results.")


@dataclass(frozen=True)
class CuttingSettings(Settings):
    """How recordings become slices."""

    cut: str = option("automatic", "Cutting", "automatic cuts at silences and leaves them out, simple cuts every few "
                      "seconds, skip takes each file as it is.", choices=("skip", "simple", "automatic"))
    chunk_seconds: float = option(3.0, "Length of a slice", "For simple and automatic cutting.", unit="s", low=0.5,
                                  high=30.0, step=0.1)
    overlap_seconds: float = option(0.3, "Overlap", "What a slice has in common with the next.", unit="s", low=0.0,
                                    high=0.4, step=0.1, advanced=True)
    normalise: str = option("post", "Normalising", "post levels every slice, pre every file, none neither.",
                            choices=("none", "pre", "post"))
    high_pass: bool = option(False, "High-pass", "Takes away rumble and direct current below 48 Hz.")
    clean: bool = option(False, "Noise reduction", "Takes steady noise out of the recordings.")
    clean_strength: float = option(0.5, "Strength of the noise reduction", "0 leaves the sound, 1 removes all that is "
                                   "taken for noise.", low=0.0, high=1.0, step=0.05)


@dataclass(frozen=True)
class ListeningSettings(Settings):
    """What is heard in the slices; a voice is converted with the same ears."""

    encoder: str = option("contentvec", "Content encoder", f"Who tells what is said: {', '.join(CONTENT_ENCODERS)}, or "
                          "the name of your own in pretrained/encoders.")
    f0_method: str = option("auto", "Pitch method", "Who listens for the melody; auto is rmvpe where its weights are, "
                            "else fcpe.", choices=("auto", *F0_ESTIMATORS))
    hybrid_methods: tuple[str, ...] = option(("rmvpe", "fcpe"), "Hybrid of", "The methods that vote when the pitch "
                                             "method is hybrid.", choices=[m for m in F0_ESTIMATORS if m != "hybrid"],
                                             advanced=True)
    f0_threshold: float | None = option(None, "Voicing threshold", "How sure the method must be to call a frame "
                                        "voiced; empty is the method's own.", low=0, high=1, step=0.001, advanced=True)
    hop_length: int = option(160, "Hop", "Listen every so many samples of 16 kHz.", unit="samples", low=1, high=512,
                             advanced=True)


@dataclass(frozen=True)
class PrepareSettings(Settings):
    """What becomes of a folder of recordings."""

    cutting: CuttingSettings = option(CuttingSettings, "Cutting", "How recordings become slices.")
    listening: ListeningSettings = option(ListeningSettings, "Listening", "What is heard in the slices.")
    include_mutes: int = option(2, "Silent clips", "Each speaker also learns so many clips of silence.", low=0,
                                high=10, advanced=True)
    workers: int | None = option(None, "Processes", "Files worked on at once; empty is one for each core.", low=1,
                                 high=192, advanced=True)


@dataclass(frozen=True)
class PrepareCommandSettings(Settings):
    """`python -m rvc prepare`"""

    prepare: PrepareSettings = option(PrepareSettings, "Preparing", "What becomes of the recordings.")
    model: TrainModelSettings = option(TrainModelSettings, "Model", "What will learn.")
    device: str = option("auto", "Device", "What encoder and pitch method run on: auto, cpu, mps, cuda or cuda:1.")
    workspace: Path | None = option(None, "Workspace", "Folder for voices, weights and results.")


@dataclass(frozen=True)
class MakeSettings(TrainCommandSettings):
    """`python -m rvc make`"""

    prepare: PrepareSettings = option(PrepareSettings, "Preparing", "What becomes of the recordings.")
