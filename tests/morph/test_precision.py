"""Experts multiply in bfloat16 where that is fast, wanted, and each of their layers is known to compute in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from morph_cl.morph import precision
from morph_cl.morph.builders import build_cnn, build_mlp, build_transformer
from morph_cl.morph.experts import ExpertPool
from morph_cl.morph.gate import Gate
from morph_cl.morph.model import MorphModel
from morph_cl.morph.options import CnnExpertOptions, MlpExpertOptions, TransformerExpertOptions
from morph_cl.morph.precision import Precision, rounded

X = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that multiplies bfloat16 itself; others compute the same, only slowly."""
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda: True)


class Doubled(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.ones(1)


def bundled() -> list[nn.Module]:
    return [build_mlp((1, 8, 8), 3, MlpExpertOptions()), build_cnn((1, 8, 8), 3, CnnExpertOptions())]


def within(net: nn.Module, images: torch.Tensor = X) -> torch.dtype:
    return Precision().within(net, images)


def test_bundled_networks_multiply_in_bfloat16() -> None:
    assert [within(net) for net in bundled()] == [torch.bfloat16] * 2


def test_few_samples_are_learned_from_in_single_precision() -> None:
    assert within(bundled()[0], X[:31]) == torch.float32
    with torch.no_grad():
        assert within(bundled()[0], X[:1]) == torch.bfloat16


def test_single_precision_can_be_asked_for() -> None:
    assert Precision(bfloat16=False).within(bundled()[0], X) == torch.float32


def test_layers_that_are_not_known_keep_the_type_of_the_images() -> None:
    foreign = nn.Sequential(nn.Flatten(), nn.Linear(64, 3), Doubled())
    transformer = build_transformer((1, 8, 8), 3, TransformerExpertOptions())
    assert [within(net) for net in (foreign, transformer)] == [torch.float32] * 2


@pytest.mark.parametrize("images", [X.double(), X.to("meta")])
def test_other_types_and_devices_are_left_alone(images: torch.Tensor) -> None:
    net = bundled()[0]
    assert within(net, images) == images.dtype
    with Precision().products(net, images):
        assert not torch.is_autocast_enabled("cpu")


def test_a_processor_that_does_not_multiply_it_answers_in_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda: False)
    assert within(bundled()[0]) == torch.float32


@pytest.mark.parametrize("number", [0, 1])
def test_answers_are_those_of_single_precision_to_two_digits_and_normalized(number: int) -> None:
    torch.manual_seed(0)
    pool = ExpertPool(lambda: bundled()[number], half=True)
    pool.add(None)
    pool.open(pool.add(None))
    with torch.no_grad():
        said = pool(0, X)
    exact = pool(0, X)  # with gradients enabled
    assert said.dtype == torch.float32
    assert not torch.equal(said, exact)
    torch.testing.assert_close(said, exact, atol=0.02, rtol=0.02)
    torch.testing.assert_close(said.logsumexp(1), torch.zeros(len(X)))


def test_the_gate_predicts_in_bfloat16_and_learns_in_single_precision() -> None:
    torch.manual_seed(0)
    gates = [Gate(64), Gate(64, Precision(bfloat16=False))]
    for gate in gates:
        gate.resize(3)
        gate.weight.data.copy_(torch.linspace(-0.5, 0.5, 3 * 64).view(3, 64))
    with torch.no_grad():
        short, exact = (gate(X) for gate in gates)
    assert short.dtype == exact.dtype == torch.float32
    assert not torch.equal(short, exact)
    torch.testing.assert_close(short, exact, rtol=0.02, atol=0.05)
    torch.testing.assert_close(gates[0](X), exact)


@torch.no_grad()
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("number", [0, 1])
def test_all_experts_answer_in_single_precision_where_that_is_asked_for(half: bool, number: int) -> None:
    pool = ExpertPool(lambda: bundled()[0], half=half, precision=Precision(bfloat16=False))
    pool.add(None)
    pool.open(pool.add(None))
    assert torch.equal(pool.logits(number, X), pool.net(number).float()(X))


def test_an_expert_in_training_multiplies_in_bfloat16_and_learns_in_single_precision() -> None:
    torch.manual_seed(0)
    pool = ExpertPool(lambda: bundled()[0], half=True)
    pool.open(pool.add(None))
    net = pool.net(0)

    def gradients(answer: torch.Tensor) -> list[torch.Tensor]:
        assert answer.dtype == torch.float32
        loss = nn.functional.cross_entropy(answer, torch.arange(len(X)) % 3)
        return list(torch.autograd.grad(loss, list(net.parameters())))

    short, single = gradients(pool.logits(0, X)), gradients(net(X))
    assert not torch.equal(pool.logits(0, X), net(X))
    for ours, exact in zip(short, single, strict=True):
        assert ours.dtype == torch.float32
        assert nn.functional.cosine_similarity(ours.flatten(), exact.flatten(), 0) > 0.99


def test_the_option_reaches_training_answers_and_densities(
    make_model: Callable[..., MorphModel],
    make_samples: Callable[..., tuple[torch.Tensor, torch.Tensor]],
    experience: Callable[..., None],
) -> None:
    def trained(bfloat16: bool) -> MorphModel:
        model = make_model(boundaries="aware", bfloat16=bfloat16, shared=True)
        experience(model, *make_samples(300, 0, 0), 5)
        return model

    x = make_samples(40, 0, 1)[0]
    by_default, single = trained(True), trained(False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "multiplies_bfloat16", lambda: False)
        elsewhere = trained(True)
        said = elsewhere.predict(x)
    for name in ("pool.nets.0.1.weight", "shared.1.weight"):
        assert torch.equal(single.get_parameter(name), elsewhere.get_parameter(name))
        assert not torch.equal(by_default.get_parameter(name), elsewhere.get_parameter(name))
    assert torch.equal(single.predict(x), said)
    short = elsewhere.concepts.densities.nearest(elsewhere.concepts.projection(x))
    assert not torch.equal(short, single.concepts.densities.nearest(single.concepts.projection(x)))


@torch.no_grad()
@pytest.mark.parametrize("size", [1, 31, 32, 33])
def test_networks_meet_few_sizes_of_batches_and_say_nothing_of_what_was_filled_up(size: int) -> None:
    pool = ExpertPool(lambda: bundled()[0], half=True)
    pool.add(None)
    pool.open(pool.add(None))
    met: list[int] = []
    whole = pool(0, X)
    pool.runner.copies[0][torch.bfloat16].register_forward_pre_hook(lambda _, given: met.append(len(given[0])))
    torch.testing.assert_close(pool(0, X[:size]), whole[:size], atol=0.02, rtol=0.02)
    assert met == [rounded(size, torch.bfloat16)] == [32 * (1 + size // 33)]
    assert rounded(size, torch.float32) == size
