"""Saving a strategy at an experience boundary and going on in a fresh one changes nothing, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from avalanche.training.plugins import (
    AGEMPlugin,
    EWCPlugin,
    GDumbPlugin,
    GEMPlugin,
    LwFPlugin,
    ReplayPlugin,
    SynapticIntelligencePlugin,
)
from avalanche.training.supervised import Cumulative
from avalanche.training.templates import SupervisedTemplate
from torch import nn

from morph_cl.bridge.accounting import memory_use
from morph_cl.bridge.checkpoint import load_checkpoint, save_checkpoint
from morph_cl.bridge.classifier import build_classifier, build_optimizer
from morph_cl.bridge.context import StrategyContext
from morph_cl.bridge.randomness import random_state, seed_everything, set_random_state
from morph_cl.bridge.state import encode_strategy, restore_strategy
from morph_cl.bridge.strategy import TensorStrategy
from morph_cl.bridge.stream import Stream
from morph_cl.errors import CheckpointError
from morph_cl.training_options import TrainingOptions


class Plain(TensorStrategy, SupervisedTemplate):
    """Fine-tuning."""


class Joint(TensorStrategy, Cumulative):
    """All data so far."""

    state_attributes = ("dataset",)


PLUGINS: dict[str, Callable[[], list[Any]]] = {
    "none": lambda: [],
    "replay": lambda: [ReplayPlugin(mem_size=30)],
    "ewc": lambda: [EWCPlugin(ewc_lambda=1.0)],
    "lwf": lambda: [LwFPlugin()],
    "si": lambda: [SynapticIntelligencePlugin(si_lambda=0.1)],
    "gem": lambda: [GEMPlugin(patterns_per_experience=20, memory_strength=0.5)],
    "gdumb": lambda: [GDumbPlugin(mem_size=40)],
}


def build(stream: Stream, plugins: str, cls: type = Plain, optimizer: str = "sgd") -> Any:
    context = StrategyContext(
        input_shape=stream.input_shape,
        classes=stream.classes,
        experiences=len(stream),
        setting=stream.setting,
        epochs=2,
        batch_size=16,
        eval_batch_size=50,
        device="cpu",
        seed=0,
        build_expert=lambda name, options: nn.Identity(),
        plugins=PLUGINS[plugins](),
    )
    options = TrainingOptions(hidden=(12,), optimizer=optimizer, lr=0.05 if optimizer == "sgd" else 0.01)
    model = build_classifier(context, options)
    return cls(
        model=model,
        optimizer=build_optimizer(model, options),
        criterion=nn.CrossEntropyLoss(),
        **context.loop(),
    )


def weights(strategy: Any) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in strategy.model.parameters()])


def run_with_stop(
    stream: Stream, folder: Path, make: Callable[[], Any], stop_after: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights of the run that never stopped, and of the one that was saved and went on in a fresh strategy."""
    seed_everything(5)
    whole = make()
    for experience in stream.benchmark.train_stream:
        whole.train(experience, eval_streams=[])

    seed_everything(5)
    first = make()
    for experience in stream.benchmark.train_stream[:stop_after]:
        first.train(experience, eval_streams=[])
    save_checkpoint(folder, stop_after, {"strategy": encode_strategy(first), "random": random_state()})

    saved = load_checkpoint(folder)
    seed_everything(99)
    second = make()
    restore_strategy(second, saved["strategy"], stream)
    set_random_state(saved["random"])
    for experience in stream.benchmark.train_stream[stop_after:]:
        second.train(experience, eval_streams=[])
    return weights(whole), weights(second)


@pytest.mark.parametrize("plugins", sorted(PLUGINS))
def test_a_resumed_strategy_equals_one_that_never_stopped(make_flipped, tmp_path, plugins):
    stream = make_flipped()
    whole, resumed = run_with_stop(stream, tmp_path, lambda: build(stream, plugins), 2)
    assert torch.equal(whole, resumed)


def test_joint_training_and_adams_state_resume_too(make_flipped, tmp_path):
    stream = make_flipped()
    whole, resumed = run_with_stop(stream, tmp_path, lambda: build(stream, "none", Joint, "adam"), 2)
    assert torch.equal(whole, resumed)


@pytest.mark.parametrize("plugins", ["none", "replay", "lwf"])
def test_task_aware_models_resume_too(make_flipped, tmp_path, plugins):
    stream = make_flipped("task")
    whole, resumed = run_with_stop(stream, tmp_path, lambda: build(stream, plugins), 1)
    assert torch.equal(whole, resumed)


def test_an_attribute_without_a_form_is_named(make_flipped):
    stream = make_flipped()
    strategy = build(stream, "replay")
    strategy.plugins[0].socket = object.__new__(type("Socket", (), {}))
    with pytest.raises(CheckpointError, match=r"ReplayPlugin\.socket is a Socket"):
        encode_strategy(strategy)


def test_counting_bytes_passes_over_what_cannot_be_saved(make_flipped):
    stream = make_flipped()
    strategy = build(stream, "none")
    strategy.plugins.insert(0, AGEMPlugin(patterns_per_experience=20, sample_size=20))
    strategy.train(stream.benchmark.train_stream[0], eval_streams=[])
    with pytest.raises(CheckpointError, match=r"AGEMPlugin\.buffer_dataloader"):
        encode_strategy(strategy)
    assert memory_use(strategy).buffer_bytes >= 20 * (64 + 8)


def test_a_checkpoint_of_other_plugins_is_refused(make_flipped):
    stream = make_flipped()
    state = encode_strategy(build(stream, "replay"))
    with pytest.raises(CheckpointError, match="ReplayPlugin"):
        restore_strategy(build(stream, "ewc"), state, stream)


def test_bytes_are_those_of_weights_and_stored_samples(make_flipped):
    stream = make_flipped()
    strategy = build(stream, "replay")
    before = memory_use(strategy)
    parameters = 64 * 12 + 12 + 12 * 4 + 4
    assert before.parameters == parameters
    assert (before.weight_bytes, before.total_bytes) == (4 * parameters, 4 * parameters)
    strategy.train(stream.benchmark.train_stream[0], eval_streams=[])
    after = memory_use(strategy)
    # 30 samples of 64 uint8 pixels and an int64 label; statistics: the reservoir's float32 weights and bookkeeping
    assert after.weight_bytes == 4 * parameters
    assert 30 * (64 + 8) <= after.buffer_bytes <= 2 * 30 * (64 + 8) + 30 * 8


def test_ewc_counts_its_importances_and_old_weights(make_flipped):
    stream = make_flipped()
    strategy = build(stream, "ewc")
    strategy.train(stream.benchmark.train_stream[0], eval_streams=[])
    use = memory_use(strategy)
    assert use.statistics_bytes == 2 * use.weight_bytes
