"""The page in a real browser: it converts, it describes what is dropped, and asks nothing of the world."""
import json
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
import wave
from pathlib import Path

import numpy as np
import pytest
import rule
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

import app
from rvc.audio.audio import Audio
from rvc.audio.io import write_audio
from rvc.errors import SettingsError
from rvc.synthesis.config import VitsConfig
from rvc.synthesis.vits import shapes
from rvc.voicefile.rvc import VoiceFile, write_voice
from rvc.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
SCRIPT = "<img src=x onerror=\"document.title='owned'\"> ${document.title='owned'} {{name}} $$x$$ *y*"
VIEWS = [("light", 1280), ("dark", 1280), ("light", 390)]
TOAST = "[data-testid=toast-text]"
ADA = "Ada ² <b>'s"  # a voice's folder is named by strangers too


def write_small_voice(path: Path) -> None:
    """A complete voice of a few kilobytes, with metadata that tries to be a part of the page."""
    kind = {"vocoder": "hifigan", "uses_f0": True, "content_width": 768}
    config = VitsConfig.from_legacy([513, 32, 16, 16, 32, 2, 1, 3, 0, "1", [3], [[1, 3, 5]], [10, 8, 2, 2], 32,
                                     [20, 16, 4, 4], 2, 8, 32000])
    weights = {name: torch.full(shape, 0.5) for name, shape in shapes(config, **kind).items()
               if not name.startswith("enc_q")}
    write_voice(path, VoiceFile(config=config, weights=weights, facts={"info": SCRIPT, "author": SCRIPT}, **kind))


def add_voice(workspace: Path) -> None:
    """A voice that listens by mel spectrum, so that no weights have to be fetched."""
    config = VitsConfig.from_legacy([513, 32, 32, 32, 64, 2, 2, 3, 0, "1", [3, 7, 11], [[1, 3, 5]] * 3, [10, 8, 2, 2],
                                     64, [20, 16, 4, 4], 2, 16, 32000])
    kind = {"vocoder": "hifigan", "uses_f0": True, "content_width": 80}
    table = {name: shape for name, shape in shapes(config, **kind).items() if not name.startswith("enc_q")}
    weights = {name: torch.from_numpy(value) for name, value in rule.weights(table).items()}
    folder = Workspace(workspace).voices / ADA
    folder.mkdir(parents=True)
    write_voice(folder / "ada.pth", VoiceFile(config=config, weights=weights, facts={"embedder_model": "mel"}, **kind))


def recorded(path: Path, seconds: float) -> Path:
    sound = rule.speech("spoken", round(16000 * seconds), 16000)[None].astype(np.float32)
    write_audio(path, Audio(sound, 16000), subtype="PCM_16")
    return path


def kept_results(workspace: Path) -> list[Path]:
    return sorted(path for path in (Workspace(workspace).voices / "_converted").rglob("*") if path.is_file())


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
    add_voice(workspace)
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
    """visit(scheme, width) → a tab of the browser that has opened the page and may ask nothing of another machine.

    It shows the tab of the page that was asked for.
    """
    address, _ = page
    opened, asked, problems = [], [], []

    def go(scheme="light", width=1280, shows="Voices"):
        tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        tab.set_default_timeout(120_000)  # the first file imports PyTorch, which takes long on a busy machine
        opened.append(tab)
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("pageerror", lambda problem: problems.append(str(problem)))
        tab.goto(address)
        tab.wait_for_selector("#recording input[type=file]", state="attached")
        tab.get_by_role("tab", name=shows).click()
        place = {"Voices": "#drop", "Convert": "#recording"}[shows]
        tab.wait_for_selector(f"{place} input[type=file]", state="attached")
        tab.wait_for_timeout(500)  # what Gradio does to the page after it has laid it out
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
    before = set((page[1] / "cache").rglob("*"))
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
    kept = set((page[1] / "cache").rglob("*")) - before
    assert [path for path in kept if path.is_file() and path.stat().st_size] == []


def test_the_page_says_what_it_does_and_works_by_keyboard(visit):
    tab = visit()
    assert [heading.inner_text() for heading in tab.query_selector_all("h1")] == ["Voicewright"]
    assert "Drop voice files" in tab.inner_text("body")
    choosers = []
    tab.on("filechooser", lambda chooser: choosers.append(chooser))
    for _ in range(20):  # a page that is still being laid out takes the focus away once more
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.closest('#drop') !== null"):
            tab.keyboard.press("Enter")
            tab.wait_for_timeout(500)
        if choosers:
            break
    assert choosers and choosers[0].is_multiple()


