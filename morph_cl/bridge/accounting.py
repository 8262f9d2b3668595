"""What a strategy holds, in bytes: counted on the state that a checkpoint would save, never guessed."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from morph_cl.bridge.state import KIND, encode_strategy
from morph_cl.bridge.tree import tensor_bytes
from morph_cl.results.record import MemoryUse

_MEMORY_WORDS = ("memory", "buffer", "exemplar")


def memory_use(strategy: Any, by_experience: list[int] | None = None) -> MemoryUse:
    """Count what a strategy holds between two experiences.

    Weights are the model's parameters and buffers. Buffers are stored samples with their labels and logits: data
    sets, and tensors under a name with memory, buffer or exemplar in it. Everything else - importances, means,
    densities, copies of weights - is statistics. The optimizer's state is told apart and not part of the total.

    Args:
        strategy: an Avalanche strategy.
        by_experience: totals after each experience so far, to be carried in the record.

    Returns:
        The counts in bytes, and the number of parameters.
    """
    state = encode_strategy(strategy, strict=False)
    own = state.get("own", {})
    counts = {"weights": 0, "buffers": 0, "statistics": 0, "optimizer": 0}
    sections: list[tuple[str, Any]] = [
        ("weights", own.get("model", state.get("model"))),
        ("optimizer", own.get("optimizer", state.get("optimizer"))),
        ("buffers", own.get("memory")),
        ("statistics", [value for key, value in own.items() if key not in ("model", "optimizer", "memory")]),
        ("statistics", state.get("attributes")),
        ("statistics", [plugin["attributes"] for plugin in state["plugins"]]),
    ]
    for section, node in sections:
        _count(node, section, counts)
    total = counts["weights"] + counts["buffers"] + counts["statistics"]
    return MemoryUse(
        parameters=sum(parameter.numel() for parameter in strategy.model.parameters()),
        weight_bytes=counts["weights"],
        buffer_bytes=counts["buffers"],
        statistics_bytes=counts["statistics"],
        total_bytes=total,
        optimizer_bytes=counts["optimizer"],
        by_experience=list(by_experience or ()),
    )


def _count(node: Any, section: str, counts: dict[str, int]) -> None:
    """Add the bytes below a node to its section."""
    if isinstance(node, Tensor):
        counts[section] += tensor_bytes(node)
    elif isinstance(node, dict):
        if node.get(KIND) == "dataset":
            counts["buffers"] += node["bytes"]
            return
        for key, value in node.items():
            stored = section == "statistics" and any(word in str(key).lower() for word in _MEMORY_WORDS)
            _count(value, "buffers" if stored else section, counts)
    elif isinstance(node, (list, tuple)):
        for value in node:
            _count(value, section, counts)
