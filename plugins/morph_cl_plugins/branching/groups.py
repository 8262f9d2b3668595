"""Which branches grow from an experience: the classes of each, and what it hangs on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from morph_cl import UsageError
from morph_cl_plugins.branching.options import BranchingOptions

LINES = (1, 4, 7)
"""Digits that are mostly drawn with straight lines."""


@dataclass(frozen=True)
class Growth:
    """A branch to grow.

    Args:
        classes: its classes, ascending.
        host: index of the branch that it hangs on among all that grow from the same experience, level by level; None
            for the parent.
    """

    classes: tuple[int, ...]
    host: int | None = None


def class_groups(options: BranchingOptions, classes: int, *, beside_parent: bool) -> tuple[tuple[int, ...], ...]:
    """The groups that classes are sorted into.

    Args:
        options: which groups, and which nested ones.
        classes: number of classes.
        beside_parent: whether branches grow from the parent's own training data.

    Returns:
        Groups that hold every class once.

    Raises:
        UsageError: groups that miss a class or hold one that is not there, or a nested group that no branch can hold.
    """
    everything = tuple(range(classes))
    _check_nested_labels(options, classes)
    if isinstance(options.groups, tuple):
        groups = options.groups
        listed = {label for group in groups for label in group}
        if listed != set(everything):
            wrong = sorted(listed ^ set(everything))
            raise UsageError(
                f"branching.groups must hold each of the classes 0 to {classes - 1} once, but "
                f"{'holds' if wrong[0] in listed else 'misses'} class {wrong[0]}; give lists such as "
                "[[0,2,4],[1,3,5]], or one of auto, parity, curves, experience."
            )
    elif options.groups == "curves":
        if classes != 10:
            raise UsageError(
                f"branching.groups=curves sorts the ten digits, but there are {classes} classes; give parity, "
                "experience or lists."
            )
        groups = (tuple(label for label in everything if label not in LINES), LINES)
    elif options.groups == "parity" or (options.groups == "auto" and beside_parent):
        groups = (everything[::2], everything[1::2])
    else:
        groups = (everything,)
    groups = tuple(tuple(sorted(group)) for group in groups if group)
    if beside_parent:
        _check_nested_fit(options, groups)
    return groups


def _check_nested_labels(options: BranchingOptions, classes: int) -> None:
    for group in options.nested:
        if max(group) >= classes:
            raise UsageError(
                f"branching.nested has class {max(group)}, but classes run from 0 to {classes - 1}; leave it out."
            )


def _check_nested_fit(options: BranchingOptions, groups: Sequence[tuple[int, ...]]) -> None:
    for group in options.nested:
        if not any(set(group) < set(other) for other in groups):
            raise UsageError(
                f"branching.nested={list(group)} is no smaller part of any branch; the branches hold "
                f"{', '.join(str(list(other)) for other in groups)}."
            )


def plan_growth(
    groups: Sequence[tuple[int, ...]], nested: Sequence[tuple[int, ...]], present: Sequence[int]
) -> list[list[Growth]]:
    """The branches that an experience grows.

    Args:
        groups: disjoint groups of classes.
        nested: further groups, each pair disjoint or one within the other.
        present: the classes of the experience.

    Returns:
        Levels: branches on the parent first, then branches of branches, each level on the one before.
    """
    here = set(present)
    grown = [Growth(tuple(sorted(here.intersection(group)))) for group in groups if here.intersection(group)]
    depth = [0] * len(grown)
    for group in sorted(nested, key=len, reverse=True):  # hosts are larger, so they come first
        hosts = [index for index, other in enumerate(grown) if set(group) < set(other.classes)]
        if not hosts:
            continue
        host = min(hosts, key=lambda index: len(grown[index].classes))
        grown.append(Growth(tuple(sorted(group)), host))
        depth.append(depth[host] + 1)
    ordered = sorted(range(len(grown)), key=lambda index: depth[index])
    place = {index: number for number, index in enumerate(ordered)}
    levels: list[list[Growth]] = [[] for _ in range(max(depth, default=-1) + 1)]
    for index in ordered:
        growth = grown[index]
        host_index = None if growth.host is None else place[growth.host]
        levels[depth[index]].append(Growth(growth.classes, host_index))
    return levels
