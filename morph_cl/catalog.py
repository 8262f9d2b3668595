"""The catalogue: every record that this process knows, by kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from morph_cl.host import PluginHost, load_host
from morph_cl.options import validate_options
from morph_cl.registry import Registry
from morph_cl.specs import DatasetSpec, DetectorSpec, ExpertSpec, MetricSpec, ScenarioSpec, StrategySpec


class Catalog:
    """The registries of a host, each with its own type.

    Args:
        host: the host whose records to offer.
    """

    def __init__(self, host: PluginHost) -> None:
        self.host = host

    @property
    def strategies(self) -> Registry[StrategySpec]:
        """The learners."""
        return self.host.registries["strategy"]

    @property
    def experts(self) -> Registry[ExpertSpec]:
        """The expert networks."""
        return self.host.registries["expert"]

    @property
    def scenarios(self) -> Registry[ScenarioSpec]:
        """The families of streams."""
        return self.host.registries["scenario"]

    @property
    def datasets(self) -> Registry[DatasetSpec]:
        """The data sets."""
        return self.host.registries["dataset"]

    @property
    def metrics(self) -> Registry[MetricSpec]:
        """The figures of a finished run."""
        return self.host.registries["metric"]

    @property
    def detectors(self) -> Registry[DetectorSpec]:
        """The drift detectors."""
        return self.host.registries["detector"]

    def build_detector(self, name: str, options: Mapping[str, Any], watch: str = "density") -> Any:
        """Build a drift detector.

        Args:
            name: the name of a registered detector.
            options: its options; what is left out takes its default.
            watch: the kind of figures that it will be told; a strategy's own are novelties.

        Returns:
            The detector.

        Raises:
            UsageError: no such detector, an option that it refuses, or figures that it cannot be told.
        """
        spec = self.detectors.get(name).spec
        spec.check_watch(watch)
        return spec.resolve()(validate_options(spec.params, options, spec.name))


@cache
def _catalog_of(files: tuple[str, ...]) -> Catalog:
    return Catalog(load_host(files))


def load_catalog(files: Iterable[str] = ()) -> Catalog:
    """The catalogue of the installed plugins and the given files, loaded once in a process.

    Args:
        files: plugin files of the user's (``--plugin``).

    Returns:
        The catalogue.

    Raises:
        UsageError: a plugin file does not exist or cannot be used.
    """
    return _catalog_of(tuple(str(path) for path in files))
