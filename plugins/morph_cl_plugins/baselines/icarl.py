"""iCaRL: exemplars chosen by herding, distillation, and answers by the nearest mean of exemplars.

Source: Rebuffi et al., iCaRL: Incremental Classifier and Representation Learning, CVPR 2017. The loss is Avalanche's.
The memory is our own: Avalanche's keeps float copies outside its data sets, sizes its tables by attributes that its
newer benchmarks lack, and averages each exemplar with its mirror image, which is wrong for digits.
"""

from __future__ import annotations

from typing import Any

import torch
from avalanche.benchmarks.utils.utils import concat_datasets
from avalanche.core import SupervisedPlugin
from avalanche.models import TrainEvalModel
from avalanche.training.losses import ICaRLLossPlugin
from torch import Tensor, nn
from torch.nn import functional

from morph_cl import StrategyContext, build_classifier, build_optimizer
from morph_cl_plugins.baselines.memory_batches import MemoryBatches
from morph_cl_plugins.baselines.options import ICaRLOptions
from morph_cl_plugins.baselines.sequential import Naive

_UNKNOWN = -1e9  # finite, so that a softmax over classes that are all unknown stays defined


class NearestMeans(nn.Module):
    """Classification by the nearest class mean on the unit sphere.

    Args:
        classes: number of classes.
        width: number of features.
    """

    means: Tensor
    known: Tensor

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(classes, width))
        self.register_buffer("known", torch.zeros(classes, dtype=torch.bool))

    def forward(self, features: Tensor) -> Tensor:
        """Negative distances (B, classes) of features (B, width); classes without a mean come last."""
        distances = torch.cdist(functional.normalize(features, dim=1), self.means)
        return (-distances).masked_fill(~self.known, _UNKNOWN)


def herd(features: Tensor, count: int) -> Tensor:
    """Choose samples whose mean follows the mean of all.

    Args:
        features: (N, width), each of unit length.
        count: how many to choose.

    Returns:
        (min(count, N),) indices, the most telling first.
    """
    target = features.mean(0)
    total = torch.zeros_like(target)
    open_rows = torch.ones(len(features), dtype=torch.bool, device=features.device)
    chosen: list[int] = []
    for number in range(1, min(count, len(features)) + 1):
        distance = torch.linalg.vector_norm(target - (total + features) / number, dim=1)
        best = int(distance.masked_fill(~open_rows, torch.inf).argmin())
        chosen.append(best)
        open_rows[best] = False
        total = total + features[best]
    return torch.tensor(chosen, dtype=torch.int64)


class HerdingMemory(SupervisedPlugin):
    """Keeps exemplars of each class, rehearses them, and sets the class means.

    Args:
        mem_size: exemplars of all classes together, at the most.
    """

    def __init__(self, mem_size: int) -> None:
        super().__init__()
        self.mem_size = mem_size
        self.exemplars: dict[int, Any] = {}
        """An Avalanche data set for each class seen, in the order of herding."""

    def after_train_dataset_adaptation(self, strategy: Any, **_: Any) -> None:
        """Add the exemplars to the training data."""
        strategy.adapted_dataset = concat_datasets([strategy.adapted_dataset, *self.exemplars.values()])

    def after_training_exp(self, strategy: Any, **_: Any) -> None:
        """Choose exemplars of the new classes, shorten the lists of the old ones, and renew all means."""
        dataset = strategy.experience.dataset
        labels = torch.as_tensor(list(dataset.targets))
        new = [label for label in sorted(set(labels.tolist())) if label not in self.exemplars]
        share = max(1, self.mem_size // (len(self.exemplars) + len(new)))
        for label, kept in self.exemplars.items():
            self.exemplars[label] = kept.subset(list(range(min(share, len(kept)))))
        for label in new:
            rows = (labels == label).nonzero().squeeze(1)
            order = herd(self._features(strategy, dataset.subset(rows.tolist())), share)
            self.exemplars[label] = dataset.subset(rows[order].tolist())
        head = strategy.model.eval_classifier
        for label, kept in self.exemplars.items():
            head.means[label] = functional.normalize(self._features(strategy, kept).mean(0), dim=0)
            head.known[label] = True

    @torch.no_grad()
    def _features(self, strategy: Any, dataset: Any) -> Tensor:
        """Unit-length features (N, width) of a data set."""
        extractor = strategy.model.feature_extractor
        extractor.eval()
        images = MemoryBatches([dataset], strategy.device).columns[0]
        features = torch.cat([extractor(part) for part in images.split(strategy.eval_mb_size)])
        extractor.train()
        return functional.normalize(features, dim=1)


def build_icarl(context: StrategyContext, options: ICaRLOptions) -> Naive:
    """Build iCaRL.

    Args:
        context: the stream and the loop.
        options: validated options.

    Returns:
        The strategy.
    """
    network: Any = build_classifier(context, options)
    model = TrainEvalModel(
        network.features, network.classifier, NearestMeans(context.classes, network.classifier.in_features)
    )
    loss = ICaRLLossPlugin()
    return Naive(
        **context.loop()
        | {
            "model": model,
            "optimizer": build_optimizer(model, options),
            "criterion": loss,
            # The memory stands before the loss: the teacher is copied with the new means.
            "plugins": [HerdingMemory(options.mem_size), loss, *context.plugins],
        }
    )
