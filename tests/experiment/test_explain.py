"""Explanations of whole runs: they are the model's own prediction, and blind to labels."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import morph_cl
from morph_cl.bridge.stream import Stream
from morph_cl.morph.explain import explain_image
from morph_cl.morph.strategy import MorphStrategy
from morph_cl.morph.subject import Subject
from morph_cl.morph.survey import _normalised_entropy, explain_overview
from morph_cl.results.explanation import ClassExplanation, ImageExplanation, OverviewExplanation
from morph_cl.results.record import RunRecord

SMALL: dict[str, Any] = {"dataset": "digits", "epochs": 2, "batch_size": 32, "threads": 1, "eval_batch_size": 100}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of MORPH on three turned experiences and one of another strategy."""
    store = tmp_path_factory.mktemp("runs")
    options = {"rotated-mnist": {"experiences": 3}}
    for strategy in ("naive", "morph"):
        morph_cl.run("rotated-mnist", strategy, store=store, options=options, **SMALL)
    return store


@pytest.fixture(scope="module")
def record(store: Path) -> RunRecord:
    return morph_cl.load_run("latest", store=store)


@pytest.fixture
def subject(store: Path, record: RunRecord) -> Subject:
    strategy: MorphStrategy = morph_cl.load_model("latest", store=store)
    return Subject(strategy.morph, morph_cl.load_stream("latest", store=store), record)


def explain_one(store: Path, image: int, experience: int | None = None) -> ImageExplanation:
    found = morph_cl.explain("latest", image=image, experience=experience, store=store)
    assert isinstance(found, ImageExplanation)
    return found


def explain_all(store: Path) -> OverviewExplanation:
    found = morph_cl.explain("latest", store=store)
    assert isinstance(found, OverviewExplanation)
    return found


def predicted(model: torch.nn.Module, stream: Stream, experience: int, image: int, *task: int) -> torch.Tensor:
    x, _, _ = stream.benchmark.test_stream[experience].dataset.view().batch(torch.tensor([image]))
    with torch.no_grad():
        return model(x, *task).softmax(1)[0]


def test_explained_probabilities_are_the_models_own(store: Path, subject: Subject) -> None:
    for experience, image in [(0, 0), (1, 5), (2, 17)]:
        explained = explain_one(store, image, experience)
        expected = predicted(subject.model, subject.stream, experience, image)
        assert torch.equal(torch.tensor(explained.probabilities), expected)
        assert explained.predicted == int(expected.argmax())
        assert sum(answer.share for answer in explained.experts) == pytest.approx(1, abs=1e-5)
        assert [answer.share for answer in explained.experts] == sorted(a.share for a in explained.experts)[::-1]
        concepts = explained.concepts
        assert [fit.log_density for fit in concepts] == sorted(fit.log_density for fit in concepts)[::-1]
        assert 0 < sum(fit.posterior for fit in concepts) <= 1 + 1e-5
        assert (len(explained.picture), len(explained.picture[0])) == (8, 8)
    assert explain_one(store, 17).experience == 2


def test_in_the_task_setting_too(tmp_path: Path) -> None:
    options = {"split-mnist": {"experiences": 2}}
    morph_cl.run("split-mnist", "morph", setting="task", store=tmp_path, options=options, **SMALL)
    strategy = morph_cl.load_model("latest", store=tmp_path)
    stream = morph_cl.load_stream("latest", store=tmp_path)
    for experience in (0, 1):
        explained = explain_one(tmp_path, 3, experience)
        expected = predicted(strategy.model, stream, experience, 3, experience)
        assert torch.equal(torch.tensor(explained.probabilities), expected)
        own = set(strategy.model.allowed(experience).nonzero().squeeze(1).tolist())
        assert {fit.label for fit in explained.concepts} <= own
        assert {label for label, p in enumerate(explained.routed) if p > 1e-6} <= own


def test_the_overview_agrees_with_the_record(store: Path, record: RunRecord) -> None:
    overview = explain_all(store)
    assert [part.accuracy for part in overview.experiences] == record.accuracy_matrix[-1]
    assert len(overview.experts) == record.experts[-1] > 1
    assert sum(expert.led for expert in overview.experts) == pytest.approx(1)
    assert sum(expert.share for expert in overview.experts) == pytest.approx(1)
    for expert in overview.experts:
        profile = expert.profile
        assert profile.samples_by_experience is not None
        given = sum(profile.samples_by_experience.values())
        held_out = given - sum(profile.samples_by_class.values())  # what judges the concepts is not in them
        assert 0 < held_out <= 0.02 * given
        assert profile.parent is None or profile.parent < profile.number
        assert all(profile.number in relation.experts for relation in profile.relations)
    weights = [relation.weight for relation in overview.relations]
    assert weights == sorted(weights, reverse=True)
    content = json.loads(overview.to_json())
    assert (content["schema"], content["kind"]) == ("morph-cl/explanation/1", "overview")
    assert content["run_id"] == record.run_id


