"""A file is whole or it is not there."""
import os

import pytest

from rvc.files import replace_atomically


def test_what_is_written_takes_the_place_of_the_old(tmp_path):
    path = tmp_path / "a b’ü.json"
    path.write_text("old")
    with replace_atomically(path) as beside:
        assert beside.parent == tmp_path and path.read_text() == "old"
        beside.write_text("new")
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, failure):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(type(failure)), replace_atomically(path) as beside:
        beside.write_text("half")
        raise failure
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_the_bytes_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    order, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append((tmp_path / "a").exists()), fsync(handle)))
    with replace_atomically(tmp_path / "a") as beside:
        beside.write_bytes(b"1")
    assert order[0] is False


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_permissions_are_kept_and_new_files_follow_the_mask(tmp_path):
    old = tmp_path / "old"
    old.touch()
    old.chmod(0o640)
    (tmp_path / "plain").touch()
    for path in (old, tmp_path / "new"):
        with replace_atomically(path) as beside:
            beside.write_bytes(b"1")
    assert old.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode
