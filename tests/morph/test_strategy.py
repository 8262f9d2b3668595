from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from avalanche.training.plugins import EWCPlugin, LwFPlugin, ReplayPlugin
from torch import Tensor

from morph_cl.bridge.stream import Stream
from morph_cl.errors import UsageError
from morph_cl.morph.budget import bytes_held
from morph_cl.morph.strategy import MorphStrategy, TaskMorph

MakeStrategy = Callable[..., MorphStrategy]
MakeDomains = Callable[..., Stream]


def logits(strategy: MorphStrategy, experience: Any) -> tuple[Tensor, Tensor]:
    """Logits and labels of an experience's data."""
    x, y, task = experience.dataset.view().batch(torch.arange(len(experience.dataset)))
    strategy.model.eval()
    with torch.no_grad():
        answer = strategy.model(x, task) if isinstance(strategy.model, TaskMorph) else strategy.model(x)
    return answer, y


def accuracies(strategy: MorphStrategy, stream: Stream) -> list[float]:
    pairs = [logits(strategy, experience) for experience in stream.benchmark.test_stream]
    return [float((answer.argmax(1) == y).float().mean()) for answer, y in pairs]


def train(strategy: MorphStrategy, experiences: Any) -> None:
    for experience in experiences:
        strategy.train(experience, eval_streams=[])


def tensors_of(state: Any) -> list[Tensor]:
    if isinstance(state, Tensor):
        return [state]
    values = state.values() if isinstance(state, dict) else state if isinstance(state, list | tuple) else ()
    return [tensor for value in values for tensor in tensors_of(value)]


def test_it_learns_turned_domains_and_forgets_little(make_domains: MakeDomains, make_strategy: MakeStrategy) -> None:
    stream = make_domains()
    strategy = make_strategy(stream)
    just_learned = []
    for number, experience in enumerate(stream.benchmark.train_stream):
        strategy.train(experience, eval_streams=[])
        just_learned.append(accuracies(strategy, stream)[number])
    final = accuracies(strategy, stream)
    assert strategy.expert_count == 3
    assert min(final) > 0.85
    assert max(a - b for a, b in zip(just_learned, final, strict=True)) < 0.05
    kinds = [event.kind for event in strategy.drain_events()]
    assert kinds.count("growth") == 2
    assert kinds.count("sleep") == 3
    assert strategy.drain_events() == []


def test_a_stationary_stream_grows_no_expert(make_domains: MakeDomains, make_strategy: MakeStrategy) -> None:
    for seed in range(3):
        stream = make_domains((1, 1, 1, 1))
        strategy = make_strategy(stream, seed=seed, epochs=1)
        train(strategy, stream.benchmark.train_stream)
        assert strategy.expert_count == 1


@pytest.mark.parametrize("boundaries", ["aware", "free"])
def test_the_optimizer_covers_every_trainable_parameter_while_training(
    make_domains: MakeDomains, make_strategy: MakeStrategy, boundaries: str
) -> None:
    stream = make_domains()
    strategy = make_strategy(stream, boundaries=boundaries, cooldown=5, window=64)
    wrong = []
    update = strategy.optimizer_step

    def checked() -> None:
        covered = {id(p) for group in strategy.optimizer.param_groups for p in group["params"]}
        trainable = {id(p) for p in strategy.model.parameters() if p.requires_grad}
        wrong.append(covered ^ trainable)
        assert len(strategy.morph.gate) == len(strategy.morph.pool)
        update()

    strategy.optimizer_step = checked
    train(strategy, stream.benchmark.train_stream)
    assert strategy.expert_count > 1
    assert wrong
    assert not any(wrong)


def test_new_classes_may_come_at_any_time(make_domains: MakeDomains, make_strategy: MakeStrategy) -> None:
    stream = make_domains((0, 0, 0), setting="class")
    strategy = make_strategy(stream, epochs=3)
    train(strategy, stream.benchmark.train_stream)
    assert min(accuracies(strategy, stream)) > 0.9


def test_told_the_task_it_answers_within_the_task(make_domains: MakeDomains, make_strategy: MakeStrategy) -> None:
    stream = make_domains((0, 0, 1), setting="task")
    strategy = make_strategy(stream)
    train(strategy, stream.benchmark.train_stream)
    for experience in stream.benchmark.test_stream:
        answer, y = logits(strategy, experience)
        assert set(answer.argmax(1).tolist()) <= set(y.tolist())
    assert min(accuracies(strategy, stream)) > 0.9


def test_evaluation_sees_no_label(make_domains: MakeDomains, make_strategy: MakeStrategy) -> None:
    stream = make_domains()
    strategy = make_strategy(stream)
    train(strategy, stream.benchmark.train_stream[:2])
    test = stream.benchmark.test_stream[0]
    outputs: list[Tensor] = []
    after = strategy._after_eval_iteration
    strategy._after_eval_iteration = lambda **kwargs: (outputs.append(strategy.mb_output), after(**kwargs))
    strategy.eval(test)
    truth = torch.cat(outputs)
    before = copy.deepcopy(strategy.state_dict())
    outputs.clear()
    leaf = test.dataset.view().leaves[0]
    leaf.y = leaf.y.roll(1)
    strategy.eval(test)
    assert torch.equal(torch.cat(outputs), truth)
    assert all(torch.equal(a, b) for a, b in zip(tensors_of(before), tensors_of(strategy.state_dict()), strict=True))


