"""What a trained strategy says of every test image, by its own evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from avalanche.core import SupervisedPlugin
from torch import Tensor

from morph_cl.bridge.stream import Stream


@dataclass(frozen=True)
class Observations:
    """Every test image of a stream, experience by experience, N in all.

    Args:
        experience: (N,) int64, the experience that it is of.
        sample: (N,) int64, where it stands there.
        label: (N,) int64.
        predicted: (N,) int64.
        confidence: (N,) probability of the predicted class.
        names: the experts' names, none of a monolith.
        weights: (N, E) how much each expert counts; None of a monolith.
        assigned: (N,) int64 column of the expert that training meant for the label, -1 for none; None where training
            assigns nothing.
    """

    experience: Tensor
    sample: Tensor
    label: Tensor
    predicted: Tensor
    confidence: Tensor
    names: tuple[str, ...]
    weights: Tensor | None
    assigned: Tensor | None


class _Observer(SupervisedPlugin):
    """Reads predictions and labels after the forward pass, and asks for weights by the images alone."""

    stateless = True

    def __init__(self) -> None:
        super().__init__()
        self.parts: dict[str, list[Tensor]] = {}
        self._seen = 0

    def before_eval_exp(self, strategy: Any, **_: Any) -> None:  # noqa: ARG002
        self._seen = 0

    def after_eval_iteration(self, strategy: Any, **_: Any) -> None:
        output, size = strategy.mb_output.float(), len(strategy.mb_y)
        confidence, predicted = output.softmax(1).max(1)
        self._keep("experience", torch.full((size,), int(strategy.experience.current_experience)))
        self._keep("sample", torch.arange(self._seen, self._seen + size))
        self._keep("label", strategy.mb_y)
        self._keep("predicted", predicted)
        self._keep("confidence", confidence)
        self._seen += size
        if not getattr(strategy, "expert_names", ()):
            return
        self._keep("weights", strategy.expert_weights(strategy.mb_x, int(strategy.mb_task_id[0])))
        self._keep("assigned", strategy.assigned_experts(strategy.mb_y))

    def _keep(self, name: str, values: Tensor | None) -> None:
        if values is not None:
            self.parts.setdefault(name, []).append(values.detach().cpu())

    def joined(self, name: str) -> Tensor | None:
        return torch.cat(self.parts[name]) if name in self.parts else None


def observe(strategy: Any, stream: Stream) -> Observations:
    """Evaluate a strategy on the test data and keep what it says of each image.

    Args:
        strategy: any Avalanche strategy, trained.
        stream: the stream that it was trained on.

    Returns:
        Its predictions, the very ones that its accuracies are of, and its experts' weights where it has experts.
    """
    observer = _Observer()
    strategy.plugins.append(observer)
    try:
        strategy.eval(stream.benchmark.test_stream)
    finally:
        strategy.plugins.remove(observer)
    columns = {name: observer.joined(name) for name in ("experience", "sample", "label", "predicted", "confidence")}
    weights = observer.joined("weights")
    return Observations(
        **columns,  # type: ignore[arg-type]  # a stream has at least one experience
        names=tuple(strategy.expert_names) if weights is not None else (),
        weights=weights,
        assigned=observer.joined("assigned"),
    )
