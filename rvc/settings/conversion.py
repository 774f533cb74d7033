"""Every option of a conversion."""
import math
from dataclasses import dataclass
from pathlib import Path

from rvc.f0 import F0_ESTIMATORS
from rvc.options import Settings, option


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
    hop_length: int = option(160, "Hop", "Listen every so many samples of 16 kHz; less costs time, more is coarser.",
                             unit="samples", low=1, high=512, step=1, advanced=True)
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
                               "converted; -inf switches that off.", unit="dBFS", low=-math.inf, high=0,
                               advanced=True)
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
