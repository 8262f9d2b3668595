"""The monitor: an Avalanche plugin that feeds a drift detector and acts on its alarms."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from avalanche.core import SupervisedPlugin

from morph_cl.bridge.reactions import Reaction
from morph_cl.bridge.watched import Watched
from morph_cl.errors import CheckpointError
from morph_cl.results.record import Event


class Monitor(SupervisedPlugin):
    """Tells a detector a figure of each training sample before that sample is trained on.

    The figures are those of the step's own forward pass, so they cost no other. What a replay plugin appended to a
    batch is not told. An alarm resets the detector, which is then told nothing for ``cooldown`` samples and the rest of
    the batch; it becomes an event, and makes the reaction act once the step is done. A detector or reaction that raises
    is switched off; the run goes on.

    Args:
        detector: the detector.
        watched: where its figures come from.
        reaction: what an alarm does.
        facts: what events say of the three: ``detector``, ``watch`` and ``action``.
        cooldown: training samples after an alarm that the detector is not told of.
        warn: told in one line of what was switched off.
    """

    def __init__(
        self,
        detector: Any,
        watched: Watched,
        reaction: Reaction,
        *,
        facts: Mapping[str, str],
        cooldown: int,
        warn: Callable[[str], None],
    ) -> None:
        super().__init__()
        self.detector = detector
        self.watched = watched
        self.reaction = reaction
        self.facts = dict(facts)
        self.cooldown = cooldown
        self.warn = warn
        self.quiet = self.position = 0
        self.listening = self.acting = True
        self.events: list[Event] = []
        self._alarm: dict[str, Any] | None = None
        self._next = 0

    # --- training --------------------------------------------------------------------------------------------------

    def before_training_exp(self, strategy: Any, **_: Any) -> None:
        """Positions count the samples of the stream, also those that a strategy holds out."""
        self.position = self._next
        self._next += len(strategy.experience.dataset) * strategy.train_epochs

    def after_forward(self, strategy: Any, **_: Any) -> None:
        """Tell the detector of the batch."""
        size = min(len(strategy.mb_y), strategy.train_mb_size)
        if self.listening and self.quiet < size:
            try:
                self._tell(strategy, size)
            except Exception as error:  # a detector is foreign code
                self.listening = False
                self._switched_off("detector-failed", f"detector {self.facts['detector']!r}", strategy, error)
        self.quiet = max(self.quiet - size, 0)
        self.position += size

    def _tell(self, strategy: Any, size: int) -> None:
        figures = self.watched.figures(
            strategy.mb_x[:size], strategy.mb_output[:size].detach(), strategy.mb_y[:size], self.position
        )
        for number, figure in enumerate(figures[self.quiet :], start=self.quiet):
            if isinstance(figure, float) and not math.isfinite(figure):
                raise ValueError(f"the {self.facts['watch']} of a sample is {figure}")
            self.detector.update(figure)
            if self.detector.drift_detected:
                shown = {"figure": round(figure, 6)} if isinstance(figure, float) else {}
                self._alarm = {**self.facts, "position": self.position + number, **shown}
                self.detector.reset()
                self.watched.reset()
                self.quiet = number + 1 + self.cooldown  # counted from the start of this batch
                return

    def before_update(self, strategy: Any, **_: Any) -> None:
        """The optimizer is about to step."""
        self.reaction.before_update(strategy)

    def after_update(self, strategy: Any, **_: Any) -> None:
        """The optimizer has stepped."""
        self.reaction.after_update(strategy)

    def after_training_iteration(self, strategy: Any, **_: Any) -> None:
        """Act on an alarm of this step."""
        if self._alarm is None:
            return
        alarm, self._alarm = self._alarm, None
        if hasattr(strategy, "drain_events"):
            self.events.extend(strategy.drain_events())  # what it did before the reaction
        event = self._event("drift", strategy, {**alarm, "acted": False})
        if not self.acting:
            return
        try:
            event.detail["acted"] = self.reaction.react(strategy)
        except Exception as error:  # what a strategy does when asked is foreign code
            self.acting = False
            self._switched_off("action-failed", f"on_drift={self.facts['action']}", strategy, error)

    # --- events ----------------------------------------------------------------------------------------------------

    def _event(self, kind: str, strategy: Any, detail: dict[str, Any]) -> Event:
        clock = strategy.clock
        event = Event(kind=kind, experience=clock.train_exp_counter, iteration=clock.train_iterations, detail=detail)
        self.events.append(event)
        return event

    def _switched_off(self, kind: str, what: str, strategy: Any, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        self._event(kind, strategy, {**self.facts, "position": self.position, "error": reason})
        self.warn(f"{what} is switched off at training sample {self.position}, the run goes on: {reason}")

    def drain_events(self) -> list[Event]:
        """Alarms and failures since the last call, oldest first."""
        events, self.events = self.events, []
        return events

    # --- state -----------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything between two experiences, as a tree of plain values and tensors."""
        return {
            "detector": self.detector.export() if self.listening else None,
            "watched": self.watched.state_dict(),
            "reaction": self.reaction.state_dict(),
            "quiet": self.quiet,
            "next": self._next,
            "listening": self.listening,
            "acting": self.acting,
            "events": [event.model_dump() for event in self.events],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where :meth:`state_dict` was taken.

        Args:
            state: what it returned, of a monitor with the same settings.

        Raises:
            CheckpointError: the detector does not take over its state.
        """
        self.listening, self.acting = bool(state["listening"]), bool(state["acting"])
        if self.listening:
            try:
                self.detector.load(state["detector"])
            except Exception as error:  # a detector is foreign code
                raise CheckpointError(
                    f"detector {self.facts['detector']!r} does not take over its state from the checkpoint "
                    f"({type(error).__name__}: {error}); use the version that wrote it."
                ) from error
        self.watched.load_state_dict(state["watched"])
        self.reaction.load_state_dict(state["reaction"])
        self.quiet, self._next = int(state["quiet"]), int(state["next"])
        self.events = [Event.model_validate(event) for event in state["events"]]