def test_text_can_be_read_in_both_modes(visit, tmp_path):
    """WCAG contrast of 4.5 between every text of the page and what is behind it."""
    (tmp_path / "song.pth").write_bytes(b"RIFF\x24\0\0\0WAVEfmt ")
    write_small_voice(tmp_path / "Ada.pth")
    for scheme in ("light", "dark"):
        tab = visit(scheme)
        tab.set_input_files("#drop input[type=file]", sorted(tmp_path.iterdir()))
        tab.wait_for_selector("#report article.refused")
        tab.wait_for_timeout(500)
        assert tab.evaluate(PALE) == []
        tab.get_by_role("tab", name="Convert").click()
        tab.get_by_text("More options").click()
        tab.get_by_text("For experts").click()
        tab.wait_for_timeout(500)
        assert tab.evaluate(PALE) == []


PALE = """() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const linear = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
  const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
                        if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  const contrast = e => { const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))];
                          return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); };
  const says = e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim());
  return [...document.querySelectorAll('body *')].filter(e => says(e) && !e.closest('[disabled], script, style'))
    .filter(e => contrast(e) < 4.5).map(e => `${e.tagName} ${e.className}: ${e.textContent.trim()} ${contrast(e)}`);
}"""


@pytest.mark.parametrize("scheme, width", VIEWS)
def test_a_recording_is_converted(visit, page, tmp_path, scheme, width):
    before = kept_results(page[1])
    tab = visit(scheme, width, "Convert")
    tab.set_input_files("#recording input[type=file]", recorded(tmp_path / "a 'song' ünï.wav", 1.7))
    tab.wait_for_selector("#recording #waveform, #recording audio", state="attached")
    assert tab.input_value("#voice input") == ADA
    tab.click("#convert")
    tab.wait_for_selector("#told p")
    assert "1.7 s of sound in" in tab.inner_text("#told") and "pitch by fcpe; index none." in tab.inner_text("#told")
    link = tab.wait_for_selector("#result a[download]", state="attached").get_attribute("href")
    fetched = tmp_path / "fetched.wav"
    urllib.request.urlretrieve(link, fetched)
    with wave.open(str(fetched)) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (32000, 54400)
    result, facts = [path for path in kept_results(page[1]) if path not in before]
    assert result.name.startswith("a 'song' ünï_Ada") and result.read_bytes() == fetched.read_bytes()
    assert json.loads(facts.read_text("utf-8"))["choices"]["device"].startswith("cpu")
    tab.wait_for_timeout(300)
    assert tab.is_disabled("#stop") and tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.evaluate(PALE) == [] and tab.title() == "Voicewright"


def test_a_stop_ends_a_long_conversion_and_the_next_one_works(visit, page, tmp_path):
    before = kept_results(page[1])
    tab = visit(shows="Convert")
    tab.set_input_files("#recording input[type=file]", recorded(tmp_path / "long.wav", 200))
    tab.wait_for_selector("#recording #waveform, #recording audio", state="attached")
    assert tab.is_disabled("#stop")
    tab.click("#convert")
    tab.wait_for_selector("#result :text('long.wav')")
    asked = time.monotonic()
    tab.click("#stop")
    tab.wait_for_selector("#told :text-is('Stopped.')")
    assert time.monotonic() - asked < 5
    assert kept_results(page[1]) == before
    tab.click("#recording [aria-label=Clear]")
    tab.set_input_files("#recording input[type=file]", recorded(tmp_path / "short.wav", 0.5))
    tab.click("#convert")
    tab.wait_for_selector("#told :text('0.5 s of sound')")


def test_what_is_no_sound_is_one_sentence(visit, tmp_path):
    (tmp_path / "text.wav").write_text("This is a text.\n" * 99)
    tab = visit(shows="Convert")
    tab.set_input_files("#recording input[type=file]", tmp_path / "text.wav")
    tab.wait_for_selector("#recording audio", state="attached")
    tab.click("#convert")
    toast = tab.wait_for_selector(TOAST)
    assert toast.inner_text().startswith("'text.wav' is not a sound file that can be read; use wav,")
    assert len(tab.query_selector_all(TOAST)) == 1 and "Traceback" not in tab.content()
    tab.wait_for_selector("#stop[disabled]")


def test_a_person_with_a_keyboard_alone_is_told_what_is_missing(visit):
    tab = visit(shows="Convert")
    reached = "document.activeElement.id === 'convert'"
    presses = next(count for count in range(1, 30) if tab.keyboard.press("Tab") or tab.evaluate(reached))
    assert presses <= 12  # the recording, the voice, the pitch, then this
    tab.keyboard.press("Enter")
    assert tab.wait_for_selector(TOAST).inner_text() == "There is no recording yet; drop a sound file, or " \
                                                                "record one."


