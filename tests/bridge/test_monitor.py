"""The monitor: what it tells, when it is quiet, what its reactions do to a tiny net, and what it puts up with."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from avalanche.training.plugins import ReplayPlugin
from avalanche.training.templates import SupervisedTemplate
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from morph_cl.bridge.monitor import Monitor
from morph_cl.bridge.monitor_options import MonitorOptions
from morph_cl.bridge.reactions import RaiseRate, Reaction, make_reaction
from morph_cl.bridge.state import encode_strategy, restore_strategy
from morph_cl.bridge.strategy import TensorStrategy
from morph_cl.bridge.watched import Features, Novelty, make_watched
from morph_cl.errors import CheckpointError

BATCH = 16


class Naive(TensorStrategy, SupervisedTemplate):
    """Fine-tuning."""


class Listed:
    """Keeps what it is told and alarms at chosen figures, by their number."""

    def __init__(self, at: tuple[int, ...] = (), fails_at: int = -1) -> None:
        self.at, self.fails_at = at, fails_at
        self.told: list[Any] = []
        self.resets = 0
        self.drift_detected = False

    def update(self, value: Any) -> None:
        if len(self.told) == self.fails_at:
            raise RuntimeError("broken")
        self.drift_detected = len(self.told) in self.at
        self.told.append(value)

    def reset(self) -> None:
        self.resets += 1
        self.drift_detected = False

    def export(self) -> dict[str, Any]:
        return {"told": list(self.told)}

    def load(self, state: dict[str, Any]) -> None:
        self.told = list(state["told"])


def network() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 4))


def build(*plugins: Any, momentum: float = 0.0, net: nn.Module | None = None) -> Naive:
    model = net or network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=momentum)
    return Naive(
        model=model, optimizer=optimizer, criterion=nn.CrossEntropyLoss(), train_mb_size=BATCH, train_epochs=1,
        plugins=list(plugins), evaluator=None,
    )  # fmt: skip


def monitor(
    detector: Any = None, watch: str = "loss", action: str = "notify", *, cooldown: int = 0, **settings: Any
) -> Monitor:
    options = MonitorOptions(**settings)
    warnings: list[str] = []
    made = Monitor(
        detector or Listed(),
        make_watched(watch, options),
        make_reaction(action, options, build),
        facts={"detector": "listed", "watch": watch, "action": action},
        cooldown=cooldown,
        warn=warnings.append,
    )
    made.warnings = warnings
    return made


def train(stream: Any, *plugins: Any, count: int = 1, **settings: Any) -> Naive:
    torch.manual_seed(0)
    strategy = build(*plugins, **settings)
    for experience in stream.benchmark.train_stream[:count]:
        strategy.train(experience, eval_streams=[])
    return strategy


# --- what is told --------------------------------------------------------------------------------------------------


def test_each_sample_is_told_of_before_the_step_that_trains_on_it(make_flipped):
    stream, seen = make_flipped(), []

    class Before(monitor().__class__.__mro__[1]):  # an Avalanche plugin that computes the losses by a pass of its own
        def before_training_iteration(self, strategy, **_):
            with torch.no_grad():
                output = strategy.model(strategy.mb_x)
            seen.extend(nn.functional.cross_entropy(output, strategy.mb_y, reduction="none").tolist())

    listening = monitor()
    train(stream, Before(), listening)
    assert listening.detector.told == pytest.approx(seen)
    assert len(seen) == 240


@pytest.mark.parametrize(
    ("watch", "lowest", "highest"), [("loss", 0, math.inf), ("error", 0, 1), ("confidence", 0, 1), ("density", 0, 1e3)]
)
def test_figures_are_numbers_of_which_higher_is_worse(make_flipped, watch, lowest, highest):
    listening = monitor(watch=watch, fit=32)
    train(make_flipped(), listening, count=2)
    told = listening.detector.told
    assert all(isinstance(figure, float) and lowest <= figure <= highest for figure in told)
    assert len(told) == 480 - (32 if watch == "density" else 0)
    if watch != "density":  # the model learned in between
        assert sum(told[:48]) > sum(told[192:240])
    if watch in ("loss", "error"):  # upside down, each class lies where another one was
        assert sum(told[240:288]) > 1.5 * sum(told[192:240])


def test_features_do_not_change_with_the_model_and_positions_count_samples(make_flipped):
    stream = make_flipped()
    vectors, places = monitor(watch="features", dims=5), monitor(watch="position")
    train(stream, vectors, places, count=2)
    assert {len(vector) for vector in vectors.detector.told} == {5}
    assert places.detector.told == [float(number) for number in range(480)]


def test_what_replay_appends_is_not_told(make_flipped):
    listening = monitor(watch="position")
    train(make_flipped(), ReplayPlugin(mem_size=40), listening, count=2)
    assert len(listening.detector.told) <= 480
    assert max(listening.detector.told) < 480


def test_small_images_are_their_own_features_and_projections_keep_distances():
    x = torch.rand(50, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Features(16).project(x), x.flatten(1))
    wide = torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    small = Features(64).project(wide)
    ratio = torch.pdist(small) / torch.pdist(wide.flatten(1)) * math.sqrt(784 / 64)
    assert 0.6 < ratio.min() < ratio.max() < 1.6
    assert torch.equal(small, Features(64).project(wide))


def test_other_images_are_new_to_the_density():
    source = Novelty(dims=64, fit=50)
    generator, nothing = torch.Generator().manual_seed(0), torch.empty(0)
    dark = torch.rand(150, 1, 8, 8, generator=generator) / 2
    source.figures(dark[:50], nothing, nothing, 0)
    usual = source.figures(dark[50:], nothing, nothing, 0)
    unusual = source.figures(dark[50:] + 0.5, nothing, nothing, 0)
    assert sum(usual) / 100 == pytest.approx(1, abs=0.2)
    assert min(unusual) > max(usual)


def test_the_density_of_what_never_varied_is_no_number_to_worry_about():
    source = Novelty(dims=4, fit=10)
    x, nothing = torch.ones(10, 1, 2, 2), torch.empty(0)
    assert source.figures(x, nothing, nothing, 0) == []
    assert source.figures(x * 2, nothing, torch.zeros(10), 0) == [0.0] * 10


# --- alarms --------------------------------------------------------------------------------------------------------


@given(at=st.integers(0, 239), cooldown=st.integers(0, 120))
def test_an_alarm_is_an_event_at_its_sample_and_begins_a_rest(at, cooldown):
    listening = monitor(Listed((at,)), watch="position", cooldown=cooldown)
    clock = SimpleNamespace(train_exp_counter=0, train_iterations=0)
    empty = torch.zeros(BATCH, 1, 2, 2), torch.zeros(BATCH, 4), torch.zeros(BATCH, dtype=torch.int64)
    strategy = SimpleNamespace(
        mb_x=empty[0], mb_output=empty[1], mb_y=empty[2], train_mb_size=BATCH, clock=clock, train_epochs=1,
        experience=SimpleNamespace(dataset=range(240)),
    )  # fmt: skip
    listening.before_training_exp(strategy)
    for _ in range(15):
        listening.after_forward(strategy)
        listening.after_training_iteration(strategy)
        clock.train_iterations += 1
    (event,) = listening.drain_events()
    assert (event.kind, event.iteration) == ("drift", at // BATCH)
    assert event.detail == {
        "detector": "listed", "watch": "position", "action": "notify",
        "position": at, "figure": float(at), "acted": True,
    }  # fmt: skip
    next_batch = (at // BATCH + 1) * BATCH
    again = max(at + 1 + cooldown, next_batch)
    assert listening.detector.told == [float(number) for number in range(240) if number <= at or number >= again]
    assert listening.detector.resets == 1
    assert listening.drain_events() == []


def test_the_density_is_fitted_anew_after_an_alarm(make_flipped):
    listening = monitor(Listed((50,)), watch="density", fit=32, cooldown=0)
    train(make_flipped(), listening)
    assert len(listening.detector.told) < 240 - 2 * 32


def test_a_detector_that_raises_is_switched_off_and_the_run_goes_on(make_flipped):
    listening = monitor(Listed((3,), fails_at=70))
    strategy = train(make_flipped(), listening, count=2)
    kinds = [event.kind for event in listening.drain_events()]
    assert kinds == ["drift", "detector-failed"]
    (warning,) = listening.warnings
    assert "detector 'listed' is switched off at training sample 80" in warning
    assert "RuntimeError: broken" in warning
    assert strategy.clock.train_iterations == 30
    assert len(listening.detector.told) == 70


def test_a_loss_that_is_no_number_switches_the_detector_off(make_flipped):
    net = network()
    nn.init.constant_(net[1].weight, math.nan)
    listening = monitor()
    train(make_flipped(), listening, net=net)
    (event,) = listening.drain_events()
    assert event.detail["error"] == "ValueError: the loss of a sample is nan"


def test_a_reaction_that_raises_is_switched_off_and_alarms_are_told_on(make_flipped):
    listening = monitor(Listed((3, 60)), action="grow")  # Naive has no grow_expert
    train(make_flipped(), listening)
    events = listening.drain_events()
    assert [event.kind for event in events] == ["drift", "action-failed", "drift"]
    assert [event.detail.get("acted") for event in events] == [False, None, False]
    assert "on_drift=grow is switched off" in listening.warnings[0]


# --- reactions -----------------------------------------------------------------------------------------------------


def test_notify_changes_nothing(make_flipped):
    alone = train(make_flipped())
    told = train(make_flipped(), monitor(Listed((3, 90))))
    assert all(torch.equal(a, b) for a, b in zip(alone.model.parameters(), told.model.parameters(), strict=True))


def test_reset_puts_fresh_weights_in_and_empties_the_optimizer(make_flipped):
    class Look(Reaction):
        def after_training_iteration(self, strategy, **_):
            seen.append(strategy.model[1].weight.detach().clone())

    seen: list[torch.Tensor] = []
    listening = monitor(Listed((239,)), action="reset")  # in the last batch of the experience
    strategy = train(make_flipped(), listening, momentum=0.9)
    assert not strategy.optimizer.state
    assert strategy.model[1].weight.detach().abs().max() <= 1 / 8  # as nn.Linear(64, 4) begins
    trained = train(make_flipped(), momentum=0.9)
    assert trained.optimizer.state
    assert trained.model[1].weight.detach().abs().max() > 1 / 8
    assert listening.drain_events()[0].detail["acted"] is True


@given(factor=st.floats(1.1, 100), steps=st.integers(1, 20))
def test_a_raised_rate_falls_back_to_what_it_was(factor, steps):
    reaction = RaiseRate(factor, steps)
    group = {"lr": 0.1}
    strategy = SimpleNamespace(optimizer=SimpleNamespace(param_groups=[group]))
    used = []

    def step():
        reaction.before_update(strategy)
        used.append(group["lr"])
        reaction.after_update(strategy)

    step()
    reaction.react(strategy)
    for _ in range(steps + 2):
        step()
    assert used[0] == used[-1] == used[-2] == group["lr"] == 0.1
    assert used[1] == pytest.approx(0.1 * factor)
    raised = used[1 : steps + 1]
    assert raised == sorted(raised, reverse=True)
    assert min(raised) > 0.1


def test_a_raised_rate_reaches_the_optimizer(make_flipped):
    rates = []

    class Rates(monitor().__class__.__mro__[1]):
        def before_update(self, strategy, **_):
            rates.append(strategy.optimizer.param_groups[0]["lr"])

    train(make_flipped(), monitor(Listed((0,)), action="raise", factor=4, steps=2), Rates())
    assert rates[:4] == pytest.approx([0.1, 0.4, 0.2, 0.1])


@pytest.mark.parametrize(("action", "method"), [("grow", "grow_expert"), ("switch", "switch_context")])
def test_a_strategy_is_asked_for_what_it_offers(make_flipped, action, method):
    listening = monitor(Listed((3, 60)), action=action)
    torch.manual_seed(0)
    strategy = build(listening)
    answers = iter([True, False])
    setattr(strategy, method, lambda: next(answers))
    strategy.train(make_flipped().benchmark.train_stream[0], eval_streams=[])
    assert [event.detail["acted"] for event in listening.drain_events()] == [True, False]


# --- state ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("watch", ["loss", "density"])
def test_a_monitor_goes_on_from_a_checkpoint(make_flipped, watch):
    stream = make_flipped()

    def make():
        return monitor(Listed((200,)), watch=watch, action="raise", cooldown=100, steps=40, fit=32)

    whole, stopped, resumed = make(), make(), make()
    train(stream, stopped)
    state = encode_strategy(train(stream, whole))
    torch.manual_seed(1)
    strategy = build(resumed)
    restore_strategy(strategy, state, stream)
    assert resumed.state_dict().keys() == whole.state_dict().keys()
    second = stream.benchmark.train_stream[1]
    finished = train(stream, stopped)  # another run of the first experience: only its strategy is used
    restore_strategy(finished, state, stream)
    for learner in (strategy, finished):
        torch.manual_seed(2)
        learner.train(second, eval_streams=[])
    assert resumed.detector.told == stopped.detector.told
    assert torch.equal(strategy.model[1].weight, finished.model[1].weight)
    assert [event.model_dump() for event in resumed.events] == [event.model_dump() for event in stopped.events]


def test_a_detector_that_was_switched_off_stays_off(make_flipped):
    stream = make_flipped()
    state = encode_strategy(train(stream, monitor(Listed(fails_at=3))))
    again = monitor()
    restore_strategy(build(again), state, stream)
    assert not again.listening


def test_a_state_that_does_not_fit_is_refused():
    listening = monitor()
    state = listening.state_dict()
    with pytest.raises(CheckpointError, match=r"'listed' does not take over its state.*KeyError"):
        listening.load_state_dict({**state, "detector": {}})
