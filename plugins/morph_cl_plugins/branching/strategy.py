"""Neural branching as an Avalanche strategy."""

from __future__ import annotations

from typing import Any

import torch
from avalanche.training.templates import SupervisedTemplate
from avalanche.training.utils import _at_task_boundary
from torch import Tensor, nn
from torch.nn import functional

from morph_cl import Event, LabelledBatch, StrategyContext, TensorStrategy, UsageError, build_optimizer
from morph_cl_plugins.branching.closing import samples, set_temperature, set_thresholds
from morph_cl_plugins.branching.expert import MASKED
from morph_cl_plugins.branching.figures import final_figures
from morph_cl_plugins.branching.groups import class_groups, plan_growth
from morph_cl_plugins.branching.model import BranchedModel
from morph_cl_plugins.branching.options import BranchingOptions
from morph_cl_plugins.branching.stages import Stage, split_stages
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
        self.branching_options, self.groups = options, groups
        self.pending: list[Event] = []
        self._held: Any = None
        self._levels: list[list[Any]] = []
        self._stages: list[Stage] = []
        self._grown: list[int] = []
        self._open: list[int] = []
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

    def _cover(self, parameters: list[nn.Parameter], lr: float, weight_decay: float) -> None:
        """Make the optimizer step these parameters only, from a fresh state."""
        self.optimizer.state.clear()
        self.optimizer.param_groups[0].update(params=parameters, lr=lr, weight_decay=weight_decay)

    # --- an experience ---------------------------------------------------------------------------------------------

    def _number(self) -> int:
        return int(getattr(self.experience, "current_experience", 0) or 0)

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
        number, options = self._number(), self.branching_options
        parent = number < options.parent_experiences
        grows = not parent or (self.network.beside_parent and number == options.parent_experiences - 1)
        present = sorted({int(label) for label in self.adapted_dataset.targets})
        self._levels = plan_growth(self.groups, options.nested, present) if grows else []
        steps = len(self.dataloader) * self.train_epochs
        share = (options.branch_share if grows else 0.0) if parent else None
        self._stages = split_stages(steps, len(self._levels), share)
        self._grown, self._open, self._step = [], [], 0

    def _before_training_iteration(self, **kwargs: Any) -> None:
        stage = next(stage for stage in self._stages if self._step < stage.last)
        if self._step == stage.first:
            self._begin(stage)
        if self.branching_options.decay:
            group = self.optimizer.param_groups[0]
            group["lr"] = group["full_lr"] * stage.rate(self._step)
        super()._before_training_iteration(**kwargs)

    def _begin(self, stage: Stage) -> None:
        if stage.level:
            self._begin_branches(stage.level)
        elif not bool(self.network.trained.any()):
            self.network.parent.standardise.fit(x for x, _, _ in self._own())
        rate = self.branching_options.branch_lr if stage.level else self.branching_options.lr
        self.optimizer.param_groups[0]["full_lr"] = rate

    def _own(self) -> Any:
        """The training data of the experience, without what is held out."""
        return samples(self.adapted_dataset, self.eval_mb_size, self.device)

    def _held_out(self) -> Any:
        return samples(self._held, self.eval_mb_size, self.device)

    def _begin_branches(self, level: int) -> None:
        """Freeze what has been trained and grow the next level on it."""
        self._end_stage()
        network, options = self.network, self.branching_options
        for growth in self._levels[level - 1]:
            host = 0 if growth.host is None else self._grown[growth.host]
            number = network.grow(growth.classes, host, self._number())
            network.branch(number).standardise.fit(
                network.features(x[own], host)
                for x, y, _ in self._own()
                if bool((own := torch.isin(y, network.branch(number).classes)).any())
            )
            self._grown.append(number)
            self._open.append(number)
            on = "the parent" if not host else f"branch {host}"
            self._tell("growth", {"expert": number, "classes": list(growth.classes), "on": on})
        parameters = [p for number in self._open for p in network.branch(number).parameters()]
        self._cover(parameters, options.branch_lr, options.branch_weight_decay)

    def _end_stage(self) -> None:
        """Freeze what the stage trained, and choose its temperatures."""
        network = self.network
        if not network.parent.frozen:
            self._end_parent()
        for number in self._open:
            network.branch(number).freeze()
            set_temperature(network, number, self._held_out())
        self._open = []

    def _end_parent(self) -> None:
        """Note what the parent has learned; freeze it after its last experience."""
        network, number = self.network, self._number()
        classes = sorted({int(label) for label in self.adapted_dataset.targets})
        network.trained[classes] = True
        if number < self.branching_options.parent_experiences - 1:
            return
        network.parent.freeze()
        set_temperature(network, 0, self._held_out())
        self._cover([], self.branching_options.branch_lr, 0.0)

    def _after_training_exp(self, **kwargs: Any) -> None:
        self._end_stage()
        network = self.network
        frozen = network.parent.frozen
        if frozen:
            self._cover([], self.branching_options.branch_lr, 0.0)
            self._close()
        self._held, self._stages, self._levels = None, [], []
        self._weights = None
        super()._after_training_exp(**kwargs)

    def _close(self) -> None:
        """Learn the densities that routing needs, then choose thresholds by what routing sends to each expert."""
        network = self.network
        network.eval()
        if network.routing == "density":
            tops = [number for number in self._grown if not network.branch(number).host]
            if not tops and not network.beside_parent:
                tops = [0]
            for number in tops:
                features = ((network.density_features(x), y) for x, y, _ in self._own())
                network.densities.add(number, network.expert(number).classes.tolist(), features)
        numbers = self._grown if self._grown and not network.beside_parent else list(range(len(network)))
        coverage = set_thresholds(network, numbers, self._held_out(), self._mask)
        for number in numbers:
            expert = network.expert(number)
            detail = {"temperature": float(expert.temperature), "threshold": float(expert.threshold)}
            self._tell("calibration", {"expert": number, **detail, "validation_coverage": coverage[number]})

    def _tell(self, kind: str, detail: dict[str, Any]) -> None:
        iteration = int(self.clock.total_iterations)
        self.pending.append(Event(kind=kind, experience=self._number(), iteration=iteration, detail=detail))

    # --- a step ----------------------------------------------------------------------------------------------------

    def forward(self) -> Tensor:
        """Log-probabilities of the batch; in training, logits of what is being trained."""
        if not self.is_training:
            answer: Tensor = super().forward()
            return answer
        network = self.network
        self._weights = torch.zeros(len(network))
        if not self._open:
            self._weights[0] = 1.0
            logits: Tensor = network.parent(self.mb_x)
            allowed = self._mask(self.mb_task_id)
            return logits if allowed is None else logits.masked_fill(~allowed, MASKED)
        return self._branch_logits()

    def _branch_logits(self) -> Tensor:
        """Logits (B, classes) of the branches in training, masked where none has a class."""
        network = self.network
        output = self.mb_x.new_full((len(self.mb_x), network.class_count), MASKED)
        features: dict[int, Tensor] = {}
        assert self._weights is not None
        for number in self._open:
            branch = network.branch(number)
            if branch.host not in features:
                features[branch.host] = network.features(self.mb_x, branch.host)
            output[:, branch.classes] = branch(features[branch.host])
            self._weights[number] = float(torch.isin(self.mb_y, branch.classes).float().mean())
        return output

    def criterion(self) -> Tensor:
        """In training the losses of the branches or of the parent, in evaluation that of the prediction."""
        if not self.is_training or not self._open:
            loss: Tensor = functional.cross_entropy(self.mb_output, self.mb_y)
            return loss
        exposure = self.branching_options.exposure
        branches = [self.network.branch(number) for number in self._open]
        return torch.stack([b.loss(self.mb_output[:, b.classes], self.mb_y, exposure) for b in branches]).sum()

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
        events, self.pending = self.pending, []
        return events

    # --- state -----------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything at the boundary between two experiences, with the grown tree.

        Returns:
            ``model``, ``optimizer``, ``statistics`` (densities) and ``structure``: nested dictionaries and lists of
            tensors, numbers and texts.
        """
        structure = self.network.structure()
        structure["events"] = [event.model_dump() for event in self.pending]
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
            self._cover([], self.branching_options.branch_lr, 0.0)
        self.optimizer.load_state_dict(state["optimizer"])
        self.pending = [Event.model_validate(event) for event in state["structure"]["events"]]


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
