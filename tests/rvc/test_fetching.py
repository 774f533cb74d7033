"""What a network can do to a file, and that none of it is taken for the file."""
import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest
from loopback import PAGE, drip, leading_to, loopback, page, ranged, reset, send, whole

from rvc import fetching
from rvc.errors import Cancelled, DownloadError
from rvc.fetching import Patience, Wanted, address_problem, fetch, what_else

BODY = bytes(range(256)) * 64
HASH = hashlib.sha256(BODY).hexdigest()
QUICK = Patience(idle=5.0, sleep=lambda seconds: None)
SIZE, HALF = len(BODY), len(BODY) // 2


@pytest.fixture
def server():
    with loopback() as here:
        yield here


@pytest.fixture
def part(tmp_path):
    return tmp_path / "Größe und \"Maß\" 声" / "my weights.pt.part"


def wanted(server, sha256=HASH, size=SIZE, path="/my%20weights.pt"):
    return Wanted(server.address + path, sha256, size)


def begin(server, part, body=BODY, etag='"1"', **what):
    """The first half of a file arrives and the line breaks."""
    server.answers = [ranged(body, etag, stop=HALF)]
    with pytest.raises(DownloadError):
        fetch(wanted(server, **what), part, patience=Patience(pauses=()))
    assert part.read_bytes() == body[:HALF]
    server.asked.clear()


def test_a_file_comes_whole(server, part):
    server.answers = [whole(BODY)]
    steps = []
    assert fetch(wanted(server), part, patience=QUICK, report=steps.append) == HASH
    assert part.read_bytes() == BODY
    assert (steps[-1].done, steps[-1].total) == (len(BODY), len(BODY))
    assert steps[-1].facts["bytes_per_second"] > 0


ANNOUNCED = len(BODY) - 1
FAULTS = {
    "another file of the same size": (whole(BODY[::-1]), hashlib.sha256(BODY[::-1]).hexdigest()),
    "404 with a page": (page(404), "404 Not Found with a web page"),
    "200 with a page": (page(200), "a web page, not weights"),
    "a page that calls itself weights": (whole(PAGE), "a web page, not weights"),
    "a pointer": (whole(b"version https://git-lfs.github.com/spec/v1\n"), "a pointer of Git LFS"),
    "server error": (page(503), "503"),
    "half a file": (lambda request: send(request, BODY[:HALF], length=len(BODY)), "connection failed"),
    "half a file and no length": (lambda request: send(request, BODY[:HALF], length=-1), f"{HALF:,} of {len(BODY):,}"),
    "too short": (whole(BODY[:ANNOUNCED]), f"announces {ANNOUNCED:,} bytes instead of {len(BODY):,}"),
    "connection torn down": (reset(BODY, HALF), "connection failed"),
    "packed": (whole(BODY, Content_Encoding="gzip"), "gzip"),
    "a piece nobody asked for": (lambda request: send(request, BODY, 206, Content_Range="bytes 0-9/10"),
                                 "another piece"),
    "a circle": (lambda request: leading_to(request.path)(request), "leads on"),
    "nothing": (whole(b""), "bytes instead of"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_tried_four_times_and_told_with_address_and_hash(server, part, fault):
    answer, said = FAULTS[fault]
    server.answers = [answer]
    pauses = []
    with pytest.raises(DownloadError) as told:
        fetch(wanted(server), part, patience=Patience(idle=5, sleep=pauses.append))
    assert said in str(told.value)
    assert f"{server.address}/my%20weights.pt" in str(told.value) and HASH in str(told.value)
    assert len(server.asked) == (4 if fault != "a circle" else 4 * 6)
    assert sum(pauses) == pytest.approx(1 + 4 + 16)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if "circle" not in fault])
def test_a_fault_that_passes_is_mended_by_the_next_try(server, part, fault):
    server.answers = [FAULTS[fault][0], ranged(BODY)]
    assert fetch(wanted(server), part, patience=QUICK) == HASH
    assert part.read_bytes() == BODY


@pytest.mark.parametrize("seconds, said", [(1.0, "no byte came"), (0.02, "fewer than 1024 bytes")])
def test_a_drip_is_no_download(server, part, seconds, said):
    server.answers = [drip(BODY, seconds)]
    began = time.monotonic()
    with pytest.raises(DownloadError, match=said):
        fetch(wanted(server), part, patience=Patience(idle=0.2, pauses=(0.1,), sleep=lambda seconds: None))
    assert time.monotonic() - began < 5
    assert 0 < part.stat().st_size < len(BODY)


def test_the_default_patience_is_thirty_seconds_and_three_further_tries():
    assert fetching.PATIENCE.idle == 30.0 and len(fetching.PATIENCE.pauses) == 3


