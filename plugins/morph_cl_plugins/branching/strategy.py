"""Neural branching as an Avalanche strategy."""

from __future__ import annotations

from typing import Any

import torch
from avalanche.training.templates import SupervisedTemplate
from avalanche.training.utils import _at_task_boundary
from torch import Tensor, nn
from torch.nn import functional

from morph_cl import Event, LabelledBatch, StrategyContext, TensorStrategy, UsageError, build_optimizer
from morph_cl_plugins.branching.closing import samples
from morph_cl_plugins.branching.expert import MASKED
from morph_cl_plugins.branching.figures import final_figures
from morph_cl_plugins.branching.groups import class_groups
from morph_cl_plugins.branching.growing import Grower, Lesson
from morph_cl_plugins.branching.model import BranchedModel
from morph_cl_plugins.branching.options import BranchingOptions
from morph_cl_plugins.branching.stages import Stage
from morph_cl_plugins.branching.tasks import TaskBranchedModel


class Branching(TensorStrategy, SupervisedTemplate):
    """Trains a parent, freezes it, and grows branches on it.

    Args:
        network: the model, bare.
        groups: disjoint groups of classes, one branch each.
        options: the options that both were built with.
        tasks: number of tasks in the task setting, else None.
        loop: what every Avalanche strategy takes for its loop.
    """

    def __init__(
        self,
        *,
        network: BranchedModel,
        groups: tuple[tuple[int, ...], ...],
        options: BranchingOptions,
        tasks: int | None,
        **loop: Any,
    ) -> None:
        self.branching_options = options
        self.grower = Grower(network, groups)
        self.adapted_dataset: Any = None
        self._held: Any = None
        self._lesson: Lesson | None = None
        self._stages: list[Stage] = []
        self._step = 0
        self._weights: Tensor | None = None
        model: nn.Module = network if tasks is None else TaskBranchedModel(network, tasks)
        super().__init__(
            model=model,
            optimizer=build_optimizer(network.parent, options),
            criterion=nn.CrossEntropyLoss(),
            **loop,
        )

    @property
    def network(self) -> BranchedModel:
        """The model, without its task mask."""
        network = self.model.network if isinstance(self.model, TaskBranchedModel) else self.model
        assert isinstance(network, BranchedModel)
        return network

    def _mask(self, task: Tensor) -> Tensor | None:
        return self.model.allowed(task) if isinstance(self.model, TaskBranchedModel) else None

    # --- the optimizer follows the model ---------------------------------------------------------------------------

    def make_optimizer(self, **_kwargs: Any) -> None:
        """Nothing to do at a boundary: the optimizer is refilled whenever a stage begins."""

    def check_model_and_optimizer(self, **_kwargs: Any) -> None:
        """At a boundary: tell the task mask what comes."""
        if _at_task_boundary(self.experience, before=True):
            self.model = self.model_adaptation()

    def _cover(self, parameters: list[nn.Parameter], level: int) -> None:
        """Make the optimizer step these parameters only; moments of what it stepped before and still does are kept."""
        options = self.branching_options
        kept = {id(parameter) for parameter in parameters}
        for parameter in [known for known in self.optimizer.state if id(known) not in kept]:
            del self.optimizer.state[parameter]
        rate = options.branch_lr if level else options.lr
        decay = options.branch_weight_decay if level else options.weight_decay
        self.optimizer.param_groups[0].update(params=parameters, lr=rate, full_lr=rate, weight_decay=decay)

    # --- an experience ---------------------------------------------------------------------------------------------

    def train_dataset_adaptation(self, **kwargs: Any) -> None:
        """Keep the held-out part of the experience from training."""
        super().train_dataset_adaptation(**kwargs)
        size = len(self.adapted_dataset)
        count = max(1, int(size * self.branching_options.validation))
        if count >= size:
            raise UsageError(f"branching needs 2 training images an experience, one of them held out, not {size}.")
        order = torch.randperm(size)
        self._held = self.adapted_dataset.subset(order[:count].sort().values.tolist())
        self.adapted_dataset = self.adapted_dataset.subset(order[count:].sort().values.tolist())

    def _before_training_exp(self, **kwargs: Any) -> None:
        super()._before_training_exp(**kwargs)
        own, held, size = self.adapted_dataset, self._held, self.eval_mb_size
        self._lesson = Lesson(
            number=int(getattr(self.experience, "current_experience", 0) or 0),
            present=sorted({int(label) for label in own.targets}),
            steps=len(self.dataloader) * self.train_epochs,
            iteration=lambda: int(self.clock.total_iterations),
            own=lambda: samples(own, size, self.device),
            held=lambda: samples(held, size, self.device),
        )
        self._stages, self._step = self.grower.plan(self._lesson), 0

    def _before_training_iteration(self, **kwargs: Any) -> None:
        assert self._lesson is not None
        stage = next(stage for stage in self._stages if self._step < stage.last)
        if self._step == stage.first:
            self._cover(self.grower.begin(stage, self._lesson), stage.level)
        if self.branching_options.decay:
            group = self.optimizer.param_groups[0]
            group["lr"] = group["full_lr"] * stage.rate(self._step)
        super()._before_training_iteration(**kwargs)

    def _after_training_exp(self, **kwargs: Any) -> None:
        assert self._lesson is not None
        self.grower.end(self._lesson, self._mask)
        if self.network.parent.frozen:
            self._cover([], level=1)
        self._held = self._lesson = self._weights = None
        super()._after_training_exp(**kwargs)

    # --- a step ----------------------------------------------------------------------------------------------------

    def forward(self) -> Tensor:
        """Log-probabilities of the batch; in training, logits of what is being trained."""
        if not self.is_training:
            answer: Tensor = super().forward()
            return answer
        network = self.network
        self._weights = torch.zeros(len(network))
        if not self.grower.open:
            self._weights[0] = 1.0
            logits: Tensor = network.parent(self.mb_x)
            allowed = self._mask(self.mb_task_id)
            if allowed is not None:
                logits = logits.masked_fill(~allowed, MASKED)
            return logits
        return self._branch_logits()

    def _branch_logits(self) -> Tensor:
        """Logits (B, classes) of the branches in training, masked where none has a class."""
        network = self.network
        output: Tensor = self.mb_x.new_full((len(self.mb_x), network.class_count), MASKED)
        features: dict[int, Tensor] = {}
        assert self._weights is not None
        for number in self.grower.open:
            branch = network.branch(number)
            if branch.host not in features:
                features[branch.host] = network.features(self.mb_x, branch.host)
            output[:, branch.classes] = branch(features[branch.host])
            self._weights[number] = float(torch.isin(self.mb_y, branch.classes).float().mean())
        return output

    def criterion(self) -> Tensor:
        """In training the losses of the branches or of the parent, in evaluation that of the prediction."""
        if not self.is_training or not self.grower.open:
            loss: Tensor = functional.cross_entropy(self.mb_output, self.mb_y)
            return loss
        exposure = self.branching_options.exposure
        branches = [self.network.branch(number) for number in self.grower.open]
        losses = [b.loss(self.mb_output[:, b.classes], self.mb_y, exposure) for b in branches]
        return torch.stack(losses).sum()

    def _after_training_iteration(self, **kwargs: Any) -> None:
        self._step += 1
        super()._after_training_iteration(**kwargs)

    # --- what a strategy tells -------------------------------------------------------------------------------------

    @property
    def expert_count(self) -> int:
        """The parent and its branches."""
        return len(self.network)

    @property
    def expert_names(self) -> tuple[str, ...]:
        """The parent, then the branches with their classes."""
        names = ["parent"]
        for number in range(1, len(self.network)):
            classes = self.network.branch(number).classes.tolist()
            shown = " ".join(map(str, classes)) if len(classes) <= 6 else f"{len(classes)} classes"
            names.append(f"branch {number}: {shown}")
        return tuple(names)

    @torch.no_grad()
    def expert_weights(self, x: Tensor, task: int) -> Tensor:
        """1 for the expert whose answer each image gets, of (B, E)."""
        allowed = self._mask(torch.full((len(x),), task, dtype=torch.int64, device=x.device))
        answered_by = self.network.decide(x, allowed).answered_by
        return functional.one_hot(answered_by, len(self.network)).float()

    def assigned_experts(self, y: Tensor) -> Tensor:
        """The one expert that was trained for each label, (B,), -1 where there is none or more than one."""
        return self.network.assigned().to(y.device)[y]

    def batch_expert_weights(self) -> Tensor | None:
        """The share of the last batch that each expert has the classes of, (E,); the parent 1 while it trains."""
        return self._weights

    def final_figures(self, batches: Any) -> dict[str, float]:
        """Accuracy, acceptance and cost on the test data."""
        moved = (LabelledBatch(b.x.to(self.device), b.y.to(self.device), b.task, b.experience) for b in batches)
        return final_figures(self.network, moved, self._mask)

    def drain_events(self) -> list[Event]:
        """Growth and calibration since the last call, oldest first."""
        events, self.grower.events = self.grower.events, []
        return events

    # --- state -----------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything at the boundary between two experiences, with the grown tree.

        Returns:
            ``model``, ``optimizer``, ``statistics`` (densities) and ``structure``: nested dictionaries and lists of
            tensors, numbers and texts.
        """
        structure = self.network.structure()
        structure["events"] = [event.model_dump() for event in self.grower.events]
        return {
            "model": dict(self.model.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "statistics": self.network.densities.export(),
            "structure": structure,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where :meth:`state_dict` was taken.

        Args:
            state: what it returned, of a strategy with the same options.
        """
        network = self.network
        network.take_structure(state["structure"])
        self.model.load_state_dict(state["model"])
        self.model.to(self.device)
        if isinstance(self.model, TaskBranchedModel):
            self.model.known_train_tasks_labels = set(self.model.task_classes.any(1).nonzero().squeeze(1).tolist())
        network.densities.load(state["statistics"])
        if network.parent.frozen:
            self._cover([], level=1)
        self.optimizer.load_state_dict(state["optimizer"])
        self.grower.events = [Event.model_validate(event) for event in state["structure"]["events"]]


def build(context: StrategyContext, options: BranchingOptions) -> Branching:
    """Build neural branching for a stream.

    Args:
        context: the stream and the loop.
        options: validated options.

    Returns:
        The strategy.

    Raises:
        UsageError: the groups do not fit the classes.
    """
    # Where the parent's experiences are all there are, branches grow in the last of them.
    beside_parent = context.experiences <= options.parent_experiences
    groups = class_groups(options, context.classes, beside_parent=beside_parent)
    network = BranchedModel(context.input_shape, context.classes, options, beside_parent=beside_parent)
    tasks = context.experiences if context.setting == "task" else None
    return Branching(network=network, groups=groups, options=options, tasks=tasks, **context.loop())
