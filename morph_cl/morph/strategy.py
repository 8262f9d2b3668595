"""MORPH as an Avalanche strategy."""

from __future__ import annotations

from typing import Any, cast

import torch
from avalanche.training.templates import SupervisedTemplate
from avalanche.training.utils import _at_task_boundary
from torch import Tensor, nn

from morph_cl.bridge.classifier import TaskMaskedClassifier
from morph_cl.bridge.context import StrategyContext
from morph_cl.bridge.dataset import TensorView, view_of
from morph_cl.bridge.strategy import TensorStrategy
from morph_cl.errors import UsageError
from morph_cl.morph.arrival import known_alignment, observe
from morph_cl.morph.assembly import chosen_detector
from morph_cl.morph.decision import decide
from morph_cl.morph.growth import look
from morph_cl.morph.intake import absorb, begin, check_batch, hold_out, measure, remember
from morph_cl.morph.learning import Step
from morph_cl.morph.model import MorphModel
from morph_cl.morph.optimizer import cover, export_optimizer, load_optimizer, make_optimizer, set_rate
from morph_cl.morph.options import MorphOptions
from morph_cl.morph.rehearsal import rehearse
from morph_cl.morph.state import join_state, split_state
from morph_cl.results.record import Event

EXPERT_SHARE = 15
"""An expert in training that can be sized takes one part of so many of ``max_bytes``."""
_CHUNK = 8_192
_LEAST_RATE = 0.05  # share of the full learning rate at the end of an experience


class TaskMorph(TaskMaskedClassifier):
    """MORPH told the task: it routes and answers among that task's classes only.

    Args:
        network: the model.
        classes: number of classes.
        tasks: number of tasks.
    """

    def allowed(self, task: Tensor | int) -> Tensor:
        """The classes of a task, or of each sample's task; all of them for a task that training has not reached.

        Args:
            task: a task label, or (B,) task labels.

        Returns:
            (classes,) or (B, classes) bool.
        """
        classes: Tensor = self.task_classes[task]
        return classes | ~classes.any(-1, keepdim=True)

    def forward(self, x: Tensor, task_labels: Tensor | int | None) -> Tensor | dict[int, Tensor]:
        """Logits (B, classes) within each sample's task; for None a dictionary with those of every known task."""
        if task_labels is None:
            return {task: self.forward_single_task(x, task) for task in sorted(self.known_train_tasks_labels)}
        logits: Tensor = self.network(x, self.allowed(task_labels))
        return logits

    def forward_single_task(self, x: Tensor, task_label: int) -> Tensor:
        """Logits (B, classes) within one task."""
        logits: Tensor = self.network(x, self.allowed(task_label))
        return logits


