"""The whole state of a strategy as a tree of plain values and tensors, and back.

A strategy may define ``state_dict()`` and ``load_state_dict(state)`` itself (MORPH does). For every other one, model,
optimizer, plugins and the attributes named in ``state_attributes`` are encoded here: what Avalanche's own
strategies keep in them - copies of models, importances, exemplar buffers, data sets - has a form of its own.
"""

from __future__ import annotations

import copy
import importlib
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from avalanche.benchmarks.utils import AvalancheDataset
from avalanche.benchmarks.utils.utils import concat_datasets
from avalanche.training.plugins.evaluation import EvaluationPlugin
from avalanche.training.regularization import RegularizationMethod
from avalanche.training.storage_policy import ExemplarsBuffer, ExemplarsSelectionStrategy
from avalanche.training.templates.base_sgd import PeriodicEval
from avalanche.training.utils import ParamData
from torch import Tensor, nn

from morph_cl.bridge.dataset import TensorLeaf, tensor_dataset, view_of
from morph_cl.bridge.stream import Stream
from morph_cl.errors import CheckpointError

KIND = "__kind__"
"""The key that marks a dictionary as the encoded form of something that is no plain value."""


@runtime_checkable
class StatefulPlugin(Protocol):
    """An Avalanche plugin that says itself what of it belongs into a checkpoint."""

    def state_dict(self) -> dict[str, Any]:
        """A tree of plain values and tensors."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over such a tree."""


_STATELESS_PLUGINS = (EvaluationPlugin, PeriodicEval)
_OBJECTS = (ExemplarsBuffer, ExemplarsSelectionStrategy, RegularizationMethod)
_FACTORIES: dict[str, Callable[[], Any]] = {
    "dict": dict,
    "list": list,
    "set": set,
    "int": int,
    "float": float,
}


def encode_strategy(strategy: Any, *, strict: bool = True) -> dict[str, Any]:
    """The state of a strategy between two experiences.

    Args:
        strategy: an Avalanche strategy.
        strict: whether something without an encoded form is an error. Counting bytes leaves it out instead.

    Returns:
        A tree; its tensors are the strategy's own, not copies.

    Raises:
        CheckpointError: the strategy holds something that has no encoded form; the message names it.
    """
    encoder = _Encoder(strategy, strict)
    state: dict[str, Any] = {"class": _class_name(strategy)}
    if hasattr(strategy, "state_dict"):
        state["own"] = strategy.state_dict()
    else:
        state["model"] = dict(strategy.model.state_dict())
        state["optimizer"] = strategy.optimizer.state_dict()
        state["attributes"] = {
            name: encoder.encode(getattr(strategy, name, None), name)
            for name in getattr(strategy, "state_attributes", ())
        }
    state["plugins"] = [
        {"class": _class_name(plugin), "attributes": _plugin_state(plugin, encoder)}
        for plugin in _stateful_plugins(strategy)
    ]
    return state


def restore_strategy(strategy: Any, state: Mapping[str, Any], stream: Stream) -> None:
    """Put a freshly built strategy into an earlier state.

    Args:
        strategy: built as the one that was encoded, not yet trained.
        state: what :func:`encode_strategy` returned.
        stream: the stream that it was trained on, from which stored samples are taken by index.

    Raises:
        CheckpointError: the state belongs to another kind of strategy or to other plugins.
    """
    if state["class"] != _class_name(strategy):
        raise CheckpointError(f"the checkpoint is of {state['class']}, not of {_class_name(strategy)}.")
    decoder = _Decoder(strategy, stream)
    if "own" in state:
        strategy.load_state_dict(state["own"])
    else:
        strategy.model.load_state_dict(state["model"])
        strategy.make_optimizer(reset_optimizer_state=True)
        strategy.optimizer.load_state_dict(state["optimizer"])
        for name, node in state["attributes"].items():
            setattr(strategy, name, decoder.decode(node, getattr(strategy, name, None)))
    plugins = _stateful_plugins(strategy)
    if [_class_name(plugin) for plugin in plugins] != [node["class"] for node in state["plugins"]]:
        raise CheckpointError(
            "the checkpoint was saved with other Avalanche plugins attached: "
            f"{', '.join(node['class'] for node in state['plugins'])}; attach the same ones."
        )
    for plugin, node in zip(plugins, state["plugins"], strict=True):
        if isinstance(plugin, StatefulPlugin):
            plugin.load_state_dict(node["attributes"])
        else:
            decoder.restore(plugin, node["attributes"])


