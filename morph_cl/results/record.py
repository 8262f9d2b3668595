"""The record of a run: everything that was measured and what is needed to repeat it.

Accuracies are fractions in [0, 1]; what was not measured is NaN in memory and ``null`` in JSON.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from morph_cl.config import RunConfig
from morph_cl.results.figure import Figure
from morph_cl.results.prequential import Trace

SCHEMA = "morph-cl/run/1"
"""Name and version of the record's layout. A reader takes its own version and every earlier one."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Event(_Part):
    """Something that a strategy did: growth, merge, sleep, drift and so on.

    Args:
        kind: what happened, such as ``growth`` or ``sleep``.
        experience: index of the experience in training.
        iteration: training iterations since the start of the run.
        detail: JSON-able facts about it.
    """

    kind: str
    experience: int
    iteration: int
    detail: dict[str, Any] = Field(default_factory=dict)


class DatasetInfo(_Part):
    """Which data a run saw.

    Args:
        name: the data set's name, never ``auto``.
        checksum: SHA-256 over arrays and labels, hexadecimal.
        train_size: training images before any split.
        test_size: test images.
        classes: number of classes.
        input_shape: (channels, height, width).
        drawn: whether the scenario drew the samples itself, so that another seed has other ones.
    """

    name: str
    checksum: str
    train_size: int
    test_size: int
    classes: int
    input_shape: tuple[int, ...]
    drawn: bool = False


class ScenarioInfo(_Part):
    """Which stream a run saw.

    Args:
        name: the scenario's name.
        setting: ``class``, ``domain`` or ``task``.
        preset: the preset that was asked for, if any.
        experiences: a label for each experience, in order.
        options: the validated options.
        detail: facts about the stream, such as its angles.
    """

    name: str
    setting: str
    preset: str | None = None
    experiences: list[str]
    options: dict[str, Any] = Field(default_factory=dict)
    detail: dict[str, Any] = Field(default_factory=dict)


class StrategyInfo(_Part):
    """Which learner it was.

    Args:
        name: the strategy's name.
        source: the paper or address that it follows.
        boundaries: whether it was told the boundaries of experiences: ``aware`` or ``free``.
        profile: the profile that was asked for, if any; its options are among the options, those for experts among
            those of the configuration.
        options: the validated options, defaults included.
        provider: the plugin and distribution that offer it.
    """

    name: str
    source: str = ""
    boundaries: str = "aware"
    profile: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    provider: str = ""


class MemoryUse(_Part):
    """What the strategy holds at the end, in bytes, counted on its state.

    Args:
        parameters: number of trainable and frozen parameters in use for predictions or training.
        weight_bytes: parameters and buffers of the model.
        buffer_bytes: stored samples, labels and logits.
        statistics_bytes: every other tensor: importances, means, copies of weights.
        total_bytes: the sum of the three.
        optimizer_bytes: the optimizer's state, not part of the total.
        by_experience: total bytes after each experience.
    """

    parameters: int
    weight_bytes: int
    buffer_bytes: int
    statistics_bytes: int
    total_bytes: int
    optimizer_bytes: int = 0
    by_experience: list[int] = Field(default_factory=list)


class Timing(_Part):
    """How long it took, in wall-clock seconds.

    Args:
        train_seconds: in training, all experiences.
        eval_seconds: in evaluation, all experiences.
        samples_per_second: training samples drawn from the stream (replayed ones not counted) by train_seconds.
        train_seconds_by_experience: the same, one by one.
    """

    train_seconds: float
    eval_seconds: float
    samples_per_second: float
    train_seconds_by_experience: list[float] = Field(default_factory=list)


class BatchTrial(_Part):
    """A batch size that ``--batch-size auto`` tried.

    Args:
        batch_size: samples a training step.
        samples_per_second: of the stream, by the median of a few steps.
    """

    batch_size: int
    samples_per_second: float


class CalibrationBin(_Part):
    """Predictions of the final model with a confidence in one bin.

    Args:
        count: predictions in the bin.
        confidence: their mean confidence (the largest softmax probability).
        accuracy: their accuracy.
    """

    count: int
    confidence: Figure
    accuracy: Figure


