"""The records that a plugin hands over.

A record is frozen data: a name, a builder, a summary, a source and the model of its options. The builder may
be a callable or a ``"package.module:attribute"`` text that is imported only when the record is used, so that
listing records never imports torch.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel

from morph_cl.errors import PluginError, UsageError
from morph_cl.options import NoOptions, check_some_options

_KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

SETTINGS = ("class", "domain", "task")
"""The three settings of a continual-learning stream (van de Ven et al., 2022)."""

_MOST_SAMPLES = 65_536  # an evaluation step

Builder = Callable[..., Any] | str

WATCHED = ("loss", "error", "confidence", "density", "features", "position")
"""What a drift detector can be told of each training sample; of every one but ``features`` higher is worse."""

ACTIONS = ("grow", "switch")
"""What only some strategies can do where a drift is noticed."""

DEFAULTS = "defaults"
"""What a study of ablations calls the runs that nothing is switched off in."""


def import_attribute(path: str) -> Any:
    """Import what ``"package.module:attribute"`` names.

    Args:
        path: a dotted module, a colon, an attribute.

    Returns:
        The attribute.

    Raises:
        PluginError: the module or the attribute does not exist, or the module fails when imported.
    """
    module_name, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    # The module is foreign code: whatever stops its import is the plugin's fault, to be told in one line.
    except (Exception, SystemExit) as error:
        raise PluginError(f"cannot import {path!r}: {type(error).__name__}: {error}.") from error


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What all records share.

    Args:
        name: kebab-case, unique among the records of its kind.
        build: a callable, or ``"package.module:attribute"``. Its signature depends on the kind of record.
        summary: one line for ``morph-cl list``.
        source: the paper or address that the implementation follows, empty where it is morph-cl's own.
        params: the pydantic model of its options. Importing it must not import torch.
    """

    kind: ClassVar[str] = "record"

    name: str
    build: Builder
    summary: str
    source: str = ""
    params: type[BaseModel] = NoOptions

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _KEBAB.fullmatch(self.name):
            raise PluginError(f"{self.kind} name {self.name!r} is not kebab-case, such as 'my-{self.kind}'.")
        if not isinstance(self.summary, str) or len(self.summary.strip().splitlines()) != 1:
            raise PluginError(f"{self.kind} {self.name!r} has summary {self.summary!r}; give it one line.")
        if not (callable(self.build) or (isinstance(self.build, str) and ":" in self.build)):
            raise PluginError(
                f"{self.kind} {self.name!r}: build is {self.build!r}; give a callable or 'package.module:attribute'."
            )
        if not (isinstance(self.params, type) and issubclass(self.params, BaseModel)):
            raise PluginError(f"{self.kind} {self.name!r}: params is {self.params!r}; give a pydantic model class.")

    def resolve(self) -> Callable[..., Any]:
        """The builder itself, imported where it was given as a text.

        Raises:
            PluginError: the text cannot be imported or names something that cannot be called.
        """
        if callable(self.build):
            return self.build
        try:
            built = import_attribute(self.build)
        except PluginError as error:
            raise PluginError(f"{self.kind} {self.name!r} cannot be built: {error}") from error
        if not callable(built):
            raise PluginError(
                f"{self.kind} {self.name!r} cannot be built: {self.build!r} is {built!r}, not a callable."
            )
        result: Callable[..., Any] = built
        return result

    def _check_settings(self, settings: object) -> None:
        """Refuse settings other than a non-empty tuple of known ones."""
        if not isinstance(settings, tuple) or not settings or not set(settings) <= set(SETTINGS):
            raise PluginError(
                f"{self.kind} {self.name!r}: settings is {settings!r}; give a tuple of {', '.join(SETTINGS)}."
            )


