"""One address → one file: resumed where it stopped, checked when it is whole.

Bytes go to a part, and `<part>.json` beside it notes which version of the file they are from.  The hash is taken of
what lies on the disk in the end, so it covers what an earlier run left there too.
"""
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from itertools import chain
from pathlib import Path

import httpx

from rvc.errors import DownloadError
from rvc.files import replace_atomically
from rvc.holdings import digest
from rvc.progress import Report, Step, silent

LARGEST = 2 * 2**30  # bytes, of a file whose size nobody has published
SPARE = 64 * 2**20  # bytes that stay free on the disk
HOPS = 5  # redirects
TRICKLE = 1024  # bytes: fewer in the idle time are as good as none
HEAD = 512  # bytes that tell a web page from weights
BEAT = 0.2  # seconds between two reports
NOT_WEIGHTS = {b"<!doctype": "a web page", b"<html": "a web page", b"<head": "a web page", b"<body": "a web page",
               b"<!--": "a web page", b"<script": "a web page", b"<?xml": "a web page",
               b"version https://git-lfs": "a pointer of Git LFS"}


@dataclass(frozen=True)
class Wanted:
    """A file at an address.  sha256: None where not known; bytes: None where not known, and then at most LARGEST."""

    url: str
    sha256: str | None = None
    bytes: int | None = None

    @property
    def most(self) -> int:
        return LARGEST if self.bytes is None else self.bytes


@dataclass(frozen=True)
class Patience:
    """idle: seconds without bytes until a connection is given up; pauses: seconds before each further try."""

    idle: float = 30.0
    pauses: tuple[float, ...] = (1.0, 4.0, 16.0)
    sleep: Callable[[float], None] = time.sleep


PATIENCE = Patience()


class _Fault(Exception):
    """What another try may mend."""


def fetch(wanted: Wanted, part: Path, *, patience: Patience = PATIENCE, report: Report = silent) -> str:
    """Bring the whole file into part and give its SHA-256, which is the wanted one where one is known.

    What has come stays in part for the next call, after a failure as after `Cancelled`, unless it proved wrong.
    Raises `DownloadError` after the last try, and at once for what no other try would mend.
    """
    if problem := address_problem(wanted.url):
        raise _failure(wanted, problem)
    for pause in (*patience.pauses, None):
        try:
            return _attempt(wanted, part, patience, report)
        except _Fault as fault:
            if pause is None:
                raise _failure(wanted, f"{fault}, after {len(patience.pauses) + 1} tries; start it again later, or "
                                       "give the file with --from") from None
            _wait(pause, Step(f"{part.stem}: {fault}; another try in {pause:g} s"), patience, report)
        except OSError as problem:
            raise _failure(wanted, f"it cannot be written: {problem.strerror or problem}") from None
    raise AssertionError("the last try returns or raises")


def discard(part: Path) -> None:
    """Remove a part and what is noted of it."""
    part.unlink(missing_ok=True)
    _note_file(part).unlink(missing_ok=True)


def address_problem(url: str) -> str | None:
    """Why nothing may be fetched from an address, or None: https only, but http from this very machine."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as problem:
        return f"it is no address ({problem})"
    if parsed.userinfo or parsed.query or parsed.fragment:
        return "it has a user name, a question mark or a # in it"
    if not parsed.host or not (parsed.scheme == "https" or parsed.scheme == "http" and _loopback(parsed)):
        return "it does not begin with https:// (http:// is for this machine alone)"
    return None


def what_else(head: bytes) -> str | None:
    """What the first bytes of a file show it to be if not weights, or None."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return next((name for start, name in NOT_WEIGHTS.items() if text.startswith(start)), None)


def check_room(folder: Path, needed: int) -> None:
    """Raises `DownloadError` when the disk of the folder, which need not exist yet, has no room for so many bytes."""
    place = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(place).free
    if free < needed + SPARE:
        raise DownloadError(f"The disk of {place} has {megabytes(free)} free and {megabytes(needed + SPARE)} are "
                            "needed; make room, then start again: what has come is kept.")


def megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


