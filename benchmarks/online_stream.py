"""What test-then-train costs beside a bare PyTorch loop: prints a table of seconds for 1,000 batches of 10 samples.

Every way predicts each batch in evaluation mode and then takes one step on it, with the same network (784-100-100-10,
SGD) on the same samples. The ways take turns, so that what else the machine does falls on all of them.

::

    python benchmarks/online_stream.py
    python benchmarks/online_stream.py --rounds 9 --strategies naive der replay
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from avalanche.benchmarks.scenarios.online import split_online_stream
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive
from torch import nn

import morph_cl
from morph_cl.bridge.prediction import predict
from morph_cl.engine.quiet import quiet_libraries
from morph_cl.options import validate_options

BATCHES, SIZE = 1_000, 10

Way = Callable[[], None]


def network() -> nn.Module:
    """The network of every way."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 10)
    )


def bare(stream: morph_cl.OnlineStream) -> Way:
    """A loop as anybody would write it."""

    def run() -> None:
        model = network()
        optimizer, criterion = torch.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss()
        correct = []
        for x, y in stream.batches(SIZE):
            model.eval()
            with torch.no_grad():
                correct.append(int((model(x).argmax(1) == y).sum()))
            model.train()
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()

    return run


def own(stream: morph_cl.OnlineStream, strategy: str) -> Any:
    """A strategy of morph-cl with its default network, which is that of the other ways."""
    spec = morph_cl.load_catalog().strategies.get(strategy).spec
    context = morph_cl.StrategyContext(
        input_shape=stream.input_shape,
        classes=stream.classes,
        experiences=1,
        setting="domain",
        epochs=1,
        batch_size=SIZE,
        eval_batch_size=1_000,
        device="cpu",
        seed=0,
        build_expert=lambda _name, _options: network(),
    )
    return spec.resolve()(context, validate_options(spec.params, {}, strategy))


def continuous(stream: morph_cl.OnlineStream, strategy: Callable[[], Any]) -> Way:
    """``train_online``."""
    return lambda: morph_cl.train_online(strategy(), stream, SIZE) and None


def avalanche_naive() -> Naive:
    """Avalanche's fine-tuning, its evaluator silent."""
    model = network()
    return Naive(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        criterion=nn.CrossEntropyLoss(),
        train_mb_size=SIZE,
        evaluator=EvaluationPlugin(loggers=[]),
    )


def one_by_one(stream: morph_cl.OnlineStream, build: Callable[[], Any]) -> Way:
    """One of our experiences a batch, as Avalanche takes them."""

    def run() -> None:
        strategy, correct = build(), []
        for (x, y), experience in zip(stream.batches(SIZE), stream.experiences(SIZE), strict=True):
            correct.append(int((predict(strategy, x, torch.zeros_like(y)).argmax(1) == y).sum()))
            strategy.train(experience, eval_streams=[])

    return run


def stock(stream: morph_cl.Stream) -> Way:
    """Avalanche's own strategy on Avalanche's online stream."""

    def run() -> None:
        strategy = avalanche_naive()
        for experience in split_online_stream(stream.benchmark.train_stream, SIZE, shuffle=False):
            strategy.eval([experience])
            strategy.train(experience, eval_streams=[])

    return run


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--strategies", nargs="+", default=["naive"])
    given = parser.parse_args()
    torch.set_num_threads(1)
    options = {"drifting-mnist": {"patterns": ["abrupt", "gradual"], "samples": BATCHES * SIZE}}
    stream = morph_cl.build_stream("drifting-mnist", dataset="mnist", options=options)
    assert stream.online is not None
    online = stream.online
    ways: dict[str, Way] = {"bare loop": bare(online)}
    for name in given.strategies:
        ways[f"train_online, {name}"] = continuous(online, partial(own, online, name))
    ways["train_online, Avalanche's Naive"] = continuous(online, avalanche_naive)
    ways["1,000 experiences of ours, naive"] = one_by_one(online, partial(own, online, "naive"))
    ways["1,000 experiences of ours, Avalanche's Naive"] = one_by_one(online, avalanche_naive)
    ways["split_online_stream, Avalanche's Naive"] = stock(stream)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    with quiet_libraries():
        for _ in range(given.rounds):
            for name, run in ways.items():
                started = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - started)
    print(f"{'way':<46} {'seconds':>8} {'x bare':>7}")
    base = seconds["bare loop"]
    for name, found in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(found, base, strict=True))
        print(f"{name:<46} {statistics.median(found):8.2f} {ratio:7.1f}")


if __name__ == "__main__":
    main()
