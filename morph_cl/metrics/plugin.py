"""The bundled metrics, registered as any plugin's are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from morph_cl.hookspecs import hookimpl
from morph_cl.metrics import calibration, continual, efficiency
from morph_cl.metrics.drift.registered import drift_metrics
from morph_cl.results.record import RunRecord
from morph_cl.specs import MetricSpec

_GEM = "Lopez-Paz and Ranzato, NeurIPS 2017, https://arxiv.org/abs/1706.08840"
_RWALK = "Chaudhry et al., ECCV 2018, https://arxiv.org/abs/1801.10112"
_STABILITY = "De Lange et al., ICLR 2023, https://arxiv.org/abs/2205.13452"


def _of_matrix(function: Callable[[continual.Matrix], float]) -> Callable[[RunRecord], float]:
    return lambda record: function(record.accuracy_matrix)


def _forward_transfer(record: RunRecord) -> float:
    return continual.forward_transfer(record.accuracy_matrix, record.initial_accuracy)


def _validation_average(record: RunRecord) -> float:
    return continual.average_accuracy(record.validation_matrix)


def _calibration_error(record: RunRecord) -> float:
    return calibration.expected_calibration_error(record.calibration)


def _accuracies() -> Iterator[MetricSpec]:
    """Higher is better, fractions."""
    yield MetricSpec(
        name="average-accuracy",
        build=_of_matrix(continual.average_accuracy),
        summary="accuracy over all experiences at the end",
        source=_GEM,
    )
    yield MetricSpec(
        name="anytime-accuracy",
        build=_of_matrix(continual.anytime_accuracy),
        summary="accuracy on the experiences seen so far, averaged over the stream",
        source="Caccia et al., ICLR 2022, https://arxiv.org/abs/2104.05025",
    )
    yield MetricSpec(
        name="just-learned-accuracy",
        build=_of_matrix(continual.just_learned_accuracy),
        summary="accuracy on each experience right after training on it",
        source="Riemer et al., ICLR 2019, https://arxiv.org/abs/1810.11910",
    )
    yield MetricSpec(
        name="min-accuracy",
        build=_of_matrix(continual.min_accuracy),
        summary="lowest accuracy of each experience after its own (Min-ACC)",
        source=_STABILITY,
    )
    yield MetricSpec(
        name="worst-case-accuracy",
        build=_of_matrix(continual.worst_case_accuracy),
        summary="newest experience and the lowest accuracies of the others (WC-ACC)",
        source=_STABILITY,
    )
    yield MetricSpec(
        name="validation-average-accuracy",
        build=_validation_average,
        summary="average accuracy on the validation stream, where one was held out",
        source=_GEM,
    )


def _transfers() -> Iterator[MetricSpec]:
    """What experiences do to one another."""
    yield MetricSpec(
        name="forgetting",
        build=_of_matrix(continual.forgetting),
        summary="best minus last accuracy of the earlier experiences",
        source=_RWALK,
        higher_is_better=False,
    )
    yield MetricSpec(
        name="first-minus-last",
        build=_of_matrix(continual.first_minus_last),
        summary="what Avalanche calls forgetting: minus backward transfer",
        source="StreamForgetting of Avalanche 0.6",
        higher_is_better=False,
    )
    yield MetricSpec(
        name="windowed-forgetting",
        build=_of_matrix(continual.windowed_forgetting),
        summary="sharpest drop of each experience from one evaluation to the next",
        source=_STABILITY,
        higher_is_better=False,
    )
    yield MetricSpec(
        name="backward-transfer",
        build=_of_matrix(continual.backward_transfer),
        summary="last minus just-learned accuracy of the earlier experiences",
        source=_GEM,
    )
    yield MetricSpec(
        name="forward-transfer",
        build=_forward_transfer,
        summary="accuracy on each experience before its training, above the untrained model's",
        source=_GEM,
    )


def _costs() -> Iterator[MetricSpec]:
    """Calibration, memory and time."""
    yield MetricSpec(
        name="expected-calibration-error",
        build=_calibration_error,
        summary="gap between confidence and accuracy of the final model",
        source="Guo et al., ICML 2017, https://arxiv.org/abs/1706.04599",
        higher_is_better=False,
    )
    yield MetricSpec(
        name="parameters",
        build=efficiency.parameters,
        summary="parameters of the model, frozen ones included",
        higher_is_better=False,
        unit="count",
    )
    yield MetricSpec(
        name="total-bytes",
        build=efficiency.total_bytes,
        summary="bytes held at the end: weights, buffers, stored samples, statistics",
        higher_is_better=False,
        unit="bytes",
    )
    yield MetricSpec(
        name="train-seconds",
        build=efficiency.train_seconds,
        summary="wall-clock time in training",
        higher_is_better=False,
        unit="seconds",
    )
    yield MetricSpec(
        name="eval-seconds",
        build=efficiency.eval_seconds,
        summary="wall-clock time in evaluation",
        higher_is_better=False,
        unit="seconds",
    )
    yield MetricSpec(
        name="samples-per-second",
        build=efficiency.samples_per_second,
        summary="training samples of the stream by training time",
        unit="samples/s",
    )


@hookimpl
def register_metrics() -> Iterator[MetricSpec]:
    """The figures that every run gets, and those of a drifting stream."""
    yield from _accuracies()
    yield from _transfers()
    yield from _costs()
    yield from drift_metrics()
