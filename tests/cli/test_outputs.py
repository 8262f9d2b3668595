from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from morph_cl.cli.outputs import check_targets, write_csv, write_json
from morph_cl.errors import StoreError, UsageError
from morph_cl.results.record import RunRecord


def test_targets_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no folder"):
        check_targets(None, tmp_path / "none" / "out.json")
    with pytest.raises(StoreError, match="is a folder"):
        check_targets(tmp_path)
    with pytest.raises(UsageError, match="two outputs"):
        check_targets(tmp_path / "out", tmp_path / "." / "out")
    check_targets(tmp_path / "out.json", None)


def test_json_is_one_record_or_a_list_of_them(tmp_path: Path, make_record: Callable[..., RunRecord]) -> None:
    records = [make_record("a"), make_record("b", seed=1)]
    write_json(tmp_path / "one.json", records[:1], as_list=False)
    write_json(tmp_path / "all.json", records, as_list=True)
    one = json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))
    assert one["schema"] == records[0].schema_
    assert one["metrics"]["intransigence"] is None
    assert [r["strategy"] for r in json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))] == [
        "a",
        "b",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.json", "one.json"]


def test_csv_has_one_row_a_run_with_every_metric(tmp_path: Path, make_record: Callable[..., RunRecord]) -> None:
    first, second = make_record("a"), make_record("b", seed=1)
    second.metrics["extra"] = 0.5
    write_csv(tmp_path / "all.csv", [first, second])
    rows = list(csv.DictReader((tmp_path / "all.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["strategy"], row["seed"], row["extra"]) for row in rows] == [
        ("a", "0", ""),
        ("b", "1", "0.5"),
    ]
    assert rows[0]["dataset"] == "mnist-5k"
    assert rows[0]["dataset_checksum"] == first.dataset_info.checksum
    assert rows[0]["intransigence"] == ""
    assert float(rows[0]["average_accuracy"]) == 0.825
    assert rows[0]["total_bytes"] == "400"
