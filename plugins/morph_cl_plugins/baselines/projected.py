"""Learners that bend a step until it harms no stored experience: A-GEM and GEM."""

from __future__ import annotations

from typing import Any

import torch
from avalanche.training.plugins import AGEMPlugin, GEMPlugin

from morph_cl import StrategyContext
from morph_cl_plugins.baselines.assembly import training_parts
from morph_cl_plugins.baselines.memory_batches import MemoryBatches
from morph_cl_plugins.baselines.options import AGemOptions, GemOptions
from morph_cl_plugins.baselines.sequential import Naive


class AveragedGem(AGEMPlugin):
    """Avalanche's A-GEM, drawing at random from whole tensors.

    Avalanche keeps one endless loader an experience alive across experiences; here the memory is opened anew in each.
    A step draws an equal number of random images of each past experience.

    Source: Chaudhry et al., Efficient Lifelong Learning with A-GEM, ICLR 2019.
    """

    buffer_dliter: Any

    def __init__(self, patterns_per_experience: int, sample_size: int) -> None:
        super().__init__(patterns_per_experience, sample_size)
        self.opened: MemoryBatches | None = None
        self.buffer_dliter = None

    def before_training_exp(self, strategy: Any, **_: Any) -> None:
        """Open the memory of past experiences."""
        self.opened = MemoryBatches(self.buffers, strategy.device) if self.buffers else None

    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        """Store images of the experience and close the memory."""
        super().after_training_exp(strategy, **kwargs)
        self.opened = None
        self.reference_gradients = torch.empty(0)

    def sample_from_memory(self) -> Any:
        """The images behind the reference gradient, with labels and task labels."""
        assert self.opened is not None
        return self.opened.balanced(self.sample_size)

    def update_memory(self, dataset: Any, *_: Any, **__: Any) -> None:
        """Keep random images of an experience."""
        kept = torch.randperm(len(dataset))[: self.patterns_per_experience]
        self.buffers.append(dataset.subset(kept.tolist()))


class Gem(GEMPlugin):
    """Avalanche's GEM, which lets go of the reference gradients between experiences.

    Source: Lopez-Paz & Ranzato, Gradient Episodic Memory for Continual Learning, NeurIPS 2017.
    """

    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        """Store images of the experience."""
        super().after_training_exp(strategy, **kwargs)
        self.G = torch.empty(0)


def build_agem(context: StrategyContext, options: AGemOptions) -> Naive:
    """Build A-GEM.

    Args:
        context: the stream and the loop.
        options: validated options.

    Returns:
        The strategy.
    """
    return Naive(**training_parts(context, options, AveragedGem(options.patterns_per_experience, options.sample_size)))


def build_gem(context: StrategyContext, options: GemOptions) -> Naive:
    """Build GEM.

    Args:
        context: the stream and the loop.
        options: validated options.

    Returns:
        The strategy.
    """
    return Naive(**training_parts(context, options, Gem(options.patterns_per_experience, options.memory_strength)))
