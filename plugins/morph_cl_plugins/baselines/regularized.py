"""Learners that keep weights or outputs near what earlier experiences made of them: EWC, LwF, SI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from avalanche.training.plugins import EWCPlugin, LwFPlugin, SynapticIntelligencePlugin
from torch import Tensor
from torch.utils.data import Dataset

from morph_cl import StrategyContext
from morph_cl.bridge.dataset import TensorView, view_of
from morph_cl_plugins.baselines.assembly import training_parts
from morph_cl_plugins.baselines.options import EwcOptions, LwfOptions, SiOptions
from morph_cl_plugins.baselines.sequential import Naive


class ElasticWeightConsolidation(EWCPlugin):
    """Avalanche's elastic weight consolidation, whose pass for the importances takes slices of whole tensors.

    Avalanche's own loader stays between, so that importances and random draws are Avalanche's, bit for bit.

    Source: Kirkpatrick et al., Overcoming catastrophic forgetting in neural networks, PNAS 2017.
    """

    def compute_importances(
        self, model: Any, criterion: Any, optimizer: Any, dataset: Any, *loading: Any, **settings: Any
    ) -> Any:
        """The importance of each parameter on a data set."""
        view = view_of(dataset)
        source = dataset if view is None else _WholeBatches(view)
        return super().compute_importances(model, criterion, optimizer, source, *loading, **settings)


class _WholeBatches(Dataset[Any]):
    """A data set that a loader which keeps its order gets collated batches of.

    Args:
        view: the samples.
    """

    def __init__(self, view: TensorView) -> None:
        self.view = view

    def __len__(self) -> int:
        return len(self.view)

    def __getitems__(self, indices: Sequence[int]) -> list[Tensor]:
        """Images, labels and task labels of the samples from the first index to the last."""
        return self.view.span(indices[0], indices[-1] + 1)

    @staticmethod
    def collate_fn(batch: list[Tensor]) -> list[Tensor]:
        """The batch, which is collated already."""
        return batch


class SynapticIntelligence(SynapticIntelligencePlugin):
    """Avalanche's synaptic intelligence with snapshots that are copies.

    On the CPU, Avalanche's snapshots are views of the weights themselves: they move with every step, all distances
    are zero and so is the penalty. Copies make it the method of the paper on every device. Importances below zero,
    which would drive weights away, count as zero, as in the authors' code.

    Source: Zenke et al., Continual Learning Through Synaptic Intelligence, ICML 2017.
    """

    def before_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        """Snapshot the weights that the experience starts from."""
        super().before_training_exp(strategy, **kwargs)
        _detach_from_weights(self.ewc_data[0])

    def before_training_iteration(self, strategy: Any, **kwargs: Any) -> None:
        """Snapshot the weights before a step."""
        super().before_training_iteration(strategy, **kwargs)
        _detach_from_weights(self.syn_data["old_theta"])

    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        """Update the importances, then let go of the views that a step left behind."""
        super().after_training_exp(strategy, **kwargs)
        for importance in self.ewc_data[1].values():
            importance.data = importance.data.clamp(min=0)
        _detach_from_weights(self.syn_data["new_theta"])
        _detach_from_weights(self.syn_data["grad"])


def _detach_from_weights(snapshot: dict[str, Any]) -> None:
    for data in snapshot.values():
        data.data = data.data.clone()


def build_ewc(context: StrategyContext, options: EwcOptions) -> Naive:
    """Build elastic weight consolidation.

    Args:
        context: the stream and the loop.
        options: validated options.

    Returns:
        The strategy.
    """
    decay = (options.decay_factor or 1.0) if options.mode == "online" else None
    plugin = ElasticWeightConsolidation(options.ewc_lambda, mode=options.mode, decay_factor=decay)
    return Naive(**training_parts(context, options, plugin))


def build_lwf(context: StrategyContext, options: LwfOptions) -> Naive:
    """Build learning without forgetting.

    Args:
        context: the stream and the loop.
        options: validated options.

    Returns:
        The strategy.
    """
    return Naive(**training_parts(context, options, LwFPlugin(options.alpha, options.temperature)))


def build_si(context: StrategyContext, options: SiOptions) -> Naive:
    """Build synaptic intelligence.

    Args:
        context: the stream and the loop.
        options: validated options.

    Returns:
        The strategy.
    """
    return Naive(**training_parts(context, options, SynapticIntelligence(options.si_lambda, options.eps)))
