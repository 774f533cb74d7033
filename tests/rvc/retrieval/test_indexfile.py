"""An index goes to disk and comes back, and knows whose content it holds."""
import json

import faiss
import numpy as np
import pytest
import torch

from rvc.errors import VoiceFileError
from rvc.retrieval.faiss_index import FaissIndex
from rvc.retrieval.indexfile import load_index, note_of, save_index
from tests.golden import rule

SAID = torch.from_numpy(rule.normal("said", (200, 24)))
ASKED = torch.from_numpy(rule.normal("asked", (30, 24)))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / 'Zoë’s "voice" 声.index'
    save_index(FaissIndex.build(SAID), path, encoder="spin")
    return path


def test_what_comes_back_answers_the_same(path):
    before, after = FaissIndex.build(SAID), load_index(path, width=24, encoder="spin")
    for ours, theirs in zip(before.neighbours(ASKED, 8), after.neighbours(ASKED, 8)):
        assert torch.equal(ours, theirs)
    assert [entry.name for entry in path.parent.iterdir() if entry.suffix == ".part"] == []


def test_a_flat_index_of_another_program_is_searched_too(path):
    flat = faiss.IndexFlatL2(24)
    flat.add(SAID.numpy())
    faiss.write_index(flat, str(path))
    found = load_index(path, width=24, encoder="contentvec").neighbours(ASKED, 8)[1]
    np.testing.assert_allclose(found.numpy(), flat.search(ASKED.numpy(), 8)[0], rtol=1e-5)


def test_the_note_says_who_made_it_and_of_which_file_it_speaks(path):
    note = json.loads(note_of(path).read_text(encoding="utf-8"))
    assert note_of(path).name == path.name + ".json"
    assert (note["encoder"], note["width"], note["vectors"]) == ("spin", 24, 200)
    assert len(note["sha256"]) == 64


def test_another_encoder_is_refused_by_name_and_an_unknown_one_is_not(path):
    with pytest.raises(VoiceFileError, match="made with the encoder 'spin'.*with 'contentvec'"):
        load_index(path, width=24, encoder="contentvec")
    assert len(load_index(path, width=24)) == 200


def test_another_width_is_refused_with_both_named(path):
    with pytest.raises(VoiceFileError, match="24.*768"):
        load_index(path, width=768, encoder="spin")


def test_without_a_note_any_encoder_is_believed(path):
    note_of(path).unlink()
    assert len(load_index(path, width=24, encoder="contentvec")) == 200


def test_a_note_about_a_file_that_was_exchanged_since_is_not_believed(path):
    stale = note_of(path).read_bytes()
    save_index(FaissIndex.build(SAID[:100]), path, encoder="contentvec")
    note_of(path).write_bytes(stale)
    assert len(load_index(path, width=24, encoder="contentvec")) == 100


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"encoder": "spin"', b"\xff", b"[" * 4096, b"null"])
def test_a_damaged_note_is_refused_by_name(text, path):
    note_of(path).write_bytes(text)
    with pytest.raises(VoiceFileError, match="is not the note of an index; delete it"):
        load_index(path, width=24, encoder="contentvec")


def test_a_save_that_fails_leaves_the_old_index(path, monkeypatch):
    old = path.read_bytes()

    def full(self, file):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FaissIndex, "write", full)
    with pytest.raises(OSError, match="No space"):
        save_index(FaissIndex.build(SAID[:50]), path, encoder="spin")
    assert path.read_bytes() == old and len(list(path.parent.iterdir())) == 2
