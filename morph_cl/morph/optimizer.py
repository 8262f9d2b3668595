"""The optimizer of a model that grows: it covers every trainable parameter and keeps the state of those that stay."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from morph_cl.morph.gate import Gate

GROUPS = ("experts", "shared", "gate")


def make_optimizer(lr: float, shared_lr: float) -> torch.optim.Adam:
    """Adam with an empty group for each kind of parameter.

    Args:
        lr: learning rate of the routed expert in training, and of the gate.
        shared_lr: learning rate of the shared expert.

    Returns:
        The optimizer, to be filled by :func:`cover`.
    """
    rates = {"experts": lr, "shared": shared_lr, "gate": lr}
    groups: list[dict[str, Any]] = [
        {"params": [], "lr": rates[name], "full_lr": rates[name], "name": name} for name in GROUPS
    ]
    return torch.optim.Adam(groups, fused=True)


def cover(optimizer: torch.optim.Optimizer, named: dict[str, nn.Parameter], gate: Gate) -> None:
    """Make the optimizer cover exactly the trainable parameters.

    Args:
        optimizer: an optimizer of :func:`make_optimizer`.
        named: all parameters of the model by name.
        gate: the model's gate; the state of the rows that it kept moves to their new places.
    """
    groups = {group["name"]: group for group in optimizer.param_groups}
    _move_gate_state(optimizer, groups["gate"], gate)
    wanted: dict[str, list[nn.Parameter]] = {name: [] for name in GROUPS}
    for name, parameter in named.items():
        if parameter.requires_grad:
            wanted[_group_of(name)].append(parameter)
    covered = {id(parameter) for parameters in wanted.values() for parameter in parameters}
    for tensor in [t for t in optimizer.state if id(t) not in covered]:
        del optimizer.state[tensor]
    for name in GROUPS:
        groups[name]["params"] = wanted[name]


def _group_of(name: str) -> str:
    parts = name.split(".")
    return next((group for group in ("shared", "gate") if group in parts[:2]), "experts")


def _move_gate_state(optimizer: torch.optim.Optimizer, group: dict[str, Any], gate: Gate) -> None:
    """Rows that the gate kept keep their moments; new rows start without any."""
    current: list[Tensor] = [gate.weight, gate.bias]
    for old, new in zip(group["params"], current, strict=False):
        entries = optimizer.state.pop(old, None)
        if entries:
            optimizer.state[new] = {
                key: _moved(value, gate.origin) if value.dim() else value for key, value in entries.items()
            }
    gate.origin = list(range(len(gate)))


def _moved(value: Tensor, origin: list[int]) -> Tensor:
    padded = torch.cat([value, torch.zeros_like(value[:1])])  # row -1 is the zero row
    return padded[origin]


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Scale the learning rates of the experts.

    Args:
        optimizer: an optimizer of :func:`make_optimizer`.
        factor: of the full rate, in (0, 1].
    """
    for group in optimizer.param_groups:
        group["lr"] = group["full_lr"] * (factor if group["name"] != "gate" else 1.0)


def export_optimizer(optimizer: torch.optim.Optimizer, named: dict[str, nn.Parameter]) -> dict[str, Any]:
    """The optimizer's state by the names of its parameters.

    Args:
        optimizer: the optimizer.
        named: all parameters of the model by name.

    Returns:
        Tensors by parameter name and entry, and the learning rate of each group.
    """
    moments = {name: dict(optimizer.state[p]) for name, p in named.items() if p in optimizer.state}
    return {"moments": moments, "rates": {group["name"]: float(group["lr"]) for group in optimizer.param_groups}}


def load_optimizer(optimizer: torch.optim.Optimizer, named: dict[str, nn.Parameter], state: dict[str, Any]) -> None:
    """Take over an exported state; the optimizer already covers the parameters.

    Args:
        optimizer: the optimizer.
        named: all parameters of the model by name.
        state: what :func:`export_optimizer` returned.
    """
    optimizer.state.clear()
    for name, entries in state["moments"].items():
        optimizer.state[named[name]] = {key: value.detach().clone() for key, value in entries.items()}
    for group in optimizer.param_groups:
        group["lr"] = float(state["rates"][group["name"]])
