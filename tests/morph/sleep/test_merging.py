from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from morph_cl.morph.model import MorphModel
from morph_cl.morph.sleep import merge_pair, merging
from morph_cl.morph.sleep.distillation import distilled

Make = Callable[..., MorphModel]
Samples = Callable[..., tuple[Tensor, Tensor]]
Train = Callable[..., None]


@pytest.fixture(scope="module")
def trained(experience: Train, make_model: Make, make_samples: Samples) -> MorphModel:
    model = make_model(boundaries="aware", merge=False, prune=False, lr=0.01)
    for number in range(3):
        experience(model, *make_samples(300, number, number))
    return model


@pytest.fixture
def grown(trained: MorphModel) -> MorphModel:
    return copy.deepcopy(trained)


def with_options(model: MorphModel, monkeypatch: pytest.MonkeyPatch, **options: object) -> None:
    monkeypatch.setattr(model, "options", model.options.model_copy(update=options))


def reverse_units(net: nn.Module) -> nn.Module:
    first, last = [part for part in net.modules() if isinstance(part, nn.Linear)]
    with torch.no_grad():
        first.weight.copy_(first.weight.flip(0))
        first.bias.copy_(first.bias.flip(0))
        last.weight.copy_(last.weight.flip(1))
    return net


def the_merge(model: MorphModel) -> dict[str, object]:
    return [event.detail for event in model.pending if event.kind == "merge"][-1]


def test_alignment_averages_a_permuted_twin_without_loss(grown: MorphModel, monkeypatch: pytest.MonkeyPatch) -> None:
    with_options(grown, monkeypatch, merge_by="align")
    kept = grown.pool.net(0)
    grown.pool.replace(1, reverse_units(copy.deepcopy(kept)))
    with torch.no_grad():
        assert merge_pair(grown, keep=0, drop=1)
    assert the_merge(grown)["by"] == "align"
    merged = grown.pool.net(0).state_dict()
    assert all(torch.allclose(merged[name], tensor, atol=1e-3) for name, tensor in kept.state_dict().items())


@pytest.mark.parametrize("merge_by", ["average", "distil"])
def test_the_event_says_how_experts_were_merged(
    grown: MorphModel, monkeypatch: pytest.MonkeyPatch, merge_by: str
) -> None:
    with_options(grown, monkeypatch, merge_by=merge_by, bound=1.0)
    grown.pool.replace(1, copy.deepcopy(grown.pool.net(0)))
    with torch.no_grad():
        assert merge_pair(grown, keep=0, drop=1)
    assert the_merge(grown)["by"] == merge_by


def test_networks_that_cannot_be_aligned_are_averaged(grown: MorphModel, monkeypatch: pytest.MonkeyPatch) -> None:
    with_options(grown, monkeypatch, merge_by="align")

    class Other(nn.Sequential):
        """Its order of running is not known from its children."""

    net = grown.pool.net(0)
    for number in (0, 1):
        grown.pool.replace(number, Other(copy.deepcopy(net)))
    with torch.no_grad():
        assert merge_pair(grown, keep=0, drop=1)
    assert the_merge(grown)["by"] == "average"


def test_a_useless_mean_leaves_the_kept_network_alone(grown: MorphModel, monkeypatch: pytest.MonkeyPatch) -> None:
    with_options(grown, monkeypatch, merge_by="distil", bound=0.05)
    broken = copy.deepcopy(grown.pool.net(0))
    for parameter in broken.parameters():
        parameter.neg_()
    monkeypatch.setattr(merging, "distilled", lambda *given: broken)
    kept = grown.pool.net(0)
    grown.pool.replace(1, copy.deepcopy(kept))
    grown.mixture.weights = torch.tensor([1.0, 1e-6, 1e-6, 1e-6, 1.0, 1e-6]).log()  # networks answer, not densities
    with torch.no_grad():
        assert merge_pair(grown, keep=0, drop=1)
    assert the_merge(grown)["by"] == "alone"
    assert grown.pool.net(0) is kept


def test_distillation_lowers_the_mismatch_and_changes_no_expert(
    grown: MorphModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_options(grown, monkeypatch, sleep_steps=60)
    before = copy.deepcopy(grown.pool.state_dict())

    def mismatch(net: nn.Module) -> float:
        found = 0.0
        for number in (0, 1):
            images = grown.memory.images((grown.memory.owner == number).nonzero().squeeze(1))
            answers = copy.deepcopy(net).float()(images).log_softmax(1)
            found += float(nn.functional.kl_div(answers, grown.pool(number, images), log_target=True, reduction="sum"))
        return found

    with torch.no_grad():
        start, _ = merging._joined(grown, 0, 1, 0.5)
        start_weights = copy.deepcopy(start.state_dict())
        taught = distilled(grown, 0, 1, start)
        assert mismatch(taught) < 0.7 * mismatch(start)
    assert next(taught.parameters()).dtype == next(start.parameters()).dtype
    assert not any(parameter.requires_grad for parameter in taught.parameters())
    assert all(torch.equal(tensor, start_weights[name]) for name, tensor in start.state_dict().items())
    assert all(torch.equal(tensor, before[name]) for name, tensor in grown.pool.state_dict().items())
