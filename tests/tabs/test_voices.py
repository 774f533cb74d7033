"""The report on dropped files: a card for each, and text stays text."""
from html.parser import HTMLParser

import pytest

from rvc.voicefile.describe import Description
from tabs import TABS
from tabs.voices import describe_file, examine

HOSTILE = """</dl><script>alert(1)</script><img src=x onerror=alert(2)> ${alert(3)} {{name}} "' *bold* $$x$$"""


class Reader(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, page: str):
        super().__init__()
        self.tags, self.text = set(), ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.add((tag, *(name for name, _ in attributes)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def dropped(tmp_path):
    """dropped(name, content) → the path of a file as the page put it there."""

    def put(name, content):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return put


def test_each_file_is_described_or_refused_and_then_removed(dropped):
    files = [dropped("web page ünï.pth", b"<!doctype html>"), dropped("empty 'quoted'.index", b"")]
    cleared, report = examine([str(file) for file in files])
    assert cleared is None
    assert "web page" in Reader(report).text and "is an empty file" in Reader(report).text
    assert report.count("<article") == report.count('class="refused"') == 2
    assert not any(file.exists() for file in files)


def test_files_are_removed_even_when_the_program_fails(dropped, monkeypatch):
    def broken(path):
        raise RuntimeError("a bug")

    monkeypatch.setattr("rvc.voicefile.describe.describe", broken)
    file = dropped("voice.pth", b"x")
    with pytest.raises(RuntimeError):
        examine([str(file)])
    assert not file.exists()


def test_what_strangers_wrote_stays_text(dropped, monkeypatch):
    found = Description("voice", HOSTILE, {HOSTILE: HOSTILE, "melody": True, "author": None}, (HOSTILE,))
    monkeypatch.setattr("rvc.voicefile.describe.describe", lambda path: found)
    card = Reader(describe_file(dropped("<b onclick=x>.pth", b"")))
    assert card.tags == {("article", "class"), ("h2",), ("p",), ("p", "class"), ("dl",), ("dt",), ("dd",)}
    assert card.text.count(HOSTILE) == 4 and "<b onclick=x>.pth" in card.text
    assert "yes" in card.text and "unknown" in card.text


def test_every_tab_has_a_title_and_a_builder():
    assert len({tab.TITLE for tab in TABS}) == len(TABS)
    assert all(callable(tab.build) for tab in TABS)
