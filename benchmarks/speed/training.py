"""Section 1: training and evaluation, stock Avalanche, ours and bare."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import bare_loops
import torch
from measure import Section, Way, alternate, row
from morph_cl_scenarios.pixels import rotation_source, take_pixels
from stock import STOCK, classic, plain_benchmark, stock, unseen
from subjects import Size, digits, network, own, stream_of, timed, trains
from torch.nn import functional

from morph_cl.bridge.recorder import Recorder

STRATEGIES = ("naive", "replay", "ewc", "der", "moe", "iwmn", "morph")
BARE = (
    "the same maths in a plain loop over whole tensors (naive, replay, ewc, der: with a network of their size; moe, "
    "iwmn: with their own model); for morph an MLP of one expert's size with Adam. "
    "stock: Avalanche as its user gets it, classic.RotatedMNIST with its transforms, no workers, and the default "
    "evaluator, whose lines and bars go nowhere; it turns each digit whenever it loads it, ours are turned once when "
    "the stream is built (last row), which is not timed in the others. "
    "plain: Avalanche on torchvision's kind of data set by ToTensor alone, measuring accuracy only"
)
_REACH = {"naive": {128: 1.4, 10: 2.0}, "replay": {128: 1.5}, "der": {128: 1.5}}
_OPTIONS: dict[str, dict[str, Any]] = {"replay": {"mem_size": 500}, "der": {"mem_size": 500}}


def bare(name: str, data: bare_loops.Images, size: int, first: bare_loops.Images, stream: Any) -> Way:
    """The bare side of a strategy: it comes from a first experience too, which is not timed.

    Args:
        name: of :data:`STRATEGIES`.
        data: the experience that is timed.
        size: samples a step.
        first: the experience before it.
        stream: where the models of moe and iwmn are built for.
    """
    if name in ("moe", "iwmn"):
        return _own_model(name, data, size, stream)

    def run() -> float:
        torch.manual_seed(0)
        model = network(hidden=(256, 256) if name == "morph" else (100, 100))
        optimizer: torch.optim.Optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        if name == "morph":
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        return timed(_work(name, model, optimizer, data, size, first))

    return run


def _work(name: str, model: Any, optimizer: Any, data: Any, size: int, first: Any) -> Callable[[], object]:
    if name == "replay":
        memory = first[0][:500].float().div_(255.0), first[1][:500]
        return lambda: bare_loops.replay(model, optimizer, data, size, memory)
    if name == "ewc":
        importance = bare_loops.importances(model, optimizer, first, size)
        anchor = [(own, p.detach().clone()) for own, p in zip(importance, model.parameters(), strict=True)]
        return lambda: bare_loops.ewc(model, optimizer, data, size, anchor, 20.0)
    if name == "der":
        kept = bare_loops.Reservoir(first[0][:500].clone(), first[1][:500].clone(), torch.zeros(500, 10), len(first[1]))
        return lambda: bare_loops.der(model, optimizer, data, size, kept)
    return lambda: bare_loops.naive(model, optimizer, data, size)


def _own_model(name: str, data: Any, size: int, stream: Any) -> Way:
    def run() -> float:
        torch.manual_seed(0)
        strategy = own(name, stream, size)
        model = strategy.model.train()

        def step(x: Any, y: Any) -> Any:
            if name == "moe":
                return functional.cross_entropy(model(x), y) + strategy.gate_loss(model.routing)
            weighted = [
                strategy.discount**left * functional.cross_entropy(answer, y)
                for left, answer in enumerate(reversed(model.unroll(x, None)))
            ]
            total = sum(strategy.discount**left for left in range(len(weighted)))
            return torch.stack(weighted).sum() / total

        rate = strategy.optimizer.param_groups[0]["lr"]
        return timed(lambda: bare_loops.plain(step, strategy.optimizer, data, size, rate))

    return run


def measure(size: Size) -> Section:
    """Train on an experience after a small first one, then evaluate five test sets.

    Args:
        size: how much.
    """
    first, data, test = digits(1_000), digits(size.train), digits(size.test, train=False)
    parts, tests = [first, data], [test] * 2
    stream, plain = stream_of(parts, tests), plain_benchmark(parts, tests).train_stream
    turned = [classic(first, test, 1).train_stream[0], classic(data, test, 2).train_stream[1]]
    rows = []
    for name in size.of(STRATEGIES):
        for batch in (128, 10):
            build = partial(own, name, stream, batch, _OPTIONS.get(name))
            ways = {
                "ours": trains(build, stream.benchmark.train_stream),
                "bare": bare(name, data, batch, first, stream),
            }
            if name in STOCK:
                ways["stock"] = unseen(trains(partial(stock, name, batch), turned))
            if name == "naive":
                ways["plain"] = trains(partial(stock, name, batch, plain=True), plain)
            claims = (
                ("ours", "bare", _REACH.get(name, {}).get(batch), False),
                ("stock", "ours", 12.0 if batch == 128 else None, True),
                ("plain", "ours", None, True),
            )
            rows.append(row(f"{name}, batches of {batch}", alternate(ways, size.rounds), *claims))
    rows.append(_evaluation(size, test))
    source = rotation_source(45.0, *data[0].shape[2:])
    rows.append(row(f"turning {size.train:,} digits", alternate({"ours": _turning(data, source)}, size.rounds)))
    return Section("training", f"seconds to train on {size.train:,} digits, and to evaluate", BARE, tuple(rows))


def _turning(data: bare_loops.Images, source: Any) -> Way:
    return lambda: timed(lambda: take_pixels(data[0], source))


def _evaluation(size: Size, test: Any) -> Any:
    tests = [test] * 5
    few = test[0][:100], test[1][:100]
    stream, plain = stream_of([few] * 5, tests), plain_benchmark([few] * 5, tests)
    turned = classic(few, test, 5)

    def ours() -> float:
        strategy = own("naive", stream)
        (recorder,) = (plugin for plugin in strategy.plugins if isinstance(plugin, Recorder))
        return timed(lambda: recorder.evaluate(strategy, stream.benchmark.test_stream))

    def bares() -> float:
        model = network()
        return timed(lambda: bare_loops.evaluate(model, tests))

    def stocks() -> float:
        strategy = stock("naive")
        return timed(lambda: strategy.eval(turned.test_stream))

    def plains() -> float:
        strategy = stock("naive", plain=True)
        return timed(lambda: strategy.eval(plain.test_stream))

    found = alternate({"ours": ours, "bare": bares, "stock": unseen(stocks), "plain": plains}, size.rounds)
    claims = (("ours", "bare", None, False), ("stock", "ours", 50.0, True), ("plain", "ours", None, True))
    return row(f"evaluation of 5 x {size.test:,}", found, *claims)
