"""Streams of real digits that turn: at once, slowly, and through a saved model."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from morph_cl.morph.assembly import build_morph
from morph_cl.morph.frames import turn_of
from morph_cl.morph.model import MorphModel

Digits = tuple[Tensor, Tensor]
Change = Callable[[int, Tensor], Tensor]

BATCH = 16
SMALL: dict[str, Any] = {
    "window": 192,
    "dims": 10,
    "modes": 4,
    "cooldown": 10,
    "effort": 4,
    "memory": 400,
    "replay": 32,
    "lr": 1e-2,
    "gate": False,
}


def small_expert() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))


def new_model(align: str) -> MorphModel:
    torch.manual_seed(0)
    return build_morph((1, 8, 8), 10, expert=small_expert, align=align, **SMALL)


def as_it_is(number: int, x: Tensor) -> Tensor:
    return x


def quarter(number: int, x: Tensor) -> Tensor:
    return torch.rot90(x, 1, (2, 3))


def slowly(number: int, x: Tensor) -> Tensor:
    """Two degrees a batch, clockwise."""
    angle = torch.tensor(-2.0 * number).deg2rad()
    cos, sin = float(angle.cos()), float(angle.sin())
    frames = torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0]]).expand(len(x), 2, 3)
    grid = nn.functional.affine_grid(frames, list(x.shape), align_corners=False)
    return nn.functional.grid_sample(x, grid, align_corners=False)


def feed(model: MorphModel, digits: Digits, batches: range, change: Change) -> list[float]:
    """Predict each batch, then learn it; the share predicted rightly. A batch's number decides what is in it."""
    (x, y), optimizer, right = digits, model.make_optimizer(), []
    for number in batches:
        torch.manual_seed(number)
        rows = torch.randint(0, len(y), (BATCH,))
        batch = change(number, x[rows]), y[rows]
        model.eval()
        with torch.no_grad():
            right.append(float((model(batch[0]).argmax(1) == batch[1]).float().mean()))
        model.train_step(batch, optimizer)
    return right


def growths(model: MorphModel) -> list[dict[str, Any]]:
    return [event.detail for event in model.pending if event.kind == "growth"]


@pytest.fixture(scope="module")
def taught(digits: Digits) -> dict[str, MorphModel]:
    """Models that have learned upright digits, with and without alignment."""
    models = {align: new_model(align) for align in ("affine", "none")}
    for model in models.values():
        feed(model, digits, range(45), as_it_is)
        assert model.numbers == [0]
    return models


def test_a_turned_world_is_known_once_an_expert_has_grown_for_it(taught: dict[str, MorphModel], digits: Digits) -> None:
    after = {}
    for align, taught_model in taught.items():
        model = copy.deepcopy(taught_model)
        right = feed(model, digits, range(100, 120), quarter)
        (growth,) = growths(model)
        grown_at = next(event.iteration for event in model.pending if event.kind == "growth") - 45
        assert grown_at < 7
        after[align] = sum(right[grown_at + 1 : grown_at + 13]) / 12  # about 200 samples
        assert growth["parent"] == 0
        if align == "affine":
            assert growth["turn"] == pytest.approx(-90, abs=15)  # rot90 turns counter-clockwise
            assert model.pool.kin(1) == [0, 1]
        else:
            assert "turn" not in growth
    assert after["affine"] > 0.85
    assert after["affine"] > after["none"] + 0.2


def test_the_world_as_it_was_is_known_again_at_once(taught: dict[str, MorphModel], digits: Digits) -> None:
    model = copy.deepcopy(taught["affine"])
    feed(model, digits, range(100, 115), quarter)
    right = feed(model, digits, range(200, 212), as_it_is)
    assert len(growths(model)) == 1
    assert model.active == 0
    assert sum(right[3:]) / len(right[3:]) > 0.85


def test_a_slow_turn_is_followed_by_the_frame_and_grows_nothing(taught: dict[str, MorphModel], digits: Digits) -> None:
    right = {}
    for align, taught_model in taught.items():
        model = copy.deepcopy(taught_model)
        right[align] = sum(feed(model, digits, range(40), slowly)[20:]) / 20
        if align == "affine":
            assert growths(model) == []
            assert turn_of(model.pool.frame(0)) == pytest.approx(78, abs=15)
            follows = [event.detail["by"] for event in model.pending if event.kind == "follow"]
            assert len(follows) >= 2
            assert min(follows) > 20
    assert right["affine"] > 0.8
    assert right["affine"] > right["none"] + 0.2


@pytest.mark.parametrize(("change", "cut"), [(quarter, 2), (quarter, 8), (slowly, 15)])
def test_a_model_that_is_loaded_in_mid_stream_goes_on_to_the_bit(
    taught: dict[str, MorphModel], digits: Digits, change: Change, cut: int
) -> None:
    model = copy.deepcopy(taught["affine"])
    feed(model, digits, range(cut), change)
    model.refresh()
    again = new_model("affine")
    again.load_state_dict(copy.deepcopy(model.state_dict()))
    ahead = range(cut, cut + 10)
    assert feed(again, digits, ahead, change) == feed(model, digits, ahead, change)
    assert again.pending == model.pending
    first, second = model.pool.state_dict(), again.pool.state_dict()
    assert list(first) == list(second)
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())
    assert torch.equal(again.memory.frame, model.memory.frame)
    x, _ = digits
    with torch.no_grad():
        assert torch.equal(again.eval()(x[:100]), model.eval()(x[:100]))
