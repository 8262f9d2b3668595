"""The run itself: build stream and strategy, train, evaluate, record, save."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from morph_cl.bridge.accounting import memory_use
from morph_cl.bridge.batch_search import best_trial, search_batch_size
from morph_cl.bridge.checkpoint import load_checkpoint, load_model, remove_checkpoints, save_checkpoint, save_model
from morph_cl.bridge.compiled import compile_model
from morph_cl.bridge.context import StrategyContext
from morph_cl.bridge.precision import use_mixed_precision
from morph_cl.bridge.prequential import experience_count, experiences_done, train_online
from morph_cl.bridge.randomness import random_state, seed_everything, set_random_state
from morph_cl.bridge.recorder import Recorder
from morph_cl.bridge.state import encode_strategy, restore_strategy
from morph_cl.bridge.stream import Stream
from morph_cl.errors import CheckpointError
from morph_cl.experiment.description import describe_run, resolved_config
from morph_cl.experiment.figures import join_figures, own_figures
from morph_cl.experiment.hardware import default_threads, resolve_device
from morph_cl.experiment.ledger import Ledger
from morph_cl.experiment.listener import RunListener
from morph_cl.experiment.online import as_one_experience, look_online, make_trace
from morph_cl.experiment.pace import Pace
from morph_cl.experiment.plan import RunPlan
from morph_cl.experiment.provenance import provenance
from morph_cl.metrics.compute import compute_metrics
from morph_cl.options import validate_options
from morph_cl.results.folder import RunFolder
from morph_cl.results.record import DatasetInfo, Event, RunRecord, Timing
from morph_cl.results.store import RunStore

_AUTO_EPOCH_SAMPLES = 40_000

ONLINE_CHECKPOINT_SECONDS = 10.0
"""Time between two checkpoints of a test-then-train run."""


class RunSession:
    """One run from its plan to its record.

    Args:
        plan: what was checked before.
        listener: told what happens.
        store: where to keep record and checkpoints; None keeps nothing.
        avalanche_plugins: Avalanche plugins to attach beside those that the plan names.

    Raises:
        UsageError: the device is not there, or the data does not fit the options.
    """

    def __init__(
        self,
        plan: RunPlan,
        *,
        listener: RunListener,
        store: RunStore | None = None,
        avalanche_plugins: Sequence[Any] = (),
    ) -> None:
        device = resolve_device(plan.config.device)
        self.plan = plan = replace(plan, config=plan.config.model_copy(update={"device": device}))
        self.listener = listener
        self.store = store
        self.folder: RunFolder | None = None
        self._warned_of_divergence = False
        self.resumable = not avalanche_plugins  # objects that no configuration names cannot be built again
        torch.set_num_threads(plan.config.threads or default_threads())
        self._extra_plugins = tuple(avalanche_plugins)
        self.data: DatasetInfo
        self.stream = self._build_stream()
        self.epochs = plan.epochs or self._epochs_for_size()
        self.start = describe_run(plan, self.stream, self.data)
        self.ledger = Ledger()

    # --- building --------------------------------------------------------------------------------------------------

    def _build_stream(self) -> Stream:
        data = self.plan.stream.load()
        self.data = data.info().model_copy(update={"drawn": self.plan.stream.dataset is None})
        return self.plan.stream.build(data)

    def _epochs_for_size(self) -> int:
        """As many passes as make about 40,000 samples an experience: 1 for full MNIST, 10 for 4,000 digits."""
        sizes = [len(experience.dataset) for experience in self.stream.benchmark.train_stream]
        return max(1, round(_AUTO_EPOCH_SAMPLES * len(sizes) / sum(sizes)))

    def build_strategy(self) -> Any:
        """A fresh strategy for the stream, the monitor of drifts and the recorder attached last."""
        plan = self.plan
        plugins = (*(attachment.build() for attachment in plan.attachments), *self._extra_plugins)

        def fresh() -> Any:
            return self._build_learner(plan.batch_size)

        strategy = self._build_learner(plan.batch_size, plugins)
        self.monitor = (
            plan.monitor.build(self.stream, self.epochs, fresh=fresh, warn=self.listener.warned)
            if plan.monitor is not None
            else None
        )
        if self.monitor is not None:
            strategy.plugins.append(self.monitor)
        online, counts = self.stream.online, self.ledger.counts
        parts, done = len(self.stream), len(self.ledger.matrix)
        if online is not None:
            parts = experience_count(online, plan.batch_size)
            done = experiences_done(online, plan.batch_size, counts)
        self.pace = Pace(self.listener, self.ledger, parts, self.epochs, done)
        self.pace.strategy = strategy
        if online is not None:
            self.pace.look = lambda: look_online(online, counts, self._take_events(strategy))
        self.recorder = Recorder(points=20 if online is None else 1, on_step=self.pace.step)
        strategy.plugins.append(self.recorder)
        return strategy

    def _build_learner(self, batch_size: int, plugins: Sequence[Any] = ()) -> Any:
        """The strategy alone, in the precision that was asked for."""
        plan = self.plan
        context = StrategyContext(
            input_shape=self.stream.input_shape,
            classes=self.stream.classes,
            experiences=len(self.stream),
            setting=plan.stream.setting,
            epochs=self.epochs,
            batch_size=batch_size,
            eval_batch_size=plan.eval_batch_size,
            device=plan.config.device,
            seed=plan.config.seed,
            build_expert=self._build_expert,
            expert_options=lambda name: plan.catalog.experts.get(name).spec.params.model_fields,
            build_detector=self._build_detector,
            plugins=plugins,
        )
        strategy = plan.strategy.spec.resolve()(context, plan.strategy_options)
        if plan.config.amp is not None:
            use_mixed_precision(strategy, plan.config.amp)
        return strategy

    def _search_batch_size(self) -> None:
        """Find the batch size where that is asked for; a run that goes on has it in its configuration."""
        if self.plan.config.batch_size != "auto":
            return
        seed_everything(self.plan.config.seed)
        trials = search_batch_size(self._build_learner, self.stream.benchmark.train_stream[0])
        self.ledger.batch_search = trials
        self.plan = replace(self.plan, batch_size=best_trial(trials).batch_size)

    def _compile(self, strategy: Any) -> None:
        if self.plan.config.compile:
            compile_model(strategy, self.stream.input_shape)

    def _build_expert(self, name: str, options: Mapping[str, Any] | None) -> nn.Module:
        spec = self.plan.catalog.experts.get(name).spec
        values = {**self.plan.record_options(spec.name), **self.plan.record_options(name), **(options or {})}
        validated = validate_options(spec.params, values, spec.name)
        expert: nn.Module = spec.resolve()(self.stream.input_shape, self.stream.classes, validated)
        return expert

    def _build_detector(self, name: str, options: Mapping[str, Any]) -> Any:
        return self.plan.catalog.build_detector(name, {**options, **self.plan.record_options(name)})

    # --- running ---------------------------------------------------------------------------------------------------

    def execute(self) -> RunRecord:
        """Run from the start.

        Returns:
            The record, stored where there is a store.
        """
        self._search_batch_size()
        seed_everything(self.plan.config.seed)
        strategy = self.build_strategy()
        self._compile(strategy)
        if self.store is not None:
            self.folder = self.store.create(resolved_config(self.plan, self.epochs), self.start)
        self._begin()
        self.ledger.initial = self._timed_evaluation(strategy, "test")
        return self._train_from(strategy, 0)

    def resume(self, folder: RunFolder) -> RunRecord:
        """Go on from the newest checkpoint of a run.

        Args:
            folder: the run's folder.

        Returns:
            The record: its accuracies are those of the run that was never stopped, bit for bit on the CPU.

        Raises:
            CheckpointError: there is no checkpoint, or data or strategy are others now.
        """
        self.folder = folder
        saved = load_checkpoint(folder.checkpoint)
        folder.write_status("running")
        self._check_data(saved["dataset"])
        seed_everything(self.plan.config.seed)
        self.ledger = Ledger.from_tree(saved["ledger"])
        strategy = self.build_strategy()
        restore_strategy(strategy, saved["strategy"], self.stream)
        self._compile(strategy)
        self.recorder.curve, self.recorder.samples = list(self.ledger.curve), self.ledger.samples
        set_random_state(saved["random"])
        self._begin()
        return self._train_from(strategy, len(self.ledger.matrix))

    def restore(self, folder: RunFolder) -> Any:
        """The strategy of a finished run as it was at the end; the global random generators stay as they are.

        Args:
            folder: the run's folder, which holds a model.

        Returns:
            The strategy, its model in evaluation mode: it predicts as at the run's end, bit for bit on the CPU.

        Raises:
            CheckpointError: the model is damaged, or data or strategy are others now.
        """
        saved = load_model(folder.model)
        self._check_data(saved["dataset"])
        before = random_state()
        seed_everything(self.plan.config.seed)
        strategy = self.build_strategy()
        restore_strategy(strategy, saved["strategy"], self.stream)
        set_random_state(before)
        strategy.model.eval()
        return strategy

    def _check_data(self, checksum: str) -> None:
        """Refuse a state that belongs to other data."""
        if checksum != self.data.checksum:
            raise CheckpointError(
                f"the run was on data with checksum {checksum[:12]}, {self.data.name!r} now has "
                f"{self.data.checksum[:12]}; give the same data with --data-root or MORPH_CL_DATA."
            )

    def _begin(self) -> None:
        self.listener.started(self.start)
        self._notify("run_started", start=self.start)

    def _train_from(self, strategy: Any, first: int) -> RunRecord:
        experiences = self.stream.benchmark.train_stream
        for experience in experiences[first:]:
            started = time.perf_counter() - self.ledger.part_seconds
            self._train(strategy, experience, started)
            self.ledger.train_seconds.append(time.perf_counter() - started)
            if self.stream.has_validation():
                self.ledger.validation.append(self._timed_evaluation(strategy, "valid"))
            self.ledger.matrix.append(self._timed_evaluation(strategy, "test"))
            self._close_experience(strategy)
        record = self._record(strategy)
        if self.folder is not None:
            record = self.folder.write_record(record)
            self._save_model(strategy, self.folder)
            self.folder.write_status("finished")
            remove_checkpoints(self.folder.checkpoint)
        self.listener.finished(record)
        self._notify("run_finished", record=record)
        return record

    def _train(self, strategy: Any, experience: Any, started: float) -> None:
        """Train on an experience, or test and train on the samples of an online stream."""
        online, ledger, saved = self.stream.online, self.ledger, time.perf_counter()
        if online is None:
            strategy.train(experience, eval_streams=[])
            return

        def after_part() -> None:
            nonlocal saved
            self.recorder.curve = as_one_experience(self.recorder.curve)
            now = time.perf_counter()
            if now - saved >= ONLINE_CHECKPOINT_SECONDS:
                self._take_events(strategy)
                ledger.curve, ledger.samples = list(self.recorder.curve), self.recorder.samples
                ledger.part_seconds = now - started
                self._save_checkpoint(strategy, experiences_done(online, self.plan.batch_size, ledger.counts))
                saved = time.perf_counter()

        train_online(strategy, online, self.plan.batch_size, counts=ledger.counts, after_experience=after_part)

    def _take_events(self, strategy: Any) -> list[Event]:
        """Put on the ledger what the monitor and the strategy did since the last call; all events so far."""
        events: list[Event] = self.monitor.drain_events() if self.monitor is not None else []
        events += strategy.drain_events() if hasattr(strategy, "drain_events") else []
        self.ledger.events.extend(events if self.stream.online is None else as_one_experience(events))
        return self.ledger.events

    def _timed_evaluation(self, strategy: Any, stream: str) -> list[float]:
        started = time.perf_counter()
        row = self.recorder.evaluate(strategy, self.stream.benchmark.streams[stream])
        self.ledger.eval_seconds += time.perf_counter() - started
        if self.recorder.diverged and not self._warned_of_divergence:
            self._warned_of_divergence = True
            self.listener.warned("the strategy's outputs are no longer finite: it diverged; lower its learning rate.")
        return row

    def _close_experience(self, strategy: Any) -> None:
        ledger = self.ledger
        told = len(ledger.events) if self.stream.online is None else 0  # an online stream is one experience
        self._take_events(strategy)
        ledger.experts.append(getattr(strategy, "expert_count", 1))
        ledger.bytes_held.append(memory_use(strategy).total_bytes)
        ledger.curve, ledger.samples = list(self.recorder.curve), self.recorder.samples
        if len(ledger.matrix) < len(self.stream):
            self._save_checkpoint(strategy, len(ledger.matrix))
        report = ledger.report(ledger.events[told:])
        self.listener.experience_finished(report)
        self._notify("experience_finished", report=report)

    def _save_checkpoint(self, strategy: Any, done: int) -> None:
        """Save after so many experiences, unless an attached plugin holds something that cannot be saved."""
        if self.folder is None or not self.resumable:
            return
        try:
            state = encode_strategy(strategy)
        except CheckpointError as error:
            self.resumable = False
            self.listener.warned(f"this run cannot be resumed if it is stopped: {error}")
            return
        tree = {
            "dataset": self.data.checksum,
            "ledger": self.ledger.to_tree(),
            "strategy": state,
            "random": random_state(),
        }
        save_checkpoint(self.folder.checkpoint, done, tree)

    def _save_model(self, strategy: Any, folder: RunFolder) -> None:
        """Keep the final state, unless that is not wanted or an attached plugin cannot be built or saved again."""
        if not (self.plan.config.keep_model and self.resumable):
            return
        try:
            save_model(folder.model, {"dataset": self.data.checksum, "strategy": encode_strategy(strategy)})
        except CheckpointError as error:
            self.listener.warned(f"the final model is not kept: {error}")

    def _notify(self, hook: str, **arguments: Any) -> None:
        for message in self.plan.catalog.host.notify(hook, **arguments):
            self.listener.warned(message)

    # --- recording -------------------------------------------------------------------------------------------------

    def _record(self, strategy: Any) -> RunRecord:
        ledger, config, online = self.ledger, self.plan.config, self.stream.online
        train_seconds = sum(ledger.train_seconds)
        record = RunRecord(
            scenario=self.start.scenario.name,
            strategy=self.start.strategy.name,
            dataset=self.data.name,
            seed=config.seed,
            accuracy_matrix=ledger.matrix,
            initial_accuracy=ledger.initial,
            validation_matrix=ledger.validation,
            calibration=self.recorder.calibration(),
            memory=memory_use(strategy, ledger.bytes_held),
            timing=Timing(
                train_seconds=train_seconds,
                eval_seconds=ledger.eval_seconds,
                samples_per_second=ledger.samples / train_seconds,
                train_seconds_by_experience=ledger.train_seconds,
            ),
            experts=ledger.experts,
            events=ledger.events,
            curve=ledger.curve,
            batch_search=ledger.batch_search,
            trace=None if online is None else make_trace(online, ledger.counts, ledger.events),
            scenario_info=self.start.scenario,
            strategy_info=self.start.strategy,
            dataset_info=self.data,
            config=resolved_config(self.plan, self.epochs),
            provenance=provenance(self.plan.catalog.host, config.device, torch.get_num_threads()),
        )
        return record.model_copy(update={"metrics": self._figures(strategy, record)})

    def _figures(self, strategy: Any, record: RunRecord) -> dict[str, float]:
        """Every registered metric of the record, and what the strategy measures of itself."""
        metrics, failed = compute_metrics(record, self.plan.catalog.metrics)
        own, unusable = own_figures(strategy, self.stream, self.plan.eval_batch_size)
        figures, clashing = join_figures(metrics, own)
        for problem in (*failed, *unusable, *clashing):
            self.listener.warned(problem)
        return figures
