"""Records come back from JSON as they were; what cannot be understood is refused by name."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morph_cl.errors import StoreError
from morph_cl.results.reading import parse_record, read_record
from morph_cl.results.record import RunRecord
from morph_cl.results.store import write_json

FIRST_LAYOUT = Path(__file__).with_name("run-1.json")


def test_a_record_of_the_first_layout_can_be_read() -> None:
    record = read_record(FIRST_LAYOUT)
    assert math.isnan(record.accuracy_matrix[0][1])
    assert math.isnan(record.metrics["forward_transfer"])
    assert record.accuracy_matrix[1] == [0.7, 0.95]
    assert record.config.options == {"naive": {"lr": 0.1}}
    assert record.events[0].detail == {"experts": 2}


def test_nan_is_null_in_json_and_nan_again(tmp_path: Path, make_record: Callable[..., RunRecord]) -> None:
    path = tmp_path / "out.json"
    write_json(make_record(initial_accuracy=[math.nan, 0.2]), path)
    text = path.read_text(encoding="utf-8")
    assert "NaN" not in text
    assert json.loads(text)["initial_accuracy"] == [None, 0.2]
    assert math.isnan(read_record(path).initial_accuracy[0])


def test_the_promised_keys_are_there(tmp_path: Path, make_record: Callable[..., RunRecord]) -> None:
    path = tmp_path / "out.json"
    write_json(make_record(), path)
    written = json.loads(path.read_text(encoding="utf-8"))
    keys = "schema scenario strategy dataset seed accuracy_matrix metrics memory timing experts events"
    assert set(keys.split()) <= set(written)
    assert written["schema"] == "morph-cl/run/1"


@pytest.mark.parametrize("schema", ["morph-cl/run/2", "morph-cl/run/10"])
def test_a_newer_layout_is_refused_with_the_way_out(content: dict[str, Any], schema: str) -> None:
    with pytest.raises(StoreError, match=r"newer morph-cl .*pip install --upgrade"):
        parse_record({**content, "schema": schema}, Path("out.json"))


@pytest.mark.parametrize("schema", ["other/1", "", None, 3])
def test_another_file_is_no_run(content: dict[str, Any], schema: object) -> None:
    with pytest.raises(StoreError, match=r"'out\.json' is no stored run"):
        parse_record({**content, "schema": schema}, Path("out.json"))


def test_fields_of_a_later_version_are_left_out(content: dict[str, Any]) -> None:
    content["novelty"] = 1
    content["memory"]["novelty"] = 2
    content["config"]["novelty"] = 3
    assert parse_record(content, Path("out.json")).config.batch_size == 8


def test_fields_that_an_earlier_version_lacked_have_defaults(content: dict[str, Any]) -> None:
    del content["validation_matrix"], content["curve"], content["memory"]["optimizer_bytes"]
    record = parse_record(content, Path("out.json"))
    assert (record.validation_matrix, record.curve, record.memory.optimizer_bytes) == ([], [], 0)


@pytest.mark.parametrize(
    ("field", "value"), [("accuracy_matrix", "none"), ("seed", "x"), ("memory", {}), ("config", None)]
)
def test_a_damaged_field_is_named(content: dict[str, Any], field: str, value: object) -> None:
    with pytest.raises(StoreError, match=rf"'out\.json' is damaged: {field}") as caught:
        parse_record({**content, field: value}, Path("out.json"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b'{"schema": "morph-cl/run/1"', b"[1, 2]", b"\xff\xfe\x00", b"[" * 100_000],
    ids=["empty", "open", "cut", "list", "binary", "deep"],
)
def test_a_damaged_file_is_named(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(damage)
    with pytest.raises(StoreError, match=r"record\.json"):
        read_record(path)


figures = st.one_of(st.floats(0, 1), st.just(math.nan))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def fields(draw: st.DrawFn) -> dict[str, Any]:
    size = draw(st.integers(0, 4))
    row = st.lists(figures, min_size=size, max_size=size)
    details = st.dictionaries(st.text(), json_values, max_size=3)
    return {
        "seed": draw(st.integers(0, 2**31 - 1)),
        "strategy": draw(st.text(min_size=1)),
        "accuracy_matrix": draw(st.lists(row, min_size=size, max_size=size)),
        "initial_accuracy": draw(row),
        "metrics": draw(st.dictionaries(st.text(), figures | st.floats(allow_infinity=False), max_size=4)),
        "experts": draw(st.lists(st.integers(1, 99), min_size=size, max_size=size)),
        "events": [
            {"kind": "sleep", "experience": 0, "iteration": iteration, "detail": draw(details)}
            for iteration in range(draw(st.integers(0, 2)))
        ],
    }


@given(fields())
def test_any_record_comes_back_as_it_was(drawn: dict[str, Any]) -> None:
    content = json.loads(FIRST_LAYOUT.read_text(encoding="utf-8"))
    record = RunRecord.model_validate({**content, **drawn})
    back = parse_record(json.loads(record.to_json()), Path("out.json"))
    # NaN differs from itself, so the two are compared as Python shows them, type by type.
    assert repr(back) == repr(record)
