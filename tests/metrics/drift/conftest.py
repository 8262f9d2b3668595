"""Traces from a few numbers, and random ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import strategies as st

from morph_cl import DriftPoint, Trace


@pytest.fixture
def tens() -> Callable[..., Trace]:
    """Builds a trace of batches of 10 samples from their right predictions; keyword arguments set its other fields."""
    return lambda *correct, **fields: Trace(batch_sizes=[10] * len(correct), correct=list(correct), **fields)


@pytest.fixture(scope="session")
def any_trace() -> st.SearchStrategy[Trace]:
    """Traces of uneven batches with drifts, abrupt and slow, and alarms anywhere."""
    return _traces()


@st.composite
def _traces(draw: st.DrawFn) -> Trace:
    sizes = draw(st.lists(st.integers(1, 7), min_size=1, max_size=40))
    samples = sum(sizes)
    cuts = sorted(draw(st.sets(st.integers(0, samples - 1), max_size=4)))
    ends = [draw(st.integers(cut, following)) for cut, following in zip(cuts, [*cuts[1:], samples], strict=False)]
    return Trace(
        batch_sizes=sizes,
        correct=[draw(st.integers(0, size)) for size in sizes],
        alarms=draw(st.lists(st.integers(0, samples - 1), max_size=8)),
        drifts=[
            DriftPoint(start=start, end=end, kind="abrupt" if start == end else "gradual", recurring=bool(start % 2))
            for start, end in zip(cuts, ends, strict=True)
        ],
    )