def test_a_voice_is_seen_as_soon_as_it_is_there_and_its_absence_is_said(visit, page, tmp_path):
    voices = Workspace(page[1]).voices
    (voices / ADA).rename(tmp_path / "aside")
    try:
        tab = visit(shows="Convert")
        hint = tab.wait_for_selector("#absent p").inner_text()
        assert hint.startswith("There is no voice yet: put a voice file into") and "NAME.pth" in hint
        tab.click("#convert")
        assert tab.wait_for_selector(TOAST).inner_text() == hint
    finally:
        (tmp_path / "aside").rename(voices / ADA)
    tab.focus("#voice input")
    tab.wait_for_selector("#absent", state="hidden")
    tab.keyboard.press("Tab")
    tab.wait_for_function("name => document.querySelector('#voice input').value === name", arg=ADA)


def test_what_the_person_wrote_is_text_in_a_message(visit, tmp_path):
    tab = visit(shows="Convert")
    tab.set_input_files("#recording input[type=file]", recorded(tmp_path / "a.wav", 0.3))
    tab.get_by_text("More options").click()
    tab.get_by_text("For experts").click()
    tab.get_by_label("Device").scroll_into_view_if_needed()
    tab.wait_for_timeout(500)
    tab.get_by_label("Device").fill(SCRIPT[:60])
    tab.click("#convert")
    toast = tab.wait_for_selector(TOAST)
    assert "<img src=x onerror=" in toast.inner_text() and tab.title() == "Voicewright"
    assert toast.query_selector_all("img") == []


@pytest.mark.parametrize("wrong, sentence", [
    ({"pitch": 1e9}, "Pitch: 1e+09 is outside the range -24 to 24 semitones."),
    ({"pitch": "abc"}, "Pitch: 'abc' is not a number."),
    ({"pitch": None}, "Pitch: None is not a number."),
    ({"f0_method": "../x"}, "Pitch method: '../x' is not one of auto, rmvpe,"),
    ({"speaker": 7}, "Speaker: there is no speaker 7"),
    ({"voice": "../../etc/passwd"}, "Voice: there is no '../../etc/passwd'; choose one of Ada ²"),
    ({"voice": "/etc"}, "Voice: there is no '/etc'; choose one of Ada ²"),
    ({"file": None}, "There is no recording yet;")])
def test_the_api_refuses_in_one_sentence(client, tmp_path, wrong, sentence):
    given = {"file": handle_file(recorded(tmp_path / "in.wav", 0.3)), "voice": ADA}
    with pytest.raises(AppError) as refusal:
        client.predict(**given | wrong, api_name="/convert")
    assert str(refusal.value).startswith(sentence) and "\n" not in str(refusal.value)


@pytest.fixture(scope="module")
def client(page):
    client = Client(page[0], verbose=False)
    yield client
    client.close()


def test_the_api_converts_with_real_names(client, tmp_path):
    sound, told = client.predict(handle_file(recorded(tmp_path / "in.wav", 0.5)), ADA, pitch=3, f0_method="fcpe",
                                 bits="24", api_name="/convert")
    assert "0.5 s of sound" in told
    with wave.open(sound) as result:  # as it was made, not what Gradio would make of 24 bits
        assert (result.getsampwidth(), result.getnframes()) == (3, 16000)


def raw_call(address: str, **given) -> str:
    """What the page answers to somebody who speaks its protocol by hand."""
    def ask(path, body=None):
        request = urllib.request.Request(f"{address}/{path}", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().decode()

    job = next(job for job in json.loads(ask("config"))["dependencies"] if job["api_name"] == "convert")
    about = json.loads(ask("gradio_api/info"))["named_endpoints"]["/convert"]["parameters"]
    data = [given.get(part["parameter_name"], part["parameter_default"]) for part in about]
    body = {"data": data, "fn_index": job["id"], "session_hash": "byhand"}
    ask("gradio_api/queue/join", json.dumps(body).encode())
    return ask("gradio_api/queue/data?session_hash=byhand")


def test_neither_nan_nor_a_path_gets_in_by_hand(page):
    upload = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    assert "no recording yet" in raw_call(page[0], voice=ADA)
    for given in ({"pitch": float("nan")}, {"file": upload}, {"index": upload}, {"file": "/etc/passwd"}):
        answer = raw_call(page[0], voice=ADA, **given)
        assert '"success":false' in answer and "root:" not in answer and "Traceback" not in answer


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
