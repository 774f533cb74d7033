"""The page in a real browser: it opens at once, describes what is dropped, and asks nothing of the world."""
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import torch

import app
from rvc.errors import SettingsError
from rvc.synthesis.config import VitsConfig
from rvc.synthesis.vits import shapes
from rvc.voicefile.rvc import VoiceFile, write_voice

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
SCRIPT = "<img src=x onerror=\"document.title='owned'\"> ${document.title='owned'} {{name}} $$x$$ *y*"
VIEWS = [("light", 1280), ("dark", 1280), ("light", 390)]


def write_small_voice(path: Path) -> None:
    """A complete voice of a few kilobytes, with metadata that tries to be a part of the page."""
    kind = {"vocoder": "hifigan", "uses_f0": True, "content_width": 768}
    config = VitsConfig.from_legacy([513, 32, 16, 16, 32, 2, 1, 3, 0, "1", [3], [[1, 3, 5]], [10, 8, 2, 2], 32,
                                     [20, 16, 4, 4], 2, 8, 32000])
    weights = {name: torch.full(shape, 0.5) for name, shape in shapes(config, **kind).items()
               if not name.startswith("enc_q")}
    write_voice(path, VoiceFile(config=config, weights=weights, facts={"info": SCRIPT, "author": SCRIPT}, **kind))


def wait_until_served(address: str) -> None:
    """The address is said before the server listens."""
    for _ in range(600):
        with socket.socket() as trial:
            if trial.connect_ex((app.HOST, int(address.rpartition(":")[2]))) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("The page was not served within a minute.")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The address of a running app, and its workspace, in a path that is hard to quote."""
    workspace = tmp_path_factory.mktemp("work ünï 'quoted'")
    hostile = {"GRADIO_SHARE": "True", "GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_ALLOWED_PATHS": "/", "HTTP_PROXY":
               "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "GRADIO_VIBE_MODE": "1"}
    command = [sys.executable, ROOT / "app.py", "--port", str(app.free_port(7400)), "--workspace", workspace]
    process = subprocess.Popen(command, cwd=workspace, env={**os.environ, **hostile}, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    address = re.search(r"http://\S+", process.stdout.readline())[0]
    wait_until_served(address)
    rest = threading.Thread(target=process.stdout.read, daemon=True)
    rest.start()
    yield address, workspace
    process.terminate()
    process.wait(timeout=30)
    rest.join(timeout=10)


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium")
    assert program, "This test needs a browser: install the Debian package chromium."
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, page):
    """visit(scheme, width) → a tab of the browser that has opened the page and may ask nothing of another machine."""
    address, _ = page
    opened, asked, problems = [], [], []

    def go(scheme="light", width=1280):
        tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        tab.set_default_timeout(120_000)  # the first file imports PyTorch, which takes long on a busy machine
        opened.append(tab)
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("pageerror", lambda problem: problems.append(str(problem)))
        tab.goto(address)
        tab.wait_for_selector("#drop input[type=file]", state="attached")
        return tab

    yield go
    for tab in opened:
        tab.close()
    assert asked and all(url.startswith((address, "data:", "blob:")) for url in asked)
    assert problems == []


@pytest.mark.parametrize("scheme, width", VIEWS)
def test_dropped_files_are_described_or_refused(visit, page, tmp_path, scheme, width):
    write_small_voice(tmp_path / "Ada Løvelace's ünï.pth")
    (tmp_path / "song.pth").write_bytes(b"RIFF\x24\0\0\0WAVEfmt ")
    (tmp_path / "attack.pth").write_bytes(b"cposix\nsystem\n(S'touch owned'\ntR.")
    tab = visit(scheme, width)
    tab.set_input_files("#drop input[type=file]", sorted(tmp_path.iterdir()))
    tab.wait_for_selector("#report article")
    cards = [card.inner_text() for card in tab.query_selector_all("#report article")]
    assert len(cards) == 3
    ada = next(card for card in cards if "Ada Løvelace's ünï.pth" in card)
    assert "RVC v2 voice at 32 kHz" in ada and ada.count(SCRIPT) == 2
    assert len(tab.query_selector_all("#report article.refused")) == 2
    assert tab.title() == "Voicewright" and tab.query_selector_all("#report img, #report script") == []
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    kept = [path for path in (page[1] / "cache").rglob("*") if path.is_file() and path.stat().st_size]
    assert kept == []


def test_the_page_says_what_it_does_and_works_by_keyboard(visit):
    tab = visit()
    assert [heading.inner_text() for heading in tab.query_selector_all("h1")] == ["Voicewright"]
    assert "Drop voice files" in tab.inner_text("body")
    tab.wait_for_load_state("networkidle")
    reached = "document.activeElement.closest('#drop') !== null"
    presses = next(count for count in range(1, 20) if tab.keyboard.press("Tab") or tab.evaluate(reached))
    assert presses <= 3  # the tabs, then this
    with tab.expect_file_chooser() as chooser:
        tab.keyboard.press("Enter")
    assert chooser.value.is_multiple()


def test_text_can_be_read_in_both_modes(visit, tmp_path):
    """WCAG contrast of 4.5 between every text of the report or the introduction and what is behind it."""
    (tmp_path / "song.pth").write_bytes(b"RIFF\x24\0\0\0WAVEfmt ")
    write_small_voice(tmp_path / "Ada.pth")
    for scheme in ("light", "dark"):
        tab = visit(scheme)
        tab.set_input_files("#drop input[type=file]", sorted(tmp_path.iterdir()))
        tab.wait_for_selector("#report article.refused")
        tab.wait_for_timeout(500)
        assert tab.evaluate(CONTRASTS) > 4.5


CONTRASTS = """() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const linear = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
  const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
                        if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  const texts = 'h1, .prose p, #drop button, #report h2, #report p, #report dt, #report dd';
  const shown = [...document.querySelectorAll(texts)];
  return Math.min(...shown.map(e => { const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))];
                                      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); }));
}"""


def test_only_this_machine_is_served_and_none_of_its_files(visit, page):
    visit()
    address, workspace = page
    (workspace / "secret.txt").write_text("secret")
    secret = urllib.request.pathname2url(str(workspace / "secret.txt"))
    for path in ("gradio_api/file=/etc/hostname", f"gradio_api/file={secret}", "gradio_api/file=app.py",
                 "monitoring/summary"):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(f"{address}/{path}", timeout=20)
        assert refusal.value.code in (401, 403, 404)
    port = int(address.rpartition(":")[2])
    others = [place[4][0] for place in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
              if not place[4][0].startswith("127.")]
    for other in others:
        with socket.socket() as trial:
            trial.settimeout(2)
            assert trial.connect_ex((other, port)) != 0


def test_a_busy_port_is_passed_over():
    with socket.socket() as busy:
        busy.bind((app.HOST, 0))
        busy.listen()
        taken = busy.getsockname()[1]
        assert taken < app.free_port(taken) < taken + 100


def test_no_free_port_is_one_sentence(monkeypatch):
    def refuse(*address):
        raise PermissionError

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(SettingsError, match="choose another"):
        app.free_port(80)


@pytest.mark.parametrize("words, status, sentence", [
    (["--port", "0"], 2, "outside the range 1 to 65535"), (["--port", "x"], 2, "not a number"),
    (["--workspace", __file__], 1, "cannot be written")])
def test_wrong_options_are_one_sentence(words, status, sentence):
    done = subprocess.run([sys.executable, ROOT / "app.py", *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == status and sentence in done.stderr and done.stderr.count("\n") == 1


def test_the_page_opens_without_pytorch():
    code = "import sys, app, tabs.page; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120).returncode == 0
