"""A close look at every width, with and without Unicode and colour, and as pictures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.cells import cell_len

from morph_cl.errors import UsageError
from morph_cl.report import inspection_report
from morph_cl.report.drawing import check_drawing
from morph_cl.report.inspection_pictures import draw_inspection
from morph_cl.report.training import expert_curves, short_names
from morph_cl.results.inspection import Agreement, ExpertUse, Inspection, Mistake, Usage
from morph_cl.results.record import CurvePoint

NAN = math.nan


def curve(experts: int, points: int = 12) -> list[CurvePoint]:
    """Each expert is trained in turn, and there from then on."""
    found = []
    for place in range(points):
        active = place * experts // points if experts else 0
        found.append(
            CurvePoint(
                experience=0,
                samples=100 * (place + 1),
                train_accuracy=place / points,
                expert_names=[f"expert {number}" for number in range(active + 1)] if experts else [],
                expert_weights=[float(number == active) for number in range(active + 1)] if experts else [],
            )
        )
    return found


def usage(experts: int, classes: int) -> Usage:
    share = 1 / experts
    return Usage(
        experts=[
            ExpertUse(name=f"expert {number}", weight=share, led=share, accuracy=0.914, label_entropy=0.731)
            for number in range(experts)
        ],
        by_experience=[[share] * experts] * 3,
        by_label=[[share] * experts] * (classes - 1) + [[NAN] * experts],
        entropy=1.0,
        agreement=[Agreement(groups="label", nmi=0.125, purity=0.25)],
        assigned_led=0.976,
    )


def make(experts: int = 3, classes: int = 10, **changes: Any) -> Inspection:
    table = [[40 if row == column else (row + column) % 3 for column in range(classes)] for row in range(classes - 1)]
    mistake = Mistake(
        experience=1,
        sample=77,
        label=4,
        predicted=9,
        confidence=0.987,
        expert="expert 1" if experts else None,
        picture=[[[0], [255]], [[128], [7]]],
    )
    values: dict[str, Any] = {
        "run_id": "rotated-mnist-two-s0-20260101-000000-abcd",
        "scenario": "rotated-mnist",
        "strategy": "two",
        "dataset": "mnist-5k",
        "seed": 0,
        "experience_labels": ["0°", "30°", "60°"],
        "accuracy": [0.9, 0.8, 0.7],
        "confusion": [*table, [0] * classes],
        "mistakes": [mistake] * 7,
        "risk": [0.002 * number for number in range(20)],
        "aurc": 0.0123,
        "usage": usage(experts, classes) if experts else None,
        "curve": curve(experts),
        "own_figures": {"oracle_accuracy": 0.9876, "undefined": NAN},
    }
    return Inspection(**{**values, **changes})


@pytest.mark.parametrize("width", [24, 40, 61, 80, 140])
@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("experts", [0, 1, 3, 20])
def test_no_line_is_wider_than_the_console_and_nothing_is_cut_off(render, width, ascii_only, experts):
    text = render(inspection_report(make(experts), ascii_only=ascii_only), width)
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert "…" not in text
    assert text.isascii() or not ascii_only


def test_it_says_what_was_found(render):
    text = render(inspection_report(make()), 100)
    for said in ("Expert usage by experience", "Expert usage by label", "0.125", "0.250", "97.6 %", "98.7",
                 "2 (30°)", "Gate activation in training", "oracle_accuracy", "0.9876",
                 "Risk: share of wrong answers", "1.23 %"):  # fmt: skip
        assert said in text
    labels = text.split("Expert usage by label")[1].splitlines()[2].split()
    assert labels == [str(label) for label in range(9)], "nothing is of label 9"


def test_a_monolith_is_told_of_in_one_line_and_the_rest_is_there(render):
    text = render(inspection_report(make(0)), 100)
    assert "tells of no experts" in text
    assert "Expert usage" not in text
    assert "Gate activation" not in text
    for said in ("Confusion matrix", "Most confident mistakes", "Accuracy on training batches"):
        assert said in text


def test_many_classes_are_told_by_their_most_frequent_confusions(render):
    text = render(inspection_report(make(classes=40)), 100)
    assert "Confusion matrix" not in text
    assert "Most frequent confusions" in text


def test_many_experts_are_shown_by_those_of_the_greatest_weight(render):
    assert "8 of 12 experts, those of the greatest weight" in render(inspection_report(make(12)), 100)


def test_an_expert_has_no_weight_before_it_exists():
    lines = expert_curves(curve(2, points=4))
    assert lines["expert 0"] == [1, 1, 0, 0]
    assert [math.isnan(value) for value in lines["expert 1"]] == [True, True, False, False]


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["expert 0", "expert 12"], ["0", "12"]),
        (["even", "odd"], ["even", "odd"]),
        (["tag even", "tag"], ["tag even", "tag"]),
        (["expert 0"], ["expert 0"]),
    ],
)
def test_short_names(names, short):
    assert short_names(names) == short


def test_pictures_are_drawn(tmp_path: Path):
    files = draw_inspection(make(), tmp_path / "new" / "folder")
    assert [file.stem for file in files] == [
        "confusion", "usage-by-experience", "usage-by-label", "risk-coverage", "training", "gate-activation",
        "mistakes",
    ]  # fmt: skip
    for file in files:
        with Image.open(file) as picture:
            assert picture.format == "PNG"
            assert min(picture.size) > 200
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 10


def test_a_monolith_has_fewer_pictures_and_colours_are_drawn(tmp_path: Path):
    red = Mistake(experience=0, sample=0, label=1, predicted=2, confidence=NAN, expert=None,
                  picture=[[[255, 0, 0]] * 4] * 4)  # fmt: skip
    files = draw_inspection(make(0, mistakes=[red]), tmp_path)
    assert [file.stem for file in files] == ["confusion", "risk-coverage", "training", "mistakes"]
    with Image.open(files[-1]) as picture:
        assert (255, 0, 0) in {colour for _, colour in picture.convert("RGB").getcolors(1 << 24)}


def test_without_matplotlib_pictures_are_refused_in_one_line(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="need matplotlib, which is not installed"):
        check_drawing()