@dataclass(frozen=True, kw_only=True)
class StrategySpec(Spec):
    """A learner. ``build(context: StrategyContext, options)`` returns an Avalanche ``SupervisedTemplate``.

    Args:
        settings: the settings in which the strategy means something.
        boundaries: ``aware`` where it is told when an experience ends, ``free`` where it never uses that.
        profiles: named sets of options for ``--profile``: by the record's own name, and by the bare names of experts.
        ablations: by mechanism, the options of its own that switch it off, and one line on what it is then without.
        offers: by action on a drift (``grow``: it has ``grow_expert()``; ``switch``: ``switch_context()``), the options
            of its own that the action needs.
        refuses: of ``reset`` and ``raise`` those that mean nothing to it: refused before training.
        accelerations: of ``amp`` (losses and statistics bear 16 bits) and ``compile`` (the model keeps its shape and is
            called as a whole) those that it works with; the others are refused before training.
        eval_batch_size: samples an evaluation step where ``--eval-batch-size`` does not say: the fastest to predict.
    """

    kind: ClassVar[str] = "strategy"

    settings: tuple[str, ...] = SETTINGS
    boundaries: str = "aware"
    profiles: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    ablations: Mapping[str, tuple[Mapping[str, Any], str]] = field(default_factory=dict)
    offers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    refuses: tuple[str, ...] = ()
    accelerations: tuple[str, ...] = ()
    eval_batch_size: int = 2_000

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_settings(self.settings)
        if self.boundaries not in ("aware", "free"):
            raise PluginError(f"{self.kind} {self.name!r}: boundaries is {self.boundaries!r}; give 'aware' or 'free'.")
        for name, profile in self._named("profiles", self.profiles):
            self._check_profile(name, profile)
        for name, ablation in self._named("ablations", self.ablations):
            self._check_ablation(name, ablation)
        for action, options in self._named("offers", self.offers):
            if action not in ACTIONS:
                raise PluginError(
                    f"{self.kind} {self.name!r}: offers has {action!r}; give actions of {', '.join(ACTIONS)}."
                )
            self._check_own(f"offers {action!r}", options, self.params)
        if not isinstance(self.refuses, tuple) or not set(self.refuses) <= {"reset", "raise"}:
            raise PluginError(f"{self.kind} {self.name!r}: refuses is {self.refuses!r}; give a tuple of reset, raise.")
        if not isinstance(self.accelerations, tuple) or not set(self.accelerations) <= {"amp", "compile"}:
            raise PluginError(
                f"{self.kind} {self.name!r}: accelerations is {self.accelerations!r}; give a tuple of amp, compile."
            )
        if not isinstance(self.eval_batch_size, int) or not 1 <= self.eval_batch_size <= _MOST_SAMPLES:
            raise PluginError(
                f"{self.kind} {self.name!r}: eval_batch_size is {self.eval_batch_size!r}; give a number from 1 to "
                f"{_MOST_SAMPLES:,}."
            )

    def _named(self, what: str, values: object) -> list[tuple[str, Any]]:
        """The items of a mapping with kebab-case names."""
        if not isinstance(values, Mapping):
            raise PluginError(f"{self.kind} {self.name!r}: {what} is {values!r}; give a mapping from names.")
        for name in values:
            if not isinstance(name, str) or not _KEBAB.fullmatch(name) or name == DEFAULTS:
                raise PluginError(
                    f"{self.kind} {self.name!r}: {what} has {name!r}; give kebab-case names other than {DEFAULTS!r}."
                )
        return list(values.items())

    def _check_profile(self, name: str, profile: object) -> None:
        """Check the options of its own; those of experts are checked where experts are known."""
        for owner, options in self._named(f"profile {name!r}", profile):
            self._check_own(f"profile {name!r}", options, self.params if owner == self.name else None)

    def _check_ablation(self, name: str, ablation: object) -> None:
        if not (isinstance(ablation, tuple) and len(ablation) == 2 and isinstance(ablation[1], str)):
            raise PluginError(
                f"{self.kind} {self.name!r}: ablation {name!r} is {ablation!r}; give a pair of options and one line."
            )
        options, meaning = ablation
        if not options or len(meaning.strip().splitlines()) != 1:
            raise PluginError(
                f"{self.kind} {self.name!r}: ablation {name!r} is {ablation!r}; give it an option and one line."
            )
        self._check_own(f"ablation {name!r}", options, self.params)

    def _check_own(self, what: str, options: object, params: type[BaseModel] | None) -> None:
        """Refuse options that are no mapping or that a model refuses; None stands for a model not known here."""
        if not isinstance(options, Mapping):
            raise PluginError(f"{self.kind} {self.name!r}: {what} has {options!r}; give a mapping of options.")
        if params is None:
            return
        try:
            check_some_options(params, options, self.name)
        except UsageError as error:
            raise PluginError(f"{self.kind} {self.name!r}: {what}: {error}") from error


@dataclass(frozen=True, kw_only=True)
class ExpertSpec(Spec):
    """An expert network.

    ``build(input_shape, classes, options)`` returns an ``nn.Module`` from (B, *input_shape) to logits
    (B, classes); ``input_shape`` is (C, H, W).
    """

    kind: ClassVar[str] = "expert"


