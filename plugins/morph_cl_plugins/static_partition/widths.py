"""How many units of each hidden layer a tag owns."""

from __future__ import annotations

from dataclasses import dataclass

from morph_cl import UsageError
from morph_cl_plugins.static_partition.options import PartitionOptions
from morph_cl_plugins.static_partition.tags import Path, TagTree


@dataclass(frozen=True)
class LayerWidths:
    """The units of one hidden layer.

    Args:
        owned: by tag at the layer's depth, in order; at least 1 each.
        shared: units that all tags use.
    """

    owned: dict[Path, int]
    shared: int


def divide_units(options: PartitionOptions, tree: TagTree) -> list[LayerWidths]:
    """Divide each hidden layer evenly among its tags, within each tag evenly among the tags within it.

    The first layer is divided by the first level of tags, the second by the second, and so on; layers beyond the last
    level are divided as the last one is.

    Args:
        options: ``hidden`` and ``overlap``.
        tree: the tags.

    Returns:
        The units of each layer.

    Raises:
        UsageError: more levels of tags than layers, or more tags than units.
    """
    if tree.depth > len(options.hidden):
        raise UsageError(
            f"static-partition: tags lie {tree.depth} deep, but hidden has {len(options.hidden)} layers; give a width "
            f"for each level, such as -o static-partition.hidden={','.join(['256'] * tree.depth)}, or fewer levels."
        )
    layers = []
    for number, width in enumerate(options.hidden, 1):
        shared = round(options.overlap * width)
        owned = _divided(tree, min(number, tree.depth), width - shared)
        if min(owned.values()) < 1:
            raise UsageError(
                f"static-partition.hidden: layer {number} has {width - shared} units for {len(owned)} tags"
                f"{f' beside the {shared} that overlap shares' if shared else ''}; give it more units, at least one a "
                "tag, or give fewer tags."
            )
        layers.append(LayerWidths(owned, shared))
    return layers


def _divided(tree: TagTree, depth: int, units: int) -> dict[Path, int]:
    shares: dict[Path, int] = {(): units}
    for level in range(1, depth + 1):
        parents, shares = shares, {}
        for parent, whole in parents.items():
            children = [node for node in tree.nodes(level) if node[:-1] == parent]
            least, extra = divmod(whole, len(children))
            shares |= {child: least + (place < extra) for place, child in enumerate(children)}
    return shares
