"""The doctor: a finding for every part, one line of remedy for every lack."""
import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from rvc import holdings, weights
from rvc.__main__ import main
from rvc.commands import doctor
from rvc.content import CONTENT_ENCODERS
from rvc.f0 import F0_ESTIMATORS
from rvc.weights import WEIGHTS, WeightFile, paths
from rvc.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "a folder ünï 'quoted'")


def found(check, workspace):
    return {finding.name: finding for finding in check(workspace)}


def test_every_part_has_a_finding_and_every_lack_a_remedy(workspace):
    findings = doctor.examine(workspace)
    names = {finding.name for finding in findings}
    assert names >= {"workspace", "disk", "torch", "device", "ffmpeg"}
    assert names >= {f"weights {id}" for id in WEIGHTS}
    assert names >= {f"encoder {name}" for name in CONTENT_ENCODERS} | {f"f0 {name}" for name in F0_ESTIMATORS}
    for finding in findings:
        assert bool(finding.remedy) == (finding.state != "ok"), finding
        assert "\n" not in finding.detail + finding.remedy


def test_looking_writes_nothing(workspace):
    doctor.examine(workspace)
    assert not workspace.root.exists()


def test_json_says_the_same(workspace, capsys):
    status = main(["doctor", "--json", "--workspace", str(workspace.root)])
    said = json.loads(capsys.readouterr().out)
    assert status == 0 and said["ok"] is True
    assert {"name", "state", "detail", "remedy", "essential"} == set(said["checks"][0])
    assert main(["doctor", "--workspace", str(workspace.root)]) == 0
    text = capsys.readouterr().out
    steady = [check for check in said["checks"] if check["name"] not in ("disk", "device")]  # these are measured
    assert all(check["detail"] in text and check["remedy"] in text for check in steady)


def test_missing_weights_are_no_broken_machine(workspace):
    assert all(finding.state == "missing" for finding in doctor.check_weights(workspace))
    assert doctor.healthy(list(doctor.check_weights(workspace)))


def put(workspace, id, content=b"weights"):
    for path in paths(workspace.pretrained, id):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def test_weights_that_are_not_the_published_ones_are_named(workspace):
    put(workspace, "rmvpe")
    finding = found(doctor.check_weights, workspace)["weights rmvpe"]
    assert finding.state == "missing" and "rmvpe.pt is damaged" in finding.detail and "remove" in finding.remedy


def test_weights_that_are_the_published_ones_are_well(workspace, monkeypatch):
    sha = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"  # of "test"
    table = {"rmvpe": replace(WEIGHTS["rmvpe"], files=(WeightFile("rmvpe.pt", sha, 4),))}
    for module in (doctor, holdings, weights):
        monkeypatch.setattr(module, "WEIGHTS", table)
    put(workspace, "rmvpe", b"test")
    assert found(doctor.check_weights, workspace)["weights rmvpe"].state == "ok"
    put(workspace, "rmvpe", b"tesT")
    assert found(doctor.check_weights, workspace)["weights rmvpe"].state == "missing"


def test_weights_without_a_published_hash_are_said_to_be_unchecked(workspace):
    put(workspace, "spin")
    finding = found(doctor.check_weights, workspace)["weights spin"]
    assert finding.state == "ok" and "no known hash" in finding.detail


def test_an_encoder_runs_when_its_folder_holds_weights(workspace):
    assert found(doctor.check_encoders, workspace)["encoder spin"].state == "missing"
    put(workspace, "spin")
    put(workspace, "hubert_base")
    after = found(doctor.check_encoders, workspace)
    assert {name for name, finding in after.items() if finding.state == "ok"} == {
        "encoder spin", "encoder contentvec", "encoder mel"}


def test_a_pitch_method_runs_when_its_package_is_installed(workspace, monkeypatch):
    assert found(doctor.check_f0, workspace)["f0 fcpe"].state == "ok"
    monkeypatch.setattr(doctor, "_installed", lambda package: package != "torchfcpe")
    finding = found(doctor.check_f0, workspace)["f0 fcpe"]
    assert finding.state == "missing" and "torchfcpe" in finding.detail and "run-install" in finding.remedy


def test_a_workspace_that_cannot_be_written_is_essential(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    findings = list(doctor.check_workspace(Workspace(blocked / "below")))
    assert not doctor.healthy(findings) and "--workspace" in findings[0].remedy


def test_a_machine_without_ffmpeg_is_told_how_to_get_it(workspace, monkeypatch):
    monkeypatch.setenv("PATH", "")
    finding = found(doctor.check_ffmpeg, workspace)["ffmpeg"]
    assert finding.state == "warn" and "install ffmpeg" in finding.remedy


def test_a_machine_without_pytorch_is_broken_but_not_a_traceback(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so is missing')")
    done = subprocess.run([sys.executable, "-m", "rvc", "doctor"], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1 and done.stderr == ""
    assert re.search(r"missing +torch +PyTorch cannot be imported: libcudart.so is missing\n +→ .*run-install",
                     done.stdout)


def test_every_weight_has_a_pinned_address_and_a_real_hash():
    for id, weight in WEIGHTS.items():
        assert re.fullmatch(r"[\w-]+", id) and weight.files and weight.licence and weight.purpose
        for file in weight.files:
            assert file.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", file.sha256)
            assert weight.url(file).startswith(f"https://huggingface.co/{weight.repository}/resolve/{weight.revision}/")
            assert weight.url(file, "https://mirror.example").startswith("https://mirror.example/")
    hashes = [file.sha256 for weight in WEIGHTS.values() for file in weight.files if file.sha256]
    assert len(hashes) == len(set(hashes)) == 22


def test_every_encoder_and_pitch_method_can_be_fetched():
    needed = {id for entry in CONTENT_ENCODERS.values() for id in entry.facts["weights"]}
    needed |= {entry.facts["weights"] for entry in F0_ESTIMATORS.values() if entry.facts["weights"]}
    assert needed <= set(WEIGHTS)