def _plugin_state(plugin: Any, encoder: _Encoder) -> dict[str, Any]:
    if isinstance(plugin, StatefulPlugin):
        return plugin.state_dict()
    return encoder.attributes(plugin, type(plugin).__name__)


def _class_name(value: Any) -> str:
    return f"{type(value).__module__}:{type(value).__qualname__}"


def _stateful_plugins(strategy: Any) -> list[Any]:
    return [
        plugin
        for plugin in strategy.plugins
        if not isinstance(plugin, _STATELESS_PLUGINS) and not getattr(plugin, "stateless", False)
    ]


class _Encoder:
    """Turns what Avalanche's strategies and plugins hold into trees."""

    def __init__(self, strategy: Any, strict: bool) -> None:
        self.strategy = strategy
        self.strict = strict

    def attributes(self, owner: Any, place: str) -> dict[str, Any]:
        """Every attribute of an object."""
        return {name: self.encode(value, f"{place}.{name}") for name, value in vars(owner).items()}

    def encode(self, value: Any, place: str) -> Any:
        """A tree for one value; ``place`` names it in errors."""
        if value is None or isinstance(value, (bool, int, float, str, Tensor)):
            return value.detach() if isinstance(value, Tensor) else value
        if value is self.strategy or value is self.strategy.model or value is self.strategy.optimizer:
            return {KIND: "kept"}
        forms: tuple[tuple[Any, Callable[[Any, str], Any]], ...] = (
            (AvalancheDataset, self._dataset),
            (nn.Module, self._module),
            (ParamData, self._param_data),
            (torch.Generator, self._generator),
            (_OBJECTS, self._object),
            ((dict, list, tuple, set, frozenset, deque), self._container),
        )
        for kind, encode in forms:
            if isinstance(value, kind):
                return encode(value, place)
        if callable(value) or isinstance(value, (torch.device, torch.dtype, torch.Size)):
            return list(value) if isinstance(value, torch.Size) else {KIND: "kept"}
        if not self.strict:
            return None
        raise CheckpointError(
            f"{place} is a {type(value).__name__}, which has no form in a checkpoint; "
            "let its strategy define state_dict() and load_state_dict()."
        )

    def _container(self, value: Any, place: str) -> Any:
        if isinstance(value, dict):
            items = {key: self.encode(item, f"{place}[{key!r}]") for key, item in value.items()}
            if isinstance(value, defaultdict):
                factory = getattr(value.default_factory, "__name__", "")
                return {KIND: "defaultdict", "factory": factory, "items": items}
            return items
        encoded = [self.encode(item, f"{place}[{i}]") for i, item in enumerate(value)]
        if isinstance(value, deque):
            return {KIND: "deque", "items": encoded, "maxlen": value.maxlen}
        if isinstance(value, (set, frozenset)):
            return set(encoded)
        return tuple(encoded) if isinstance(value, tuple) else encoded

    def _module(self, module: nn.Module, place: str) -> Any:  # noqa: ARG002
        return {KIND: "module", "state": dict(module.state_dict()), "training": module.training}

    def _param_data(self, data: ParamData, place: str) -> Any:  # noqa: ARG002
        # Files are read on the CPU: what lay on a GPU must go back to the model that it is computed with.
        return {KIND: "param-data", "name": data.name, "data": data.data, "on_cpu": data.data.device.type == "cpu"}

    def _generator(self, generator: torch.Generator, place: str) -> Any:  # noqa: ARG002
        return {KIND: "generator", "state": generator.get_state()}

    def _object(self, value: Any, place: str) -> Any:
        return {KIND: "object", "class": _class_name(value), "attributes": self.attributes(value, place)}

    def _dataset(self, dataset: AvalancheDataset, place: str) -> Any:
        """A data set by the indices of its samples; loose samples by value."""
        view = view_of(dataset)
        if view is None:
            raise CheckpointError(f"{place} holds samples that are no whole tensors, which a checkpoint cannot name.")
        leaves = [
            {"origin": (leaf.origin.stream, leaf.origin.experience)}
            if leaf.origin is not None
            else {"x": leaf.x, "y": leaf.y, "task": leaf.task}
            for leaf in view.leaves
        ]
        counts = torch.bincount(view.leaf_index, minlength=len(view.leaves)).tolist()
        held = sum(count * leaf.sample_bytes for count, leaf in zip(counts, view.leaves, strict=True))
        return {
            KIND: "dataset",
            "leaves": leaves,
            "leaf_index": view.leaf_index.to(torch.int32),
            "row": view.row.to(torch.int32),
            "bytes": held,
        }


