"""A server on this machine that misbehaves on demand."""
import socket
import struct
import time
from collections.abc import Callable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

Answer = Callable[[BaseHTTPRequestHandler], None]
PAGE = b"\n  <!DOCTYPE html><html><title>Not found</title></html>"


class Loopback:
    """answers: one for each request in turn, the last one for all that follow; asked: (path, headers) of each."""

    def __init__(self, address: str):
        self.address = address
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.closing = Event()

    @property
    def ranges(self) -> list[str | None]:
        return [headers.get("range") for _, headers in self.asked]


@contextmanager
def loopback():
    """Serves until the block ends."""
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            number = len(here.asked)
            here.asked.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
            self.close_connection = True
            here.answers[min(number, len(here.answers) - 1)](self)

        def log_message(self, *_):
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here = Handler.here = Loopback(f"http://127.0.0.1:{server.server_port}")
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield here
    finally:
        here.closing.set()
        server.shutdown()
        server.server_close()


def send(request, body: bytes, status: int = 200, *, length: int | None = None, **headers: str) -> None:
    """length: what is announced, where that is not the truth; −1 for nothing announced."""
    request.send_response(status)
    for key, value in headers.items():
        request.send_header(key.replace("_", "-"), value)
    if length != -1:
        request.send_header("Content-Length", str(len(body) if length is None else length))
    request.end_headers()
    request.wfile.write(body)
    request.wfile.flush()


def whole(body: bytes, etag: str | None = '"1"', **headers: str) -> Answer:
    """Knows nothing of ranges."""
    return lambda request: send(request, body, **({"ETag": etag} if etag else {}), **headers)


def ranged(body: bytes, etag: str | None = '"1"', stop: int | None = None) -> Answer:
    """Honours Range and If-Range; stop: breaks off before this byte of the file."""
    def answer(request):
        asked = request.headers.get("Range")
        fresh = request.headers.get("If-Range", etag) == etag
        begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked and fresh else 0
        headers = {"ETag": etag} if etag else {}
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(body) - 1}/{len(body)}"
        send(request, body[begin:stop], 206 if begin else 200, length=len(body) - begin, **headers)
    return answer


def page(status: int) -> Answer:
    return lambda request: send(request, PAGE, status, Content_Type="text/html")


def leading_to(address: str) -> Answer:
    return lambda request: send(request, b"", 302, Location=address)


def drip(body: bytes, seconds: float) -> Answer:
    """One byte, then silence for so long, and so on."""
    def answer(request):
        send(request, b"", length=len(body), ETag='"1"')
        for byte in body:
            try:
                request.wfile.write(bytes([byte]))
            except OSError:  # the other side has had enough
                return
            if request.here.closing.wait(seconds):
                return
    return answer


def reset(body: bytes, after: int) -> Answer:
    """Half an answer, then the connection is torn down."""
    def answer(request):
        send(request, body[:after], length=len(body), ETag='"1"')
        time.sleep(0.05)
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.connection.close()
    return answer
