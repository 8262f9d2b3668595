"""Experts: how they are added, cloned, frozen, stored and run."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from morph_cl.morph.average import WeightAverage
from morph_cl.morph.frames import Framed
from morph_cl.morph.logsums import log_normalized
from morph_cl.morph.precision import WHERE_FAST, Precision
from morph_cl.morph.running import Runner

Build = Callable[[], nn.Module]
"""Makes one expert, freshly initialised."""


class ExpertPool(nn.Module):
    """The routed experts by a number that never changes, so that parameter names stay the same whatever comes or goes.

    One expert at the most is in training; the others are frozen and, where asked for, stored in half precision.

    Args:
        build: makes an expert.
        half: whether frozen experts are stored in half precision.
        decay: of the average of the weights of the expert in training, which answers in its place where no gradient is
            wanted and is what stays of it when it is frozen; 0 keeps none.
        framed: whether each expert looks at images through a frame of its own.
        precision: of the products.
    """

    def __init__(
        self,
        build: Build,
        *,
        half: bool,
        decay: float = 0.0,
        framed: bool = False,
        precision: Precision = WHERE_FAST,
    ) -> None:
        super().__init__()
        self.framed = framed
        self.decay = decay
        self.average: WeightAverage | None = None
        self.build = build
        self.half_at_rest = half
        self.nets = nn.ModuleDict()
        self.next_number = 0
        self.runner = Runner(precision)

    @property
    def numbers(self) -> list[int]:
        """The experts' numbers, oldest first: the order of every table that has a row an expert."""
        return [int(name) for name in self.nets]

    def __len__(self) -> int:
        return len(self.nets)

    def net(self, number: int) -> nn.Module:
        """One expert.

        Args:
            number: an expert's number.

        Returns:
            Its network.
        """
        return self.nets[str(number)]

    def add(self, parent: int | None) -> int:
        """Add an expert, frozen until it is opened.

        Args:
            parent: the expert to clone; None starts from fresh weights.

        Returns:
            The new expert's number.
        """
        like = next(self.parameters(), None)  # the pool may have been moved since it was made
        net = self._fresh() if parent is None else copy.deepcopy(self.net(parent)).float()
        net = net if like is None else net.to(like.device)
        number = self.next_number
        self.next_number += 1
        if isinstance(net, Framed):
            net.family.fill_(number)
        self.nets[str(number)] = net.requires_grad_(False)  # the average is that of another
        self.freeze(number)
        return number

    def _fresh(self) -> nn.Module:
        return Framed(self.build()) if self.framed else self.build()

    def framed_net(self, number: int) -> Framed:
        """One expert of a pool whose experts look through frames.

        Args:
            number: an expert's number.

        Returns:
            Its network behind its frame.
        """
        net = self.net(number)
        assert isinstance(net, Framed)
        return net

    def frame(self, number: int) -> Tensor:
        """The frame (2, 3) float32 that an expert looks through.

        Args:
            number: its number.
        """
        return self.framed_net(number).frame.float()

    def set_frame(self, number: int, frame: Tensor) -> None:
        """Let an expert look through another frame, its average too.

        Args:
            number: its number.
            frame: (2, 3).
        """
        net = self.framed_net(number)
        net.frame.copy_(frame)
        self.runner.forget(number)
        if self.average is not None and is_open(net):
            self.average.get_buffer("frame").copy_(frame)

    def join_family(self, number: int, of: int, frame: Tensor) -> None:
        """Let an expert share the view of the world of another, through a frame of its own.

        Args:
            number: its number.
            of: number of the other.
            frame: (2, 3).
        """
        net = self.framed_net(number)
        net.family.copy_(self.framed_net(of).family)
        if self.average is not None and is_open(net):
            self.average.get_buffer("family").copy_(net.family)
        self.set_frame(number, frame)

    def kin(self, number: int) -> list[int]:
        """The experts that share one's view of the world, itself among them.

        Args:
            number: its number.
        """
        if not self.framed:
            return [number]
        family = int(self.framed_net(number).family)
        return [other for other in self.numbers if int(self.framed_net(other).family) == family]

    def remove(self, number: int) -> nn.Module:
        """Take an expert out.

        Args:
            number: an expert's number.

        Returns:
            Its network, so that the removal can be undone.
        """
        net = self.net(number)
        del self.nets[str(number)]
        self.runner.forget(number)
        return net

    def replace(self, number: int, net: nn.Module) -> None:
        """Give an expert another network.

        Args:
            number: an expert's number.
            net: its network from now on.
        """
        self.nets[str(number)] = net
        self.runner.forget(number)

    def restore(self, numbers: list[int], nets: dict[int, nn.Module]) -> None:
        """Put experts back as they were before a change that is undone.

        Args:
            numbers: the order to restore.
            nets: the network of each.
        """
        self.nets = nn.ModuleDict({str(number): nets[number] for number in numbers})
        self.runner.copies.clear()

    def freeze(self, number: int) -> None:
        """End the training of an expert.

        Args:
            number: an expert's number.
        """
        net = self.net(number)
        if self.average is not None and is_open(net):
            self.average.give(net)
            self.average = None
        net.requires_grad_(False)
        net.zero_grad(set_to_none=True)
        if self.half_at_rest:
            net.half()
        self.runner.forget(number)

    def open(self, number: int) -> None:
        """Make an expert trainable, in single precision.

        Args:
            number: an expert's number.
        """
        net = self.net(number).float().requires_grad_(True)
        self.runner.forget(number)
        self.average = WeightAverage(net, self.decay) if self.decay else None

    def follow(self, number: int) -> None:
        """Let the average follow the expert in training by one step.

        Args:
            number: its number.
        """
        if self.average is not None:
            self.average.update(self.net(number))

    def train(self, mode: bool = True) -> ExpertPool:
        """Set the mode. Only an expert in training follows; the others, however many, are left as they are."""
        self.training = mode
        if self.average is not None:
            self.average.train(mode)
        for net in self.nets.values():
            if net.training != (mode and is_open(net)):
                net.train(not net.training)
        return self

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> ExpertPool:
        """Move or convert the experts; copies of them are made anew once anything has become another."""
        before = self._placement()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if self._placement() != before:
            self.runner.copies.clear()
        return self

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take over weights; copies of the experts are made anew when they are asked."""
        self.runner.copies.clear()
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def _placement(self) -> list[tuple[torch.device, torch.dtype]]:
        return [(tensor.device, tensor.dtype) for tensor in (*self.parameters(), *self.buffers())]

    def forward(self, number: int, x: Tensor, frames: Tensor | None = None) -> Tensor:
        """Log-probabilities of one expert.

        Args:
            number: its number.
            x: (B, C, H, W) images.
            frames: (2, 3) or (B, 2, 3) to look through in place of its own, where experts have frames.

        Returns:
            (B, classes).
        """
        logits = self.logits(number, x, frames)
        return logits.log_softmax(1) if logits.requires_grad else log_normalized(logits, 1)

    def logits(self, number: int, x: Tensor, frames: Tensor | None = None) -> Tensor:
        """Logits (B, classes) of one expert; takes what :meth:`forward` takes, in the type of ``x``."""
        net = self.net(number)
        inputs = (x,) if frames is None else (x, frames)
        if self.average is not None and is_open(net) and not torch.is_grad_enabled():
            averaged: Tensor = self.average(net, *inputs)
            return averaged
        return self.runner.run(number, net, *inputs)

    def __deepcopy__(self, memo: dict[int, object]) -> ExpertPool:
        clone = ExpertPool(
            self.build, half=self.half_at_rest, decay=self.decay, framed=self.framed, precision=self.runner.precision
        )
        memo[id(self)] = clone
        clone.nets = copy.deepcopy(self.nets, memo)
        clone.average = copy.deepcopy(self.average, memo)
        clone.next_number = self.next_number
        clone.training = self.training
        return clone


def is_open(net: nn.Module) -> bool:
    """Whether a network is in training rather than frozen."""
    return any(parameter.requires_grad for parameter in net.parameters())


def averaged(a: nn.Module, b: nn.Module, share: float) -> nn.Module:
    """A network whose weights are a weighted mean of two of the same shape.

    Args:
        a: a network.
        b: another with the same parameters.
        share: weight of ``a``, in [0, 1].

    Returns:
        The mean, of the precision of ``a``; integer buffers and the frame, if it has one, are those of ``a``.
    """
    mean = copy.deepcopy(a)
    other = b.state_dict()
    with torch.no_grad():
        for name, tensor in mean.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(share * tensor.float() + (1 - share) * other[name].float())
    if isinstance(a, Framed) and isinstance(mean, Framed):
        mean.frame.copy_(a.frame)  # half of one turn and half of another is neither
    return mean


def tensor_bytes(*modules: nn.Module) -> int:
    """Bytes of the parameters and buffers of modules, counted once each."""
    tensors = {id(t): t for module in modules for t in (*module.parameters(), *module.buffers())}
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