@dataclass(frozen=True, kw_only=True)
class ScenarioSpec(Spec):
    """A family of streams. ``build(request: ScenarioRequest, options)`` returns a ``Stream``.

    Args:
        presets: named sets of options.
        training: by preset, the ``epochs`` and ``batch_size`` of its protocol, unless the user says else.
        settings: the settings it can be built in, the first one its default.
        dataset: the data set it is made of unless the user names another.
        draw: for a scenario that is made of no data set: a callable (or its import path) ``(seed, options) ->
            ImageData`` that makes its samples, or raises a ``DataError`` where files for them are missing; ``dataset``
            means nothing then, and the user can name none.
        online: whether its streams are test-then-train: each sample comes once, is predicted and then learned. Batches
            are of 10 samples unless the user or a preset says else, and there are no epochs.
    """

    kind: ClassVar[str] = "scenario"

    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    training: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    settings: tuple[str, ...] = ("domain",)
    dataset: str = "auto"
    draw: Builder | None = None
    online: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_settings(self.settings)
        if not (self.draw is None or callable(self.draw) or (isinstance(self.draw, str) and ":" in self.draw)):
            raise PluginError(
                f"{self.kind} {self.name!r}: draw is {self.draw!r}; give a callable or 'package.module:attribute'."
            )


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Spec):
    """A data set. ``build(request: DatasetRequest, options)`` returns an ``ImageData``.

    Args:
        present: a callable (or its import path) ``(request) -> bool`` that tells without torch whether the
            data is on this machine; None where it always is.
        fetch: a callable (or its import path) ``(request) -> None`` that downloads it; None where nothing is
            to fetch.
    """

    kind: ClassVar[str] = "dataset"

    present: Builder | None = None
    fetch: Builder | None = None


@dataclass(frozen=True, kw_only=True)
class MetricSpec(Spec):
    """A figure of a finished run. ``build(record: RunRecord)`` returns a float, NaN where undefined.

    Args:
        higher_is_better: the direction; None where neither is better.
        unit: ``fraction``, ``ratio``, ``count``, ``samples``, ``samples/s``, ``seconds`` or ``bytes``.
        reads: what ``build`` is given: the ``record``, or the ``trace`` of a test-then-train run. Runs over other
            streams have no trace, and no figure that reads one.
    """

    kind: ClassVar[str] = "metric"

    higher_is_better: bool | None = True
    unit: str = "fraction"
    reads: str = "record"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reads not in ("record", "trace"):
            raise PluginError(f"{self.kind} {self.name!r}: reads is {self.reads!r}; give 'record' or 'trace'.")


@dataclass(frozen=True, kw_only=True)
class DetectorSpec(Spec):
    """A drift detector: ``build(options)`` returns one with ``update(value)`` and ``drift_detected``.

    Args:
        watches: the kinds of figures that it can be told, the first one its default: ``loss``, ``error`` (0 or 1),
            ``confidence`` (1 - the largest probability), ``density`` (how new an input is), ``features`` (a vector) and
            ``position`` (of the sample in the stream). Who watches features watches nothing else.
        told_drifts: whether its option ``at`` is told the true drifts of the stream; only an oracle's is.
    """

    kind: ClassVar[str] = "detector"

    watches: tuple[str, ...] = ("loss", "error", "confidence", "density")
    told_drifts: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        watches: object = self.watches
        if not isinstance(watches, tuple) or not watches or not set(watches) <= set(WATCHED):
            raise PluginError(
                f"{self.kind} {self.name!r}: watches is {watches!r}; give a tuple of {', '.join(WATCHED)}."
            )
        if "features" in watches and len(watches) > 1:
            raise PluginError(f"{self.kind} {self.name!r}: watches is {watches!r}; features are watched alone.")
        if self.told_drifts and "at" not in self.params.model_fields:
            raise PluginError(f"{self.kind} {self.name!r}: told_drifts needs an option named 'at'.")

    def check_watch(self, watch: str) -> None:
        """Refuse figures of a kind that it cannot be told.

        Args:
            watch: the kind.

        Raises:
            UsageError: it watches others.
        """
        if watch not in self.watches:
            raise UsageError(
                f"detector {self.name!r} watches {', '.join(self.watches)} and cannot be told of {watch}; "
                "choose what it watches, or another detector."
            )


SPEC_TYPES: dict[str, type[Spec]] = {
    spec.kind: spec for spec in (StrategySpec, ExpertSpec, ScenarioSpec, DatasetSpec, MetricSpec, DetectorSpec)
}
"""Each kind of record by its singular name."""