@dataclass(frozen=True)
class _Note:
    """The version of a file that a part is of.  etag: a strong one or None; bytes: of the whole file."""

    url: str = ""
    etag: str | None = None
    bytes: int | None = None

    def resumes(self, wanted: Wanted) -> bool:
        """A known hash finds out a part of another version; without one, the same ETag must."""
        return wanted.sha256 is not None or (self.url == wanted.url and self.etag is not None)

    def whole(self, wanted: Wanted) -> int | None:
        """How many bytes make the part a whole file."""
        if wanted.bytes is not None:
            return wanted.bytes
        return self.bytes if self.url == wanted.url or wanted.sha256 is not None else None


def _note_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_note(part: Path) -> _Note:
    try:
        told = json.loads(_note_file(part).read_text("utf-8"))
        return _Note(str(told["url"]), told["etag"] and str(told["etag"]), told["bytes"] and int(told["bytes"]))
    except (OSError, ValueError, TypeError, KeyError):  # absent or damaged: nothing is known of the part
        return _Note()


def _write_note(part: Path, note: _Note) -> None:
    with replace_atomically(_note_file(part)) as beside:
        beside.write_text(json.dumps(asdict(note)), encoding="utf-8")


def _attempt(wanted: Wanted, part: Path, patience: Patience, report: Report) -> str:
    note = _read_note(part)
    size = part.stat().st_size if part.exists() else 0
    if not size or size != note.whole(wanted):
        offset = size if note.resumes(wanted) and size < wanted.most else 0
        try:
            with _answer(wanted.url, _headers(wanted, note, offset), patience) as response:
                span = _span(response, part, note, offset)
                _receive(response, span, wanted, part, patience, report)
        except httpx.TimeoutException:
            raise _Fault(f"no byte came for {patience.idle:g} s") from None
        except httpx.HTTPError as problem:
            raise _Fault(f"the connection failed ({problem or type(problem).__name__})") from None
    return _checked(wanted, part)


