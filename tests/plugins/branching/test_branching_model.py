"""The tree: frozen features, routing that sees no label, and a price for what was computed only."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from morph_cl_plugins.branching.branch import Branch
from morph_cl_plugins.branching.density import ClassDensities
from morph_cl_plugins.branching.expert import Standardiser
from morph_cl_plugins.branching.options import BranchingOptions
from morph_cl_plugins.branching.parent import build_parent

ROUTINGS = ("parent", "density", "confidence")


def _images(seed, count=30):
    return torch.rand(count, 1, 6, 6, generator=torch.Generator().manual_seed(seed))


def _with_densities(model):
    for number in (1, 2):
        y = model.branch(number).classes.repeat(10)
        model.densities.add(number, y.unique().tolist(), [(model.density_features(_images(number)), y)])
    return model


@given(seed=st.integers(0, 1_000), number=st.integers(0, 3))
def test_features_extracted_twice_are_identical_and_behind_the_activation(seed, number, make_tree):
    model, x = make_tree().train(), _images(seed)
    first = model.features(x, number)
    assert torch.equal(first, model.features(x, number))
    assert bool((first >= 0).all())
    assert bool((first == 0).any())
    assert not first.requires_grad


@pytest.mark.parametrize("routing", ROUTINGS)
@pytest.mark.parametrize("rejected", ["parent", "unknown"])
def test_a_decision_is_that_of_each_image_alone(routing, rejected, make_tree):
    model, x = _with_densities(make_tree(routing=routing, rejected=rejected)), _images(1)
    for expert in (model.parent, *model.branches):
        expert.threshold.fill_(0.35)
    whole = model.decide(x)
    for row in range(0, len(x), 5):
        alone = model.decide(x[row : row + 1])
        assert torch.allclose(alone.log_probs[0], whole.log_probs[row], atol=1e-4)
        assert alone.routed[0] == whole.routed[row]
        assert alone.macs[0] == whole.macs[row]
    assert bool(((whole.confidence > 0) & (whole.confidence <= 1)).all())
    assert torch.equal(whole.unknown, ~whole.accepted if rejected == "unknown" else torch.zeros(30, dtype=torch.bool))


@given(low=st.floats(1e-6, 1), high=st.floats(1e-6, 1))
def test_fewer_are_accepted_the_higher_the_threshold_and_the_rest_is_the_parents(low, high, make_tree):
    model, x = make_tree(), _images(2)
    accepted = []
    for threshold in sorted((low, high)):
        for expert in (model.parent, *model.branches):
            expert.threshold.fill_(threshold)
        decision = model.decide(x)
        accepted.append(decision.accepted)
        fallen = ~decision.accepted
        assert torch.equal(decision.log_probs[fallen], model.parent.calibrated(model.parent(x))[fallen])
        assert bool((decision.answered_by[fallen] == 0).all())
    assert bool((accepted[1] <= accepted[0]).all())


def test_an_expert_is_computed_for_the_rows_that_reach_it_and_paid_for(make_tree):
    model, x = make_tree(), _images(3, 60)
    seen = dict.fromkeys(range(1, 4), 0)
    for number in seen:
        model.branch(number).head.register_forward_hook(
            lambda module, inputs, output, number=number: seen.__setitem__(number, seen[number] + len(output))
        )
    decision = model.decide(x)
    routed = torch.bincount(decision.routed, minlength=4).tolist()
    assert seen == {1: routed[1] + routed[3], 2: routed[2], 3: routed[3]}
    assert routed[2] > 0
    assert routed[3] > 0
    parent, branch, nested = 36 * 24 + 24 * 16 + 16 * 6, 16 * 16 + 16 * 8 + 8 * 3, 16 * 16 + 16 * 8 + 8 * 2
    price = torch.tensor([parent, parent + branch, parent + branch, parent + branch + nested])
    assert torch.equal(decision.macs, price[decision.routed])


def test_density_routing_spares_the_head_of_the_parent(make_tree):
    model = _with_densities(make_tree(routing="density"))
    decision = model.decide(_images(4))
    branch = 16 * 16 + 16 * 8 + 8 * 3
    stays = decision.routed < 3
    assert set(decision.macs[stays].tolist()) == {36 * 24 + 24 * 16 + 6 * 24 + branch}


def test_a_routed_answer_lies_within_the_branch(make_tree):
    decision = make_tree().decide(_images(5))
    for number, classes in ((1, {0, 2, 4}), (2, {1, 3, 5}), (3, {0, 2})):
        assert set(decision.proposal[decision.routed == number].tolist()) <= classes


@pytest.mark.parametrize("routing", ROUTINGS)
def test_only_allowed_classes_are_answered(routing, make_tree):
    model, x = _with_densities(make_tree(routing=routing)), _images(6)
    allowed = torch.zeros(len(x), 6, dtype=torch.bool)
    allowed[:, [1, 4]] = True
    assert set(model.decide(x, allowed).log_probs.argmax(1).tolist()) <= {1, 4}


def test_the_specialist_is_the_deepest_branch_with_the_class(make_tree):
    model = make_tree()
    assert [model.specialist(label, 0) for label in range(6)] == [3, 2, 3, 2, 1, 2]
    assert model.assigned().tolist() == [3, 2, 3, 2, 1, 2]


def test_the_tree_comes_back_from_its_structure(make_tree):
    model, other, x = make_tree(seed=1), make_tree(seed=2), _images(7)
    before = torch.random.get_rng_state()
    other.take_structure(model.structure())
    assert torch.equal(before, torch.random.get_rng_state())
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(x), model(x))
    assert all(not p.requires_grad for p in other.parameters())


@pytest.mark.parametrize("layer", [1, 2])
def test_a_branch_hangs_on_any_layer_of_a_cnn(layer):
    parent = build_parent((3, 10, 10), 4, BranchingOptions(network="cnn", hidden=(5, 6), layer=layer))
    x = torch.rand(2, 3, 10, 10)
    assert parent(x).shape == (2, 4)
    assert parent.vector(parent.hidden(x, layer)).shape == (2, parent.widths[layer - 1])
    assert torch.allclose(parent.eval()(x), parent.finish(parent.hidden(x, layer), layer))


@given(own=st.sets(st.integers(0, 5), min_size=1), seed=st.integers(0, 99), exposure=st.sampled_from([0.0, 0.5]))
def test_the_loss_of_a_branch_is_finite_whatever_the_batch_holds(own, seed, exposure):
    branch = Branch(4, sorted(own), 0, 0, BranchingOptions())
    y = torch.randint(0, 6, (5,), generator=torch.Generator().manual_seed(seed))
    loss = branch.loss(branch(torch.rand(5, 4)), y, exposure)
    loss.backward()
    assert torch.isfinite(loss)
    if not exposure and not own.intersection(y.tolist()):
        assert float(loss) == 0
    assert all(torch.isfinite(p.grad).all() for p in branch.parameters())


@given(seed=st.integers(0, 99), cut=st.integers(1, 29))
def test_standardising_does_not_depend_on_how_data_is_cut(seed, cut):
    x = 3 + 2 * torch.rand(30, 4, generator=torch.Generator().manual_seed(seed))
    x[:, 3] = 1
    whole, parts = Standardiser((4,)), Standardiser((4,))
    whole.fit([x])
    parts.fit([x[:cut], x[cut:]])
    assert torch.allclose(whole(x), parts(x), atol=1e-5)
    assert torch.allclose(whole(x).mean(0), torch.zeros(4), atol=1e-5)
    assert torch.allclose(whole(x)[:, :3].std(0, correction=0), torch.ones(3), atol=1e-4)


def test_densities_find_who_was_trained_on_what_and_survive_a_checkpoint():
    generator = torch.Generator().manual_seed(0)
    densities = ClassDensities(5)
    centres = 4 * torch.randn(4, 5, generator=generator)
    y = torch.arange(4).repeat(50)
    h = centres[y] + torch.randn(200, 5, generator=generator)
    for expert, classes in ((0, [0, 1]), (3, [2, 3])):
        densities.add(expert, classes, [(h[:100], y[:100]), (h[100:], y[100:])])
    scores = densities.scores(h, [0, 3])
    assert float(((scores.argmax(1) == 1) == (y >= 2)).float().mean()) > 0.97
    other = ClassDensities(5)
    other.load(densities.export())
    assert torch.equal(other.scores(h, [0, 3]), scores)
