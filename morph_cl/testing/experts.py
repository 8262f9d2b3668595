"""The contract of an expert network."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pydantic import BaseModel
from torch import Tensor, nn

from morph_cl.catalog import Catalog
from morph_cl.specs import ExpertSpec, Spec
from morph_cl.testing.findings import Subject, find, own_randomness

SHAPES = (((1, 28, 28), 10), ((3, 32, 32), 7), ((1, 8, 8), 2))
"""Image shapes and numbers of classes that every expert is expected to take."""

_BATCH = 5
_TOLERANCE = 1e-4  # sums may be taken in another order for another batch size


def check_expert(
    record: Spec | str,
    options: Mapping[str, Any] | None = None,
    *,
    shapes: Sequence[tuple[tuple[int, int, int], int]] = SHAPES,
    catalog: Catalog | None = None,
) -> None:
    """Check that an expert builds for several streams and is a well-behaved network.

    Logits have the right shape and are finite; every trainable parameter gets a gradient; in evaluation mode
    it is deterministic, keeps its state and answers for each image alone; its state goes through
    ``state_dict`` and ``deepcopy``; one seed gives one network.

    Args:
        record: the record or its name.
        options: options other than the defaults.
        shapes: pairs of (C, H, W) and number of classes to build it for.
        catalog: where to look the name up; None takes the installed plugins.

    Raises:
        CheckError: what is wrong.
    """
    spec = find("expert", record, ExpertSpec, catalog)
    validated = Subject(spec).options(options)
    for input_shape, classes in shapes:
        subject = Subject(spec, f"input {input_shape}, {classes} classes")
        with own_randomness(0):
            x = torch.rand(_BATCH, *input_shape)
        network = _build(subject, input_shape, classes, validated, seed=1)
        _check_seed(subject, network, _build(subject, input_shape, classes, validated, seed=1))
        _check_training(subject, network, x, classes)
        _check_evaluation(subject, network, x, classes)
        _check_state(subject, network, _build(subject, input_shape, classes, validated, seed=2), x)


def _build(
    subject: Subject, input_shape: tuple[int, int, int], classes: int, options: BaseModel, seed: int
) -> nn.Module:
    with own_randomness(seed):
        network = subject.attempt("build", subject.spec.resolve(), input_shape, classes, options)
    subject.require(isinstance(network, nn.Module), f"build returned {type(network).__name__}; return an nn.Module.")
    assert isinstance(network, nn.Module)  # for type checkers
    return network


def _check_seed(subject: Subject, first: nn.Module, second: nn.Module) -> None:
    same = _same_tensors(_tensors(first), _tensors(second))
    subject.require(same, "one seed built two networks; draw initial weights from torch's global generator only.")


def _check_training(subject: Subject, network: nn.Module, x: Tensor, classes: int) -> None:
    network.train()
    trainable = {name: p for name, p in network.named_parameters() if p.requires_grad}
    subject.require(trainable, "it has no parameter to train.")
    logits = subject.attempt("forward in training mode", network, x)
    _check_logits(subject, logits, len(x), classes)
    target = torch.arange(len(x)) % classes
    subject.attempt("backward", nn.functional.cross_entropy(logits, target).backward)
    for name, parameter in trainable.items():
        subject.require(
            parameter.grad is not None,
            f"parameter {name!r} gets no gradient: it takes no part in the logits; remove it or set "
            "requires_grad=False.",
        )
        assert parameter.grad is not None  # for type checkers
        subject.require(torch.isfinite(parameter.grad).all(), f"the gradient of {name!r} is not finite.")
    network.zero_grad()
    one = subject.attempt("forward of one image in training mode (a last batch may be that small)", network, x[:1])
    _check_logits(subject, one, 1, classes)


def _check_logits(subject: Subject, logits: Any, batch: int, classes: int) -> None:
    subject.require(isinstance(logits, Tensor), f"forward returned {type(logits).__name__}; return a tensor of logits.")
    subject.require(
        logits.shape == (batch, classes),
        f"logits have shape {tuple(logits.shape)} for {batch} images; return {(batch, classes)}.",
    )
    subject.require(logits.is_floating_point(), f"logits are {logits.dtype}; return floating point.")
    subject.require(torch.isfinite(logits).all(), "logits are not finite.")


@torch.no_grad()
def _check_evaluation(subject: Subject, network: nn.Module, x: Tensor, classes: int) -> None:
    network.eval()
    before = {name: value.clone() for name, value in _tensors(network).items()}
    with own_randomness(3):
        first = subject.attempt("forward in evaluation mode", network, x)
    _check_logits(subject, first, len(x), classes)
    with own_randomness(4):
        again = network(x)
    subject.require(
        torch.equal(first, again),
        "two evaluations of one batch differ; leave randomness out when not self.training.",
    )
    subject.require(
        _same_tensors(before, _tensors(network)),
        "evaluation changed its state; change it only when self.training.",
    )
    alone = torch.cat([network(image[None]) for image in x])
    subject.require(
        torch.allclose(first, alone, atol=_TOLERANCE, rtol=_TOLERANCE),
        "the logits of an image depend on the others in its batch; keep batch statistics to training.",
    )
    for name, images in (("black", torch.zeros_like(x)), ("white", torch.ones_like(x))):
        subject.require(torch.isfinite(network(images)).all(), f"the logits of {name} images are not finite.")


@torch.no_grad()
def _check_state(subject: Subject, network: nn.Module, other: nn.Module, x: Tensor) -> None:
    network.eval()
    other.eval()
    expected = network(x)
    subject.attempt("load_state_dict of its own state_dict", other.load_state_dict, network.state_dict())
    subject.require(
        torch.equal(expected, other(x)),
        "after load_state_dict another instance answers otherwise; hold all state in parameters and buffers.",
    )
    clone = subject.attempt("deepcopy", copy.deepcopy, network)
    subject.require(torch.equal(expected, clone(x)), "its deepcopy answers otherwise.")
    shared = {p.data_ptr() for p in network.parameters()} & {p.data_ptr() for p in clone.parameters()}
    subject.require(not shared - {0}, "its deepcopy shares parameters with it.")


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    return {name: value for name, value in network.state_dict().items() if isinstance(value, Tensor)}


def _same_tensors(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())
