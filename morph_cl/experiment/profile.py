"""Profiles: a strategy's named sets of options, laid under those that the user gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from morph_cl.catalog import Catalog
from morph_cl.config import RunConfig
from morph_cl.errors import PluginError, UsageError
from morph_cl.options import check_some_options, merge_options
from morph_cl.specs import StrategySpec


def with_profile(config: RunConfig, spec: StrategySpec, catalog: Catalog) -> RunConfig:
    """A configuration with the options of its profile among its own, which win.

    Args:
        config: what is asked for.
        spec: the strategy that it names.
        catalog: where experts are looked up.

    Returns:
        The configuration itself where it asks for no profile.

    Raises:
        UsageError: the strategy has no such profile.
        PluginError: the profile has options that its strategy or expert refuses.
    """
    if config.profile is None:
        return config
    if config.profile not in spec.profiles:
        raise UsageError(
            f"strategy {spec.name!r} has no profile {config.profile!r}; it has "
            f"{', '.join(sorted(spec.profiles)) or 'none'}. Leave the profile out, or choose one of another strategy."
        )
    options = profile_options(spec, config.profile, catalog)
    return config.model_copy(update={"options": merge_options(options, config.options)})


def profile_options(spec: StrategySpec, profile: str, catalog: Catalog) -> Mapping[str, Mapping[str, Any]]:
    """The options of a profile, checked against its strategy and experts.

    Args:
        spec: the strategy.
        profile: the name of one of its profiles.
        catalog: where experts are looked up.

    Returns:
        Options by the name of the record that they are for.

    Raises:
        PluginError: options for something that is no expert, or that an expert refuses.
    """
    options = spec.profiles[profile]
    for owner, values in options.items():
        if owner == spec.name:
            continue  # checked when the record was made
        try:
            check_some_options(catalog.experts.get(owner).spec.params, values, owner)
        except UsageError as error:
            raise PluginError(f"profile {profile!r} of strategy {spec.name!r}: {error}") from error
    return options


def where_offered(runs: Sequence[RunConfig], catalog: Catalog) -> list[RunConfig]:
    """The runs of a comparison, their profile left out where the strategy does not offer it.

    Args:
        runs: the runs, all with one profile.
        catalog: where strategies are looked up.

    Returns:
        The runs in the same order.

    Raises:
        UsageError: none of the strategies has the profile, or a strategy is unknown.
    """
    profile = runs[0].profile
    if profile is None:
        return list(runs)
    offering = {run.strategy for run in runs if profile in catalog.strategies.get(run.strategy).spec.profiles}
    if not offering:
        known = [
            f"{entry.spec.name} has {', '.join(entry.spec.profiles)}"
            for entry in catalog.strategies
            if entry.spec.profiles
        ]
        names = ", ".join(dict.fromkeys(run.strategy for run in runs))
        raise UsageError(f"none of {names} has a profile {profile!r}; {'; '.join(known) or 'no strategy has any'}.")
    return [run if run.strategy in offering else run.model_copy(update={"profile": None}) for run in runs]
