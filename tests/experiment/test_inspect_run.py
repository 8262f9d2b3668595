"""A close look at whole runs on digits: a third party's experts, MORPH, and a monolith."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import morph_cl
from morph_cl.metrics.specialisation import normalised_entropy, normalised_mutual_information, purity
from morph_cl.results.inspection import Inspection

PLUGIN = '''
import torch
from avalanche.training.templates import SupervisedTemplate
from torch import nn
from morph_cl import StrategySpec, TensorStrategy, TrainingOptions, build_optimizer, hookimpl


class Halves(nn.Module):
    """Two linear experts; the brightness of an image's upper half says who answers."""

    def __init__(self, pixels, classes):
        super().__init__()
        self.experts = nn.ModuleList([nn.Linear(pixels, classes) for _ in range(2)])

    def weights(self, x):
        upper, lower = x.chunk(2, 2)
        return torch.stack([upper.mean((1, 2, 3)), lower.mean((1, 2, 3))], 1).mul(20).softmax(1)

    def forward(self, x):
        answers = torch.stack([expert(x.flatten(1)) for expert in self.experts], 1)
        return (self.weights(x).unsqueeze(2) * answers).sum(1)


class Two(TensorStrategy, SupervisedTemplate):
    @property
    def expert_count(self):
        return 2

    @property
    def expert_names(self):
        return ("upper", "lower")

    def expert_weights(self, x, task):
        return self.model.weights(x)

    def assigned_experts(self, y):
        return torch.where(y < 8, y % 2, -1)

    def batch_expert_weights(self):
        return self.model.weights(self.mb_x).detach().mean(0)

    def final_figures(self, batches):
        return {"images_seen": float(sum(len(batch.y) for batch in batches))}


def build(context, options):
    model = Halves(context.input_shape[1] * context.input_shape[2], context.classes)
    return Two(model=model, optimizer=build_optimizer(model, options), **context.loop())


@hookimpl
def register_strategies():
    yield StrategySpec(name="two", build=build, summary="two experts", params=TrainingOptions)
