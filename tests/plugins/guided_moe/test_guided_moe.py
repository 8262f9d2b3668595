"""Guidance: who is meant for what, how long it is taught, and that no label reaches the gate at evaluation."""

from __future__ import annotations

import itertools

import pytest
import torch
from avalanche.core import SupervisedPlugin
from hypothesis import given
from hypothesis import strategies as st
from morph_cl_plugins.guided_moe.guidance import Guidance, assign
from morph_cl_plugins.guided_moe.options import GuidedMoeOptions
from torch.nn import functional

from morph_cl import UsageError
from morph_cl.bridge.inspection import labelled_batches
from morph_cl.options import validate_options
from morph_cl.testing import check_strategy
from morph_cl.testing.samples import sample_stream


@given(experts=st.integers(1, 20), classes=st.integers(1, 40))
def test_classes_are_dealt_out_in_order_and_evenly(experts, classes):
    assignment = assign(None, experts, classes)
    counts = torch.bincount(assignment)
    assert assignment.tolist() == sorted(assignment.tolist())
    assert len(counts) == min(experts, classes)
    assert int(counts.max()) - int(counts.min()) <= 1


@given(order=st.permutations(range(8)), cuts=st.sets(st.integers(1, 7), max_size=4))
def test_any_mapping_is_kept(order, cuts):
    edges = [0, *sorted(cuts), 8]
    groups = tuple(tuple(order[start:end]) for start, end in itertools.pairwise(edges))
    options = GuidedMoeOptions(groups=groups)
    assignment = assign(options.groups, options.experts, 8)
    assert all(assignment[label] == number for number, group in enumerate(groups) for label in group)


def test_pairs_are_the_default_for_ten_classes():
    assert assign(None, GuidedMoeOptions().experts, 10).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": [[0], [1], [2]], "experts": 2}, "groups has 3 groups for experts=2; give at most 2"),
        ({"groups": [[0, 1], [1, 2]]}, "class 1 stands in groups more than once"),
        ({"groups": [[0, 1], []]}, "group 1 is empty"),
        ({"groups": [[-1]]}, "greater than or equal to 0"),
        ({"k": 6}, "k=6 exceeds experts=5"),
        ({"guidance_end": 1.5}, "less than or equal to 1"),
        ({"anneal": 0}, "greater than or equal to 1"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        validate_options(GuidedMoeOptions, options, "guided-moe")


@pytest.mark.parametrize(
    ("groups", "message"),
    [([[0, 1], [2, 3]], "misses class 4, .* the classes 0 to 5"), ([[0, 1, 2, 3, 4, 5, 6]], "holds class 6")],
)
def test_a_mapping_must_hold_every_class_of_the_stream(train, groups, message):
    with pytest.raises(UsageError, match=message):
        train(groups=groups)


@pytest.mark.parametrize(
    "options",
    [{"hidden": [12], "anneal": 3}, {"network": "cnn", "hidden": [4], "experts": 3, "k": 1}],
    ids=["dense", "convolutions"],
)
def test_it_keeps_the_contract_of_strategies(options):
    check_strategy("guided-moe", options)


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    strength=st.floats(0, 5),
    end=st.floats(0, 1),
    steps=st.integers(0, 20),
)
def test_guidance_is_a_weighted_cross_entropy_that_falls_to_its_end(labels, strength, end, steps):
    guidance = Guidance(torch.tensor([1, 0, 1, 2]), strength, end, anneal=10)
    y = torch.tensor(labels)
    for _ in range(steps):
        guidance.count(y)
    left = max(1 - (1 - end) * steps / 10, end)
    scores = torch.randn(len(y), 3, generator=torch.Generator().manual_seed(steps))
    expected = strength * left * functional.cross_entropy(scores, guidance.assignment[y])
    torch.testing.assert_close(guidance(scores.log_softmax(1), y), expected)
    fresh = [label for label in range(4) if label not in labels]
    torch.testing.assert_close(guidance.weight()[fresh], torch.full((len(fresh),), strength))


def test_guidance_without_annealing_stays():
    guidance = Guidance(torch.tensor([0, 1]), 2.0, 0.0, anneal=None)
    guidance.count(torch.tensor([0, 1]))
    assert guidance.weight().tolist() == [2.0, 2.0]


def test_new_classes_are_guided_in_full(train):
    weights = []

    class Watch(SupervisedPlugin):
        def before_training_exp(self, strategy, **_):
            weights.append([round(weight, 4) for weight in strategy.guidance.weight().tolist()])

    train(plugins=(Watch(),), anneal=2, guidance_end=0.25)
    assert weights == [[1.0] * 6, [0.25] * 2 + [1.0] * 4, [0.25] * 4 + [1.0] * 2]


def test_the_gate_learns_the_groups_from_guidance_alone(train):
    stream = sample_stream("domain")
    groups = [[3], [0, 2], [1]]
    shares = {}
    for guidance in (0.0, 1.0):
        strategy = train("domain", groups=groups, guidance=guidance, epochs=12)
        assert strategy.assigned_experts(torch.arange(4)).tolist() == [1, 2, 1, 0]
        figures = strategy.final_figures(labelled_batches(stream, 9))
        shares[guidance] = figures["assigned_share"]
    assert set(figures) == {"usage_entropy", "nmi", "purity", "assigned_share"}
    assert shares[1.0] > 0.95 > shares[0.0]
    assert figures["nmi"] > 0.7


def test_no_label_reaches_gate_or_answer_at_evaluation(train):
    strategy = train("domain", epochs=4)
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
