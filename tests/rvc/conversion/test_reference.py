"""A whole conversion equals the reference's, sample by sample, wherever the reference is right."""
import json
from pathlib import Path

import numpy as np
import pytest
import rule
import torch

from rvc.audio.formants import formant_shift
from rvc.audio.lines import Scratch
from rvc.audio.loudness import limit_peak
from rvc.conversion.converter import PAD, Converter, Manner
from rvc.conversion.plan import FADE, at
from rvc.conversion.pulse import Pulse
from rvc.f0.track import F0Track, transpose
from rvc.features import HOP, FeatureExtractor
from rvc.progress import silent
from rvc.retrieval.faiss_index import FaissIndex
from rvc.synthesis.config import VitsConfig
from rvc.synthesis.vits import load_vits, shapes
from rvc.voice import VoiceCard, VoiceModel

GOLDEN = Path(__file__).parents[2] / "golden"
STORED = json.loads((GOLDEN / "conversion" / "cases.json").read_text())
CASES, SOUNDS = STORED["cases"], dict(np.load(GOLDEN / "conversion" / "sounds.npz"))
CPU, TOLERANCE = torch.device("cpu"), 5e-5
X3 = rule.speech("e2e_3s", 48000, 16000).astype(np.float32)
INPUTS = {
    "x3": X3, "x3loud": np.clip(2.2 * X3, -1.3, 1.3), "x02": X3[8000:11200],
    "xg": np.concatenate([np.zeros(5000), X3[:16000], np.zeros(8000), X3[16000:40000], np.zeros(7000)]),
    "x7": rule.speech("e2e_7s", 112_000, 16000),
}


class StubEncoder:
    """Frames of 25 ms times a matrix of the rule."""

    width = 768
    matrix = torch.from_numpy(rule.normal("stub:W", (400, 768))) * 0.25

    def encode(self, samples, check):
        return samples.unfold(0, 400, 320) @ self.matrix


