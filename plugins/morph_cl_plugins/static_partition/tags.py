"""Which tag owns which classes, and which tag lies within which."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from morph_cl import UsageError
from morph_cl_plugins.static_partition.options import PartitionOptions

Path = tuple[str, ...]
"""A tag, after the tags that it lies within."""


@dataclass(frozen=True)
class TagTree:
    """Tags by number, those within one tag side by side.

    Args:
        paths: of each tag, all equally long.
        tag_of: the tag of each class; None where the experience tells it.
    """

    paths: tuple[Path, ...]
    tag_of: tuple[int, ...] | None

    @property
    def depth(self) -> int:
        """How deep tags lie within tags; 1 where they do not."""
        return len(self.paths[0])

    def nodes(self, depth: int) -> list[Path]:
        """The tags at a depth in 0..``self.depth``, in order; the empty path at 0."""
        return list(dict.fromkeys(path[:depth] for path in self.paths))

    def span(self, node: Path) -> tuple[int, int]:
        """First tag within a node, and the one after its last."""
        within = [number for number, path in enumerate(self.paths) if path[: len(node)] == node]
        return within[0], within[-1] + 1

    @property
    def names(self) -> tuple[str, ...]:
        """What reports call each tag."""
        if self.tag_of is None:
            return tuple("/".join(path) for path in self.paths)
        classes = [[label for label, tag in enumerate(self.tag_of) if tag == own] for own in range(len(self.paths))]
        return tuple(f"{'/'.join(path)}: {_shown(own)}" for path, own in zip(self.paths, classes, strict=True))


def _shown(labels: Sequence[int]) -> str:
    return " ".join(map(str, labels)) if len(labels) <= 6 else f"{len(labels)} classes"


def build_tags(options: PartitionOptions, classes: int, experiences: int) -> TagTree:
    """The tags that the options ask for.

    Args:
        options: validated options.
        classes: number of classes.
        experiences: number of experiences.

    Returns:
        The tags.

    Raises:
        UsageError: groups that miss a class or hold one that is not there, or a function that cannot be used.
    """
    if options.tags == "experience":
        return TagTree(tuple((f"experience {number + 1}",) for number in range(experiences)), None)
    if options.tags == "parity":
        paths: list[Path] = [("odd" if label % 2 else "even",) for label in range(classes)]
    elif isinstance(options.tags, str):
        paths = _asked(options.tags, classes)
    else:
        paths = _listed(options.tags, classes)
    for _ in range(options.levels - 1):
        paths = _halved(paths)
    return _sorted(paths)


def _sorted(paths: Sequence[Path]) -> TagTree:
    """Number the tags in the order of their first class, tag by tag within each tag."""
    first: dict[Path, int] = {}
    for label, path in enumerate(paths):
        for depth in range(len(path)):
            first.setdefault(path[: depth + 1], label)
    tags = sorted(set(paths), key=lambda path: [first[path[: depth + 1]] for depth in range(len(path))])
    return TagTree(tuple(tags), tuple(tags.index(path) for path in paths))


def _halved(paths: Sequence[Path]) -> list[Path]:
    halves = list(paths)
    for path in set(paths):
        own = [label for label, other in enumerate(paths) if other == path]
        for place, label in enumerate(own):
            halves[label] = (*path, "low" if 2 * place < len(own) else "high")
    return halves


def _listed(groups: tuple[Any, ...], classes: int) -> list[Path]:
    path_of = dict(_leaves(groups, ()))
    wrong = sorted(path_of.keys() ^ set(range(classes)))
    if wrong:
        raise UsageError(
            f"static-partition.tags {'holds' if wrong[0] in path_of else 'misses'} class {wrong[0]}, but the stream "
            f"has the classes 0 to {classes - 1}; give each of them to one tag."
        )
    return [path_of[label] for label in range(classes)]


def _leaves(groups: Iterable[Any], path: Path) -> Iterator[tuple[int, Path]]:
    for number, group in enumerate(groups, 1):
        if isinstance(group, tuple):
            yield from _leaves(group, (*path, str(number)))
        else:
            yield group, path


def _asked(name: str, classes: int) -> list[Path]:
    """Ask the user's function for the tag of each class."""
    module, _, attribute = name.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
        told = [function(label) for label in range(classes)]
    # The function is foreign code: whatever it raises is told in one line, before training.
    except Exception as error:
        raise UsageError(
            f"static-partition.tags={name} cannot be used: {type(error).__name__}: {error}; give a function that can "
            f"be imported and takes each class from 0 to {classes - 1}."
        ) from error
    for label, tag in enumerate(told):
        if not isinstance(tag, (str, int)) or not all(str(tag).split("/")):
            raise UsageError(
                f"static-partition.tags={name} calls the tag of class {label} {tag!r}; return a name such as 'even', "
                "or 'even/low' for a tag within a tag."
            )
    paths = [tuple(str(tag).split("/")) for tag in told]
    for label, path in enumerate(paths):
        if len(path) != len(paths[0]):
            raise UsageError(
                f"static-partition.tags={name} returns {told[0]!r} for class 0 and {told[label]!r} for class {label}; "
                "let all tags be equally deep."
            )
    return paths
