"""Runs are created apart, found by id, listed whatever their state."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from morph_cl.config import RunConfig
from morph_cl.errors import AmbiguousNameError, StoreError, UnknownNameError
from morph_cl.results import store as store_module
from morph_cl.results.record import RunRecord, RunStart
from morph_cl.results.store import RunFolder, RunStore, write_json

CONFIG = RunConfig(scenario="rotated-mnist", strategy="naive", seed=3, epochs=2)


def make_run(store: RunStore, name: str, record: RunRecord | None = None) -> RunFolder:
    """A run with an id of one's own choice."""
    (store.root / name).mkdir(parents=True)
    folder = RunFolder(store.root / name)
    folder.write_status("running")
    folder.write_config(CONFIG)
    if record is not None:
        folder.write_record(record)
        folder.write_status("finished")
    return folder


def test_a_new_run_has_an_id_a_configuration_and_a_status(store: RunStore) -> None:
    folder = store.create(CONFIG)
    assert re.fullmatch(r"rotated-mnist-naive-s3-\d{8}-\d{6}-[0-9a-f]{4}", folder.run_id)
    assert folder.path.parent == store.root
    assert folder.read_config() == CONFIG
    assert folder.read_status().state == "running"
    assert folder.checkpoint.parent == folder.path
    assert not folder.checkpoint.exists()


def test_names_that_no_folder_may_have_are_made_plain(store: RunStore) -> None:
    config = RunConfig(scenario="theirs:stream", strategy="../up", seed=0)
    folder = store.create(config)
    assert folder.path.parent == store.root
    assert folder.run_id.startswith("theirs-stream-up-s0-")