def _headers(wanted: Wanted, note: _Note, offset: int) -> dict[str, str]:
    headers = {"Accept-Encoding": "identity", "User-Agent": "voicewright"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if note.etag and note.url == wanted.url:
            headers["If-Range"] = note.etag
    return headers


@contextmanager
def _answer(url: str, headers: dict[str, str], patience: Patience) -> Iterator[httpx.Response]:
    """The answer at the end of all redirects, its body not yet read."""
    start = hop = httpx.URL(url)
    with httpx.Client(timeout=patience.idle, trust_env=not _loopback(start)) as client:  # no proxy to this machine
        for _ in range(HOPS + 1):
            with client.stream("GET", hop, headers=headers) as response:
                if response.next_request is None:
                    yield response
                    return
                hop = response.next_request.url
            if hop.scheme != "https" and not (start.scheme == hop.scheme == "http" and _loopback(hop)):
                raise DownloadError(f"{url} leads to {hop.copy_with(query=None)}, which is not https; nothing was "
                                    "installed.")
    raise _Fault(f"the address leads on more than {HOPS} times")


def _loopback(url: httpx.URL) -> bool:
    try:
        return url.host == "localhost" or ip_address(url.host).is_loopback
    except ValueError:  # a name, and another than localhost
        return False


def _receive(response: httpx.Response, span: tuple[int, int | None], wanted: Wanted, part: Path, patience: Patience,
             report: Report) -> None:
    """Append the body to part, or begin part anew where the server sends the file from its start."""
    offset, total = span
    chunks = _steady(response.iter_raw(), patience.idle)
    first = next(chunks, b"")
    if not offset:
        _refuse_page(response, first)
    _check_announced(response, wanted, total)
    check_room(part.parent, max(0, (total or offset) - offset))
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("r+b" if offset else "wb") as stream:
        stream.seek(offset)
        etag = response.headers.get("ETag")
        note = _Note(wanted.url, etag if etag and etag.startswith('"') else None, total)
        _write_note(part, note)
        count = _meter(f"Downloading {part.stem}", offset, total or 0, report)
        for chunk in chain([first], chunks):
            stream.write(chunk)
            if count(len(chunk)) > wanted.most:
                discard(part)
                raise _failure(wanted, f"it is larger than {wanted.most:,} bytes")
        stream.flush()
        os.fsync(stream.fileno())
    if total is None:
        _write_note(part, _Note(note.url, note.etag, part.stat().st_size))


def _span(response: httpx.Response, part: Path, note: _Note, offset: int) -> tuple[int, int | None]:
    """Where in the file the body begins, and how long the whole file is, if the server says so."""
    headers = response.headers
    if headers.get("Content-Encoding", "identity") != "identity":
        raise _Fault(f"the server packs the file ({headers['Content-Encoding']}) although it was asked not to")
    if response.status_code == 200:
        length = headers.get("Content-Length", "")
        return 0, int(length) if length.isdecimal() else None
    if response.status_code != 206:
        if response.status_code == 416:
            discard(part)
        page = " with a web page" if "html" in headers.get("Content-Type", "") else ""
        raise _Fault(f"the server answers {response.status_code} {response.reason_phrase}{page}")
    begin, _, total = headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    changed = note.etag is not None and headers.get("ETag", note.etag) != note.etag
    if not offset or begin.partition("-")[0] != str(offset) or changed:
        discard(part)
        raise _Fault("the server sends another piece of the file than it was asked for")
    return offset, int(total) if total.isdecimal() else None


def _steady(chunks: Iterator[bytes], idle: float) -> Iterator[bytes]:
    """The chunks, as long as they are more than a trickle."""
    since, got = time.monotonic(), 0
    for chunk in chunks:
        yield chunk
        got += len(chunk)
        if got >= TRICKLE:
            since, got = time.monotonic(), 0
        elif time.monotonic() - since > idle:
            raise _Fault(f"fewer than {TRICKLE} bytes came in {idle:g} s")


def _refuse_page(response: httpx.Response, head: bytes) -> None:
    other = "a web page" if "html" in response.headers.get("Content-Type", "") else what_else(head)
    if other:
        raise _Fault(f"the server sends {other}, not weights")


def _check_announced(response: httpx.Response, wanted: Wanted, total: int | None) -> None:
    """Before a byte is written: the size must fit, and an end must be told from a break."""
    if wanted.bytes is not None and total not in (None, wanted.bytes):
        raise _Fault(f"the server announces {total:,} bytes instead of {wanted.bytes:,}")
    if total is not None and total > wanted.most:
        raise _failure(wanted, f"it is larger than {wanted.most:,} bytes")
    framed = total is not None or "chunked" in response.headers.get("Transfer-Encoding", "")
    if not framed and wanted.sha256 is None and wanted.bytes is None:
        raise _Fault("the server does not say how long the file is, so half of it would pass for the whole")


def _meter(what: str, offset: int, total: int, report: Report) -> Callable[[int], int]:
    """Counts bytes, gives how many there are, and reports them now and then."""
    done, began, told = offset, time.monotonic(), -math.inf

    def count(more: int) -> int:
        nonlocal done, told
        done, now = done + more, time.monotonic()
        if now - told >= BEAT or done == total:
            told = now
            report(Step(what, done, total, {"bytes_per_second": (done - offset) / max(now - began, 1e-3)}))
        return done

    return count


def _checked(wanted: Wanted, part: Path) -> str:
    size = part.stat().st_size
    with part.open("rb") as stream:
        other = what_else(stream.read(HEAD))
    if wanted.bytes is not None and size < wanted.bytes:
        raise _Fault(f"the connection ended after {size:,} of {wanted.bytes:,} bytes")
    if not size:
        raise _Fault("the server sends an empty file")
    sha256 = digest(part)
    if other or wanted.sha256 not in (None, sha256):
        discard(part)
        raise _Fault(f"it is {other}, not weights" if other else f"what came has the SHA-256 {sha256}")
    return sha256


def _wait(seconds: float, step: Step, patience: Patience, report: Report) -> None:
    """A pause in which a stop is heard."""
    for _ in range(math.ceil(seconds / BEAT)):
        report(step)
        patience.sleep(min(BEAT, seconds))


def _failure(wanted: Wanted, why: str) -> DownloadError:
    return DownloadError(f"{wanted.url} (SHA-256 {wanted.sha256 or 'not published'}) was not installed: {why}.")
