"""The stages of an experience: the parent, then branches level by level."""

from __future__ import annotations

from dataclasses import dataclass

_LEAST_RATE = 0.05


@dataclass(frozen=True)
class Stage:
    """A run of training steps.

    Args:
        first: its first step.
        last: the step behind its last one.
        level: 0 trains the parent, n the branches of level n.
    """

    first: int
    last: int
    level: int

    def rate(self, step: int) -> float:
        """The share of the full learning rate: it falls linearly from 1 to 5 %."""
        return max(1 - (step - self.first) / max(self.last - self.first, 1), _LEAST_RATE)


def split_stages(steps: int, levels: int, branch_share: float | None) -> list[Stage]:
    """Share out the steps of an experience.

    Args:
        steps: how many there are.
        levels: levels of branches that grow from it.
        branch_share: part of the steps that branches get where the parent trains too, in (0, 1); None where it does
            not.

    Returns:
        Stages in order, none empty; branch levels share equally. Where there are fewer steps than stages, the later
        stages are left out.
    """
    start = 0 if branch_share is None else min(max(round(steps * (1 - branch_share)), 1), steps)
    stages = [Stage(0, start, 0)] if start else []
    for level in range(1, levels + 1):
        if start == steps:
            break
        last = start + max(1, (steps - start) // (levels - level + 1))
        stages.append(Stage(start, last, level))
        start = last
    return stages