@pytest.mark.parametrize("setting", ["domain", "task"])
def test_resumed_at_a_boundary_it_goes_on_bit_for_bit(
    make_domains: MakeDomains, make_strategy: MakeStrategy, setting: str
) -> None:
    stream = make_domains(setting=setting)
    whole = make_strategy(stream)
    train(whole, stream.benchmark.train_stream[:2])
    saved, random = copy.deepcopy(whole.state_dict()), torch.get_rng_state()
    train(whole, stream.benchmark.train_stream[2:])

    resumed = make_strategy(stream, seed=7)
    resumed.load_state_dict(saved)
    torch.set_rng_state(random)
    train(resumed, stream.benchmark.train_stream[2:])
    for a, b in zip(tensors_of(whole.state_dict()), tensors_of(resumed.state_dict()), strict=True):
        assert torch.equal(a, b)
    for experience in stream.benchmark.test_stream:
        assert torch.equal(logits(whole, experience)[0], logits(resumed, experience)[0])
    assert whole.drain_events() == resumed.drain_events()


def test_one_seed_gives_one_result(make_domains: MakeDomains, make_strategy: MakeStrategy) -> None:
    states = []
    for _ in range(2):
        stream = make_domains((0, 1))
        strategy = make_strategy(stream, seed=3)
        train(strategy, stream.benchmark.train_stream)
        states.append(tensors_of(strategy.state_dict()))
    assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))


def test_the_state_holds_every_counted_byte_and_only_plain_data(
    make_domains: MakeDomains, make_strategy: MakeStrategy
) -> None:
    stream = make_domains()
    strategy = make_strategy(stream)
    train(strategy, stream.benchmark.train_stream)
    state = strategy.state_dict()
    assert set(state) == {"model", "memory", "statistics", "structure", "optimizer"}
    counted = sum(
        t.numel() * t.element_size() for name in ("model", "memory", "statistics") for t in tensors_of(state[name])
    )
    assert counted == bytes_held(strategy.morph)

    def plain(value: Any) -> bool:
        if isinstance(value, dict):
            return all(isinstance(key, str) and plain(item) for key, item in value.items())
        if isinstance(value, list | tuple):
            return all(plain(item) for item in value)
        return value is None or isinstance(value, Tensor | int | float | str | bool)

    assert plain(state)


@pytest.mark.parametrize(
    "plugin",
    [
        lambda: EWCPlugin(ewc_lambda=10.0),
        lambda: LwFPlugin(alpha=0.5, temperature=2),
        lambda: ReplayPlugin(mem_size=60),
    ],
    ids=["ewc", "lwf", "replay"],
)
@pytest.mark.parametrize("boundaries", ["aware", "free"])
def test_avalanche_plugins_can_be_attached(
    make_domains: MakeDomains, make_strategy: MakeStrategy, plugin: Callable[[], Any], boundaries: str
) -> None:
    stream = make_domains((0, 2, 2))
    strategy = make_strategy(stream, plugins=(plugin(),), boundaries=boundaries, cooldown=5, window=64)
    train(strategy, stream.benchmark.train_stream)
    # The third experience is like the second: samples that a plugin mixes in are no novelty.
    assert strategy.expert_count == 2
    assert min(accuracies(strategy, stream)) > 0.8


def test_ewc_finds_importances_on_the_shared_expert(make_domains: MakeDomains, make_strategy: MakeStrategy) -> None:
    stream = make_domains((0, 1))
    plugin = EWCPlugin(ewc_lambda=1.0)
    strategy = make_strategy(stream, plugins=(plugin,), shared=True)
    train(strategy, stream.benchmark.train_stream[:1])
    shared = [data.data for name, data in plugin.importances[0].items() if name.startswith("shared.")]
    assert shared
    assert all(bool((importance > 0).any()) for importance in shared)


@pytest.mark.parametrize(("options", "sleeps"), [({}, 5), ({"sleep_share": 1.0}, 3), ({"sleep": False}, 0)])
def test_experiences_that_add_little_to_the_past_end_without_sleep(
    make_domains: MakeDomains, make_strategy: MakeStrategy, options: dict[str, Any], sleeps: int
) -> None:
    stream = make_domains((0, 0, 0, 0, 0), size=200)
    strategy = make_strategy(stream, epochs=1, max_experts=1, **options)
    train(strategy, stream.benchmark.train_stream)
    kinds = [event.kind for event in strategy.drain_events()]
    assert "growth" not in kinds
    assert kinds.count("sleep") == sleeps


def test_sleep_comes_every_so_many_steps_where_asked_for(
    make_domains: MakeDomains, make_strategy: MakeStrategy
) -> None:
    stream = make_domains((0,), size=320)
    strategy = make_strategy(stream, sleep=False, sleep_every=4, epochs=1)
    train(strategy, stream.benchmark.train_stream)
    assert [event.iteration for event in strategy.drain_events() if event.kind == "sleep"] == [4, 8]


def test_an_impossible_budget_is_refused_before_training(
    make_domains: MakeDomains, make_strategy: MakeStrategy
) -> None:
    with pytest.raises(UsageError, match="max_bytes"):
        make_strategy(make_domains((0,)), max_bytes=1_000)