def test_a_taken_name_is_never_taken_again(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    endings = iter(["aaaa", "aaaa", "aaaa", "bbbb"])
    monkeypatch.setattr(store_module.secrets, "token_hex", lambda size: next(endings) if size == 2 else "probe")
    monkeypatch.setattr(store_module, "datetime", _StoppedClock)
    first, second = store.create(CONFIG), store.create(CONFIG)
    assert (first.run_id[-4:], second.run_id[-4:]) == ("aaaa", "bbbb")
    assert first.run_id[:-4] == second.run_id[:-4]


class _StoppedClock(store_module.datetime):
    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return cls(2026, 1, 1, 12, 0, 0, tzinfo=tz)


def test_processes_at_once_never_share_a_folder(store: RunStore) -> None:
    program = (
        "import sys; from morph_cl.config import RunConfig; from morph_cl.results.store import RunStore; "
        "config = RunConfig(scenario='rotated-mnist'); "
        "print(*(RunStore(sys.argv[1]).create(config).run_id for _ in range(20)))"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(store.root)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ids = [run_id for process in processes for run_id in process.communicate(timeout=60)[0].split()]
    assert len(set(ids)) == len(store.list()) == 40


def test_a_record_comes_back_with_its_id(store: RunStore, make_record: Callable[..., RunRecord]) -> None:
    folder = store.create(CONFIG)
    stored = folder.write_record(make_record(run_id=""))
    assert stored.run_id == folder.run_id
    assert repr(store.load(folder.run_id)) == repr(stored)


def test_a_record_that_is_written_again_is_replaced_whole(
    store: RunStore, make_record: Callable[..., RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = store.create(CONFIG)
    folder.write_record(make_record(seed=1))

    def die(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            folder.write_record(make_record(seed=2))
    assert store.load(folder.run_id).seed == 1


def test_a_status_keeps_the_time_of_creation(store: RunStore) -> None:
    folder = store.create(CONFIG)
    before = folder.read_status()
    folder.write_status("failed", "out of memory")
    after = folder.read_status()
    assert (after.state, after.reason, after.created) == ("failed", "out of memory", before.created)
    assert after.updated > before.updated


# --- finding -----------------------------------------------------------------------------------------


@pytest.fixture
def three(store: RunStore, make_record: Callable[..., RunRecord]) -> RunStore:
    for number, name in enumerate(["a-naive-s0-20260101-120000-aaaa", "a-naive-s1-20260101-120000-bbbb", "b-x"]):
        make_run(store, name, make_record(seed=number))
    return store


@pytest.mark.parametrize(("name", "seed"), [("a-naive-s1-20260101-120000-bbbb", 1), ("a-naive-s1", 1), ("b", 2)])
def test_a_run_is_found_by_id_or_its_beginning(three: RunStore, name: str, seed: int) -> None:
    assert three.load(name).seed == seed


def test_latest_is_the_newest(three: RunStore, make_record: Callable[..., RunRecord]) -> None:
    assert three.load("latest").seed == 2
    make_run(three, "a-naive-s9-20200101-120000-cccc", make_record(seed=9))
    assert three.load("latest").seed == 9


def test_a_run_is_found_by_folder_and_by_file(
    three: RunStore, tmp_path: Path, make_record: Callable[..., RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = RunStore(tmp_path / "elsewhere")
    assert elsewhere.load(three.root / "b-x").seed == 2
    assert elsewhere.load(str(three.root / "b-x" / "record.json")).seed == 2
    write_json(make_record(seed=7), tmp_path / "out.json")
    monkeypatch.chdir(tmp_path)
    assert elsewhere.load("out.json").seed == 7


def test_an_id_goes_before_a_folder_of_the_same_name(
    three: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "b-x").mkdir()
    monkeypatch.chdir(tmp_path)
    assert three.load("b-x").seed == 2


def test_a_beginning_of_several_ids_is_refused(three: RunStore) -> None:
    with pytest.raises(AmbiguousNameError, match=r"2 runs begin with 'a-naive'.*s0.*s1"):
        three.load("a-naive")


def test_an_unknown_id_gets_a_suggestion(three: RunStore) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown run 'naive-s1-20260101-120000-bbbb'.*Did you mean") as caught:
        three.load("naive-s1-20260101-120000-bbbb")
    assert "a-naive-s1-20260101-120000-bbbb" in str(caught.value)


def test_an_unknown_id_never_lists_a_whole_store(store: RunStore) -> None:
    for number in range(30):
        make_run(store, f"rotated-mnist-naive-s{number}-20260101-120000-aaaa")
    with pytest.raises(UnknownNameError, match=r"Stored in .*: 30 ") as caught:
        store.load("zzz")
    assert str(caught.value).count("rotated-mnist") <= 5


@pytest.mark.parametrize("name", ["", "latest", "anything"])
def test_an_empty_store_knows_no_run(store: RunStore, name: str) -> None:
    with pytest.raises(UnknownNameError, match=r"Stored in .*: 0 "):
        store.load(name)


def test_a_missing_file_or_folder_is_refused_by_path(three: RunStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no file"):
        three.load("missing.json")
    with pytest.raises(StoreError, match="no run at"):
        three.load("no/such/folder")
    with pytest.raises(StoreError, match="without a run"):
        three.load(tmp_path)


def test_a_run_without_a_record_says_how_it_stands(store: RunStore) -> None:
    folder = store.create(CONFIG)
    folder.write_status("failed", "out of memory")
    with pytest.raises(StoreError, match=rf"failed \(out of memory\).*resume {folder.run_id}"):
        store.load(folder.run_id)


# --- listing -----------------------------------------------------------------------------------------


def test_a_listing_has_the_newest_first(three: RunStore) -> None:
    listed = three.list()
    assert [summary.seed for summary in listed] == [2, 1, 0]
    first = listed[0]
    assert (first.scenario, first.strategy, first.dataset) == ("rotated-mnist", "naive", "digits")
    assert (first.status, first.average_accuracy, first.forgetting) == ("finished", 0.825, 0.2)


def test_a_store_that_is_not_there_holds_nothing(store: RunStore) -> None:
    assert list(store.list()) == []


def test_a_run_without_a_record_is_listed_by_what_was_asked(
    store: RunStore, make_record: Callable[..., RunRecord]
) -> None:
    record = make_record()
    start = RunStart(scenario=record.scenario_info, strategy=record.strategy_info, dataset=record.dataset_info, seed=3)
    store.create(CONFIG, start)
    (summary,) = store.list()
    assert (summary.status, summary.scenario, summary.dataset, summary.seed) == (
        "running", "rotated-mnist", "digits", 3,
    )  # fmt: skip
    assert math.isnan(summary.average_accuracy)


def test_a_run_whose_process_is_gone_is_interrupted(store: RunStore) -> None:
    folder = store.create(CONFIG)
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    path = folder.path / "status.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "process": process.pid}))
    assert store.list()[0].status == "interrupted"
    path.write_text(json.dumps({**json.loads(path.read_text()), "process": os.getpid()}))
    assert store.list()[0].status == "running"


def test_a_run_of_another_machine_is_not_called_interrupted(store: RunStore) -> None:
    folder = store.create(CONFIG)
    path = folder.path / "status.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "process": 2**22 + 1, "host": "elsewhere"}))
    assert store.list()[0].status == "running"


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("record.json", "{"),
        ("record.json", "[]"),
        ("record.json", '{"schema": "morph-cl/run/2"}'),
        ("status.json", "{"),
        ("status.json", '{"state": "asleep"}'),
        ("config.json", "\0"),
    ],
)
def test_a_damaged_folder_is_a_line_and_not_an_exception(three: RunStore, file: str, damage: str) -> None:
    folder = make_run(three, "c-naive-s5-20260102-120000-dddd")
    (folder.path / file).write_text(damage)
    listed = {summary.run_id: summary for summary in three.list()}
    assert len(listed) == 4
    summary = listed["c-naive-s5-20260102-120000-dddd"]
    assert summary.status == "unreadable"
    assert file in summary.reason
    assert math.isnan(summary.average_accuracy)


def test_figures_that_are_no_numbers_are_listed_as_missing(store: RunStore) -> None:
    folder = make_run(store, "c-naive-s5-20260102-120000-dddd")
    record = {"schema": "morph-cl/run/1", "seed": "x", "metrics": {"forgetting": "none"}}
    folder.record_path.write_text(json.dumps(record))
    (summary,) = store.list()
    assert math.isnan(summary.forgetting)
    assert summary.seed is None


def test_a_newer_run_is_listed_with_the_way_out(store: RunStore) -> None:
    folder = make_run(store, "c-naive-s5-20260102-120000-dddd")
    (folder.path / "record.json").write_text('{"schema": "morph-cl/run/2"}')
    (summary,) = store.list()
    assert summary.status == "unreadable"
    assert "upgrade" in summary.reason


def test_a_folder_that_was_just_claimed_is_listed_and_others_are_not(store: RunStore) -> None:
    (store.root / "c-naive-s5-20260102-120000-dddd").mkdir(parents=True)
    (store.root / "notes").mkdir()
    (store.root / "readme.txt").write_text("mine")
    (summary,) = store.list()
    assert (summary.status, summary.created[:19]) == ("unreadable", "2026-01-02T12:00:00")


def test_a_store_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    store = RunStore(tmp_path / "runs")
    with pytest.raises(StoreError, match="not a directory"):
        store.list()
    with pytest.raises(StoreError, match="is a file"):
        store.create(CONFIG)


def test_a_store_that_cannot_be_written_to_is_refused(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, **options: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(StoreError, match="read-only file system"):
        store.create(CONFIG)
    assert not store.root.exists()


def test_listing_needs_no_torch() -> None:
    program = "import sys, morph_cl.results.store; print([m for m in ('torch', 'avalanche') if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"


def test_a_run_has_its_id_from_within_its_folder(three: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(three.root / "b-x")
    assert RunFolder(Path()).run_id == "b-x"
    assert RunFolder(Path("..")).run_id == three.root.name
