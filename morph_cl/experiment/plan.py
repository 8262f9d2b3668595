"""A run as planned: names resolved, options validated, contradictions refused - before torch is imported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from morph_cl.bridge.monitor_options import OWNER
from morph_cl.catalog import Catalog
from morph_cl.config import RunConfig, StreamConfig
from morph_cl.data.resolve import DatasetChoice, resolve_dataset
from morph_cl.errors import UnknownNameError, UsageError
from morph_cl.experiment.acceleration import check_acceleration
from morph_cl.experiment.attachment import Attachment, parse_attachment
from morph_cl.experiment.monitoring import MonitorPlan, plan_monitor
from morph_cl.experiment.profile import with_profile
from morph_cl.options import validate_options
from morph_cl.registry import Entry
from morph_cl.specs import ScenarioSpec, StrategySpec

_BATCH = 128
_ONLINE_BATCH = 10

if TYPE_CHECKING:
    from morph_cl.bridge.stream import Stream
    from morph_cl.data.images import ImageData


@dataclass(frozen=True)
class StreamPlan:
    """A stream as planned.

    Args:
        scenario: the family of streams and who offers it.
        options: its validated options, the preset's included.
        setting: ``class``, ``domain`` or ``task``.
        dataset: the data set, found but not loaded; None where the scenario draws its own samples.
        seed: the stream's seed.
        validation: fraction of the training data that becomes validation data.
    """

    scenario: Entry[ScenarioSpec]
    options: BaseModel
    setting: str
    dataset: DatasetChoice | None
    seed: int
    validation: float

    def load(self) -> ImageData:
        """Read the data set, or draw the samples.

        Returns:
            The data that the stream is made of.

        Raises:
            DataError: a file is missing or broken.
            UsageError: samples that cannot be drawn as the options say.
            PluginError: a third party's builder failed or returned something else.
        """
        from morph_cl.data.drawn import draw_data

        return draw_data(self.scenario, self.options, self.seed) if self.dataset is None else self.dataset.load()

    def build(self, data: ImageData) -> Stream:
        """Build the stream.

        Args:
            data: the loaded data set.

        Returns:
            The stream.

        Raises:
            UsageError: the data does not fit the options.
        """
        from morph_cl.bridge.stream import ScenarioRequest

        request = ScenarioRequest(data=data, seed=self.seed, setting=self.setting, validation=self.validation)
        stream: Stream = self.scenario.spec.resolve()(request, self.options)
        return stream


@dataclass(frozen=True)
class RunPlan:
    """Everything that a run needs to know before data is loaded.

    Args:
        config: what was asked for, the profile's options among its own.
        catalog: where experts are looked up.
        strategy: the learner and who offers it.
        strategy_options: its validated options.
        stream: the stream that it will meet.
        batch_size: samples a training step; where it is to be measured, what it would be else.
        eval_batch_size: samples an evaluation step.
        epochs: passes over each experience; None where that depends on the size of the data.
        attachments: the Avalanche plugins to attach.
        monitor: the drift detector to attach, if any.
    """

    config: RunConfig
    catalog: Catalog
    strategy: Entry[StrategySpec]
    strategy_options: BaseModel
    stream: StreamPlan
    batch_size: int
    eval_batch_size: int
    epochs: int | None
    attachments: tuple[Attachment, ...]
    monitor: MonitorPlan | None = None

    def record_options(self, name: str) -> Mapping[str, Any]:
        """The options that the user gave for an expert or detector, by the name under which it was asked for."""
        return self.config.options.get(name, {})


def plan_run(config: RunConfig, catalog: Catalog, *, also_known: Iterable[str] = ()) -> RunPlan:
    """Check a run before any work starts.

    Args:
        config: what is asked for.
        catalog: the records that may take part.
        also_known: names of records whose options may stand in the configuration although they take no part in this
            run: the other strategies of a study.

    Returns:
        The plan.

    Raises:
        UsageError: an unknown name, an option out of range, or two requests that contradict each other.
    """
    strategy = catalog.strategies.get(config.strategy)
    config = with_profile(config, strategy.spec, catalog)
    stream = plan_stream(config, catalog)
    spec = stream.scenario.spec
    data = set() if stream.dataset is None else {stream.dataset.name, stream.dataset.entry.spec.name}
    taking_part = {config.strategy, config.scenario, strategy.spec.name, spec.name} | data
    _check_option_owners(config, catalog, taking_part, also_known)
    if stream.setting not in strategy.spec.settings:
        raise UsageError(
            f"strategy {strategy.spec.name!r} does not work in the {stream.setting!r} setting, only in "
            f"{', '.join(strategy.spec.settings)}; choose another --setting or strategy."
        )
    if spec.online and config.epochs not in (None, 1):
        raise UsageError(
            f"scenario {spec.name!r} is test-then-train: each sample comes once, so epochs={config.epochs} cannot "
            "apply; leave it out."
        )
    check_acceleration(config, strategy.spec, spec, catalog)
    own = {**config.options.get(strategy.spec.name, {}), **config.options.get(config.strategy, {})}
    strategy_options = validate_options(strategy.spec.params, own, strategy.spec.name)
    return RunPlan(
        config=config,
        catalog=catalog,
        strategy=strategy,
        strategy_options=strategy_options,
        stream=stream,
        batch_size=(None if config.batch_size == "auto" else config.batch_size)
        or _prescribed(config, spec, "batch_size")
        or (_ONLINE_BATCH if spec.online else _BATCH),
        eval_batch_size=config.eval_batch_size or strategy.spec.eval_batch_size,
        epochs=1 if spec.online else config.epochs or _prescribed(config, spec, "epochs"),
        attachments=tuple(parse_attachment(text) for text in config.attach),
        monitor=plan_monitor(config, catalog, strategy.spec, strategy_options),
    )


def plan_stream(config: StreamConfig, catalog: Catalog) -> StreamPlan:
    """Check a stream before any work starts.

    Args:
        config: what is asked for.
        catalog: the records that may take part.

    Returns:
        The plan.

    Raises:
        UsageError: an unknown name, an option out of range, or two requests that contradict each other.
    """
    scenario = catalog.scenarios.get(config.scenario)
    spec = scenario.spec
    setting = config.setting or spec.settings[0]
    if setting not in spec.settings:
        raise UsageError(f"scenario {spec.name!r} has no {setting!r} setting; it has {', '.join(spec.settings)}.")
    return StreamPlan(
        scenario=scenario,
        options=_scenario_options(config, spec),
        setting=setting,
        dataset=_choose_dataset(config, spec, catalog),
        seed=config.seed,
        validation=config.validation,
    )


def _choose_dataset(config: StreamConfig, spec: ScenarioSpec, catalog: Catalog) -> DatasetChoice | None:
    """The data set, None for a scenario that draws its own samples."""
    if spec.draw is None:
        return resolve_dataset(
            config.dataset or spec.dataset,
            catalog,
            root=config.data_root,
            download=config.download,
            options=config.options,
        )
    if config.dataset is not None:
        raise UsageError(
            f"scenario {spec.name!r} draws its own samples, so dataset={config.dataset} cannot apply; leave it out."
        )
    return None


def _check_option_owners(config: RunConfig, catalog: Catalog, taking_part: set[str], also_known: Iterable[str]) -> None:
    """Refuse options for a record that takes no part, which is most often a misspelt name."""
    experts = set(catalog.experts.names()) | {entry.spec.name for entry in catalog.experts}
    detectors = set(catalog.detectors.names())
    allowed = taking_part | experts | detectors | set(also_known) | {OWNER}
    for name, options in config.options.items():
        if name in allowed:
            continue
        for registry in (catalog.strategies, catalog.scenarios, catalog.datasets):
            if name in registry.names():
                raise UsageError(
                    f"option {name}.{next(iter(options), '')} is for {registry.kind} {name!r}, which takes no part in "
                    f"this run; options may be for {', '.join(sorted(taking_part))} or an expert."
                )
        raise UnknownNameError("record with options", name, allowed)


def _scenario_options(config: StreamConfig, spec: ScenarioSpec) -> BaseModel:
    """The scenario's options: the preset's, which the user's may add to but not contradict."""
    given = config.options.get(spec.name, {}) | config.options.get(config.scenario, {})
    preset: Mapping[str, Any] = {}
    if config.preset is not None:
        if config.preset not in spec.presets:
            raise UnknownNameError(f"preset of {spec.name}", config.preset, spec.presets)
        preset = spec.presets[config.preset]
    for name in given.keys() & preset.keys():
        raise UsageError(
            f"preset {config.preset!r} sets {spec.name}.{name} to {preset[name]!r}, which contradicts "
            f"{name}={given[name]!r}; leave out the one or the other."
        )
    return validate_options(spec.params, {**preset, **given}, spec.name)


def _prescribed(config: RunConfig, spec: ScenarioSpec, name: str) -> int | None:
    """What the preset's protocol says of epochs or batch size."""
    return spec.training.get(config.preset or "", {}).get(name)
