"""Who takes part in the study of drifts, and which options each is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from morph_cl.errors import UsageError
from morph_cl.options import merge_options
from morph_cl.results.positions import ALARM, FOLLOW, GROWTH, REUSE

BASELINE = "mlp"
"""The contestant that all others are measured against."""

JUDGED = "morph"
"""The contestant whose figures are held against the lines of the study."""

Options = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Contestant:
    """A learner of the study.

    Args:
        name: how ``--strategies`` names it.
        strategy: the registered strategy.
        title: its name in tables; ``{mem_size}`` stands for that option.
        options: options by the name of the record that they are for.
        tuned: whether its learning rate comes from the grid, and its network and optimizer from the study.
        detector: the drift detector that is attached to it.
        watch: what that detector is told.
        on_drift: what its alarm does.
        notices: kinds of the events by which it shows that it noticed a drift; they are judged as alarms.
        grows: whether it grows experts, which is judged then.
    """

    name: str
    strategy: str
    title: str
    options: Options = field(default_factory=dict)
    tuned: bool = True
    detector: str | None = None
    watch: str | None = None
    on_drift: str | None = None
    notices: tuple[str, ...] = ()
    grows: bool = False

    def label(self, options: Options) -> str:
        """Its name in tables.

        Args:
            options: what the user gave, by record.
        """
        return self.title.format(**merge_options(self.options, options).get(self.strategy, {}))


CONTESTANTS = {
    contestant.name: contestant
    for contestant in (
        Contestant("mlp", "naive", "mlp"),
        Contestant(
            "mlp-adwin",
            "naive",
            "mlp + ADWIN",
            detector="adwin",
            watch="loss",
            on_drift="reset",
            notices=(ALARM,),
        ),
        Contestant("replay", "replay", "replay {mem_size}", {"replay": {"mem_size": 500}}),
        # The published weights of DER++ for 500 stored samples.
        Contestant("der", "der", "DER++ {mem_size}", {"der": {"mem_size": 500, "alpha": 0.5, "beta": 1.0}}),
        Contestant(
            "morph",
            "morph",
            "morph",
            {"morph": {"boundaries": "free"}},
            tuned=False,
            notices=(ALARM, GROWTH, REUSE, FOLLOW),
            grows=True,
        ),
    )
}
"""The contestants by name, in the order of the tables.

ADWIN watches the loss: on validation seed 10 that made the better rival than the error did.
"""

_OF_THE_STUDY = {
    "lr": "is chosen from the grid; give --lrs",
    "hidden": "is the same for all; give --hidden",
    "network": "is the same for all: fully connected layers; leave it out",
    "optimizer": "is the same for all: adam; leave it out",
}
"""Options of a tuned contestant that the study sets, and what to do instead."""


def options_for(contestant: Contestant, options: Options, shared: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What of the user's options concerns a contestant: what does not is no part of what its run was told.

    Args:
        contestant: who.
        options: what the user gave, by record.
        shared: records that all contestants meet: the scenario and the data set.

    Returns:
        Its options. A contestant that grows experts takes those of any record that is nobody else's own.
    """
    own = {contestant.strategy, *shared}
    if contestant.detector is not None:
        own |= {contestant.detector, "monitor"}
    if not contestant.tuned:
        own |= options.keys() - {other.strategy for other in CONTESTANTS.values()} - {"monitor"}
    return {name: dict(values) for name, values in options.items() if name in own}


def check_options(contestants: Iterable[Contestant], options: Options, shared: Iterable[str]) -> None:
    """Refuse options that nobody takes and those that the study sets itself.

    Args:
        contestants: who takes part.
        options: what the user gave, by record.
        shared: records that all contestants meet.

    Raises:
        UsageError: such an option.
    """
    contestants, shared = list(contestants), list(shared)
    taken = {name for contestant in contestants for name in options_for(contestant, options, shared)}
    for name in options:
        if name not in taken:
            allowed = {*shared, *(contestant.strategy for contestant in contestants)}
            allowed |= {contestant.detector for contestant in contestants if contestant.detector is not None}
            raise UsageError(
                f"option {name}.{next(iter(options[name]), '')} is for nothing in this study; options may be for "
                f"{', '.join(sorted(allowed))}, or an expert of morph where it takes part."
            )
    for contestant in contestants:
        for name in options.get(contestant.strategy, {}):
            if contestant.tuned and name in _OF_THE_STUDY:
                raise UsageError(f"{contestant.strategy}.{name} {_OF_THE_STUDY[name]}.")
    if "hidden" in options.get("mlp", {}):
        raise UsageError("mlp.hidden is the same for all; give --hidden.")
