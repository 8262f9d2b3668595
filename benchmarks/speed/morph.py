"""Section 2: what routing and many experts cost MORPH."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from measure import Section, alternate, row
from subjects import Size, digits, network, own, stream_of, timed
from torch.nn import functional

from morph_cl.morph.growth import look
from morph_cl.morph.intake import absorb, remember

BARE = "an MLP of one expert's size, 784-256-256-10: a step of Adam on 128 digits, a prediction of 1,000"
_STEPS, _BATCH = 20, 128


def grown(experts: int) -> Any:
    """MORPH with so many experts, two of which answer an image; each knows digits turned and shifted in its own way.

    Args:
        experts: how many.
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
        turned = torch.rot90(x, number % 4, (2, 3)).roll(number // 4, 3).float().div(255.0)
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


def prediction(model: Any, x: Any) -> Callable[[], object]:
    """A prediction without gradients.

    Args:
        model: MORPH or a plain network.
        x: images.
    """

    @torch.no_grad()
    def work() -> None:
        model(x)

    return work


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


def measure(size: Size) -> Section:
    """Steps and predictions with 4, 20 and 64 experts.

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
    trained = alternate(train, size.rounds)
    for strategy in strategies.values():
        strategy.morph.eval()
    plain.eval()
    predict = {"bare": steps(prediction(plain, x))}
    predict |= {f"{count} experts": steps(prediction(strategies[count].morph, x)) for count in counts}
    predicted = alternate(predict, size.rounds)
    routed = alternate(
        {f"{count} experts": steps(routing(strategies[count].morph, x)) for count in counts}, size.rounds
    )
    sparse = f"{many} experts", f"{few} experts"
    rows = (
        row("training step", trained, (f"{few} experts", "bare", 2.5, False), (f"{many} experts", "bare", 3.0, False)),
        row("prediction", predicted, (f"{counts[1]} experts", "bare", 4.0, False), (*sparse, 2.0, False)),
        row("of that, routing", routed, (*sparse, None, False)),
    )
    return Section("morph", "seconds of a step and of a prediction, 2 experts an image", BARE, rows)
