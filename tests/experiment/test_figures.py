"""What a strategy measures of itself at the end joins the record, and never costs the run."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import morph_cl
from morph_cl.experiment.figures import join_figures

PLUGIN = """
import torch
from avalanche.training.templates import SupervisedTemplate
from morph_cl import StrategySpec, TensorStrategy, TrainingOptions, build_classifier, build_optimizer, hookimpl


class Measured(TensorStrategy, SupervisedTemplate):
    def final_figures(self, batches):
        assert not self.model.training and not torch.is_grad_enabled()
        right = seen = 0
        for batch in batches:
            right += int((self.model(batch.x).argmax(1) == batch.y).sum())
            seen += len(batch.y)
        return {FIGURES}


def build(context, options):
    model = build_classifier(context, options)
    return Measured(model=model, optimizer=build_optimizer(model, options), **context.loop())


@hookimpl
def register_strategies():
    yield StrategySpec(name="measured", build=build, summary="measures itself", params=TrainingOptions)
"""


class Ears(morph_cl.RunListener):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warned(self, message: str) -> None:
        self.warnings.append(message)


def run_measured(folder: Path, blobs: str, figures: str) -> tuple[morph_cl.RunRecord, list[str]]:
    plugin = folder / "measured.py"
    plugin.write_text(PLUGIN.replace("FIGURES", figures))
    ears = Ears()
    record = morph_cl.run(
        "rotated-mnist",
        "measured",
        dataset=blobs,
        options={"rotated-mnist": {"experiences": 2}},
        plugin_files=[str(plugin)],
        store=folder / "runs",
        listener=ears,
        epochs=1,
        threads=1,
    )
    return record, ears.warnings


def test_figures_join_the_metrics(blobs, tmp_path):
    record, warnings = run_measured(tmp_path, blobs, "'right_share': right / seen, 'undefined': float('nan')")
    assert warnings == []
    assert record.metrics["right_share"] == pytest.approx(sum(record.accuracy_matrix[-1]) / 2)
    assert math.isnan(record.metrics["undefined"])
    assert morph_cl.load_run("latest", store=tmp_path / "runs").metrics["right_share"] == record.metrics["right_share"]


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ("'forgetting': 0.5", "'forgetting' of the strategy is left out: a registered metric has that name"),
        ("'x': 1 / 0", "final figures of the strategy: ZeroDivisionError: division by zero"),
        ("'Not-Snake': 1.0", "'Not-Snake' of the strategy is left out: its name is not in snake case"),
        ("'endless': float('inf')", "'endless' of the strategy is left out: it is inf"),
        ("'text': 'much'", "'text' of the strategy is left out: could not convert"),
    ],
)
def test_what_is_not_usable_is_warned_of_in_one_line(blobs, tmp_path, figures, told):
    record, warnings = run_measured(tmp_path, blobs, figures)
    assert len(warnings) == 1
    assert told in warnings[0]
    assert "\n" not in warnings[0]
    assert record.run_id
    assert record.metrics["forgetting"] != 0.5
    assert not {"x", "Not-Snake", "endless", "text"} & record.metrics.keys()


names = st.dictionaries(st.sampled_from("abcdef"), st.floats(allow_nan=False))


@given(names, names)
def test_a_registered_metric_is_never_overwritten(metrics, own):
    joined, problems = join_figures(metrics, own)
    assert {name: joined[name] for name in metrics} == metrics
    assert joined.keys() == metrics.keys() | own.keys()
    assert len(problems) == len(metrics.keys() & own.keys())
