"""An attached drift detector: planned and refused before torch is imported, then built for the stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from morph_cl.bridge.monitor_options import OWNER, MonitorOptions
from morph_cl.catalog import Catalog
from morph_cl.config import RunConfig
from morph_cl.errors import UsageError
from morph_cl.options import validate_options
from morph_cl.specs import ACTIONS, DetectorSpec, StrategySpec

if TYPE_CHECKING:
    from morph_cl.bridge.monitor import Monitor
    from morph_cl.bridge.stream import Stream


@dataclass(frozen=True)
class MonitorPlan:
    """A detector to attach, as planned.

    Args:
        detector: its record.
        detector_options: its validated options.
        watch: the kind of figures that it is told.
        action: what an alarm does.
        options: how it is attached.
    """

    detector: DetectorSpec
    detector_options: BaseModel
    watch: str
    action: str
    options: BaseModel

    def build(self, stream: Stream, epochs: int, *, fresh: Callable[[], Any], warn: Callable[[str], None]) -> Monitor:
        """Build the monitor, its detector in it.

        Args:
            stream: the stream that the strategy will meet.
            epochs: passes over each experience.
            fresh: builds the strategy as it is at the start.
            warn: told in one line of what is switched off in mid-run.

        Returns:
            The plugin.

        Raises:
            UsageError: a told drift lies beyond the end of the stream.
        """
        from morph_cl.bridge.monitor import Monitor
        from morph_cl.bridge.reactions import make_reaction
        from morph_cl.bridge.watched import make_watched

        assert isinstance(self.options, MonitorOptions)
        options = self.detector_options
        if self.detector.told_drifts:
            options = _told(self.detector.name, options, *_drifts(stream, epochs))
        return Monitor(
            self.detector.resolve()(options),
            make_watched(self.watch, self.options),
            make_reaction(self.action, self.options, fresh),
            facts={"detector": self.detector.name, "watch": self.watch, "action": self.action},
            cooldown=self.options.cooldown,
            warn=warn,
        )


def plan_monitor(
    config: RunConfig, catalog: Catalog, strategy: StrategySpec, strategy_options: BaseModel
) -> MonitorPlan | None:
    """Check what a run is told of drift detection.

    Args:
        config: what is asked for.
        catalog: where the detector is looked up.
        strategy: the learner.
        strategy_options: its validated options.

    Returns:
        The plan; None where no detector is attached.

    Raises:
        UsageError: an unknown detector, an option out of range, figures that the detector cannot be told, or an action
            that the strategy cannot do.
    """
    name = config.detector
    if name is None:
        asked = {"watch": config.watch, "on_drift": config.on_drift, f"{OWNER} options": config.options.get(OWNER)}
        for what, value in asked.items():
            if value is not None:
                raise UsageError(f"{what}={value!r} without a detector; give one, such as --detector adwin.")
        return None
    spec = catalog.detectors.get(name).spec
    watch = config.watch or spec.watches[0]
    spec.check_watch(watch)
    action = config.on_drift or "notify"
    _check_action(action, catalog, strategy, strategy_options)
    given = {**config.options.get(spec.name, {}), **config.options.get(name, {})}
    return MonitorPlan(
        detector=spec,
        detector_options=validate_options(spec.params, given, spec.name),
        watch=watch,
        action=action,
        options=validate_options(MonitorOptions, config.options.get(OWNER, {}), OWNER),
    )


def _check_action(action: str, catalog: Catalog, strategy: StrategySpec, options: BaseModel) -> None:
    """Refuse to ask a strategy for what it does not offer, or not with these options."""
    if action in strategy.refuses:
        raise UsageError(
            f"--on-drift {action} means nothing to strategy {strategy.name!r}; choose another action or strategy."
        )
    if action not in ACTIONS:
        return
    if action not in strategy.offers:
        able = sorted(entry.spec.name for entry in catalog.strategies if action in entry.spec.offers)
        raise UsageError(
            f"strategy {strategy.name!r} cannot {action} where a drift is noticed; strategies that can: "
            f"{', '.join(able) or 'none'}. Choose one of them, or --on-drift notify, reset or raise."
        )
    for name, needed in strategy.offers[action].items():
        value = getattr(options, name)
        if value != needed:
            raise UsageError(
                f"strategy {strategy.name!r} can {action} only with {name}={needed!r}, not {value!r}; "
                f"add -o {strategy.name}.{name}={needed}."
            )


def _drifts(stream: Stream, epochs: int) -> tuple[list[int], int]:
    """Where something changes, in training samples, and how many there are: the starts of drifts, or of experiences."""
    if stream.online is not None:
        return [drift.start for drift in stream.online.drifts], len(stream.online)
    sizes = [len(experience.dataset) * epochs for experience in stream.benchmark.train_stream]
    ends = list(accumulate(sizes))
    return ends[:-1], ends[-1]


def _told(name: str, options: BaseModel, drifts: list[int], samples: int) -> BaseModel:
    """The options of an oracle with the true drifts in ``at``, unless it is given others."""
    at = options.model_dump()["at"] or tuple(drifts)
    beyond = [point for point in at if point >= samples]
    if beyond:
        raise UsageError(
            f"{name}.at has {beyond[0]}, but the run trains on {samples:,} samples; give positions below that."
        )
    return options.model_copy(update={"at": at})