class StubEstimator:
    """Hears the same melody in everything."""

    def estimate(self, samples, check):
        return F0Track(torch.from_numpy(rule.f0_contour(len(samples) // HOP + 1)))


def small_index() -> FaissIndex:
    stored = np.load(GOLDEN / "retrieval" / "retrieval.npz")
    base = np.float32(0.3) * rule.normal("retrieval:base", (4000, 768))
    lists = np.split(stored["small_rows"], np.cumsum(stored["small_cells"])[:-1])
    return FaissIndex.from_lists(base[:390], stored["small_centroids"], lists)


def voice(name: str) -> VoiceModel:
    stored = STORED["models"][name]
    config = VitsConfig.from_legacy(stored["config"])
    kind = {"vocoder": {"HiFi-GAN": "hifigan", "MRF HiFi-GAN": "mrf"}[stored["vocoder"]], "uses_f0": stored["f0"],
            "content_width": 768}
    table = {key: shape for key, shape in shapes(config, **kind).items() if not key.startswith("enc_q")}
    weights = {key: torch.from_numpy(value) for key, value in rule.weights(table, half=True).items()}
    card = VoiceCard(name, "vits", kind["vocoder"], config.sample_rate, "stub", 768, stored["f0"], config.speakers)
    return VoiceModel(card, load_vits(config, weights, **kind), CPU)


def converted(case: str, folder: Path, noise, *, plan=None, sound=None, melody=None) -> np.ndarray:
    stored = CASES[case]
    asked = stored["params"]
    sound = limit_peak((INPUTS[stored["wav"]] if sound is None else sound).astype(np.float32), 0.95)
    if asked.get("formant_shifting"):
        sound = formant_shift(sound, asked["formant_qfrency"], asked["formant_timbre"])
    speaker = voice(stored["model"])
    extractor = FeatureExtractor(StubEncoder(), StubEstimator() if speaker.card.uses_f0 else None, CPU)
    converter = Converter(speaker, extractor, small_index() if "index_path" in asked else None, folder,
                          noise=lambda seed, number: noise("zero"))
    manner = Manner(index_rate=asked.get("index_rate", 0), protect=asked.get("protect", 0.5),
                    envelope=asked.get("volume_envelope", 1), speaker=asked.get("sid", 0), longest=150)
    pulse = Pulse(silent, "", len(sound))
    heard = converter.heard(sound)
    if melody is None and speaker.card.uses_f0:
        melody = transpose(converter.melody(heard, pulse), asked.get("pitch", 0))
    result: Scratch = converter.convert(sound, heard, melody, manner, stored["raw_len"], pulse, plan and plan(heard))
    return limit_peak(result[0:len(result)], 0.99)


@pytest.mark.parametrize("case", [
    "base", "pitch4_index_protect_rms", "rms0_loud", "nof0", "mrf", "short_0.2s", "formant"])
def test_conversion_equals_the_reference(case, tmp_path, written_noise):
    found = converted(case, tmp_path, written_noise)
    whole, fourth = SOUNDS.get(f"{case}_raw"), SOUNDS.get(f"{case}_raw_dec4")
    expected, found = (whole, found) if whole is not None else (fourth, found[::4])
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= TOLERANCE


def test_the_written_numbers_are_the_reference_s(tmp_path, written_noise):
    written = np.rint(converted("base", tmp_path, written_noise) * 32768)
    assert np.abs(written - SOUNDS["base_wav_int16"]).max() <= 2


def test_autotune_equals_the_reference_where_its_contour_is_handed_in(tmp_path, written_noise):
    """The reference lifts silence to 49 Hz times the strength; given that contour, all that follows is equal."""
    notes = np.array([round(440 * 2 ** ((n - 69) / 12), 2) for n in range(31, 85)], np.float32)
    heard = rule.f0_contour((48000 + 2 * PAD) // HOP + 1)
    nearest = notes[np.abs(notes[None] - heard[:, None]).argmin(1)]
    contour = F0Track(torch.from_numpy(heard + (nearest - heard) * np.float32(0.6)))
    found = converted("sid2_autotune", tmp_path, written_noise, melody=contour)
    assert np.abs(found[::4] - SOUNDS["sid2_autotune_raw_dec4"]).max() <= TOLERANCE


def test_chunks_equal_the_reference_s_where_its_cuts_are_handed_in(tmp_path, written_noise):
    """Ours are cross-faded over 20 ms at each cut, so these are left out; the reference loses a frame at odd cuts."""
    lengths = [chunk["audio0_len"] - 2 * PAD for chunk in CASES["chunk_small_cfg"]["chunks"]]
    cuts = np.cumsum([length - HOP for length in lengths[:-1]]).tolist()
    found = converted("chunk_small_cfg", tmp_path, written_noise, plan=lambda heard: at(heard, cuts))
    expected, place = SOUNDS["chunk_small_cfg_raw_dec4"], 0
    for start, chunk in zip([0, *cuts], CASES["chunk_small_cfg"]["chunks"]):
        length = chunk["out_len"] - 2 * 2 * PAD
        skipped = 0 if start == 0 else 2 * FADE
        ours = found[2 * start + skipped:2 * start + length:4]
        theirs = expected[(place + skipped) // 4:(place + length) // 4]
        common = min(len(ours), len(theirs))
        assert common >= (length - skipped) // 4 - HOP
        assert np.abs(ours[:common] - theirs[:common]).max() <= TOLERANCE
        place += length


def test_a_stretch_of_a_split_recording_equals_the_reference_s(tmp_path, written_noise):
    """The reference's merge shifts and loses samples; each stretch by itself is equal."""
    second = INPUTS["xg"].astype(np.float32)[28000:28000 + CASES["split"]["chunks"][1]["audio0_len"] - 2 * PAD]
    found = converted("split", tmp_path, written_noise, sound=second)
    expected = SOUNDS["split_last_chunk_raw_dec4"]
    assert np.abs(found[::4][:len(expected)] - expected).max() <= TOLERANCE
