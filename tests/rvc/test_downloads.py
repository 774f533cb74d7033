"""Weights come into their places whole and verified, or not at all."""
import hashlib
import json
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from loopback import PAGE, drip, loopback, page, ranged, send, whole

import rvc.commands.download
from rvc import downloads, fetching, holdings, weights
from rvc.__main__ import main
from rvc.downloads import NotAccepted, install, install_copy
from rvc.errors import DownloadError
from rvc.fetching import Patience
from rvc.holdings import State, read_accepted
from rvc.weights import WEIGHTS, Weight, WeightFile
from rvc.workspace import Workspace

GENERATOR, DISCRIMINATOR, SPIN = (bytes([n]) * 5000 for n in (1, 2, 3))
QUICK = Patience(idle=0.3, sleep=lambda seconds: None)


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


TABLE = {
    "pair": Weight("someone/voices", "abc", (WeightFile("v2/G.pth", sha256(GENERATOR), len(GENERATOR)),
                                             WeightFile("v2/D.pth", sha256(DISCRIMINATOR))), "training"),
    "spin": Weight("someone/else", "main", (WeightFile("spin/pytorch_model.bin"),), "voices of Spin", "Apache-2.0"),
    "twins": Weight("someone/else", "main", (WeightFile("a.pth"), WeightFile("b.pth")), "two without a hash"),
}
BODIES = {"/someone/voices/resolve/abc/v2/G.pth": GENERATOR, "/someone/voices/resolve/abc/v2/D.pth": DISCRIMINATOR,
          "/someone/else/resolve/main/spin/pytorch_model.bin": SPIN}


def hub(request):
    """Every file of the table that is anywhere."""
    if request.path in BODIES:
        ranged(BODIES[request.path])(request)
    else:
        page(404)(request)


@pytest.fixture
def server(monkeypatch):
    """A hub of its own, in place of the true one and of its table."""
    with loopback() as here:
        here.answers = [hub]
        for module in (weights, holdings, rvc.commands.download):
            monkeypatch.setattr(module, "WEIGHTS", TABLE)
        for module in (downloads, rvc.commands.download):
            monkeypatch.setattr(module, "HUB", here.address)
        monkeypatch.setattr(rvc.commands.download, "PATIENCE", QUICK)
        yield here


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "Größe 声 'x'")


def held(workspace, id):
    return holdings.holdings(workspace, id)


def states(workspace, id):
    return [holding.state for holding in held(workspace, id)]


def listing(workspace):
    """Every file under the root but the lock."""
    return sorted(path.relative_to(workspace.root).as_posix() for path in workspace.root.rglob("*")
                  if path.is_file() and path != workspace.download_lock)


def download(workspace, *words):
    return main(["download", *map(str, words), "--workspace", str(workspace.root)])


def fetch_all(server, workspace, id, **how):
    for holding in held(workspace, id):
        install(workspace, holding, hub=server.address, patience=QUICK, **how)


def test_all_files_of_a_weight_are_fetched_once(server, workspace, capsys):
    assert download(workspace, "pair", "pair") == 0
    assert listing(workspace) == ["pretrained/pair/D.pth", "pretrained/pair/G.pth"]
    assert states(workspace, "pair") == [State.PRESENT, State.PRESENT]
    assert download(workspace, "pair") == 0
    assert len(server.asked) == 2 and "is there already" in capsys.readouterr().out


def test_address_size_licence_and_hash_are_shown_before(server, workspace, capsys):
    shown = []
    server.answers = [lambda request: (shown.append(capsys.readouterr().out), hub(request))]
    download(workspace, "pair")
    for fact in (f"{server.address}/someone/voices/resolve/abc/v2/G.pth", "5,000 bytes", "MIT", sha256(GENERATOR)):
        assert fact in shown[0]
    download(workspace, "spin")
    assert "Apache-2.0" in shown[2] and "not published" in shown[2]


