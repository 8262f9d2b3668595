"""The gate's losses by hand and by their properties, and rows that stay with their experts."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from morph_cl.morph.gate import Gate
from morph_cl.morph.gate_losses import balance_loss, memory_loss, noisy, owner_shares, z_loss
from morph_cl.morph.model import MorphModel
from morph_cl.morph.optimizer import cover, make_optimizer
from morph_cl.morph.options import MorphOptions

EXPERTS = st.integers(1, 6)
LOGITS = st.tuples(st.integers(1, 5), EXPERTS, st.integers(0, 2**31)).map(
    lambda t: 3 * torch.randn(t[0], t[1], generator=torch.Generator().manual_seed(t[2]))
)


def test_shares_count_one_sample_more_an_expert() -> None:
    shares = owner_shares(torch.tensor([0, 0, 0, 1]), 3)
    torch.testing.assert_close(shares, torch.tensor([4.0, 2.0, 1.0]) / 7)


def test_balance_by_hand() -> None:
    logits = torch.tensor([[0.9, 0.1], [0.5, 0.5]]).log()  # mean use 0.7, 0.3
    assert float(balance_loss(logits, torch.tensor([0.5, 0.5]))) == pytest.approx((0.49 + 0.09) / 0.5)
    assert float(balance_loss(logits, torch.tensor([0.7, 0.3]))) == pytest.approx(1.0)


@given(LOGITS, st.integers(0, 2**31))
def test_balance_is_least_where_use_meets_the_shares(logits: Tensor, seed: int) -> None:
    uniform = torch.full((logits.shape[1],), 1 / logits.shape[1])
    owned = torch.rand(logits.shape[1], generator=torch.Generator().manual_seed(seed)) + 0.05
    for shares in (uniform, owned / owned.sum()):
        assert float(balance_loss(logits, shares)) >= 1 - 1e-5
        assert float(balance_loss(shares.log().expand_as(logits), shares)) == pytest.approx(1.0, abs=1e-5)


def test_z_by_hand() -> None:
    logits = torch.tensor([[1.0, 3.0], [0.5, 0.5]]).log()  # sums 4 and 1
    assert float(z_loss(logits)) == pytest.approx(float(torch.tensor(4.0).log() ** 2) / 2)


@given(LOGITS, st.floats(-5, 5))
def test_z_is_positive_and_pays_for_a_shift(logits: Tensor, shift: float) -> None:
    assert float(z_loss(logits)) >= 0
    expected = (logits.logsumexp(1) + shift).square().mean()
    torch.testing.assert_close(z_loss(logits + shift), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        balance_loss(logits + shift, owner_shares(torch.arange(1), logits.shape[1])),
        balance_loss(logits, owner_shares(torch.arange(1), logits.shape[1])),
    )


@given(LOGITS, st.floats(0.1, 5))
def test_noise_comes_in_training_only(logits: Tensor, scale: float) -> None:
    assert noisy(logits, scale, training=False) is logits
    assert noisy(logits, 0.0, training=True) is logits
    torch.manual_seed(0)
    drawn = torch.randn_like(logits)
    torch.manual_seed(0)
    torch.testing.assert_close(noisy(logits, scale, training=True), logits + scale * drawn)


def test_memory_loss_adds_each_part_by_its_weight() -> None:
    gate, x = gate_of(3), torch.rand(8, 1, 2, 2)
    rows, owners = torch.arange(8) % 3, torch.tensor([0, 0, 1, 2])
    gate.weight.data.normal_()

    def loss(**options: float) -> float:
        return float(memory_loss(gate, x, rows, owners, MorphOptions(**options)))  # type: ignore[arg-type]

    plain = float(torch.nn.functional.nll_loss(gate(x), rows))
    logits = gate.logits(x)
    assert loss() == pytest.approx(plain)
    assert loss(gate_z=0.5) == pytest.approx(plain + 0.5 * float(z_loss(logits)))
    balance = float(balance_loss(logits, owner_shares(owners, 3)))
    assert loss(gate_balance=0.5) == pytest.approx(plain + 0.5 * balance)
    assert loss(gate_noise=3.0) != pytest.approx(plain)
    gate.eval()
    assert loss(gate_noise=3.0) == pytest.approx(plain)


# --- rows --------------------------------------------------------------------------------------------------------


def gate_of(rows: int) -> Gate:
    gate = Gate(4)
    for _ in range(rows):
        gate.add_row(None)
    return gate


CHANGES = st.lists(st.tuples(st.sampled_from(["add", "keep", "resize", "step"]), st.integers(0, 2**31)), max_size=12)


@given(CHANGES)
def test_rows_and_moments_stay_with_their_experts(changes: list[tuple[str, int]]) -> None:
    """Each expert's row and moments hold a mark of its own, followed through any sequence of changes."""
    gate, optimizer = gate_of(1), make_optimizer(1e-3, 1e-3)
    expected: list[tuple[float, float]] = [(0.0, 0.0)]  # of each expert: its row, its moments
    cover(optimizer, {"gate.weight": gate.weight, "gate.bias": gate.bias}, gate)
    for number, (change, seed) in enumerate(changes, 1):
        count = len(gate)
        if change == "add":
            parent = seed % count if seed % 2 else None
            gate.add_row(parent)
            expected.append((expected[parent][0] if parent is not None else 0.0, 0.0))
        elif change == "keep":
            order = torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()
            rows = order[: 1 + seed % count]
            gate.keep(rows)
            expected = [expected[row] for row in rows]
        elif change == "resize":
            gate.resize(1 + seed % 4)
            expected = [(0.0, 0.0)] * len(gate)
        cover(optimizer, {"gate.weight": gate.weight, "gate.bias": gate.bias}, gate)
        if change == "step":
            expected = [(number + row / 16, number + row / 32) for row in range(count)]
            mark(gate, optimizer, expected)
        check(gate, optimizer, expected)


