"""The models that morph-cl grew from, and the networks and learners that they are measured against."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any, Literal

from morph_study.protocols import configuration

import morph_cl
from morph_cl import RunConfig

SEEDS = (0, 1, 2)
"""The seeds of every row; no setting was chosen by looking at what they score."""

PIXELS, CLASSES, BATCH = 28 * 28, 10, 128

RATE = 0.002
"""Learning rate of the matched networks, Adam's; ``--choose`` prints what it was chosen by."""

Options = dict[str, Any]


@dataclass(frozen=True)
class SeedModel:
    """A row of the table of single models.

    Args:
        strategy: its registered name.
        epochs: over full MNIST.
        options: that differ from the strategy's defaults.
        published: what its origin says, with what it was measured on.
        figures: figures of the record to print beside, by what the table calls them.
    """

    strategy: str
    epochs: int = 5
    options: Options = field(default_factory=dict)
    published: str = "-"
    figures: dict[str, str] = field(default_factory=dict)

    def config(self, seed: int) -> RunConfig:
        """The run of one seed."""
        return _single(self.strategy, self.options, self.epochs, seed)


MODELS: dict[str, SeedModel] = {
    "static-partition": SeedModel(
        "static-partition",
        epochs=10,
        published="83 (oracle tag)",
        figures={"oracle tag": "oracle_tag_accuracy", "confidence": "confidence_accuracy"},
    ),
    "moe E=1 k=1": SeedModel("moe", options={"experts": 1, "k": 1}, published="93.49 (10k images)"),
    "moe E=4 k=2": SeedModel("moe", published="94.44 (10k images)", figures={"usage entropy": "usage_entropy"}),
    "moe E=16 k=4": SeedModel(
        "moe",
        options={"experts": 16, "k": 4},
        published="94.37 (10k images)",
        figures={"usage entropy": "usage_entropy"},
    ),
    "guided-moe mlp": SeedModel("guided-moe", published="97.2", figures={"assigned": "assigned_share", "NMI": "nmi"}),
    "guided-moe cnn": SeedModel(
        "guided-moe",
        options={"network": "cnn"},
        published="97.2 (mlp)",
        figures={"assigned": "assigned_share", "NMI": "nmi"},
    ),
    "iwmn": SeedModel("iwmn", published="92.7-93.6 (10k images)"),
    "branching": SeedModel(
        "branching",
        published="- (CIFAR-100 only)",
        figures={"parent": "parent_accuracy", "oracle branch": "oracle_branch_accuracy", "coverage": "coverage"},
    ),
    "morph": SeedModel("morph"),
}
"""Every model at its defaults, unless told otherwise."""


def matched(parameters: int, epochs: int, seed: int) -> RunConfig:
    """A plain network with one hidden layer and as many parameters as a model, as near as whole units allow.

    Args:
        parameters: of the model.
        epochs: that the model had.
        seed: of the run.

    Returns:
        The run.
    """
    width = max(1, round((parameters - CLASSES) / (PIXELS + 1 + CLASSES)))
    return _single("naive", {"hidden": [width], "optimizer": "adam", "lr": RATE}, epochs, seed)


def rates() -> list[tuple[float, RunConfig]]:
    """What the rate of the matched networks was chosen from: a tenth of the training data is held out, seed 100."""
    return [
        (rate, _single("naive", {"hidden": [267], "optimizer": "adam", "lr": rate}, 5, 100, validation=0.1))
        for rate in (0.0005, 0.001, 0.002, 0.003)
    ]


def _single(strategy: str, options: Options, epochs: int, seed: int, validation: float = 0.0) -> RunConfig:
    return morph_cl.RunConfig(
        scenario="single",
        setting="domain",
        strategy=strategy,
        dataset="mnist",
        epochs=epochs,
        batch_size=BATCH,
        threads=1,
        seed=seed,
        validation=validation,
        options={strategy: options} if options else {},
    )


Stream = Literal["five-angles", "split-class", "split-task"]
STREAMS: tuple[Stream, ...] = ("five-angles", "split-class", "split-task")

_WIDE = {"hidden": [256, 256], "optimizer": "adam", "lr": 0.001, "mem_size": 500, "batch_size_mem": 128}

LEARNERS: dict[str, tuple[str, Options]] = {
    "static-partition": ("static-partition", {}),
    "static-partition by experience": ("static-partition", {"tags": "experience"}),
    "moe": ("moe", {}),
    "guided-moe": ("guided-moe", {}),
    "iwmn": ("iwmn", {}),
    "branching": ("branching", {}),
    "naive": ("naive", {}),
    "replay 500": ("replay", _WIDE),
    "DER++ 500": ("der", _WIDE | {"alpha": 0.5, "beta": 1.0}),
    "morph": ("morph", {}),
}
"""The rows of the continual table: strategy and options. naive and morph are those of ``benchmarks/morph_study``."""


def continual(stream: Stream, learner: str, seed: int) -> RunConfig:
    """One run of the continual table.

    Args:
        stream: a protocol of ``benchmarks/morph_study``: its data, batches and epochs, without its limit of bytes.
        learner: a name in ``LEARNERS``.
        seed: of stream and learner.

    Returns:
        The run.
    """
    strategy, options = LEARNERS[learner]
    known = configuration(stream, strategy if strategy in ("naive", "morph") else "joint", seed)
    if strategy in ("naive", "morph"):
        return known
    return known.model_copy(update={"strategy": strategy, "options": {strategy: options} if options else {}})


def runs() -> list[RunConfig]:
    """Every run of the study but those of the matched networks, whose width a finished run tells."""
    single = [model.config(seed) for model, seed in itertools.product(MODELS.values(), SEEDS)]
    return single + [continual(*row) for row in itertools.product(STREAMS, LEARNERS, SEEDS)]