@pytest.mark.parametrize("answer", [whole(SPIN), page(404), page(200), whole(PAGE), drip(GENERATOR, 1.0),
                                    lambda request: send(request, GENERATOR[:900], length=5000)],
                         ids=["wrong hash", "404 page", "200 page", "page as weights", "drip", "half"])
def test_after_a_fault_nothing_is_installed(server, workspace, capsys, answer):
    before = listing(workspace)
    server.answers = [answer]
    assert download(workspace, "pair") == 1
    assert [name for name in listing(workspace) if ".part" not in name] == before == []
    told = capsys.readouterr().err
    assert f"{server.address}/someone/voices/resolve/abc/v2/G.pth" in told and sha256(GENERATOR) in told
    assert len(told.strip().splitlines()) == 2  # one sentence for each of the two files


def test_one_failure_does_not_keep_the_others(server, workspace):
    assert download(workspace, "twins", "pair") == 1
    assert listing(workspace) == ["pretrained/pair/D.pth", "pretrained/pair/G.pth"]


def test_a_wrong_file_stays_until_the_right_one_is_there(server, workspace, capsys):
    place = held(workspace, "pair")[0].path
    place.parent.mkdir(parents=True)
    place.write_bytes(b"old")
    assert states(workspace, "pair") == [State.WRONG, State.MISSING]
    server.answers = [page(503)]
    assert download(workspace, "pair") == 1
    assert place.read_bytes() == b"old" and "another file lies there" in capsys.readouterr().out
    server.answers = [hub]
    assert download(workspace, "pair") == 0
    assert place.read_bytes() == GENERATOR


def test_begun_and_then_continued(server, workspace):
    server.answers = [ranged(GENERATOR, stop=1000)]
    with pytest.raises(DownloadError):
        install(workspace, held(workspace, "pair")[0], hub=server.address, patience=Patience(pauses=()))
    assert states(workspace, "pair")[0] is State.PARTIAL
    server.answers = [hub]
    fetch_all(server, workspace, "pair")
    assert "bytes=1000-" in server.ranges
    assert listing(workspace) == ["pretrained/pair/D.pth", "pretrained/pair/G.pth"]


def test_an_unknown_hash_is_accepted_by_the_person_and_recorded(server, workspace):
    asked = []
    fetch_all(server, workspace, "spin", ask=lambda holding, *facts: asked.append((holding.id, *facts)) or True)
    assert asked == [("spin", len(SPIN), sha256(SPIN))]
    assert states(workspace, "spin") == [State.PRESENT]
    assert read_accepted(workspace) == {"spin/pytorch_model.bin": sha256(SPIN)}
    entry = json.loads(workspace.accepted_hashes.read_text("utf-8"))["spin/pytorch_model.bin"]
    assert entry["bytes"] == len(SPIN) and entry["url"].startswith("https://huggingface.co/")


def test_what_was_accepted_is_held_to_it(server, workspace):
    fetch_all(server, workspace, "spin", ask=lambda *facts: True)
    held(workspace, "spin")[0].path.write_bytes(GENERATOR)
    assert states(workspace, "spin") == [State.WRONG]
    server.answers = [whole(GENERATOR)]
    with pytest.raises(DownloadError, match=sha256(SPIN)):
        fetch_all(server, workspace, "spin", ask=lambda *facts: True)


def test_nobody_there_to_ask_the_file_is_kept_and_the_way_on_is_told(server, workspace, capsys):
    assert download(workspace, "spin") == 1
    part = held(workspace, "spin")[0].part
    assert part.read_bytes() == SPIN and not held(workspace, "spin")[0].path.exists()
    assert f"download spin --accept {sha256(SPIN)}" in capsys.readouterr().err
    assert download(workspace, "spin", "--accept", sha256(DISCRIMINATOR)) == 1
    assert download(workspace, "spin", "--accept", f"{sha256(GENERATOR)},{sha256(SPIN).upper()}") == 0
    assert len(server.asked) == 1  # what was kept was not fetched again
    assert listing(workspace) == ["pretrained/accepted.json", "pretrained/spin/pytorch_model.bin"]


