"""What the study compares: streams with their byte limits, and the strategies in their strongest form within them.

How the rivals' settings were chosen is printed by ``benchmarks/morph_rivals.py``; MORPH has its defaults and the limit.
DER++ at 1.0 MB is an exception: validation preferred 2x128 without an average, which then did worse on test data.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import morph_cl
from morph_cl import RunConfig

PIXELS, CLASSES = 28 * 28, 10

Settings = dict[str, Any]
"""What a strategy adds to the settings of a stream: ``options``, and any other field of a run's configuration."""

WIDE = (256, 256)
"""The hidden layers of MORPH's experts."""

_SLACK = 2_000
"""Bytes left free for the small change that a strategy holds, such as its table of tasks."""


@dataclass(frozen=True)
class Shape:
    """How a rival that keeps samples spends its bytes before it stores any.

    Args:
        hidden: hidden layers of its network.
        average: how it stores the average of the weights that it evaluates with; None has none.
    """

    hidden: tuple[int, ...] = WIDE
    average: Literal["full", "half"] | None = "full"


@dataclass(frozen=True)
class Protocol:
    """A stream, and how many bytes a learner may hold on it.

    Args:
        limit: most bytes of weights, stored samples and statistics together; the optimizer's state is not counted.
        stream: fields of a run's configuration, all that the stream depends on.
        morph: what MORPH is told of the limit.
        der: the shape of DER++.
        replay: the shape of replay.
    """

    limit: int
    stream: Settings
    morph: Settings | None = None
    der: Shape = Shape()
    replay: Shape = Shape()


def _rotated(preset: str, batch_size: int = 128, epochs: int = 1) -> Settings:
    settings = {"scenario": "rotated-mnist", "preset": preset, "setting": "domain"}
    return settings | {"epochs": epochs, "batch_size": batch_size}


def _other(scenario: str, setting: str) -> Settings:
    return {"scenario": scenario, "setting": setting, "epochs": 1, "batch_size": 128}


def _morph_limit(limit: int) -> Settings:
    return {"options": {"morph": {"max_bytes": limit}}}


LARGE, SPLIT, SMALL = 16_400_000, 2_500_000, 1_000_000

PROTOCOLS: dict[str, Protocol] = {
    "der-20": Protocol(LARGE, _rotated("der-20")),
    "der-20-small": Protocol(
        SMALL,
        _rotated("der-20"),
        morph={"profile": "small"},
        der=Shape((100, 100), average="half"),
        replay=Shape((100, 100), average="half"),
    ),
    "sorted-20": Protocol(LARGE, _rotated("sorted-20")),
    "five-angles": Protocol(LARGE, _rotated("five-angles", batch_size=64, epochs=3)),
    "split-class": Protocol(
        SPLIT,
        _other("split-mnist", "class"),
        morph=_morph_limit(SPLIT),
        der=Shape(average="half"),
        replay=Shape(average="half"),
    ),
    "split-task": Protocol(LARGE, _other("split-mnist", "task")),
    "split-domain": Protocol(LARGE, _other("split-mnist", "domain")),
    "permuted": Protocol(LARGE, _other("permuted-mnist", "domain")),
}


def _network(hidden: Sequence[int]) -> dict[str, Any]:
    return {"hidden": list(hidden), "optimizer": "adam", "lr": 0.001}


def weight_bytes(hidden: Sequence[int]) -> int:
    """Bytes of a fully connected network for MNIST.

    Args:
        hidden: width of each hidden layer.

    Returns:
        Bytes of its weights and biases in float32.
    """
    return 4 * sum((fan_in + 1) * fan_out for fan_in, fan_out in itertools.pairwise((PIXELS, *hidden, CLASSES)))


