"""Frozen experts answer in bfloat16 where that is fast and each of their layers is known to compute in it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from morph_cl.morph import precision
from morph_cl.morph.builders import build_cnn, build_mlp, build_transformer
from morph_cl.morph.experts import ExpertPool
from morph_cl.morph.options import CnnExpertOptions, MlpExpertOptions, TransformerExpertOptions
from morph_cl.morph.precision import answering_type, rounded

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


@torch.no_grad()
def test_bundled_networks_answer_in_bfloat16() -> None:
    assert [answering_type(net, X) for net in bundled()] == [torch.bfloat16] * 2


@torch.no_grad()
def test_layers_that_are_not_known_keep_the_type_of_the_images() -> None:
    foreign = nn.Sequential(nn.Flatten(), nn.Linear(64, 3), Doubled())
    transformer = build_transformer((1, 8, 8), 3, TransformerExpertOptions())
    assert [answering_type(net, X) for net in (foreign, transformer)] == [torch.float32] * 2


@pytest.mark.parametrize("images", [X.double(), X.to("meta")])
def test_other_types_and_devices_are_left_alone(images: torch.Tensor) -> None:
    with torch.no_grad():
        assert answering_type(bundled()[0], images) == images.dtype


def test_gradients_flow_in_single_precision() -> None:
    assert answering_type(bundled()[0], X) == torch.float32


@torch.no_grad()
def test_a_processor_that_does_not_multiply_it_answers_in_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda: False)
    assert answering_type(bundled()[0], X) == torch.float32


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


@torch.no_grad()
def test_experts_kept_in_single_precision_answer_in_it() -> None:
    pool = ExpertPool(lambda: bundled()[0], half=False)
    pool.open(pool.add(None))
    pool.add(None)
    assert torch.equal(pool.logits(1, X), pool.net(1)(X))


@torch.no_grad()
@pytest.mark.parametrize("size", [1, 31, 32, 33])
def test_networks_meet_few_sizes_of_batches_and_say_nothing_of_what_was_filled_up(size: int) -> None:
    pool = ExpertPool(lambda: bundled()[0], half=True)
    pool.add(None)
    pool.open(pool.add(None))
    met: list[int] = []
    whole = pool(0, X)
    pool._working[0][torch.bfloat16].register_forward_pre_hook(lambda _, given: met.append(len(given[0])))
    torch.testing.assert_close(pool(0, X[:size]), whole[:size], atol=0.02, rtol=0.02)
    assert met == [rounded(size, torch.bfloat16)] == [32 * (1 + size // 33)]
    assert rounded(size, torch.float32) == size
