"""What a strategy in the midst of training would answer."""

from __future__ import annotations

from typing import Any

import torch
from avalanche.core import BasePlugin, SupervisedPlugin
from avalanche.training.plugins import EvaluationPlugin
from torch import Tensor


@torch.no_grad()
def predict(strategy: Any, x: Tensor, task: Tensor) -> Tensor:
    """Ask a strategy in the midst of training as an evaluation would; nothing of it changes.

    Args:
        strategy: any Avalanche strategy.
        x: (B, C, H, W) images.
        task: (B,) task labels.

    Returns:
        (B, classes) outputs. No label reaches the strategy: -1 stands in the place of each.
    """
    learning = [module for module in strategy.model.modules() if module.training]
    swapping = [plugin for plugin in strategy.plugins if _acts_in_evaluation(plugin)]
    batch = strategy.mbatch
    strategy.is_training = False
    strategy.model.eval()
    strategy.mbatch = [x.to(strategy.device), torch.full_like(task, -1), task.to(strategy.device)]
    for plugin in swapping:
        plugin.before_eval(strategy)
    output: Tensor = strategy.forward()
    for plugin in swapping:
        plugin.after_eval(strategy)
    strategy.mbatch = batch
    for module in learning:
        module.training = True
    strategy.is_training = True
    return output


def _acts_in_evaluation(plugin: Any) -> bool:
    """Whether a plugin changes the model for an evaluation, as an average of weights does."""
    if isinstance(plugin, EvaluationPlugin) or not isinstance(plugin, BasePlugin):
        return False
    return getattr(type(plugin), "before_eval", None) is not SupervisedPlugin.before_eval
