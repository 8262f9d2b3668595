"""What sleeps find on held-out samples adapts the thresholds of merging and growth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from morph_cl.morph.novelty import NoveltyDetector
from morph_cl.morph.sleep.held_out import HeldOut

if TYPE_CHECKING:
    from morph_cl.morph.model import MorphModel

AGREEMENT_BOUNDS = (0.9, 0.999)
"""``merge_agreement`` stays within these, or the option's own value where that lies beyond."""
NOVELTY_BOUNDS = (0.02, 1.0)
"""Likewise for ``novelty``."""

_CROWDED = 0.8  # share of max_experts above which growth should be rarer

Accuracies = dict[int, tuple[float, int]]
"""By expert number: accuracy of the model on the held-out samples that the expert owns, and their count."""


class MetaLearner:
    """Adapts ``model.tuned`` from one sleep to the next; what it hears of in between are the model's events."""

    def __init__(self) -> None:
        self.refused = False  # whether the last growth asked for since the last sleep was refused
        self.reused: set[int] = set()  # experts opened again since the last sleep
        self.accuracies: Accuracies = {}  # after the last sleep

    def hear(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Take in an event.

        Args:
            kind: what happened.
            detail: the facts.
        """
        if kind in ("growth", "growth-refused"):
            self.refused = kind == "growth-refused"
        elif kind == "reuse":
            self.reused.add(detail["expert"])

    def fell(self, now: Accuracies, bound: float) -> bool:
        """Whether an expert opened again since the last sleep lost more accuracy than chance explains.

        Args:
            now: accuracies before this sleep changes anything.
            bound: loss of accuracy that is tolerated, in [0, 1].

        Returns:
            Whether any lost more than the bound and one standard error of the difference.
        """
        both = self.reused & now.keys() & self.accuracies.keys()
        return any(_fall(self.accuracies[number], now[number]) > bound for number in both)

    def learn(self, model: MorphModel, held: HeldOut, before: Accuracies, merged: int) -> dict[str, float]:
        """Adapt the thresholds after a sleep, and begin to listen anew.

        Args:
            model: the model.
            held: its held-out samples, after the sleep's changes.
            before: accuracies before them.
            merged: merges that stand.

        Returns:
            The thresholds from now on, by the option's name.
        """
        options, now = model.options, model.thresholds
        crowded = self.refused or len(model.pool) / options.max_experts > _CROWDED
        agreement = next_agreement(now.merge_agreement, merged, held.undone_merges)
        novelty = next_novelty(now.novelty, crowded, self.fell(before, options.bound))
        model.tuned = {
            "merge_agreement": _kept_within(AGREEMENT_BOUNDS, agreement, options.merge_agreement),
            "novelty": _kept_within(NOVELTY_BOUNDS, novelty, options.novelty),
        }
        if isinstance(model.watch.detector, NoveltyDetector):
            model.watch.detector.threshold = model.tuned["novelty"]
        self.refused, self.reused, self.accuracies = False, set(), accuracies(model, held)
        return dict(model.tuned)

    def export(self) -> dict[str, Any]:
        """What was heard and measured: booleans, numbers and lists of them."""
        measured = [[number, share, count] for number, (share, count) in self.accuracies.items()]
        return {"refused": self.refused, "reused": sorted(self.reused), "accuracies": measured}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`export` returned.

        Args:
            state: the exported state.
        """
        self.refused, self.reused = bool(state["refused"]), {int(number) for number in state["reused"]}
        self.accuracies = {int(number): (float(share), int(count)) for number, share, count in state["accuracies"]}


def next_agreement(now: float, stood: int, undone: int) -> float:
    """How far two experts must agree before the next merge is tried.

    Args:
        now: the least agreement so far, in (0, 1].
        stood: merges of this sleep that stand.
        undone: merges of this sleep that were undone.

    Returns:
        Half as far from 1 after an undone merge, a little less where all stood, else the same.
    """
    if undone:
        return 1.0 - (1.0 - now) / 2
    return now - 0.005 if stood else now


def next_novelty(now: float, crowded: bool, fell: bool) -> float:
    """How novel data must be from now on to make growth.

    Args:
        now: the threshold so far.
        crowded: there are almost as many experts as there may be, or growth was refused.
        fell: an expert that was opened again for new data lost accuracy on what it owns.

    Returns:
        A tenth more where crowded and a tenth less where accuracy fell.
    """
    return now * (1.1 if crowded else 1.0) * (0.9 if fell else 1.0)


def accuracies(model: MorphModel, held: HeldOut) -> Accuracies:
    """Accuracy of the model on the held-out samples of each expert; none before there are densities.

    Args:
        model: the model, in evaluation mode.
        held: the samples.

    Returns:
        Accuracy and count by expert number.
    """
    if not len(held) or held.evidence().density is None:
        return {}
    hits = held.hits().double()
    owned = {number: hits[held.owner == number] for number in model.numbers}
    return {number: (float(part.mean()), len(part)) for number, part in owned.items() if len(part)}


def _fall(before: tuple[float, int], now: tuple[float, int]) -> float:
    """The fall of an accuracy, less one standard error."""
    variance = sum(share * (1.0 - share) / count for share, count in (before, now))
    return before[0] - now[0] - math.sqrt(variance)


def _kept_within(bounds: tuple[float, float], value: float, own: float) -> float:
    return min(max(value, min(bounds[0], own)), max(bounds[1], own))