'''
STRATEGIES = ("two", "morph", "naive")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inspected")
    plugin = folder / "two.py"
    plugin.write_text(PLUGIN)
    settings: dict[str, Any] = {"dataset": "digits", "epochs": 1, "batch_size": 64, "threads": 1}
    options = {"rotated-mnist": {"experiences": 2}}
    for strategy in STRATEGIES:
        morph_cl.run(
            "rotated-mnist", strategy, options=options, plugin_files=[str(plugin)], store=folder / "runs", **settings
        )
    return folder / "runs"


@pytest.fixture(scope="module", params=STRATEGIES)
def looked(request: pytest.FixtureRequest, store: Path) -> tuple[Inspection, morph_cl.RunRecord, list[dict[str, str]]]:
    """The inspection, the record and the rows of the CSV file of each strategy's run."""
    run, samples = f"rotated-mnist-{request.param}", store.parent / f"{request.param}.csv"
    inspection = morph_cl.inspect_run(run, csv=samples, mistakes=5, store=store)
    with samples.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return inspection, morph_cl.load_run(run, store=store), rows


def test_predictions_are_those_of_the_run(looked):
    inspection, record, rows = looked
    assert inspection.accuracy == record.accuracy_matrix[-1]
    images = {(row["experience"], row["sample"]): row for row in rows}
    assert len(images) == sum(map(sum, inspection.confusion)) == 2 * record.dataset_info.test_size
    right = sum(row["label"] == row["predicted"] for row in images.values())
    assert right == sum(inspection.confusion[label][label] for label in range(10))


def test_mistakes_are_wrong_and_the_most_confident_come_first(looked):
    inspection, _, rows = looked
    said = {(int(row["experience"]) - 1, int(row["sample"])): row for row in rows}
    confidences = [mistake.confidence for mistake in inspection.mistakes]
    assert len(confidences) == 5
    assert confidences == sorted(confidences, reverse=True)
    for mistake in inspection.mistakes:
        row = said[mistake.experience, mistake.sample]
        assert (mistake.label, mistake.predicted) == (int(row["label"]), int(row["predicted"]))
        assert mistake.label != mistake.predicted
        assert (len(mistake.picture), len(mistake.picture[0]), len(mistake.picture[0][0])) == (8, 8, 1)


def test_the_risk_at_full_coverage_is_that_of_all_images(looked):
    found, _, _ = looked
    wrong = 1 - sum(row[label] for label, row in enumerate(found.confusion)) / sum(map(sum, found.confusion))
    assert len(found.risk) == 20
    assert found.risk[-1] == pytest.approx(wrong)
    assert 0 < found.aurc < wrong, "the confident answers are better than the others"


def test_usage_and_specialisation_follow_from_the_samples(looked):
    inspection, record, rows = looked
    if record.strategy == "naive":
        assert inspection.usage is None
        assert {row["expert"] for row in rows} == {""}
        assert all(mistake.expert is None for mistake in inspection.mistakes)
        return
    usage = inspection.usage
    names = [expert.name for expert in usage.experts]
    weights: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for row in rows:
        weights[row["experience"], row["sample"]][row["expert"]] = float(row["weight"])
    assert all(sum(shares.values()) == pytest.approx(1, abs=1e-4) for shares in weights.values())
    labels = {(row["experience"], row["sample"]): int(row["label"]) for row in rows}
    by_label = [
        [
            sum(weights[image].get(name, 0) for image, label in labels.items() if label == wanted)
            / sum(label == wanted for label in labels.values())
            for name in names
        ]
        for wanted in range(10)
    ]
    assert [pytest.approx(row, abs=1e-4) for row in by_label] == usage.by_label
    mean = [sum(shares.get(name, 0) for shares in weights.values()) / len(weights) for name in names]
    assert usage.entropy == pytest.approx(normalised_entropy(mean), abs=1e-3, nan_ok=True)
    lead = {image: max(shares, key=shares.__getitem__) for image, shares in weights.items()}
    table = [[sum(lead[image] == name and labels[image] == label for image in lead) for label in range(10)]
             for name in names]  # fmt: skip
    of_labels = usage.agreement[0]
    assert of_labels.groups == "label"
    assert of_labels.nmi == pytest.approx(normalised_mutual_information(table))
    assert of_labels.purity == pytest.approx(purity(table))
    assert [expert.led for expert in usage.experts] == pytest.approx([sum(row) / len(lead) for row in table])


def test_assigned_experts_are_counted_where_training_assigns_them(looked):
    inspection, record, rows = looked
    if record.strategy != "two":
        assert {row["assigned"] for row in rows} == {""}
        assert inspection.usage is None or math.isnan(inspection.usage.assigned_led)
        return
    assert all(row["assigned"] == ("" if int(row["label"]) > 7 else ("upper", "lower")[int(row["label"]) % 2])
               for row in rows)  # fmt: skip
    best: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        image = (row["experience"], row["sample"])
        if row["assigned"] and (image not in best or float(row["weight"]) > float(best[image]["weight"])):
            best[image] = row
    led = sum(row["expert"] == row["assigned"] for row in best.values()) / len(best)
    assert inspection.usage.assigned_led == pytest.approx(led)
    assert [agreement.groups for agreement in inspection.usage.agreement] == ["label", "experience", "assigned expert"]


def test_the_curve_and_the_own_figures_are_those_of_the_record(looked):
    inspection, record, _ = looked
    assert inspection.curve == record.curve
    told = [sum(point.expert_weights) for point in record.curve]
    assert told == pytest.approx([0.0 if record.strategy == "naive" else 1.0] * len(told))
    own = {"images_seen": 2.0 * record.dataset_info.test_size} if record.strategy == "two" else {}
    assert inspection.own_figures == own


def test_the_json_form_comes_back(looked):
    inspection, _, _ = looked
    again = Inspection.model_validate_json(inspection.to_json())
    assert again.to_json() == inspection.to_json()
    assert again.schema_ == "morph-cl/inspection/1"


def test_a_negative_number_of_mistakes_is_refused(store):
    with pytest.raises(morph_cl.UsageError, match="mistakes=-1 is negative"):
        morph_cl.inspect_run("latest", mistakes=-1, store=store)


def test_inspecting_sees_no_label(store):
    """With all test labels moved by one, weights and predictions are the same and only the counts differ."""
    from morph_cl.bridge.observation import observe

    for strategy in STRATEGIES:
        run = f"rotated-mnist-{strategy}"
        learner, stream = morph_cl.load_model(run, store=store), morph_cl.load_stream(run, store=store)
        seen = observe(learner, stream)
        for experience in stream.benchmark.test_stream:
            leaf = experience.dataset.view().leaves[0]
            leaf.y = leaf.y.roll(1)
        blind = observe(learner, stream)
        assert not seen.label.equal(blind.label)
        assert seen.predicted.equal(blind.predicted)
        assert seen.confidence.equal(blind.confidence)
        assert (seen.weights is None) == (strategy == "naive")
        assert seen.weights is None or seen.weights.equal(blind.weights)
