"""The strategy: what it learns, who finds the tag, and that no label does so at evaluation."""

from __future__ import annotations

import pytest
import torch
from avalanche.core import SupervisedPlugin
from avalanche.training.plugins import ReplayPlugin

from morph_cl.bridge.inspection import labelled_batches
from morph_cl.testing import check_strategy
from morph_cl.testing.samples import sample_stream

FIGURES = {
    "oracle_tag_accuracy",
    "gate_accuracy",
    "gate_tag_share",
    "confidence_accuracy",
    "confidence_tag_share",
}


@pytest.mark.parametrize(
    "options",
    [
        {"hidden": [12]},
        {"hidden": [12, 8], "levels": 2, "overlap": 0.25, "optimizer": "sgd", "momentum": 0.9},
        {"hidden": [12], "tags": "experience"},
        {"hidden": [6, 6], "network": "cnn", "route": "confidence"},
    ],
    ids=["parity", "nested", "experience", "channels"],
)
def test_it_keeps_the_contract_of_strategies(options):
    check_strategy("static-partition", options)


@pytest.mark.parametrize("route", ["gate", "confidence"])
def test_figures_are_those_of_the_predictions(train, route):
    strategy, stream = train("domain", epochs=8, route=route), sample_stream("domain")
    figures = strategy.final_figures(labelled_batches(stream, 7))
    assert set(figures) == FIGURES
    (batch,) = [batch for batch in labelled_batches(stream, 10_000) if batch.experience == 2]
    whole = list(labelled_batches(stream, 10_000))
    right = torch.cat([strategy.model(batch.x).argmax(1) == batch.y for batch in whole]).float().mean()
    assert figures[f"{route}_accuracy"] == pytest.approx(float(right), abs=1e-5)
    weights = strategy.expert_weights(batch.x, 0)
    assert bool(((weights == 1).sum(1) == 1).all())
    found = torch.cat([strategy.expert_weights(b.x, 0).argmax(1) == strategy.assigned_experts(b.y) for b in whole])
    assert figures[f"{route}_tag_share"] == pytest.approx(float(found.float().mean()), abs=1e-5)
    assert figures["oracle_tag_accuracy"] > 0.9


def test_the_gate_learns_the_tags(train):
    strategy = train("domain", epochs=12)
    figures = strategy.final_figures(labelled_batches(sample_stream("domain"), 50))
    assert figures["gate_tag_share"] > 0.95
    assert float(strategy.batch_expert_weights().sum()) == pytest.approx(1.0)


def test_no_label_reaches_tag_or_answer_at_evaluation(train):
    strategy = train("domain", epochs=3)
    told = []
    for stream in (sample_stream("domain"), sample_stream("domain", shuffle_test_labels=True)):
        outputs = []

        class Watch(SupervisedPlugin):
            def after_eval_iteration(self, strategy, **_):
                outputs.append(strategy.mb_output)  # noqa: B023

        watch = Watch()
        strategy.plugins.append(watch)
        strategy.eval(stream.benchmark.test_stream)
        strategy.plugins.remove(watch)
        weights = [strategy.expert_weights(batch.x, batch.task) for batch in labelled_batches(stream, 16)]
        told.append((torch.cat(outputs), torch.cat(weights)))
    assert all(torch.equal(first, second) for first, second in zip(*told, strict=True))


def test_the_loss_of_the_gate_reaches_training_only(train):
    strategy = train("domain")
    differences = []

    class Watch(SupervisedPlugin):
        def _note(self, strategy):
            plain = torch.nn.functional.cross_entropy(strategy.mb_output, strategy.mb_y)
            differences.append(float(strategy.loss - plain))

        after_eval_iteration = before_backward = lambda self, strategy, **_: self._note(strategy)

    stream = sample_stream("domain")
    strategy.plugins.append(Watch())
    strategy.eval(stream.benchmark.test_stream)
    assert max(map(abs, differences)) < 1e-6
    differences.clear()
    strategy.train(stream.benchmark.train_stream[0], eval_streams=[])
    assert min(differences) > 1e-4


def test_tags_by_experience_are_remembered(train):
    split = train("class", tags="experience")
    assert split.assigned_experts(torch.arange(6)).tolist() == [0, 0, 1, 1, 2, 2]
    rotated = train("domain", tags="experience")
    assert rotated.assigned_experts(torch.arange(4)).tolist() == [-1] * 4


def test_an_experience_leaves_the_parts_of_others_alone(make):
    stream = sample_stream("class")
    strategy = make(stream, "class", tags="experience")
    unused = [str(name) for name in range(3)]
    for number, experience in enumerate(stream.benchmark.train_stream):
        before = {name: value.clone() for name, value in strategy.partitioned.partition.state_dict().items()}
        strategy.train(experience, eval_streams=[])
        moved = {
            name.split(".")[3 if name.startswith("layers") else 1]
            for name, value in strategy.partitioned.partition.state_dict().items()
            if not torch.equal(value, before[name]) and name != "bias"
        }
        assert moved == {unused[number]}


def test_replayed_classes_go_to_the_tag_of_their_experience(train):
    shares = []

    class Watch(SupervisedPlugin):
        def after_training_iteration(self, strategy, **_):
            own = strategy.partitioned.tag_of[strategy.mb_y].unique().tolist()
            shares.append((strategy.experience.current_experience, own))

    train("class", tags="experience", plugins=(ReplayPlugin(mem_size=30), Watch()))
    assert {tag for experience, tags in shares if experience == 0 for tag in tags} == {0}
    assert {tag for experience, tags in shares if experience == 2 for tag in tags} == {0, 1, 2}


def test_a_known_task_narrows_the_search(train):
    strategy = train("task", tags="experience")
    stream = sample_stream("task")
    figures = strategy.final_figures(labelled_batches(stream, 16))
    assert figures["gate_tag_share"] == figures["confidence_tag_share"] == 1.0
    assert figures["gate_accuracy"] == figures["oracle_tag_accuracy"]


def test_the_most_confident_part_answers(train):
    strategy = train("domain", route="confidence")
    x = next(iter(labelled_batches(sample_stream("domain"), 9))).x
    every = strategy.partitioned.every(x)
    confidence = every.softmax(2).amax(2)
    assert torch.equal(strategy.expert_weights(x, 0).argmax(1), confidence.argmax(0))
    torch.testing.assert_close(strategy.model(x), every[confidence.argmax(0), torch.arange(len(x))])


def test_parts_that_were_never_trained_answer_nothing(make):
    stream = sample_stream("class")
    for route in ("gate", "confidence"):
        strategy = make(stream, "class", tags="experience", route=route)
        strategy.train(stream.benchmark.train_stream[0], eval_streams=[])
        strategy.model.eval()
        weights = [strategy.expert_weights(batch.x, 0) for batch in labelled_batches(stream, 50)]
        assert bool((torch.cat(weights).argmax(1) == 0).all())


def test_new_classes_train_the_part_that_waits_for_them(train):
    strategy = train("class", tags=[[0, 1, 2], [3, 4, 5]])
    assert strategy.assigned_experts(torch.arange(6)).tolist() == [0, 0, 0, 1, 1, 1]
    assert strategy.partitioned.seen.tolist() == [[True] * 3 + [False] * 3, [False] * 3 + [True] * 3]
    assert strategy.expert_names == ("1: 0 1 2", "2: 3 4 5")
    assert strategy.expert_count == 2