@pytest.mark.parametrize("answer, status", [("y", 0), ("YES", 0), ("", 1), ("n", 1), (None, 1)])
def test_the_question_at_the_terminal(server, workspace, monkeypatch, answer, status):
    def reply(question):
        if answer is None:
            raise EOFError
        return answer

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", reply)
    assert download(workspace, "spin") == status
    assert states(workspace, "spin") == [State.PARTIAL if status else State.PRESENT]


def test_a_file_that_lies_there_without_a_known_hash_is_asked_about_and_not_fetched(server, workspace):
    place = held(workspace, "spin")[0].path
    place.parent.mkdir(parents=True)
    place.write_bytes(b"my own")
    assert states(workspace, "spin") == [State.UNVERIFIED]
    with pytest.raises(NotAccepted):
        fetch_all(server, workspace, "spin")
    fetch_all(server, workspace, "spin", ask=lambda *facts: True)
    assert states(workspace, "spin") == [State.PRESENT]
    assert place.read_bytes() == b"my own" and server.asked == []


def test_a_mirror_serves_only_what_has_a_hash(server, workspace, monkeypatch, capsys):
    for module in (downloads, rvc.commands.download):
        monkeypatch.setattr(module, "HUB", weights.HUB)
    mirror = f"{server.address}/"
    assert download(workspace, "pair", "--mirror", mirror) == 0
    assert server.asked[0][0] == "/someone/voices/resolve/abc/v2/G.pth"
    assert download(workspace, "spin", "--mirror", mirror) == 1
    assert "no mirror may serve it" in capsys.readouterr().err and len(server.asked) == 2


def test_a_file_of_one_s_own_is_copied_and_stays(server, workspace, tmp_path):
    own = tmp_path / "D from a friend.pth"
    own.write_bytes(DISCRIMINATOR)
    assert download(workspace, "pair", "--from", own) == 0
    assert states(workspace, "pair") == [State.MISSING, State.PRESENT]  # known by its hash, whatever its name
    assert own.read_bytes() == DISCRIMINATOR and server.asked == []


def test_a_wrong_file_of_one_s_own_is_refused(server, workspace, tmp_path, capsys):
    own = tmp_path / "G.pth"
    for body, said in ((SPIN, f"{sha256(SPIN)} instead of {sha256(GENERATOR)}"), (PAGE, "a web page")):
        own.write_bytes(body)
        assert download(workspace, "pair", "--from", own) == 1
        assert said in capsys.readouterr().err
    assert download(workspace, "pair", "--from", tmp_path / "absent.pth") == 1
    assert listing(workspace) == []


def test_a_file_of_one_s_own_without_a_known_hash(server, workspace, tmp_path, capsys):
    own = tmp_path / "b.pth"
    own.write_bytes(SPIN)
    assert download(workspace, "twins", "--from", own) == 1
    assert f"--accept {sha256(SPIN)} --from" in capsys.readouterr().err
    assert download(workspace, "twins", "--from", own, "--accept", sha256(SPIN)) == 0
    assert listing(workspace) == ["pretrained/accepted.json", "pretrained/twins/b.pth"]
    other = own.rename(tmp_path / "c.pth")
    other.write_bytes(GENERATOR)
    with pytest.raises(NotAccepted):  # b is known by now, so it can only be a
        install_copy(workspace, "twins", other)


def test_a_copy_needs_room(server, workspace, tmp_path, monkeypatch):
    own = tmp_path / "G.pth"
    own.write_bytes(GENERATOR)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda place: usage(10, 9, 1))
    with pytest.raises(DownloadError, match="make room"):
        install_copy(workspace, "pair", own)
    assert listing(workspace) == []


