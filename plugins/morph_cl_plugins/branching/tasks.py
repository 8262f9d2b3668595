"""The model told the task: it routes and answers among that task's classes only."""

from __future__ import annotations

import torch
from avalanche.models.dynamic_modules import MultiTaskModule
from torch import Tensor

from morph_cl_plugins.branching.model import BranchedModel


class TaskBranchedModel(MultiTaskModule):
    """A branched model behind a mask of each task's classes.

    Args:
        network: the model.
        tasks: number of tasks.
    """

    task_classes: Tensor

    def __init__(self, network: BranchedModel, tasks: int) -> None:
        super().__init__()
        self.known_train_tasks_labels: set[int] = set()
        self.network = network
        self.max_class_label = network.class_count
        self.register_buffer("task_classes", torch.zeros(tasks, network.class_count, dtype=torch.bool))

    def adaptation(self, experience: object) -> None:
        """Learn which classes a task has, from the training experience that brings it."""
        if self.training:
            for task in experience.task_labels:  # type: ignore[attr-defined]
                self.task_classes[task, list(experience.classes_in_this_experience)] = True  # type: ignore[attr-defined]
                self.known_train_tasks_labels = self.known_train_tasks_labels | {task}

    def allowed(self, task_labels: Tensor) -> Tensor:
        """The classes of each sample's task; all of them for a task that training has not reached.

        Args:
            task_labels: (B,) int64.

        Returns:
            (B, classes) bool.
        """
        allowed: Tensor = self.task_classes[task_labels]
        return allowed | ~allowed.any(-1, keepdim=True)

    def forward(self, x: Tensor, task_labels: Tensor | int | None) -> Tensor | dict[int, Tensor]:
        """Log-probabilities (B, classes) within each sample's task; for None a dictionary with those of every task."""
        if task_labels is None:
            return {task: self.forward_single_task(x, task) for task in sorted(self.known_train_tasks_labels)}
        if isinstance(task_labels, int):
            return self.forward_single_task(x, task_labels)
        answer: Tensor = self.network(x, self.allowed(task_labels))
        return answer

    def forward_single_task(self, x: Tensor, task_label: int) -> Tensor:
        """Log-probabilities (B, classes) within one task."""
        tasks = torch.full((len(x),), task_label, dtype=torch.int64, device=x.device)
        answer: Tensor = self.network(x, self.allowed(tasks))
        return answer