class _Decoder:
    """Turns trees back into what Avalanche's strategies and plugins hold."""

    def __init__(self, strategy: Any, stream: Stream) -> None:
        self.strategy = strategy
        self.stream = stream

    def restore(self, owner: Any, attributes: Mapping[str, Any]) -> None:
        """Set every encoded attribute of an object."""
        for name, node in attributes.items():
            setattr(owner, name, self.decode(node, getattr(owner, name, None)))

    def decode(self, node: Any, existing: Any = None) -> Any:
        """The value of one node; ``existing`` is what stands in its place now."""
        if isinstance(node, dict):
            kind = node.get(KIND)
            if kind is None:
                held = existing if isinstance(existing, dict) else {}
                return {key: self.decode(value, held.get(key)) for key, value in node.items()}
            return getattr(self, "_" + kind.replace("-", "_"))(node, existing)
        if isinstance(node, (list, tuple)):
            return type(node)(self.decode(item) for item in node)
        return node

    def _kept(self, _: Any, existing: Any) -> Any:
        return existing

    def _defaultdict(self, node: Any, existing: Any) -> Any:
        factory = existing.default_factory if isinstance(existing, defaultdict) else _FACTORIES.get(node["factory"])
        return defaultdict(factory, {key: self.decode(value) for key, value in node["items"].items()})

    def _deque(self, node: Any, _: Any) -> Any:
        return deque((self.decode(item) for item in node["items"]), maxlen=node["maxlen"])

    def _module(self, node: Any, existing: Any) -> Any:
        """A module as it stands there, or a copy of the strategy's model: Avalanche keeps copies of nothing else."""
        module = existing if isinstance(existing, nn.Module) else copy.deepcopy(self.strategy.model)
        module.load_state_dict(node["state"])
        return module.train(node["training"])

    def _param_data(self, node: Any, _: Any) -> Any:
        device = node["data"].device if node.get("on_cpu", True) else self.strategy.device
        return ParamData(node["name"], init_tensor=node["data"].to(device), device=device)

    def _generator(self, node: Any, existing: Any) -> Any:
        generator = existing if isinstance(existing, torch.Generator) else torch.Generator()
        generator.set_state(node["state"])
        return generator

    def _object(self, node: Any, existing: Any) -> Any:
        module, _, name = node["class"].partition(":")
        cls = (
            getattr(importlib.import_module(module), name, None) if module.startswith("avalanche.") else type(existing)
        )
        if not (isinstance(cls, type) and issubclass(cls, _OBJECTS)):
            raise CheckpointError(f"the checkpoint holds a {node['class']}, which may not be rebuilt from a file.")
        value = existing if type(existing) is cls else object.__new__(cls)
        self.restore(value, node["attributes"])
        return value

    def _dataset(self, node: Any, _: Any) -> Any:
        """The leaves joined, then subset in the stored order."""
        leaf_index, row = node["leaf_index"].long(), node["row"].long()
        if not len(row):
            return concat_datasets([])
        wholes = [self._leaf_dataset(leaf) for leaf in node["leaves"]]
        offsets = torch.tensor([0, *(len(whole) for whole in wholes)]).cumsum(0)
        return concat_datasets(wholes).subset((offsets[leaf_index] + row).tolist())

    def _leaf_dataset(self, leaf: Any) -> Any:
        if "origin" in leaf:
            stream, experience = leaf["origin"]
            return self.stream.benchmark.streams[stream][experience].dataset
        return tensor_dataset(TensorLeaf(leaf["x"], leaf["y"], leaf["task"]))