def test_half_a_file_is_continued(server, part):
    begin(server, part)
    server.answers = [ranged(BODY)]
    assert fetch(wanted(server), part, patience=QUICK) == HASH
    assert server.ranges == [f"bytes={HALF}-"] and server.asked[0][1]["if-range"] == '"1"'
    assert part.read_bytes() == BODY


@pytest.mark.parametrize("again", [whole(BODY), ranged(BODY, '"2"')], ids=["ranges unknown", "another version"])
def test_where_it_cannot_be_continued_it_is_begun_anew(server, part, again):
    begin(server, part, body=BODY[::-1])  # of which no byte may stay
    server.answers = [again]
    assert fetch(wanted(server), part, patience=QUICK) == HASH
    assert len(server.asked) == 1 and part.read_bytes() == BODY


def test_a_part_of_another_version_is_found_out_without_an_etag(server, part):
    begin(server, part, body=BODY[::-1], etag=None)
    server.answers = [ranged(BODY, None)]
    assert fetch(wanted(server), part, patience=QUICK) == HASH
    assert server.ranges == [f"bytes={HALF}-", None] and part.read_bytes() == BODY


def test_an_unknown_file_is_continued_only_by_its_etag(server, part):
    for etag, asked in ((None, None), ('"1"', f"bytes={HALF}-")):
        begin(server, part, etag=etag, sha256=None, size=None)
        server.answers = [ranged(BODY, etag)]
        assert fetch(wanted(server, None, None), part, patience=QUICK) == HASH
        assert server.ranges == [asked]
        fetching.discard(part)


def test_an_unknown_file_is_not_continued_from_another_address(server, part):
    begin(server, part, body=BODY[::-1], sha256=None, size=None)
    server.answers = [ranged(BODY)]
    assert fetch(wanted(server, None, None, path="/revised"), part, patience=QUICK) == HASH
    assert server.ranges == [None] and part.read_bytes() == BODY


def test_the_version_changes_and_the_server_continues_all_the_same(server, part):
    begin(server, part, body=BODY[::-1], sha256=None, size=None)
    rest = {"ETag": '"2"', "Content-Range": f"bytes {HALF}-{len(BODY) - 1}/{len(BODY)}"}
    server.answers = [lambda request: send(request, BODY[HALF:], 206, **rest), whole(BODY, '"2"')]
    assert fetch(wanted(server, None, None), part, patience=QUICK) == HASH
    assert part.read_bytes() == BODY


def test_what_is_whole_is_not_asked_for_again(server, part):
    server.answers = [whole(BODY)]
    for what in ((HASH, len(BODY)), (HASH, None), (None, None)):
        fetch(wanted(server, *what), part, patience=QUICK)
        fetch(wanted(server, *what), part, patience=QUICK)
        assert len(server.asked) == 1
        fetching.discard(part)
        server.asked.clear()


def test_a_part_that_is_longer_than_the_file_is_begun_anew(server, part):
    part.parent.mkdir()
    part.write_bytes(BODY + b"more")
    server.answers = [lambda request: send(request, b"", 416), ranged(BODY)]
    assert fetch(wanted(server, size=None), part, patience=QUICK) == HASH
    assert server.ranges == [f"bytes={len(BODY) + 4}-", None]


def test_a_damaged_note_is_no_note(server, part):
    begin(server, part)
    part.with_name(part.name + ".json").write_text('{"url": ')
    server.answers = [ranged(BODY)]
    assert fetch(wanted(server), part, patience=QUICK) == HASH


def chunked(body):
    """Says that it ends, and not where."""
    return lambda request: send(request, b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), length=-1,
                                Transfer_Encoding="chunked")


@pytest.mark.parametrize("answer", [whole, chunked])
def test_more_than_the_most_is_refused_at_once(server, part, monkeypatch, answer):
    monkeypatch.setattr(fetching, "LARGEST", 1000)
    server.answers = [answer(BODY)]
    with pytest.raises(DownloadError, match="larger than 1,000 bytes"):
        fetch(wanted(server, None, None), part, patience=QUICK)
    assert len(server.asked) == 1 and not part.exists()


def test_a_chunked_file_comes_whole_and_is_known_to_be(server, part):
    server.answers = [chunked(BODY)]
    assert fetch(wanted(server, None, None), part, patience=QUICK) == HASH
    assert fetch(wanted(server, None, None), part, patience=QUICK) == HASH
    assert len(server.asked) == 1