class CurvePoint(_Part):
    """A look at the model in the midst of training.

    Args:
        experience: index of the experience in training.
        samples: training samples of the stream seen so far.
        train_accuracy: accuracy on the training batches since the last point, before each step.
        expert_names: the experts that those batches went to; empty of a monolith.
        expert_weights: mean weight of each in those batches, in the order of the names.
    """

    experience: int
    samples: int
    train_accuracy: Figure
    expert_names: list[str] = Field(default_factory=list)
    expert_weights: list[Figure] = Field(default_factory=list)


class Provenance(_Part):
    """Where and with what it ran."""

    created: str
    morph_cl: str
    python: str
    platform: str
    torch: str
    torchvision: str
    avalanche: str
    device: str
    threads: int
    plugins: list[str] = Field(default_factory=list)


class RunStart(_Part):
    """What observers are told before the first experience."""

    scenario: ScenarioInfo
    strategy: StrategyInfo
    dataset: DatasetInfo
    seed: int


class ExperienceReport(_Part):
    """What observers are told after each experience.

    Args:
        experience: its index.
        row: accuracy on every experience's test data, after training on this one.
        experts: experts that the strategy has now.
        events: what the strategy did since the last report.
        train_seconds: time in training on this experience.
        eval_seconds: time in evaluating all experiences.
        total_bytes: bytes that the strategy holds now.
    """

    experience: int
    row: list[Figure]
    experts: int
    events: list[Event] = Field(default_factory=list)
    train_seconds: float = 0.0
    eval_seconds: float = 0.0
    total_bytes: int = 0


class RunRecord(_Part):
    """A finished run, as stored and as written by ``--json``.

    Args:
        schema_: name and version of this layout; ``schema`` in JSON.
        run_id: the name of its folder in the store, empty where it was not stored.
        scenario: the scenario's name.
        strategy: the strategy's name.
        dataset: the data set's name.
        seed: the seed of stream and learner.
        accuracy_matrix: R, (T, T): row i holds the test accuracies after training on experience i.
        initial_accuracy: (T,): test accuracies of the untrained model, the base of forward transfer.
        validation_matrix: like R on the validation stream, empty where there is none.
        metrics: figures by name.
        calibration: confidence bins of the final model over all test data.
        memory: bytes held.
        timing: seconds taken.
        experts: experts after each experience; 1 for a monolith.
        events: what the strategy did.
        curve: training accuracy as training went on.
        trace: what was predicted of each batch before it was learned; None unless the stream is test-then-train.
        batch_search: what ``--batch-size auto`` tried; the size that it took stands in the configuration.
    """

    model_config = ConfigDict(extra="ignore", populate_by_name=True, serialize_by_alias=True)

    schema_: str = Field(SCHEMA, alias="schema")
    run_id: str = ""
    scenario: str
    strategy: str
    dataset: str
    seed: int
    accuracy_matrix: list[list[Figure]]
    initial_accuracy: list[Figure] = Field(default_factory=list)
    validation_matrix: list[list[Figure]] = Field(default_factory=list)
    metrics: dict[str, Figure] = Field(default_factory=dict)
    calibration: list[CalibrationBin] = Field(default_factory=list)
    memory: MemoryUse
    timing: Timing
    experts: list[int]
    events: list[Event] = Field(default_factory=list)
    curve: list[CurvePoint] = Field(default_factory=list)
    trace: Trace | None = None
    batch_search: list[BatchTrial] = Field(default_factory=list)
    scenario_info: ScenarioInfo
    strategy_info: StrategyInfo
    dataset_info: DatasetInfo
    config: RunConfig
    provenance: Provenance

    @property
    def experiences(self) -> int:
        """T, the number of experiences."""
        return len(self.accuracy_matrix)

    def to_json(self) -> str:
        """The record as JSON text, NaN as ``null``."""
        return self.model_dump_json(by_alias=True, indent=2)
