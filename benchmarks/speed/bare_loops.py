"""Loops as anybody would write them in plain PyTorch, with the maths and the random draws of our strategies.

Each trains a model in place on one experience, uint8 images and labels. Tests hold them against our strategies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

Images = tuple[Tensor, Tensor]
"""(N, C, H, W) uint8 and (N,) int64."""


def batches(data: Images, size: int) -> Iterator[Images]:
    """One shuffled epoch, images as floats in [0, 1].

    Args:
        data: the samples.
        size: samples a batch.
    """
    x, y = data
    for rows in torch.randperm(len(y)).split(size):
        yield x[rows].float().div_(255.0), y[rows]


def naive(model: nn.Module, optimizer: torch.optim.Optimizer, data: Images, size: int) -> None:
    """Fine-tuning.

    Args:
        model: what to train.
        optimizer: of its parameters.
        data: the experience.
        size: samples a step.
    """
    model.train()
    for x, y in batches(data, size):
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()


def replay(model: nn.Module, optimizer: torch.optim.Optimizer, data: Images, size: int, memory: Images) -> None:
    """Each batch beside one from memory, which starts again when it is used up.

    Args:
        model: what to train.
        optimizer: of its parameters.
        data: the experience.
        size: samples a step of the experience, and as many of memory.
        memory: float images and labels.
    """
    model.train()
    x_memory, y_memory = memory
    rehearsed = iter(())
    for x, y in batches(data, size):
        rows = next(rehearsed, None)
        if rows is None:
            rehearsed = iter(torch.randperm(len(y_memory)).split(size))
            rows = next(rehearsed)
        optimizer.zero_grad()
        output = model(torch.cat([x, x_memory[rows]]))
        functional.cross_entropy(output, torch.cat([y, y_memory[rows]])).backward()
        optimizer.step()


def ewc(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: Images,
    size: int,
    anchor: list[tuple[Tensor, Tensor]],
    strength: float,
) -> list[Tensor]:
    """Cross-entropy with a penalty on moved weights, then the importances of this experience.

    Args:
        model: what to train.
        optimizer: of its parameters.
        data: the experience.
        size: samples a step.
        anchor: importance and earlier value of each parameter.
        strength: weight of the penalty.

    Returns:
        The importances.
    """
    model.train()
    parameters = list(model.parameters())
    for x, y in batches(data, size):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        penalty = torch.zeros(())
        for parameter, (importance, before) in zip(parameters, anchor, strict=True):
            penalty = penalty + (importance * (parameter - before).pow(2)).sum()
        (loss + strength * penalty).backward()
        optimizer.step()
    return importances(model, optimizer, data, size)


def importances(model: nn.Module, optimizer: torch.optim.Optimizer, data: Images, size: int) -> list[Tensor]:
    """Mean square of the gradient of a batch's loss, parameter by parameter.

    Args:
        model: a trained model.
        optimizer: of its parameters.
        data: the experience.
        size: samples a batch.
    """
    model.eval()
    parameters = list(model.parameters())
    sums = [torch.zeros_like(parameter) for parameter in parameters]
    steps = 0
    for x, y in zip(data[0].split(size), data[1].split(size), strict=True):
        optimizer.zero_grad()
        functional.cross_entropy(model(x.float().div_(255.0)), y).backward()
        for total, parameter in zip(sums, parameters, strict=True):
            if parameter.grad is not None:
                total += parameter.grad.pow(2)
        steps += 1
    return [total / steps for total in sums]


@dataclass
class Reservoir:
    """A uniform sample of what came by.

    Args:
        x: (capacity, C, H, W) uint8.
        y: (capacity,) int64.
        logits: (capacity, classes).
        seen: samples that came by.
    """

    x: Tensor
    y: Tensor
    logits: Tensor
    seen: int = 0

    def offer(self, x: Tensor, y: Tensor, logits: Tensor) -> None:
        """Offer a batch of float images.

        Args:
            x: (B, C, H, W).
            y: (B,).
            logits: (B, classes).
        """
        capacity, number = len(self.y), torch.arange(self.seen, self.seen + len(y))
        drawn = (torch.rand(len(y), dtype=torch.float64) * (number + 1)).long()
        slots = torch.where(number < capacity, number, drawn)
        self.seen += len(y)
        last = {slot: row for row, slot in enumerate(slots.tolist()) if slot < capacity}
        if last:
            slot, row = torch.tensor(list(last)), torch.tensor(list(last.values()))
            self.x[slot] = (x[row] * 255).round().to(torch.uint8)
            self.y[slot], self.logits[slot] = y[row], logits[row]

    def draw(self, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """Images as floats, labels and logits of random samples.

        Args:
            size: how many at the most.
        """
        rows = torch.randperm(min(self.seen, len(self.y)))[:size]
        return self.x[rows].float().div_(255.0), self.y[rows], self.logits[rows]


def der(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: Images,
    size: int,
    memory: Reservoir,
    alpha: float = 1.0,
    beta: float = 0.5,
    rehearsed: int = 128,
) -> None:
    """DER++.

    Args:
        model: what to train.
        optimizer: of its parameters.
        data: the experience.
        size: samples a step.
        memory: what came by before.
        alpha: weight of stored logits.
        beta: weight of stored labels.
        rehearsed: samples of each of the two replayed batches.
    """
    model.train()
    for x, y in batches(data, size):
        optimizer.zero_grad()
        output = model(x)
        loss = functional.cross_entropy(output, y)
        if memory.seen:
            x_old, _, logits = memory.draw(rehearsed)
            loss = loss + alpha * functional.mse_loss(model(x_old), logits)
            x_old, y_old, _ = memory.draw(rehearsed)
            loss = loss + beta * functional.cross_entropy(model(x_old), y_old)
        loss.backward()
        optimizer.step()
        memory.offer(x, y, output.detach())


def plain(step: Callable[[Tensor, Tensor], Tensor], optimizer: Any, data: Images, size: int, rate: float) -> None:
    """A step of any kind in a plain loop, the learning rate falling linearly to a twentieth.

    Args:
        step: from images and labels to the loss.
        optimizer: of the parameters.
        data: the experience.
        size: samples a step.
        rate: the full learning rate.
    """
    steps = -(-len(data[1]) // size)
    for done, (x, y) in enumerate(batches(data, size)):
        optimizer.zero_grad()
        step(x, y).backward()
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - 0.95 * done / steps)
        optimizer.step()


@torch.no_grad()
def evaluate(model: nn.Module, tests: list[Images], size: int = 2_000) -> list[float]:
    """Accuracy on each test set.

    Args:
        model: a trained model.
        tests: the test sets.
        size: samples a batch.
    """
    model.eval()
    found = []
    for data_x, data_y in tests:
        correct = torch.zeros((), dtype=torch.int64)
        for x, y in zip(data_x.split(size), data_y.split(size), strict=True):
            correct += (model(x.float().div_(255.0)).argmax(1) == y).sum()
        found.append(int(correct) / len(data_y))
    return found