def test_a_run_without_boundaries_does_not_say_who_learned_which_experience(tmp_path: Path) -> None:
    options = {"rotated-mnist": {"experiences": 2}, "morph": {"boundaries": "free", "cooldown": 5, "window": 128}}
    record = morph_cl.run("rotated-mnist", "morph", store=tmp_path, options=options, **SMALL)
    overview = explain_all(tmp_path)
    assert [part.accuracy for part in overview.experiences] == record.accuracy_matrix[-1]
    assert all(expert.profile.samples_by_experience is None for expert in overview.experts)


def test_a_class_is_explained_over_all_experiences(store: Path, subject: Subject) -> None:
    found = morph_cl.explain("latest", label=4, store=store)
    assert isinstance(found, ClassExplanation)
    for part in found.experiences:
        x, y, _ = subject.stream.benchmark.test_stream[part.experience].dataset.view().batch(torch.arange(359))
        with torch.no_grad():
            answers = subject.model(x[y == 4]).argmax(1)
        assert part.images == int((y == 4).sum())
        assert part.accuracy == pytest.approx(float((answers == 4).float().mean()))
        assert sum(part.shares.values()) == pytest.approx(1)
    assert found.concepts[0].images == max(use.images for use in found.concepts)
    assert 0 < sum(use.images for use in found.concepts) <= 1 + 1e-9
    assert {profile.number for profile in found.experts} == {n for part in found.experiences for n in part.shares}


def test_shuffled_labels_change_nothing_but_what_is_said_of_them(subject: Subject) -> None:
    def model_side() -> tuple[Any, Any]:
        image = explain_image(subject, 1, 5).model_dump(exclude={"true_label"})
        overview = explain_overview(subject).model_dump()
        for part in (*overview["experts"], *overview["experiences"]):
            accuracies.append(part.pop("accuracy"))
        return image, overview

    accuracies: list[float] = []
    before, first = model_side(), list(accuracies)
    for experience in subject.stream.benchmark.test_stream:
        (leaf,) = experience.dataset.view().leaves
        leaf.y = leaf.y.roll(1)
    accuracies.clear()
    assert model_side() == before
    assert accuracies != first, "the labels are others now"


@pytest.mark.parametrize("ending", [".graphml", ".json"])
def test_the_graph_is_written(store: Path, subject: Subject, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"graph{ending}"
    morph_cl.explain("latest", graph=file, store=store)
    written = (
        set(nx.read_graphml(file, force_multigraph=True).nodes)
        if ending == ".graphml"
        else {node["id"] for node in json.loads(file.read_text())["nodes"]}
    )
    assert written == {node["id"] for node in subject.model.graph.to_json()["nodes"]}
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"run_id": "rotated-mnist-naive"}, "is of strategy 'naive'; only runs of 'morph'"),
        ({"image": 359}, r"image 359 is not in 0\.\.358: experience 3 .* has 359 test images"),
        ({"image": -1}, r"image -1 is not in 0\.\.358"),
        ({"image": 0, "experience": 3}, r"experience 3 is not in 0\.\.2"),
        ({"experience": 1}, "without an image"),
        ({"image": 0, "label": 1}, "give one of them"),
        ({"label": 10}, "class 10 has no test image; the classes are 0, 1, 2"),
        ({"graph": "graph.png"}, r"ends in '\.png'; give a \.graphml or a \.json file"),
        ({"graph": "nowhere/graph.json"}, "nowhere"),
        ({"device": "gpu"}, "device 'gpu' is unknown"),
        ({"run_id": "none"}, "unknown run"),
    ],
)
def test_bad_requests_are_refused_in_one_line(store: Path, request_: dict[str, Any], message: str) -> None:
    with pytest.raises(morph_cl.UsageError, match=message) as refusal:
        morph_cl.explain(**{"run_id": "latest", **request_}, store=store)
    assert "\n" not in str(refusal.value)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_normalised_entropy_is_a_fraction(mass: list[float]) -> None:
    entropy = _normalised_entropy(torch.tensor(mass, dtype=torch.float64))
    assert math.isnan(entropy) if not sum(mass) else -1e-9 <= entropy <= 1 + 1e-9


def test_normalised_entropy_of_one_and_of_all_alike() -> None:
    assert _normalised_entropy(torch.tensor([0.0, 3.0, 0.0])) == 0
    assert _normalised_entropy(torch.ones(5, dtype=torch.float64)) == pytest.approx(1)
    assert math.isnan(_normalised_entropy(torch.ones(1)))
