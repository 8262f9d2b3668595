"""MORPH itself, a module that needs no strategy: experts, shared expert, gate, concepts, graph, memory, growth, sleep.

::

    model = build_morph((1, 28, 28), 10)
    optimizer = model.make_optimizer()
    for batch in batches:
        model.train_step(batch, optimizer)
    model.sleep()
    print(model.evaluate(test_batches)["accuracy"])
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from morph_cl.bridge.detector import DriftDetector
from morph_cl.morph.adapting import Adapting
from morph_cl.morph.align import Alignment
from morph_cl.morph.average import WeightAverage
from morph_cl.morph.budget import check_budget, fit_budget, held_out_capacity, room_for_expert
from morph_cl.morph.concepts import Concepts
from morph_cl.morph.decision import decide
from morph_cl.morph.drift import Watch
from morph_cl.morph.experts import Build, ExpertPool
from morph_cl.morph.frames import LEAST_SIDE
from morph_cl.morph.gate import Gate
from morph_cl.morph.graph import KnowledgeGraph
from morph_cl.morph.growth import Look
from morph_cl.morph.learning import Criterion, Step, losses, restrict
from morph_cl.morph.memory import ReplayMemory
from morph_cl.morph.mixture import Evidence, Mixture
from morph_cl.morph.novelty import NoveltyDetector
from morph_cl.morph.optimizer import cover, make_optimizer
from morph_cl.morph.options import MorphOptions
from morph_cl.morph.precision import Precision
from morph_cl.morph.screening import screened
from morph_cl.morph.sleep import MetaLearner, SleepSchedule, sleep
from morph_cl.morph.standalone import Batch, evaluate, train_step
from morph_cl.morph.state import export_extra, load_extra, take_shape
from morph_cl.results.record import Event

_LAZINESS = 0.05
"""A stream without boundaries asks for densities at every batch: they are computed anew when 5 % more was met."""


class MorphModel(nn.Module):
    """A mixture of experts that grows.

    In training mode, ``model(x)`` is the answer of the expert in training joined with the shared one; in evaluation
    mode that of the routed experts joined with the average of the shared one. With gradients enabled in evaluation
    mode (importance measures do that) the live shared weights answer instead of their average: gradients reach them.

    Args:
        build: makes one expert, from (B, C, H, W) to (B, classes) logits.
        input_shape: (C, H, W).
        classes: number of classes.
        options: every setting.
        detector: watches novelty; None counts ``patience`` novel batches in a row.

    Raises:
        UsageError: ``max_bytes`` is too small for one expert.
    """

    def __init__(
        self,
        build: Build,
        input_shape: tuple[int, int, int],
        classes: int,
        options: MorphOptions | None = None,
        detector: DriftDetector | None = None,
    ) -> None:
        super().__init__()
        self.options = options = options or MorphOptions()
        self.input_shape, self.classes = input_shape, classes
        free = options.boundaries == "free"
        framed = free and options.align == "affine" and min(input_shape[1:]) >= LEAST_SIDE
        self.precision = Precision(bfloat16=options.bfloat16)
        decay = options.expert_ema if free else 0.0
        self.pool = ExpertPool(build, half=options.half, decay=decay, framed=framed, precision=self.precision)
        self.shared = build() if options.shared else None
        self.average = WeightAverage(self.shared, options.ema) if self.shared is not None and options.ema else None
        self.gate = Gate(input_shape[0] * input_shape[1] * input_shape[2], self.precision)
        self.concepts = Concepts(
            classes,
            options.dims,
            options.shrink,
            options.modes,
            options.split,
            half=options.half,
            precision=self.precision,
        )
        self.concepts.laziness = _LAZINESS if free else 0.0
        self.mixture = Mixture(options.top_k)
        keep_logits = options.shared and options.distil > 0
        bits = options.memory_bits
        self.memory = ReplayMemory(
            options.memory,
            input_shape,
            classes,
            logits=keep_logits,
            bits=bits,
            priority=options.priority,
            policy=options.memory_policy,
            frames=framed,
        )
        held_out = held_out_capacity(options, self.memory.sample_bytes)
        self.validation = ReplayMemory(held_out, input_shape, classes, logits=False, bits=bits)
        self.graph = KnowledgeGraph()
        self.watch = Watch(detector or NoveltyDetector(options.novelty, options.novel_batches), options.cooldown)
        self.schedule = SleepSchedule(options)
        self.meta = MetaLearner()
        self.tuned: dict[str, float] = {}
        self.active = 0
        self.experience = 0
        self.iteration = 0
        self.dormant: dict[int, int] = {}
        self.pending: list[Event] = []
        self.window: list[tuple[Tensor, Tensor]] = []
        self.adapting = Adapting(options, self.concepts, input_shape, classes) if free else None
        self._admit(None)
        check_budget(self)

    # --- growth ----------------------------------------------------------------------------------------------------

    @property
    def numbers(self) -> list[int]:
        """The experts' numbers, in the order of every table that has a row an expert."""
        return self.pool.numbers

    @property
    def row(self) -> int:
        """The row of the expert in training."""
        return self.numbers.index(self.active)

    @property
    def thresholds(self) -> MorphOptions:
        """The options, with the thresholds that meta-learning tuned in place of those given."""
        return self.options.model_copy(update=self.tuned) if self.tuned else self.options

    def note(self, kind: str, **detail: Any) -> None:
        """Record an event.

        Args:
            kind: what happened.
            detail: JSON-able facts.
        """
        self.meta.hear(kind, detail)
        self.pending.append(Event(kind=kind, experience=self.experience, iteration=self.iteration, detail=detail))

    def _admit(self, parent: int | None) -> None:
        """Add an expert to every table and open it for training."""
        row = self.numbers.index(parent) if parent is not None else None
        if len(self.pool):
            self.pool.freeze(self.active)
        self.active = self.pool.add(parent)
        self.gate.add_row(row)
        self.concepts.add_expert()
        self.graph.add_expert(self.active, parent)
        self.pool.open(self.active)
        self.pool.net(self.active).train(self.training)

    def turn_to(self, number: int) -> None:
        """Train another of the experts from now on.

        Args:
            number: its number.
        """
        if number != self.active:
            self.pool.freeze(self.active)
            self.active = number
            self.pool.open(number)
            if self.adapting is not None:
                self.adapting.opened(known=True)
            self.concepts.open(self.row)
            self.pool.net(number).train(self.training)
            fit_budget(self)

    def grow(self, seen: Look, alignment: Alignment | None = None) -> bool:
        """Add an expert and train it from now on, if cap and budget allow it.

        Args:
            seen: what the new data looks like to the experts there are.
            alignment: an expert and a frame through which it knows the new data: the new one starts from those.

        Returns:
            Whether there is an expert more.
        """
        options = self.options
        closest = self.numbers[seen.closest]
        facts = {
            "novelty": round(seen.novelty, 4),
            "surprise": round(seen.surprise, 4),
            "evidence": seen.evidence(self.thresholds),
            "closest": closest,
            "experts": len(self.pool),
        }
        if len(self.pool) >= options.max_experts or not room_for_expert(self):
            reason = "max_experts" if len(self.pool) >= options.max_experts else "max_bytes"
            self.note("growth-refused", reason=reason, **facts)
            return False
        parent = {"closest": closest, "newest": self.numbers[-1], "scratch": None}[options.clone]
        if alignment is not None:
            parent = alignment.expert
            facts["turn"] = round(alignment.degrees, 1)
        self._admit(parent)
        if alignment is not None:
            self.pool.join_family(self.active, alignment.expert, alignment.frame)
            self.concepts.loss_level[self.row] = self.concepts.loss_level[self.numbers.index(alignment.expert)]
        if self.adapting is not None:
            self.adapting.opened(known=alignment is not None)
            self.adapting.context.grown(self.active)
        fit_budget(self)
        self.watch.grown()
        self.schedule.grown()
        self.note("growth", expert=self.active, parent=parent, **{**facts, "experts": len(self.pool)})
        return True

    # --- learning --------------------------------------------------------------------------------------------------

    def step(self, x: Tensor, y: Tensor, allowed: Tensor | None = None, criterion: Criterion | None = None) -> Step:
        """The losses of one training batch, with a batch from memory.

        Args:
            x: (B, C, H, W).
            y: (B,) int64 classes.
            allowed: (B, classes) or (classes,) bool, the classes of each sample's task; None allows all.
            criterion: replaces the cross-entropy of the answers.

        Returns:
            Logits and loss.
        """
        self.iteration += 1
        return losses(self, x, y, allowed, criterion)

    def rows_of(self, owner: Tensor) -> Tensor:
        """Rows (N,) int64 of the experts whose numbers are given."""
        table = torch.zeros(self.pool.next_number, dtype=torch.int64, device=owner.device)
        table[self.numbers] = torch.arange(len(self.pool), device=owner.device)
        return table[owner.long()]

    def follow(self) -> None:
        """Let the average follow the shared expert; call after each update of the weights."""
        if self.average is not None and self.shared is not None:
            self.average.update(self.shared)
        self.pool.follow(self.active)

    def refresh(self) -> None:
        """Let all densities say what was met, as they do once a saved model is loaded."""
        self.concepts.refresh()
        if self.adapting is not None:
            self.adapting.lately.refresh()

    def make_optimizer(self) -> torch.optim.Optimizer:
        """An optimizer that covers every trainable parameter."""
        optimizer = make_optimizer(self.options.lr, self.options.shared_lr)
        cover(optimizer, dict(self.named_parameters()), self.gate)
        return optimizer

    def train_step(self, batch: Batch, optimizer: torch.optim.Optimizer, criterion: Criterion | None = None) -> float:
        """Learn from one batch of a stream without boundaries: :func:`~morph_cl.morph.standalone.train_step`."""
        return train_step(self, batch, optimizer, criterion)

    def evaluate(self, loader: Iterable[Batch]) -> dict[str, Any]:
        """Accuracy, loss, count and experts' shares on batches: :func:`~morph_cl.morph.standalone.evaluate`."""
        return evaluate(self, loader)

    @property
    def sleep_due(self) -> bool:
        """Whether the schedule asks for a sleep after the training step just done."""
        return self.schedule.due(self.iteration, len(self.pool))

    def sleep(self) -> dict[str, Any]:
        """Sleep now: train the gate on memory, calibrate, merge, prune, weaken faint relations.

        Returns:
            What happened, JSON-able: the detail of the ``sleep`` event.
        """
        return sleep(self)

    # --- prediction ------------------------------------------------------------------------------------------------

    def shared_logits(self, x: Tensor) -> Tensor:
        """Logits (B, classes) of the shared expert: its average, or its live weights where gradients are wanted."""
        assert self.shared is not None
        if self.average is None or torch.is_grad_enabled():
            logits: Tensor = self.shared(x)
            return logits
        averaged: Tensor = self.average(self.shared, x)
        return averaged

    def evidence(self, x: Tensor, allowed: Tensor | None = None, known: Evidence | None = None) -> Evidence:
        """What is known of inputs before any routed expert runs.

        Args:
            x: (B, C, H, W).
            allowed: (B, classes) or (classes,) bool, the classes of each sample's task; None allows all.
            known: what was known of the same inputs before the gate or the shared expert changed; the densities must
                be the same still, and only those that were not asked then are computed.

        Returns:
            Densities, gate, graph and shared answer, as far as options and learning have them.
        """
        gate = self.gate(x) if self.options.gate else None
        density, asked = screened(self, x, gate, allowed, known)
        return Evidence(
            density=density,
            gate=gate,
            prior=self.graph.prior_matrix(self.numbers).to(x.device) if self.options.graph else None,
            shared=self.shared_logits(x).log_softmax(1) if self.shared is not None else None,
            asked=asked,
        )

    def predict(self, x: Tensor, allowed: Tensor | None = None) -> Tensor:
        """The routed prediction.

        Args:
            x: (B, C, H, W).
            allowed: (B, classes) or (classes,) bool, the classes of each sample's task; None allows all.

        Returns:
            (B, classes) logits.
        """
        return decide(self, x, allowed).logits

    def forward(self, x: Tensor, allowed: Tensor | None = None) -> Tensor:
        """Logits (B, classes) of images (B, C, H, W)."""
        if not self.training:
            return self.predict(x, allowed)
        shared = self.shared(x).log_softmax(1) if self.shared is not None else None
        return restrict(self.mixture.join(self.pool(self.active, x), shared), allowed)

    # --- state -----------------------------------------------------------------------------------------------------

    def get_extra_state(self) -> dict[str, Any]:
        """What ``state_dict`` holds beside parameters and buffers."""
        return export_extra(self)

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`get_extra_state` returned."""
        load_extra(self, state)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take the grown shape before any submodule is loaded."""
        take_shape(self, state_dict[f"{prefix}_extra_state"])
        super()._load_from_state_dict(state_dict, prefix, *rest)