def samples_within(limit: int, shape: Shape, sample_bytes: int) -> int:
    """How many stored samples fill the limit beside the network and the average of its weights.

    Args:
        limit: bytes in all.
        shape: network and average.
        sample_bytes: bytes of a stored sample, its label included.

    Returns:
        The number of samples.
    """
    weights = weight_bytes(shape.hidden)
    average = {"full": weights, "half": weights // 2, None: 0}[shape.average]
    return (limit - _SLACK - weights - average) // sample_bytes


def _rehearsal(limit: int, shape: Shape, sample_bytes: int) -> dict[str, Any]:
    """Options that DER++ and replay have in common."""
    average = {"full": {"ema": 0.999}, "half": {"ema": 0.999, "ema_half": True}, None: {}}[shape.average]
    memory = {"mem_size": samples_within(limit, shape, sample_bytes), "batch_size_mem": 256}
    return _network(shape.hidden) | memory | average


def _fitting(limit: int, copies: int) -> tuple[int, ...]:
    """MORPH's layers, or the widest below them of which so many copies stay within the limit."""
    hidden = WIDE
    while copies * weight_bytes(hidden) + _SLACK > limit:
        hidden = (hidden[0] - 1, hidden[1] - 1)
    return hidden


def _naive(protocol: Protocol) -> Settings:
    return {"options": {"naive": _network(_fitting(protocol.limit, copies=1))}}


def _ewc(protocol: Protocol) -> Settings:
    # Weights, their old values and their importances are three copies.
    options = {"mode": "online", "ewc_lambda": 20_000.0}
    return {"options": {"ewc": _network(_fitting(protocol.limit, copies=3)) | options}}


def _replay(protocol: Protocol) -> Settings:
    # An image of bytes, its label of 8 bytes, its place in the reservoir of 4.
    return {"options": {"replay": _rehearsal(protocol.limit, protocol.replay, PIXELS + 8 + 4)}}


def _der(protocol: Protocol) -> Settings:
    # An image of bytes, label and task label of 2 bytes each, logits in half precision.
    options = _rehearsal(protocol.limit, protocol.der, PIXELS + 2 + 2 + 2 * CLASSES)
    return {"options": {"der": options | {"alpha": 0.5, "beta": 1.0, "logits": "float16"}}}


def _joint(_: Protocol) -> Settings:
    return {"options": {"joint": _network(WIDE)}}


def _morph(protocol: Protocol) -> Settings:
    return protocol.morph or {}


def _morph_free(protocol: Protocol) -> Settings:
    settings = _morph(protocol)
    options = settings.get("options", {})
    return settings | {"options": {"morph": options.get("morph", {}) | {"boundaries": "free"}}}


@dataclass(frozen=True)
class Entry:
    """A row of the tables.

    Args:
        strategy: the strategy's registered name.
        settings: what it adds to a protocol's stream.
    """

    strategy: str
    settings: Callable[[Protocol], Settings]


ENTRIES: dict[str, Entry] = {
    "morph": Entry("morph", _morph),
    "morph-free": Entry("morph", _morph_free),
    "naive": Entry("naive", _naive),
    "ewc": Entry("ewc", _ewc),
    "replay": Entry("replay", _replay),
    "der": Entry("der", _der),
    "joint": Entry("joint", _joint),
}

SEEDS = (0, 1, 2, 3, 4)
"""The seeds of stream and learner that every entry runs with, unless told else."""

UPPER_BOUNDS = ("joint",)
"""Rows that hold all data: no rivals."""


def configuration(protocol: str, entry: str, seed: int) -> RunConfig:
    """One run of the study.

    Args:
        protocol: a name in ``PROTOCOLS``.
        entry: a name in ``ENTRIES``.
        seed: of stream and learner.

    Returns:
        Its configuration, on full MNIST with one torch thread.
    """
    chosen = ENTRIES[entry]
    own = chosen.settings(PROTOCOLS[protocol])
    settings = {"dataset": "mnist", "threads": 1, "seed": seed} | PROTOCOLS[protocol].stream | own
    return morph_cl.RunConfig(strategy=chosen.strategy, **settings)
