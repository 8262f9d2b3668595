"""Models compiled by ``torch.compile``."""

from __future__ import annotations

from typing import Any

import torch
from avalanche.models.utils import avalanche_forward

from morph_cl.bridge.randomness import random_state, set_random_state
from morph_cl.errors import UsageError


def compile_model(strategy: Any, input_shape: tuple[int, int, int], backend: str = "inductor") -> None:
    """Compile a strategy's model in place: its class, its parameters and their names stay.

    It is tried out on two blank images at once, so that a machine without a compiler is noticed before training.

    Args:
        strategy: an Avalanche strategy.
        input_shape: (C, H, W) of an image.
        backend: what ``torch.compile`` hands the graph to.

    Raises:
        UsageError: nothing can be compiled here.
    """
    model, before = strategy.model, random_state()
    training = model.training
    model.compile(backend=backend)
    model.eval()
    x = torch.zeros(2, *input_shape, device=strategy.device)
    try:
        with torch.no_grad():
            avalanche_forward(model, x, torch.zeros(2, dtype=torch.int64, device=strategy.device))
    except Exception as error:  # whatever a compiler may say
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UsageError(f"torch.compile does not work here: {reason}; leave --compile out.") from error
    finally:
        model.train(training)
        set_random_state(before)