def test_a_file_that_could_be_either_must_be_named(server, workspace, tmp_path):
    own = tmp_path / "c.pth"
    own.write_bytes(SPIN)
    with pytest.raises(DownloadError, match="a.pth, b.pth"):
        install_copy(workspace, "twins", own)


def test_a_copy_finishes_what_a_download_began(server, workspace, tmp_path):
    server.answers = [ranged(GENERATOR, stop=1000)]
    with pytest.raises(DownloadError):
        install(workspace, held(workspace, "pair")[0], hub=server.address, patience=Patience(pauses=()))
    own = tmp_path / "G.pth"
    own.write_bytes(GENERATOR)
    assert install_copy(workspace, "pair", own).file.name == "G.pth"
    assert listing(workspace) == ["pretrained/pair/G.pth"]


def test_two_downloads_at_a_time_do_not_mix(server, workspace):
    def second(request):
        with pytest.raises(DownloadError, match="Another download"):
            install(workspace, held(workspace, "pair")[1], hub=server.address, patience=QUICK)
        met.append(True)
        hub(request)

    met = []
    server.answers = [second, hub]
    fetch_all(server, workspace, "pair")
    assert met == [True] and states(workspace, "pair") == [State.PRESENT, State.PRESENT]


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"spin/pytorch_model.bin": {"sha256": "x"}}', '{"a": 1}'])
def test_a_damaged_record_is_an_empty_one(server, workspace, damage):
    workspace.pretrained.mkdir(parents=True)
    workspace.accepted_hashes.write_text(damage)
    assert read_accepted(workspace) == {}
    fetch_all(server, workspace, "spin", ask=lambda *facts: True)
    assert states(workspace, "spin") == [State.PRESENT]


@pytest.mark.parametrize("words", [
    ["nix"], ["--from", "x"], ["pair", "spin", "--from", "x"], ["all", "--from", "x"], ["pair", "--accept", "abc"],
    ["pair", "--mirror", "http://example.org"], ["pair", "--from", "x", "--mirror", "https://example.org"]])
def test_wrong_usage(server, workspace, words):
    assert download(workspace, *words) == 2
    assert server.asked == [] and listing(workspace) == []


def test_the_list_tells_the_state_of_each(server, workspace, capsys):
    install(workspace, held(workspace, "pair")[0], hub=server.address, patience=QUICK)
    capsys.readouterr()
    assert download(workspace, "--list") == 0
    head, pair, spin, twins = capsys.readouterr().out.splitlines()
    assert head.split() == ["ID", "state", "size", "licence", "needed", "for"]
    assert "missing: 1 of 2" in pair and "training" in pair
    assert spin.split()[:4] == ["spin", "missing", "–", "Apache-2.0"]
    assert download(workspace, "spin", "--list") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2 and len(server.asked) == 1


def test_the_list_of_the_true_table_needs_no_network(workspace, capsys, monkeypatch):
    def refuse(*_):
        raise AssertionError("the list asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert download(workspace, "--list") == 0
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines()[1:]] == list(WEIGHTS)
    assert "181.2 MB" in shown and listing(workspace) == []


def test_the_command_is_there(workspace):
    told = subprocess.run([sys.executable, "-m", "rvc", "download", "--list", "--workspace", workspace.root],
                          cwd=Path(weights.__file__).parent.parent, capture_output=True, encoding="utf-8",
                          env={"PYTHONIOENCODING": "utf-8", "PATH": ""}, timeout=60, check=True)
    assert "rmvpe" in told.stdout and told.stderr == ""


def test_every_address_of_the_table_is_https_and_every_hash_is_one():
    for weight in WEIGHTS.values():
        for file in weight.files:
            assert fetching.address_problem(weight.url(file)) is None
            assert file.sha256 is None or holdings.is_sha256(file.sha256)
    assert set(weights.ESSENTIAL) <= set(WEIGHTS)
