"""Test, then train: the accuracy of a learner on samples that it has never seen, all along a stream.

Source: Gama, Sebastiao & Rodrigues, On evaluating stream learning algorithms, Machine Learning 2013.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from avalanche.core import SupervisedPlugin
from torch import Tensor

from morph_cl.bridge.arriving import ArrivingExperiences, Gate, still_to_come
from morph_cl.bridge.loaders import JointTensorLoader, TensorLoader
from morph_cl.bridge.online import OnlineStream
from morph_cl.bridge.prediction import predict
from morph_cl.bridge.strategy import TensorStrategy
from morph_cl.errors import UsageError


@dataclass
class Counts:
    """What a test-then-train run has measured so far.

    Args:
        sizes: samples of each batch.
        correct: right predictions for each, made before any training on it.
        looked_at: samples that had been learned at each look at held-out data.
        held_out: accuracies of each look, one a concept.
    """

    sizes: list[int] = field(default_factory=list)
    correct: list[int] = field(default_factory=list)
    looked_at: list[int] = field(default_factory=list)
    held_out: list[list[float]] = field(default_factory=list)


class PrequentialTest(SupervisedPlugin):
    """Predicts each batch before any part of the strategy sees it, and counts what was right.

    Args:
        gate: tells which samples have come.
        batch_size: samples a batch.
        counts: where to put the counts.
        stream: all samples, and what is held out beside them; None looks at nothing.

    Attributes:
        stop: the sample after the last of the experience.
    """

    stateless = True

    def __init__(self, gate: Gate, batch_size: int, counts: Counts, stream: OnlineStream | None = None) -> None:
        super().__init__()
        self.stream = stream
        self.gate = gate
        self.batch_size = batch_size
        self.counts = counts
        self.stop = 0

    def before_training_epoch(self, strategy: Any, **_: Any) -> None:
        """Put the test before the training: the strategy's loader, whatever plugins made of it, is read through this.

        Raises:
            UsageError: the strategy does not train on the samples in the order in which they come, each once.
        """
        expected = -(-(self.stop - self.gate.released) // self.batch_size)
        _keep_order(strategy.dataloader)
        if strategy.train_epochs != 1 or len(strategy.dataloader) != expected:
            raise UsageError(
                f"{type(strategy).__name__} would take {len(strategy.dataloader)} batches in {strategy.train_epochs} "
                f"epochs where {expected} batches come once; it cannot learn a test-then-train stream."
            )
        strategy.dataloader = _Tested(strategy, strategy.dataloader, self)

    def next_size(self) -> int:
        """Let the next batch come; its number of samples."""
        size = min(self.batch_size, self.stop - self.gate.released)
        self.gate.released += size
        return size

    def score(self, strategy: Any, batch: list[Tensor], size: int) -> None:
        """Predict a batch, then look at its labels.

        Args:
            strategy: the learner.
            batch: images, labels and task labels; behind ``size`` stands what replay has added.
            size: samples of the stream in it.
        """
        output = predict(strategy, batch[0][:size], batch[-1][:size])
        self.counts.sizes.append(size)
        self.counts.correct.append(int((output.argmax(1).cpu() == batch[1][:size]).sum()))

    def look(self, strategy: Any) -> None:
        """Where a look at held-out data is due, take it.

        Args:
            strategy: the learner, which has been trained on all that has come.
        """
        if self.stream is None or (held_out := self.stream.held_out) is None:
            return
        seen, counts = self.gate.released, self.counts
        starts = (0, *(drift.start for drift in self.stream.drifts))
        before = counts.looked_at[-1] if counts.looked_at else 0
        if seen == len(self.stream) or held_out.is_due(seen, before, seen + self.batch_size, starts[1:]):
            known = {concept for concept, start in zip(held_out.concepts, starts, strict=True) if start < seen}
            counts.looked_at.append(seen)
            counts.held_out.append(held_out.look(strategy, known))


class _Tested:
    """A loader whose batches are predicted as they are taken."""

    def __init__(self, strategy: Any, loader: Any, test: PrequentialTest) -> None:
        self.strategy = strategy
        self.loader = loader
        self.test = test

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[list[Tensor]]:
        batches = iter(self.loader)
        for _ in range(len(self)):
            size = self.test.next_size()
            batch = next(batches)
            self.test.score(self.strategy, batch, size)
            yield batch
            self.test.look(self.strategy)


def _keep_order(loader: Any) -> None:
    """Samples that come keep their order; what is replayed beside them is shuffled as ever."""
    parts = loader.parts if isinstance(loader, JointTensorLoader) else [loader]
    for part in parts:
        if isinstance(part, TensorLoader):
            part.shuffle = part.shuffle and not still_to_come(part.view)


def train_online(
    strategy: Any,
    stream: OnlineStream,
    batch_size: int,
    *,
    counts: Counts | None = None,
    after_experience: Callable[[], None] = lambda: None,
) -> Counts:
    """Run a strategy over a stream: each batch is predicted, then learned, once.

    The learner's experiences are runs of a fixed number of samples that cannot be read before they come: mechanisms
    that wait for the end of an experience work, and none is told of a drift.

    Args:
        strategy: any Avalanche strategy of one epoch.
        stream: all samples.
        batch_size: samples a batch.
        counts: those of whole experiences that a run which goes on has behind it; they are added to.
        after_experience: called when an experience is over.

    Returns:
        The counts.

    Raises:
        UsageError: the strategy looks ahead, or does not take the samples as they come.
    """
    counts = Counts() if counts is None else counts
    experiences = ArrivingExperiences(stream, _experience_size(stream, batch_size))
    experiences.gate.released = sum(counts.sizes)
    test = PrequentialTest(experiences.gate, batch_size, counts, stream)
    own = {} if isinstance(strategy, TensorStrategy) else {"shuffle": False}
    strategy.plugins.append(test)
    try:
        for number in range(experiences_done(stream, batch_size, counts), len(experiences)):
            _, test.stop = experiences.bounds(number)
            strategy.train(experiences.experience(number), eval_streams=[], **own)
            after_experience()
    finally:
        strategy.plugins.remove(test)
    return counts


def experiences_done(stream: OnlineStream, batch_size: int, counts: Counts) -> int:
    """How many experiences are over.

    Args:
        stream: all samples.
        batch_size: samples a batch.
        counts: what was measured so far.
    """
    return -(-sum(counts.sizes) // _experience_size(stream, batch_size))


def experience_count(stream: OnlineStream, batch_size: int) -> int:
    """How many experiences a learner is told of.

    Args:
        stream: all samples.
        batch_size: samples a batch.
    """
    return -(-len(stream) // _experience_size(stream, batch_size))


def _experience_size(stream: OnlineStream, batch_size: int) -> int:
    """Samples of an experience: whole batches."""
    return max(1, stream.experience_size // batch_size) * batch_size
