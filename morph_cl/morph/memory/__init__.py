"""The replay memory: packed images, their labels, owners and logits."""

from morph_cl.morph.memory.replay import ReplayMemory

__all__ = ["ReplayMemory"]
