"""Files are the old one or the new one; what cannot be written is refused before any work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

from morph_cl.errors import StoreError
from morph_cl.results.atomic import check_folder_writable, check_writable, write_atomic


def test_writes_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_atomic(path, "old")
    write_atomic(path, "new: 30°")
    assert path.read_text(encoding="utf-8") == "new: 30°"
    assert list(tmp_path.iterdir()) == [path]


class _Died(BaseException):
    """Not an ``Exception``: as a kill, nothing on the way may swallow it."""


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_dying_half_way_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "record.json"
    write_atomic(path, "old")

    def die(*arguments: object) -> NoReturn:
        raise _Died

    monkeypatch.setattr(*((os, "fsync", die) if step == "fsync" else (Path, "replace", die)))
    with pytest.raises(_Died):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_new_file_is_on_disk_before_it_takes_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (steps.append("fsync"), fsync(descriptor))[1])
    monkeypatch.setattr(Path, "replace", lambda self, to: (steps.append("replace"), replace(self, to))[1])
    write_atomic(tmp_path / "record.json", "new")
    assert steps[:2] == ["fsync", "replace"]


def test_a_link_is_followed(tmp_path: Path) -> None:
    real = tmp_path / "real.json"
    real.write_text("old")
    link = tmp_path / "link.json"
    link.symlink_to(real)
    write_atomic(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_a_device_is_written_to_and_not_replaced() -> None:
    check_writable("/dev/null")
    write_atomic(Path("/dev/null"), "gone")
    assert not Path("/dev/null").is_file()


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="no space left on device") as caught:
        write_atomic(tmp_path / "record.json", "new")
    assert "\n" not in str(caught.value)


def test_a_file_that_can_be_written_is_accepted_and_not_made(tmp_path: Path) -> None:
    check_writable(tmp_path / "out.json")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no folder"):
        check_writable(tmp_path / "missing" / "out.json")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        check_writable(tmp_path)


def _refuse_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only file system, which holds for any user; permissions would not stop an administrator."""

    def refuse(self: Path, **options: object) -> NoReturn:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "touch", refuse)


def test_a_read_only_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _refuse_files(monkeypatch)
    with pytest.raises(StoreError, match="read-only file system"):
        check_writable(tmp_path / "out.json")


def test_a_store_can_be_made_below_folders_that_are_not_there_yet(tmp_path: Path) -> None:
    check_folder_writable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_store_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(StoreError, match="is a file"):
        check_folder_writable(tmp_path / "a" / "b")


def test_a_store_in_a_read_only_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _refuse_files(monkeypatch)
    with pytest.raises(StoreError, match="read-only file system"):
        check_folder_writable(tmp_path / "runs")
