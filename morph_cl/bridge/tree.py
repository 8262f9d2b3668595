"""Trees of plain values and tensors, and their pickle-free form on disk.

A tree is made of None, bool, int, float, str, tensors, and lists, tuples, sets and dicts of trees. On disk it is a
manifest in JSON, in which each tensor is a number, and one safetensors file with the tensors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from morph_cl.errors import CheckpointError

FORMAT = "morph-cl/tree/1"
MANIFEST = "manifest.json"
TENSORS = "tensors.safetensors"

_SEQUENCES: dict[str, Callable[[list[Any]], Any]] = {"list": list, "tuple": tuple, "set": set}


def save_tree(tree: Any, folder: Path) -> None:
    """Write a tree; the manifest is written last, so a folder with a manifest is whole.

    Args:
        tree: the tree.
        folder: an existing, empty folder.

    Raises:
        CheckpointError: the tree holds a value of another type; the message names its place.
    """
    tensors: dict[str, Tensor] = {}
    structure = _flatten(tree, tensors, "")
    save_file(tensors, folder / TENSORS)
    text = json.dumps({"format": FORMAT, "tree": structure})
    partial = folder / (MANIFEST + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(folder / MANIFEST)


def load_tree(folder: Path) -> Any:
    """Read a tree.

    Args:
        folder: where :func:`save_tree` wrote it.

    Returns:
        The tree, its tensors on the CPU.

    Raises:
        CheckpointError: a file is missing or damaged, or a newer version wrote it.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        tensors = load_file(folder / TENSORS)
        found = manifest["format"]
        if found != FORMAT:
            raise CheckpointError(
                f"checkpoint {folder} has format {found!r}, not {FORMAT!r}; use the version of morph-cl that wrote it."
            )
        return _unflatten(manifest["tree"], tensors)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CheckpointError(
            f"checkpoint {folder} is damaged ({type(error).__name__}: {error}); start the run again."
        ) from error


def _flatten(node: Any, tensors: dict[str, Tensor], place: str) -> Any:
    """JSON form of a node; its tensors are moved to ``tensors``."""
    if node is None or isinstance(node, (bool, int, float, str)):
        return node
    if isinstance(node, Tensor):
        name = str(len(tensors))
        # A clone: safetensors refuses tensors that share memory, as tied weights do.
        tensors[name] = node.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(node, dict):
        pairs = [
            [_flatten(key, tensors, place), _flatten(value, tensors, f"{place}.{key}")] for key, value in node.items()
        ]
        return {"dict": pairs}
    for kind, sequence in (("list", list), ("tuple", tuple), ("set", (set, frozenset))):
        if isinstance(node, sequence):
            items = sorted(node) if kind == "set" else node
            return {kind: [_flatten(item, tensors, f"{place}[{i}]") for i, item in enumerate(items)]}
    raise CheckpointError(
        f"state{place} is a {type(node).__name__}, which a checkpoint cannot hold; "
        "give plain values, tensors, and lists, tuples, sets or dicts of them."
    )


def _unflatten(node: Any, tensors: dict[str, Tensor]) -> Any:
    """The inverse of :func:`_flatten`."""
    if not isinstance(node, dict):
        return node
    ((kind, content),) = node.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {_unflatten(key, tensors): _unflatten(value, tensors) for key, value in content}
    return _SEQUENCES[kind]([_unflatten(item, tensors) for item in content])


def walk_tensors(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Tensor]]:
    """Every tensor of a tree with the keys that lead to it.

    Args:
        node: the tree.
        path: the keys that led here.

    Yields:
        Path and tensor.
    """
    if isinstance(node, Tensor):
        yield path, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from walk_tensors(value, (*path, str(key)))
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from walk_tensors(value, path)


def tensor_bytes(tensor: Tensor) -> int:
    """Bytes that a tensor's values take."""
    return tensor.numel() * tensor.element_size()
