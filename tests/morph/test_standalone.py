from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import morph_cl
from morph_cl.errors import UsageError
from morph_cl.morph.model import MorphModel

Make = Callable[..., MorphModel]
Samples = Callable[..., tuple[Tensor, Tensor]]
Train = Callable[..., None]


def tensors_of(state: Any) -> list[Tensor]:
    if isinstance(state, Tensor):
        return [state]
    values = state.values() if isinstance(state, dict) else state if isinstance(state, list | tuple) else ()
    return [tensor for value in values for tensor in tensors_of(value)]


def same(a: Any, b: Any) -> bool:
    pairs = zip(tensors_of(a), tensors_of(b), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


@pytest.fixture(scope="module")
def grown(experience: Train, make_model: Make, make_samples: Samples) -> MorphModel:
    model = make_model(boundaries="aware")
    for number in range(3):
        experience(model, *make_samples(300, number, number))
    assert len(model.pool) > 1
    return model


def test_evaluate_counts_what_the_prediction_says(grown: MorphModel, make_samples: Samples) -> None:
    x, y = make_samples(90, 1, 9)
    figures = grown.evaluate(zip(x.split(40), y.split(40), strict=True))
    with torch.no_grad():
        logits = grown.eval()(x)
    assert figures["count"] == 90
    assert figures["accuracy"] == pytest.approx(float((logits.argmax(1) == y).float().mean()))
    assert figures["loss"] == pytest.approx(float(torch.nn.functional.cross_entropy(logits, y)), rel=1e-3)
    assert list(figures["share"]) == grown.numbers
    assert sum(figures["share"].values()) == pytest.approx(1, abs=1e-4)


@settings(max_examples=15)
@given(seed=st.integers(0, 1_000), batch=st.integers(1, 60))
def test_evaluation_is_blind_to_labels_order_and_batch_size(
    grown: MorphModel, make_samples: Samples, seed: int, batch: int
) -> None:
    x, y = make_samples(48, seed % 3, seed)
    order = torch.randperm(48, generator=torch.Generator().manual_seed(seed))
    whole = grown.evaluate([(x, y)])
    parts = grown.evaluate(zip(x[order].split(batch), y[order].split(batch), strict=True))
    assert parts["accuracy"] == whole["accuracy"]
    assert parts["share"] == pytest.approx(whole["share"], abs=1e-4)
    shuffled = grown.evaluate([(x, y[order])])
    assert shuffled["share"] == whole["share"]
    with torch.no_grad():
        said = grown.eval()(x).argmax(1)
        assert torch.equal(torch.cat([grown(part) for part in x[order].split(batch)]).argmax(1), said[order])
    assert shuffled["accuracy"] == pytest.approx(float((said == y[order]).float().mean()))


def test_evaluation_leaves_mode_and_state_alone(grown: MorphModel, make_samples: Samples) -> None:
    before = copy.deepcopy(grown.state_dict())
    grown.train()
    grown.evaluate([make_samples(30, 0, 1)])
    assert grown.training
    assert same(before, grown.state_dict())


def test_evaluation_on_nothing_is_refused(grown: MorphModel) -> None:
    with pytest.raises(UsageError, match="nothing to evaluate"):
        grown.evaluate([])


SPOILT: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "nan": lambda x, y: (x.index_fill(0, torch.tensor([3]), math.nan), y),
    "infinity": lambda x, y: (x.index_fill(0, torch.tensor([3]), math.inf), y),
    "empty": lambda x, y: (x[:0], y[:0]),
    "shape": lambda x, y: (x[..., :3], y),
    "no channel": lambda x, y: (x[:, 0], y),
    "fewer labels": lambda x, y: (x, y[1:]),
    "label beyond": lambda x, y: (x, y.clone().fill_(3)),
    "label below": lambda x, y: (x, y.clone().fill_(-1)),
    "float labels": lambda x, y: (x, y.float()),
    "bytes": lambda x, y: ((x * 255).byte(), y),
    "no pair": lambda x, y: (x, y, y),
    "no tensor": lambda x, y: (x, y.tolist()),
}


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_bad_batch_is_refused_and_changes_nothing(
    learn: Train, make_model: Make, make_samples: Samples, spoil: str
) -> None:
    model = make_model()
    optimizer = model.make_optimizer()
    learn(model, optimizer, *make_samples(200, 0, 0))
    before = copy.deepcopy(model.state_dict())
    batch = SPOILT[spoil](*make_samples(16, 0, 1))
    with pytest.raises(UsageError):
        model.train_step(batch, optimizer)
    with pytest.raises(UsageError):
        model.evaluate([batch])
    assert same(before, model.state_dict())
    assert before["_extra_state"]["iteration"] == model.iteration


