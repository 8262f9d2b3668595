"""A record as the first layout stored it, and a store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from morph_cl.results.record import RunRecord
from morph_cl.results.store import RunStore

FIRST_LAYOUT = Path(__file__).with_name("run-1.json")


@pytest.fixture
def content() -> dict[str, Any]:
    """The JSON object of a record."""
    return json.loads(FIRST_LAYOUT.read_text(encoding="utf-8"))


@pytest.fixture
def make_record(content: dict[str, Any]) -> Callable[..., RunRecord]:
    """Builds a record; keyword arguments replace its fields."""

    def build(**fields: Any) -> RunRecord:
        return RunRecord.model_validate({**content, **fields})

    return build


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")
