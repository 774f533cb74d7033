"""`python -m rvc inspect`"""
import json
import subprocess
import sys

from forge import SMALL_INDEX, TINY, saved, tiny

from rvc.__main__ import main


def test_a_voice_is_described_in_words(capsys):
    assert main(["inspect", str(TINY)]) == 0
    page = capsys.readouterr().out
    assert page.startswith("tiny_32k_v2_f0.pth is an RVC v2 voice at 32 kHz with HiFi-GAN")
    assert "  epoch           1\n" in page and "  melody          yes\n" in page


def test_a_voice_is_described_in_json(capsys):
    assert main(["inspect", str(TINY), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "voice" and found["usable"] is True
    assert found["facts"]["sample rate"] == 32000 and found["facts"]["model name"] == "tiny_32k_v2_f0"


def test_an_index_is_described(capsys):
    assert main(["inspect", str(SMALL_INDEX)]) == 0
    assert "is an index of 390 frames, 768 numbers each." in capsys.readouterr().out


def test_notes_are_shown(tmp_path, capsys):
    assert main(["inspect", str(saved(tmp_path / "a.pth", tiny(version=...)))]) == 0
    assert "Note: It does not say its version" in capsys.readouterr().out


def test_what_cannot_be_used_exits_with_1(tmp_path, capsys):
    (tmp_path / "it’s a voice.pth").write_bytes(b"<html></html>")
    assert main(["inspect", str(tmp_path / "it’s a voice.pth")]) == 1
    assert "it’s a voice.pth is a web page" in capsys.readouterr().out
    for absent in (tmp_path / "absent.pth", tmp_path):
        assert main(["inspect", str(absent)]) == 1
        assert "cannot be read" in capsys.readouterr().out


def test_a_web_page_is_told_without_loading_torch(tmp_path):
    (tmp_path / "page.pth").write_bytes(b"<!DOCTYPE html><html></html>")
    code = "import sys; from rvc.__main__ import main; main(sys.argv[1:]); sys.exit('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code, "inspect", str(tmp_path / "page.pth")], capture_output=True,
                         text=True, timeout=60, check=False)
    assert run.returncode == 0 and "is a web page" in run.stdout
