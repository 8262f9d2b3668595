"""Section 2: what routing and many experts cost MORPH."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import bare_loops
import torch
from measure import Claim, Row, Section, alternate, row
from subjects import Size, digits, network, own, stream_of, timed
from torch.nn import functional

from morph_cl.bridge.recorder import Recorder
from morph_cl.morph import precision
from morph_cl.morph.decision import decide
from morph_cl.morph.growth import look
from morph_cl.morph.intake import absorb, remember

BARE = (
    "an MLP of one expert's size, 784-256-256-10, in single precision: a step of Adam on 128 digits, a prediction of "
    "1,000, a plain loop over the test set. plain MLP: the same network evaluated by morph-cl as strategy naive"
)
_STEPS, _BATCH = 20, 128


def grown(experts: int) -> Any:
    """MORPH with so many experts, of which at most two answer; each knows digits shifted and turned in its own way.

    Neighbours lie one pixel apart, so that upright digits are about as contested among few experts as among many.

    Args:
        experts: how many, up to 64.
    """
    torch.manual_seed(0)
    x, y = digits(2_000)
    stream = stream_of([(x, y)], [(x[:100], y[:100])])
    options = {"max_experts": 128, "max_bytes": 10**9, "top_k": 2, "sleep": False}
    strategy = own("morph", stream, _BATCH, options, hidden=[256, 256])
    strategy.train(stream.benchmark.train_stream[0], eval_streams=[])
    model = strategy.morph
    while len(model.pool) < experts:
        number = len(model.pool)
        turned = torch.rot90(x, number // 16, (2, 3)).roll(number % 16, 3).float().div(255.0)
        if not model.grow(look(model, turned, y)):
            raise RuntimeError(f"no more than {number} experts fit: {model.pending[-1]}")
        absorb(model, turned, y)
        remember(model, turned, y)
    strategy._cover()
    return strategy


def steps(work: Callable[[], object]) -> Callable[[], float]:
    """A way that does a piece of work some times and tells the seconds of one.

    Args:
        work: what to do.
    """

    def many() -> None:
        for _ in range(_STEPS):
            work()

    return lambda: timed(many) / _STEPS


def training_step(model: Any, optimizer: Any, x: Any, y: Any) -> Callable[[], object]:
    """A step of MORPH, or of a plain network.

    Args:
        model: either.
        optimizer: of its parameters.
        x: images.
        y: labels.
    """

    def work() -> None:
        optimizer.zero_grad()
        loss = model.step(x, y).loss if hasattr(model, "step") else functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        if hasattr(model, "follow"):
            model.follow()

    return work


def prediction(model: Any, x: Any) -> Callable[[], Any]:
    """A prediction without gradients.

    Args:
        model: MORPH or a plain network.
        x: images.
    """

    @torch.no_grad()
    def work() -> Any:
        return model(x)

    return work


def in_single_precision(work: Callable[[], object]) -> Callable[[], object]:
    """The same work in single precision, as on a processor without bfloat16.

    Args:
        work: what to do.
    """

    def single() -> object:
        with mock.patch.object(precision, "multiplies_bfloat16", return_value=False):
            return work()

    return single


def routing(model: Any, x: Any) -> Callable[[], object]:
    """What MORPH does before any expert runs.

    Args:
        model: MORPH.
        x: images.
    """

    @torch.no_grad()
    def work() -> None:
        model.mixture.choose(model.evidence(x), len(model.pool))

    return work


def evaluation(strategy: Any, stream: Any) -> Callable[[], float]:
    """An evaluation as a run does it, batches and confidences included.

    Args:
        strategy: of ours.
        stream: with the test set.
    """
    (recorder,) = (plugin for plugin in strategy.plugins if isinstance(plugin, Recorder))
    return lambda: timed(lambda: recorder.evaluate(strategy, stream.benchmark.test_stream))


@torch.no_grad()
def answering(model: Any, x: Any) -> float:
    """How many experts answer an image, on average.

    Args:
        model: MORPH.
        x: images.
    """
    return float(decide(model, x).choice.chosen.isfinite().sum(1).float().mean())


@torch.no_grad()
def looking(model: Any, x: Any) -> float:
    """How many experts' mixtures are asked about an image, on average.

    Args:
        model: MORPH.
        x: images.
    """
    return float(model.evidence(x).asked.sum(1).float().mean())


def measure(size: Size) -> Section:
    """Steps, predictions and evaluations with 4, 20 and 64 experts.

    Args:
        size: how much.
    """
    images, y = digits(1_000)
    x = images.float().div_(255.0)
    plain = network(hidden=(256, 256))
    adam = torch.optim.Adam(plain.parameters(), lr=1e-3)
    batch, labels = x[:_BATCH], y[:_BATCH]
    counts = (2, 4) if size.quick else (4, 20, 64)
    strategies = {count: grown(count) for count in counts}
    few, many = counts[0], counts[-1]
    train = {"bare": steps(training_step(plain, adam, batch, labels))}
    for count in (few, many):
        strategy = strategies[count]
        train[f"{count} experts"] = steps(training_step(strategy.morph.train(), strategy.optimizer, batch, labels))
    exact = strategies[few]
    train[f"{few} experts, single precision"] = steps(
        in_single_precision(training_step(exact.morph, exact.optimizer, batch, labels))
    )
    trained = alternate(train, size.rounds)
    for strategy in strategies.values():
        strategy.morph.eval()
    plain.eval()
    predict = {"bare": steps(prediction(plain, x))}
    predict |= {f"{count} experts": steps(prediction(strategies[count].morph, x)) for count in counts}
    single, some = in_single_precision(prediction(strategies[counts[1]].morph, x)), f"{counts[1]} experts"
    predict[f"{some}, single precision"] = steps(single)
    predicted = alternate(predict, size.rounds)
    routed = alternate(
        {f"{count} experts": steps(routing(strategies[count].morph, x)) for count in counts}, size.rounds
    )
    evaluated = alternate(_evaluations(size, strategies), size.rounds)
    sparse = f"{many} experts", f"{few} experts"
    used = tuple(Claim(f"answering, of {n}", answering(strategies[n].morph, x)) for n in counts)
    used += tuple(Claim(f"looked at closely, of {n}", looking(strategies[n].morph, x)) for n in counts)
    same = Claim("in 10,000 the same in single precision", alike(strategies[counts[1]].morph, x))
    beside = (some, "plain MLP", 4.0, False), (some, "bare", 4.0, False)
    rows = (
        row(
            "training step",
            trained,
            (sparse[1], "bare", 2.5, False),
            (f"{sparse[1]}, single precision", "bare", 2.5, False),
            (sparse[0], "bare", 3.0, False),
        ),
        row(
            "prediction",
            predicted,
            (some, "bare", 4.0, False),
            (f"{some}, single precision", "bare", 4.0, False),
            (*sparse, 2.0, False),
        ),
        row("of that, routing", routed, (*sparse, None, False)),
        row(f"evaluation of {size.test:,}", evaluated, *beside, (*sparse, 2.0, False)),
        Row("experts an image", {}, used),
        Row(f"predictions by {some}", {}, (same,)),
    )
    return Section("morph", "seconds of a step, a prediction and an evaluation, at most 2 experts an image", BARE, rows)


def alike(model: Any, x: Any) -> float:
    """How many predictions are the same in single precision, in 10,000.

    Args:
        model: MORPH.
        x: images.
    """
    ways = prediction(model, x), in_single_precision(prediction(model, x))
    fast, exact = (way().argmax(1) for way in ways)
    return float((fast == exact).float().mean()) * 10_000


def _evaluations(size: Size, strategies: dict[int, Any]) -> dict[str, Callable[[], float]]:
    test = digits(size.test, train=False)
    stream = stream_of([(test[0][:100], test[1][:100])], [test])
    plain = network(hidden=(256, 256))
    ways = {"bare": lambda: timed(lambda: bare_loops.evaluate(plain, [test]))}
    ways["plain MLP"] = evaluation(own("naive", stream, options={"hidden": (256, 256)}), stream)
    return ways | {f"{count} experts": evaluation(strategy, stream) for count, strategy in strategies.items()}