class MorphStrategy(TensorStrategy, SupervisedTemplate):
    """Trains a :class:`MorphModel` on a stream.

    With ``boundaries=aware`` each experience is judged at its start, and MORPH sleeps at its end; with ``free`` every
    batch is judged and the boundaries are used for nothing but the end-of-experience sleep that ``sleep`` asks for.

    Args:
        morph: the model, bare.
        options: the options it was built with.
        tasks: number of tasks in the task setting, else None.
        loop: what every Avalanche strategy takes for its loop.
    """

    def __init__(self, *, morph: MorphModel, options: MorphOptions, tasks: int | None, **loop: Any) -> None:
        self.morph_options = options
        self._step: Step | None = None
        self._held: Tensor | None = None
        self.adapted_dataset: Any = None
        self._done, self._total = 0, 1
        model: nn.Module = morph if tasks is None else TaskMorph(cast(Any, morph), morph.classes, tasks)
        super().__init__(
            model=model,
            optimizer=make_optimizer(options.lr, options.shared_lr),
            criterion=nn.CrossEntropyLoss(),
            **loop,
        )
        self._cover()

    @property
    def morph(self) -> MorphModel:
        """The model, without its task mask."""
        model = self.model.network if isinstance(self.model, TaskMorph) else self.model
        assert isinstance(model, MorphModel)
        return model

    # --- the optimizer follows the model ---------------------------------------------------------------------------

    def _cover(self) -> None:
        cover(self.optimizer, dict(self.model.named_parameters()), self.morph.gate)

    def make_optimizer(self, **_kwargs: Any) -> None:
        """Cover what the model has grown; moments of what stayed are kept."""
        self._cover()

    def check_model_and_optimizer(self, **_kwargs: Any) -> None:
        """At a boundary: adapt the model, decide who learns the experience, cover it."""
        if _at_task_boundary(self.experience, before=True):
            self.model = self.model_adaptation()
            if self.morph_options.boundaries == "aware":
                self._open_experience()
            self._cover()

    # --- an experience ---------------------------------------------------------------------------------------------

    def train_dataset_adaptation(self, **kwargs: Any) -> None:
        """Keep the held-out share of the experience from training (boundaries=aware)."""
        super().train_dataset_adaptation(**kwargs)
        self._held = None
        size = len(self.adapted_dataset)
        count = int(size * self.morph_options.holdout)
        if self.morph_options.boundaries == "free" or not count:
            return
        order = torch.randperm(size)
        self._held = order[:count].sort().values
        self.adapted_dataset = self.adapted_dataset.subset(order[count:].sort().values.tolist())

    def _open_experience(self) -> None:
        own = _own_view(self.adapted_dataset)
        self.morph.experience = self._experience_number()
        start = torch.randperm(len(own))[: self.morph_options.window]
        begin(self.morph, *self._take(own, start))
        for rows in _runs(len(own)):
            absorb(self.morph, *self._take(own, rows))
        held = self._held
        if held is not None and len(held):
            everything = _own_view(self.experience.dataset)
            hold_out(self.morph, *self._take(everything, held))
        else:
            hold_out(self.morph, *self._take(own, start[: len(start) // 2]))

    def _take(self, view: TensorView, rows: Tensor) -> tuple[Tensor, Tensor]:
        x, y, _ = view.batch(rows)
        check_batch(self.morph, x, y)
        return x.to(self.device), y.to(self.device)

    def _experience_number(self) -> int:
        return int(getattr(self.experience, "current_experience", 0) or 0)

    def _before_training_exp(self, **kwargs: Any) -> None:
        super()._before_training_exp(**kwargs)
        self.morph.experience = self._experience_number()
        self._done, self._total = 0, max(len(self.dataloader) * self.train_epochs, 1)

    def _after_training_exp(self, **kwargs: Any) -> None:
        options = self.morph_options
        if options.boundaries == "aware":
            if self._held is not None and len(self._held):
                measure(self.morph, *self._take(_own_view(self.experience.dataset), self._held))
            own = _own_view(self.adapted_dataset)
            for rows in _runs(len(own)):
                remember(self.morph, *self._take(own, rows))
            self.morph.schedule.took(len(own))
        if options.sleep and (options.boundaries == "free" or self.morph.schedule.rests):
            self.sleep()
        self.morph.refresh()
        super()._after_training_exp(**kwargs)

    def sleep(self) -> dict[str, Any]:
        """Sleep now.

        Returns:
            What happened, as the ``sleep`` event says it.
        """
        detail = self.morph.sleep()
        self._cover()
        return detail

    # --- a step ----------------------------------------------------------------------------------------------------

    def _before_training_iteration(self, **kwargs: Any) -> None:
        options = self.morph_options
        if options.boundaries == "free":
            # An attached replay plugin appends its samples to the batch: they are no news.
            train = observe(self.morph, self.mb_x[: self.train_mb_size], self.mb_y[: self.train_mb_size])
            rows = torch.cat([train, train.new_ones(len(self.mb_x) - len(train))])
            self.mbatch = [part[rows] for part in cast(Any, self).mbatch]
            self._cover()
        elif options.decay:
            set_rate(self.optimizer, max(1.0 - self._done / self._total, _LEAST_RATE))
        super()._before_training_iteration(**kwargs)

    def forward(self) -> Tensor:
        """Logits of the batch; in training with the losses of the parts on the side."""
        if not self.is_training:
            answer: Tensor = super().forward()
            return answer
        allowed = self.model.allowed(self.mb_task_id) if isinstance(self.model, TaskMorph) else None
        self._step = self.morph.step(self.mb_x, self.mb_y, allowed)
        return self._step.output

    def criterion(self) -> Tensor:
        """In training the sum of the parts' losses, in evaluation the cross-entropy of the prediction."""
        if self.is_training and self._step is not None:
            return self._step.loss
        loss: Tensor = super().criterion()
        return loss

    def _after_training_iteration(self, **kwargs: Any) -> None:
        self._step = None
        self._done += 1
        self.morph.follow()
        super()._after_training_iteration(**kwargs)
        rehearse(self.morph, self.optimizer)
        if self.morph.sleep_due:
            self.sleep()

    # --- drifts ----------------------------------------------------------------------------------------------------

    def grow_expert(self) -> bool:
        """Add an expert for what the last batch is of (boundaries=free), as far as caps and budget allow.

        Returns:
            Whether there is an expert more.
        """
        if not self._knows_inputs():
            return False
        x, y = self.mb_x, self.mb_y
        grown = self.morph.grow(look(self.morph, x, y), known_alignment(self.morph, x, y))
        self._cover()
        return grown

    def switch_context(self) -> bool:
        """Train the expert whose concepts explain the last batch best (boundaries=free).

        Returns:
            Whether that is another expert than before.
        """
        if not self._knows_inputs():
            return False
        before = self.morph.active
        self.morph.turn_to(self.morph.numbers[look(self.morph, self.mb_x, self.mb_y).closest])
        self._cover()
        return self.morph.active != before

    def _knows_inputs(self) -> bool:
        """Whether there are concepts that a batch can be compared with."""
        morph = self.morph
        return bool(morph.concepts.projection.fitted) and float(morph.concepts.level[:, 0].max()) > 0

    def start_anew(self, fresh: Any) -> None:
        """Forget everything, memory and graph too; an experience that was opened is opened again.

        Args:
            fresh: MORPH just built.
        """
        iteration = self.morph.iteration
        self.load_state_dict(fresh.state_dict())
        self.morph.iteration = iteration
        self.morph.experience = self._experience_number()
        if self.morph_options.boundaries == "aware":
            self._open_experience()
        self._cover()

    # --- what a strategy tells and keeps ---------------------------------------------------------------------------

    @property
    def expert_count(self) -> int:
        """Routed experts; the shared one is not counted."""
        return len(self.morph.pool)

    @property
    def expert_names(self) -> tuple[str, ...]:
        """The routed experts by the numbers that events call them."""
        return tuple(f"expert {number}" for number in self.morph.numbers)

    @torch.no_grad()
    def expert_weights(self, x: Tensor, task: int) -> Tensor:
        """The routing probabilities of the prediction itself, (B, E).

        Args:
            x: (B, C, H, W) images.
            task: their task label; it counts in the task setting alone.
        """
        allowed = self.model.allowed(task) if isinstance(self.model, TaskMorph) else None
        return decide(self.morph, x, allowed).route.exp()

    def batch_expert_weights(self) -> Tensor:
        """All of the training step for the expert in training."""
        weights = torch.zeros(len(self.morph.pool))
        weights[self.morph.row] = 1.0
        return weights

    def drain_events(self) -> list[Event]:
        """Growth, reuse, refusals, merges, removals and sleeps since the last call, oldest first."""
        events, self.morph.pending = self.morph.pending, []
        return events

    def _prefix(self) -> str:
        return "network." if isinstance(self.model, TaskMorph) else ""

    def state_dict(self) -> dict[str, Any]:
        """Everything at the boundary between two experiences, with the model's grown shape.

        Returns:
            ``model``, ``optimizer``, ``memory``, ``statistics`` and ``structure``: nested dictionaries and lists of
            tensors, numbers and texts.
        """
        named = dict(self.model.named_parameters())
        parts = split_state(self.model.state_dict(), self._prefix())
        return {**parts, "optimizer": export_optimizer(self.optimizer, named)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where :meth:`state_dict` was taken.

        Args:
            state: what it returned, of a strategy with the same options.
        """
        self.model.load_state_dict(join_state(state, self._prefix()))
        self.model.to(self.device)
        self._cover()
        load_optimizer(self.optimizer, dict(self.model.named_parameters()), state["optimizer"])


def _runs(size: int) -> tuple[Tensor, ...]:
    """The numbers below ``size``, in runs of a bounded length."""
    return torch.split(torch.arange(size), _CHUNK)


def _own_view(dataset: Any) -> TensorView:
    view = view_of(dataset)
    if view is None:
        raise UsageError(
            "morph with boundaries=aware needs whole-tensor data sets; build the stream with make_stream, "
            "or use boundaries=free."
        )
    return view


def build(context: StrategyContext, options: MorphOptions) -> MorphStrategy:
    """Build MORPH for a stream.

    Args:
        context: the stream, the loop and the experts.
        options: every setting of MORPH.

    Returns:
        The strategy.

    Raises:
        UsageError: ``max_bytes`` is too small for one expert, or no such detector is registered.
    """
    build_expert, name = context.build_expert, options.expert  # the context itself must not be copied with the model

    # An expert that can be told how large it may be is told its share.
    share = {"max_bytes": options.max_bytes // EXPERT_SHARE} if "max_bytes" in context.expert_options(name) else None

    def build_one() -> nn.Module:
        return build_expert(name, share)

    detector = chosen_detector(options, context.build_detector)
    morph = MorphModel(build_one, context.input_shape, context.classes, options, detector)
    tasks = context.experiences if context.setting == "task" else None
    return MorphStrategy(morph=morph, options=options, tasks=tasks, **context.loop())
