"""A record to compute figures of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from morph_cl.results.record import RunRecord

STORED = Path(__file__).parents[1] / "results" / "run-1.json"


@pytest.fixture
def make_record() -> Callable[..., RunRecord]:
    """Builds a record of two experiences, all measured; keyword arguments replace its fields."""
    content = json.loads(STORED.read_text(encoding="utf-8"))
    content["accuracy_matrix"] = [[0.9, 0.5], [0.7, 0.95]]

    def build(strategy: str = "naive", **fields: Any) -> RunRecord:
        return RunRecord.model_validate({**content, "strategy": strategy, **fields})

    return build
