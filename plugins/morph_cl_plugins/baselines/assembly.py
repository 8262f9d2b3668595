"""What all baselines are put together from."""

from __future__ import annotations

from typing import Any

from avalanche.core import SupervisedPlugin
from torch import nn

from morph_cl import StrategyContext, TrainingOptions, build_classifier, build_optimizer


def training_parts(context: StrategyContext, options: TrainingOptions, *plugins: SupervisedPlugin) -> dict[str, Any]:
    """The keyword arguments of an Avalanche strategy that trains one network with cross-entropy.

    Args:
        context: the stream and the loop.
        options: the network and its optimizer.
        plugins: the plugins that make the strategy; those that the user attached come after them.

    Returns:
        Model, optimizer, criterion, plugins and the settings of the loop.
    """
    model = build_classifier(context, options)
    return {
        **context.loop(),
        "model": model,
        "optimizer": build_optimizer(model, options),
        "criterion": nn.CrossEntropyLoss(),
        "plugins": [*plugins, *context.plugins],
    }
