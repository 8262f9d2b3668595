"""Explanations at every width, with and without Unicode: nothing is cut off, nothing is made up."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from rich.cells import cell_len

from morph_cl.report import explanation_report
from morph_cl.report.picture import Picture
from morph_cl.results.explanation import (
    ClassExplanation,
    ConceptFit,
    ConceptUse,
    ExperienceShares,
    ExpertAnswer,
    ExpertProfile,
    ExpertSummary,
    Explanation,
    ImageExplanation,
    OverviewExplanation,
    Relation,
)
from morph_cl.results.record import Event

Render = Callable[..., str]
RUN: dict[str, Any] = {
    "run_id": "rotated-mnist-morph-s0-20260101-000000-abcd",
    "scenario": "rotated-mnist",
    "dataset": "mnist-5k",
    "seed": 0,
    "experience_labels": ["0°", "30°", "60°"],
}
KIN = [Relation(experts=(0, 2), kind="similarity", weight=0.31)]
FIRST = ExpertProfile(
    number=0,
    parent=None,
    born=0,
    events=[Event(kind="reuse", experience=1, iteration=9)],
    samples_by_class={0: 40, 1: 41, 2: 39},
    samples_by_experience={0: 60, 1: 60},
    relations=KIN,
)
SECOND = ExpertProfile(
    number=2,
    parent=0,
    born=2,
    events=[Event(kind="split", experience=2, iteration=20)],
    samples_by_class={},
    samples_by_experience={2: 120},
    relations=KIN,
)
IMAGE = ImageExplanation(
    **RUN,
    experience=2,
    index=7,
    true_label=1,
    predicted=2,
    probabilities=[0.1, 0.2, 0.7],
    routed=[0.0, 0.25, 0.75],
    shared=[0.5, 0.3, 0.2],
    experts=[
        ExpertAnswer(profile=SECOND, share=0.875, gate=0.6, probabilities=[0.05, 0.05, 0.9]),
        ExpertAnswer(profile=FIRST, share=0.125, gate=math.nan, probabilities=[0.8, 0.1, 0.1]),
    ],
    concepts=[ConceptFit(expert=2, label=2, log_density=-33.14, posterior=0.99)],
    picture=[[0, 255], [0, 255], [120, 120], [120, 120]],
)
SHARES = [ExperienceShares(experience=2, images=1234, accuracy=0.951, shares={0: 0.0001, 2: 0.9999})]
CLASS = ClassExplanation(
    **RUN,
    label=1,
    experiences=SHARES,
    concepts=[ConceptUse(expert=2, label=1, images=0.625, log_density=-41.0)],
    experts=[SECOND],
)
OVERVIEW = OverviewExplanation(
    **RUN,
    experts=[
        ExpertSummary(
            profile=profile,
            share=0.5,
            led=0.376,
            accuracy=math.nan,
            spread_over_experiences=0.17,
            spread_over_classes=math.nan,
        )
        for profile in (FIRST, SECOND)
    ],
    experiences=SHARES,
    relations=KIN,
)


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("explanation", [IMAGE, CLASS, OVERVIEW], ids=lambda explanation: explanation.kind)
def test_it_fits_every_width_and_is_plain_in_ascii(explanation: Explanation, render: Render, width: int) -> None:
    text = render(explanation_report(explanation), width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert "…" not in text
    assert "mnist-5k" in text
    assert render(explanation_report(explanation, ascii_only=True), width).isascii()


@pytest.mark.parametrize("width", [60, 100])
def test_an_image_tells_who_answered_and_why(render: Render, width: int) -> None:
    text = flat(render(explanation_report(IMAGE), width))
    for said in (
        "Image 7 of experience 3 (60°)",
        "predicted 2 with 70.0 %; labelled 1: wrong",
        "75.0",
        "87.5",
        "2 (90.0 %)",
        "0 (similarity 0.31)",
        "expert 2, class 2",
        "-33.1",
        "99.0",
    ):
        assert said in text
    assert "shared %" not in flat(render(explanation_report(IMAGE.model_copy(update={"shared": None})), width))
    assert "No concepts" in flat(render(explanation_report(IMAGE.model_copy(update={"concepts": []})), width))


def test_a_class_tells_shares_by_experience(render: Render) -> None:
    text = flat(render(explanation_report(CLASS), 100))
    assert "Class 1: 1,234 test images" in text
    assert "3 (60°) 1,234 95.1 2: 100.0" in text
    assert "0: 0.0" not in text
    assert "expert 2, class 1 62.5 -41.0" in text


def test_the_overview_is_a_table_at_80_columns(render: Render) -> None:
    text = flat(render(explanation_report(OVERVIEW), 80))
    assert "0 1 - 120 0-2 1-2 37.6 - 0.17 -" in text
    assert "2 3 0 0 3 37.6 - 0.17 -" in text
    assert "expert 0: reuse in 2" in text
    assert "0 - 2 similarity 0.31" in text
    assert "expert 2:" not in text
    free = FIRST.model_copy(update={"samples_by_experience": None})
    untold = OVERVIEW.experts[0].model_copy(update={"profile": free})
    alone = OVERVIEW.model_copy(update={"experts": [untold], "relations": []})
    text = flat(render(explanation_report(alone), 80))
    assert "not told" in text
    assert "relates no two experts" in text


def test_a_picture_is_half_as_high_as_wide_and_dark_to_light(render: Render) -> None:
    assert [line.rstrip() for line in render(Picture([[0, 255], [0, 255], [120, 120], [120, 120]])).splitlines()] == [
        " █",
        "▒▒",
    ]
    for width in (60, 100):
        assert "@" in render(explanation_report(IMAGE, ascii_only=True), width), "drawn in ASCII, not replaced"
    large = render(Picture([[255] * 64] * 64)).splitlines()
    assert [line.rstrip() for line in large] == ["█" * 32] * 16