def test_an_unknown_file_of_unknown_length_could_be_half_of_one(server, part):
    server.answers = [lambda request: send(request, BODY, length=-1)]
    with pytest.raises(DownloadError, match="how long"):
        fetch(wanted(server, None, None), part, patience=QUICK)
    assert fetch(wanted(server, HASH, None), part, patience=QUICK) == HASH


def test_an_empty_file_is_none(server, part):
    server.answers = [whole(b"")]
    with pytest.raises(DownloadError, match="empty"):
        fetch(wanted(server, None, None), part, patience=QUICK)


def test_a_redirect_on_the_same_machine_is_followed(server, part):
    server.answers = [leading_to("/elsewhere?signed=1"), whole(BODY)]
    assert fetch(wanted(server), part, patience=QUICK) == HASH
    assert [path for path, _ in server.asked] == ["/my%20weights.pt", "/elsewhere?signed=1"]


@pytest.mark.parametrize("address", ["http://example.org/x.pt", "ftp://127.0.0.1/x.pt", "file:///etc/passwd"])
def test_a_redirect_to_another_scheme_is_refused_at_once(server, part, address):
    server.answers = [leading_to(address)]
    with pytest.raises(DownloadError, match="not https"):
        fetch(wanted(server), part, patience=QUICK)
    assert len(server.asked) == 1 and not part.parent.exists()


@pytest.mark.parametrize("address", [
    "http://huggingface.co", "http://192.168.0.2/x", "ftp://127.0.0.1", "file:///x", "huggingface.co", "https://", "",
    "https://me:secret@huggingface.co", "https://huggingface.co?x=1", "https://a#b", "http://127.0.0.1.example.org"])
def test_addresses_that_nothing_is_fetched_from(address, part):
    assert address_problem(address)
    with pytest.raises(DownloadError):
        fetch(Wanted(address), part, patience=QUICK)


@pytest.mark.parametrize("address", ["https://huggingface.co", "https://mirror.example.org/hub",
                                     "http://127.0.0.1:80", "http://localhost:8000/a", "http://[::1]:80"])
def test_addresses_that_may_be_used(address):
    assert address_problem(address) is None


def test_a_full_disk_is_seen_before(server, part, monkeypatch):
    server.answers = [whole(BODY)]
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda place: usage(10, 9, 1))
    with pytest.raises(DownloadError, match="make room"):
        fetch(wanted(server), part, patience=QUICK)
    assert len(server.asked) == 1 and not part.exists()


def test_a_disk_that_fills_meanwhile_keeps_what_has_come(server, part, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    begin(server, part)
    server.answers = [ranged(BODY)]
    monkeypatch.setattr(fetching.os, "fsync", full)
    with pytest.raises(DownloadError, match="No space left"):
        fetch(wanted(server), part, patience=QUICK)
    assert len(server.asked) == 1 and part.read_bytes()[:HALF] == BODY[:HALF]


def test_a_stop_keeps_what_has_come(server, part):
    def stop(step):
        if step.done:
            raise Cancelled

    server.answers = [ranged(BODY)]
    with pytest.raises(Cancelled):
        fetch(wanted(server), part, patience=QUICK, report=stop)
    assert part.exists()
    assert fetch(wanted(server), part, patience=QUICK) == HASH


def test_a_stop_is_heard_in_a_pause(server, part):
    def stop(step):
        raise Cancelled

    server.answers = [page(503)]
    with pytest.raises(Cancelled):
        fetch(wanted(server), part, report=stop)
    assert len(server.asked) == 1


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX systems")
def test_a_killed_download_goes_on_where_it_was(server, part):
    body = BODY * 64
    what = wanted(server, hashlib.sha256(body).hexdigest(), len(body))

    def half_then_wait(request):
        send(request, body[:len(body) // 2], length=len(body), ETag='"1"')
        server.closing.wait(30)

    server.answers = [half_then_wait, ranged(body)]
    code = ("import sys; from pathlib import Path; from rvc.fetching import *\n"
            "fetch(Wanted(sys.argv[1], sys.argv[2], int(sys.argv[3])), Path(sys.argv[4]))")
    child = subprocess.Popen([sys.executable, "-c", code, what.url, what.sha256, str(what.bytes), str(part)],
                             cwd=Path(fetching.__file__).parent.parent)
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > len(body) // 4):
        assert time.monotonic() < deadline and child.poll() is None
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    come = part.stat().st_size
    assert fetch(what, part, patience=QUICK) == what.sha256
    assert part.read_bytes() == body and server.ranges == [None, f"bytes={come}-"]


def test_what_begins_like_a_page():
    assert what_else(b"\xef\xbb\xbf \r\n<HTML lang=en>") == "a web page"
    assert what_else(b"PK\x03\x04") is None and what_else(b"<\x00\x00\x00\x00\x00\x00\x00{") is None