def test_an_optimizer_of_another_origin_is_refused(make_model: Make, make_samples: Samples) -> None:
    model = make_model()
    with pytest.raises(UsageError, match="make_optimizer"):
        model.train_step(make_samples(16, 0, 0), torch.optim.SGD(model.parameters(), 0.1))


def test_a_criterion_replaces_the_cross_entropy(make_model: Make, make_samples: Samples) -> None:
    model = make_model(shared=True, holdout=0)
    seen = []

    def criterion(logits: Tensor, y: Tensor) -> Tensor:
        seen.append((tuple(logits.shape), len(y)))
        return 0.0 * logits.sum() + 1.0

    assert model.train_step(make_samples(16, 0, 0), model.make_optimizer(), criterion) == 2.0
    assert seen == [((16, 3), 16), ((16, 3), 16)]


def test_one_seed_gives_one_result_bit_for_bit(learn: Train, make_model: Make, make_samples: Samples) -> None:
    states = []
    for _ in range(2):
        model = make_model()
        learn(model, model.make_optimizer(), *make_samples(600, 0, 0))
        learn(model, model.make_optimizer(), *make_samples(600, 2, 1))
        model.sleep()
        states.append(model.state_dict())
    assert same(*states)


def test_a_grown_model_goes_through_its_state(learn: Train, make_model: Make, make_samples: Samples) -> None:
    model = make_model(detector="novelty")
    optimizer = model.make_optimizer()
    for seed, domain in enumerate((0, 2)):
        learn(model, optimizer, *make_samples(900, domain, seed))
    assert len(model.pool) > 1
    model.refresh()  # training asks for densities, lazily; a loaded model's are fresh
    again = make_model()
    again.load_state_dict(copy.deepcopy(model.state_dict()))
    assert again.watch.export() == model.watch.export()
    assert torch.equal(again.concepts.loss_level, model.concepts.loss_level)
    batches = [make_samples(50, 2, 9)]
    assert again.evaluate(batches) == model.evaluate(batches)


def test_the_optimizer_covers_what_is_trainable_after_a_sleep_that_drops_experts(
    learn: Train, make_model: Make, make_samples: Samples
) -> None:
    model = make_model(prune_after=1, merge_agreement=0.3, bound=1.0, loss_bound=100.0, holdout=0)
    optimizer = model.make_optimizer()
    for seed, domain in enumerate((0, 2, 1)):
        learn(model, optimizer, *make_samples(700, domain, seed))
    before = len(model.pool)
    model.validation.add(*make_samples(60, 1, 9), model.active)
    model.sleep()
    assert len(model.pool) < before
    model.train_step(make_samples(16, 1, 5), optimizer)
    covered = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert covered == {id(p) for p in model.parameters() if p.requires_grad}


def test_built_by_name_or_by_a_callable() -> None:
    model = morph_cl.build_morph((1, 6, 6), 3, expert="cnn", memory=50)
    assert model.options.expert == "cnn"
    assert (model.options.memory, model.options.boundaries) == (50, "free")
    assert any(isinstance(part, torch.nn.Conv2d) for part in model.modules())
    options = morph_cl.MorphOptions(memory=60)
    linear = lambda: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 3))  # noqa: E731
    model = morph_cl.build_morph((1, 6, 6), 3, options, linear, top_k=1)
    assert (model.options.memory, model.options.top_k, model.options.boundaries) == (60, 1, "aware")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"expert": "mpl"}, "unknown expert 'mpl'. Did you mean 'mlp'"),
        ({"detector": "zzz"}, "unknown detector 'zzz'.*novelty, .*page-hinkley"),
        ({"memori": 3}, "memori"),
        ({"max_bytes": 1_000}, "max_bytes=1000 is too small"),
        ({"input_shape": (6, 6)}, r"give \(C, H, W\)"),
        ({"classes": 0}, "0 classes"),
        ({"expert": torch.nn.Flatten}, r"must give \(1, 3\) logits"),
    ],
)
def test_what_cannot_be_built_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        morph_cl.build_morph(**{"input_shape": (1, 6, 6), "classes": 3, **arguments})
