"""What is explained: a trained MORPH, its stream and its record; and the profile of each of its experts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from morph_cl.bridge.dataset import as_float, view_of
from morph_cl.bridge.stream import Stream
from morph_cl.errors import UsageError
from morph_cl.morph.lineage import events_of, owners_of_experiences, parents_and_births, relations_between_experts
from morph_cl.morph.model import MorphModel
from morph_cl.results.explanation import ExpertProfile
from morph_cl.results.record import RunRecord


@dataclass(frozen=True)
class Subject:
    """What is explained.

    Args:
        model: MORPH at the end of its run.
        stream: the stream that it was trained on.
        record: the record of the run.
        allowed: the classes of a task, in the task setting; None elsewhere.
    """

    model: MorphModel
    stream: Stream
    record: RunRecord
    allowed: Callable[[int], Tensor] | None = None

    def test_data(self, experience: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Test images, their labels and the classes of their task.

        Args:
            experience: its index.

        Returns:
            (N, C, H, W) as stored, (N,) int64, and (classes,) bool or None.
        """
        view = view_of(self.stream.benchmark.test_stream[experience].dataset)
        if view is None or len(view.leaves) != 1:
            raise UsageError("only streams of whole-tensor data can be explained; build the scenario with make_stream.")
        leaf = view.leaves[0]
        return leaf.x[view.row], leaf.y[view.row], None if self.allowed is None else self.allowed(leaf.task)

    @property
    def batch_size(self) -> int:
        """Samples an evaluation step of the run."""
        size = self.record.config.eval_batch_size
        assert size is not None, "a record holds a resolved configuration"
        return size

    def facts(self) -> dict[str, Any]:
        """What every explanation says of the run."""
        record = self.record
        return {
            "run_id": record.run_id,
            "scenario": record.scenario,
            "dataset": record.dataset,
            "seed": record.seed,
            "experience_labels": list(self.stream.labels),
        }


def expert_profiles(subject: Subject) -> list[ExpertProfile]:
    """Origin, samples and kin of every expert.

    Args:
        subject: the run.

    Returns:
        One an expert, in the order of the model's tables.
    """
    model, events = subject.model, subject.record.events
    born, relations = parents_and_births(events), relations_between_experts(model.graph.to_json())
    counts = model.concepts.counts.round().long().tolist()
    owned = _samples_by_experience(subject)
    return [
        ExpertProfile(
            number=number,
            parent=born[number][0],
            born=born[number][1],
            events=events_of(events, number),
            samples_by_class={label: count for label, count in enumerate(counts[row]) if count},
            samples_by_experience=None if owned is None else owned.get(number, {}),
            relations=[relation for relation in relations if number in relation.experts],
        )
        for row, number in enumerate(model.numbers)
    ]


def _samples_by_experience(subject: Subject) -> dict[int, dict[int, int]] | None:
    """Training samples by expert and experience; None where no boundaries were told."""
    if subject.record.strategy_info.boundaries != "aware":
        return None
    owned: dict[int, dict[int, int]] = {}
    for experience, owner in owners_of_experiences(subject.record.events, len(subject.stream)).items():
        size = len(subject.stream.benchmark.train_stream[experience].dataset)
        owned.setdefault(owner, {})[experience] = size
    return owned


def model_input(model: MorphModel, images: Tensor) -> Tensor:
    """Images as the model takes them, on its device.

    Args:
        model: the model.
        images: (N, C, H, W) as stored, uint8 or float32.

    Returns:
        (N, C, H, W) float32.
    """
    return as_float(images).to(model.gate.weight.device)