def mark(gate: Gate, optimizer: torch.optim.Optimizer, marks: list[tuple[float, float]]) -> None:
    values, moments = torch.tensor(marks).T
    for parameter in (gate.weight, gate.bias):
        shape = (-1,) + (1,) * (parameter.dim() - 1)
        parameter.data[:] = values.view(shape)
        moment = moments.view(shape).expand_as(parameter).clone()
        optimizer.state[parameter] = {"step": torch.tensor(1.0), "exp_avg": moment, "exp_avg_sq": moment.clone()}


def check(gate: Gate, optimizer: torch.optim.Optimizer, marks: list[tuple[float, float]]) -> None:
    assert len(gate) == len(gate.weight) == len(gate.origin) == len(marks)
    values, moments = torch.tensor(marks).T
    for parameter in (gate.weight, gate.bias):
        shape = (-1,) + (1,) * (parameter.dim() - 1)
        assert torch.equal(parameter.data, values.view(shape).expand_as(parameter))
        state = optimizer.state.get(parameter, {})
        for name in ("exp_avg", "exp_avg_sq"):
            kept = state.get(name, torch.zeros_like(parameter))
            assert torch.equal(kept, moments.view(shape).expand_as(parameter))
    covered = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert {id(p) for p in optimizer.state} <= covered == {id(gate.weight), id(gate.bias)}


# --- within MORPH ------------------------------------------------------------------------------------------------


def test_every_option_takes_part_and_evaluation_draws_nothing(
    experience: Callable[..., None], make_model: Callable[..., MorphModel], make_samples: Callable[..., tuple]
) -> None:
    gates = []
    for options in ({}, {"gate_noise": 1.0}, {"gate_balance": 1.0}, {"gate_z": 1.0}):
        model = make_model(boundaries="aware", **options)
        for number in range(2):
            experience(model, *make_samples(300, number, number))
        gates.append(model.gate.weight.detach())
        x, before = make_samples(60, 1, 9)[0], copy.deepcopy(torch.get_rng_state())
        with torch.no_grad():
            assert torch.equal(model(x), model(x))
        assert torch.equal(torch.get_rng_state(), before)
        assert not model.gate.training
        assert not [event for event in model.pending if event.kind not in ("growth", "sleep", "reuse")]
    assert all(not torch.equal(gate, gates[0]) for gate in gates[1:])
