"""Profiles: a strategy's named options, under those of the user."""

from __future__ import annotations

from typing import Any

import pytest

import morph_cl
from morph_cl.catalog import Catalog
from morph_cl.experiment.listener import RunListener
from morph_cl.experiment.plan import plan_run
from morph_cl.host import PluginHost, Source, entry_point_sources
from morph_cl.registry import Provider
from morph_cl.results.record import ExperienceReport

SMALL: dict[str, Any] = {"epochs": 1, "batch_size": 16, "threads": 1}
STREAM = {"rotated-mnist": {"experiences": 2}}


def small(morph: morph_cl.RunRecord) -> tuple[Any, Any]:
    """The two figures that the profile of morph decides: its byte limit and the width of its experts."""
    return morph.strategy_info.options["max_bytes"], morph.config.options["mlp"]["hidden"]


def test_a_profile_sets_options_of_strategy_and_expert_and_the_record_tells(blobs):
    profiles = morph_cl.load_catalog().strategies.get("morph").spec.profiles
    plain = morph_cl.run("single", "morph", dataset=blobs, store=None, **SMALL)
    record = morph_cl.run("single", "morph", dataset=blobs, store=None, profile="small", **SMALL)
    assert (plain.strategy_info.profile, record.strategy_info.profile) == (None, "small")
    assert small(record) == (profiles["small"]["morph"]["max_bytes"], profiles["small"]["mlp"]["hidden"])
    assert record.memory.weight_bytes < plain.memory.weight_bytes, "the experts themselves are narrower"


def test_the_users_options_win_one_by_one(blobs):
    options = {"morph": {"max_bytes": 3_000_000, "top_k": 1}, "mlp": {"hidden": [30]}}
    record = morph_cl.run("single", "morph", dataset=blobs, store=None, profile="small", options=options, **SMALL)
    assert small(record) == (3_000_000, [30])
    record = morph_cl.run(
        "single", "morph", dataset=blobs, store=None, profile="small", options={"morph": {"top_k": 1}}, **SMALL
    )
    assert small(record)[0] < 3_000_000


def test_in_a_comparison_it_goes_to_the_strategies_that_offer_it(blobs):
    records = morph_cl.compare("single", ["naive", "morph"], dataset=blobs, store=None, profile="small", **SMALL)
    assert [record.strategy_info.profile for record in records] == [None, "small"]
    assert "mlp" not in records[0].config.options
    has = "branching has origin; morph has small"
    with pytest.raises(morph_cl.UsageError, match=f"none of naive, ewc has a profile 'small'; {has}"):
        morph_cl.compare("single", ["naive", "ewc"], dataset=blobs, store=None, profile="small", **SMALL)


def test_a_resumed_run_keeps_its_profile(blobs, tmp_path):
    class Stop(RunListener):
        def experience_finished(self, report: ExperienceReport) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        morph_cl.run(
            "rotated-mnist", dataset=blobs, store=tmp_path, profile="small", options=STREAM, listener=Stop(), **SMALL
        )
    record = morph_cl.resume("latest", store=tmp_path)
    assert record.strategy_info.profile == "small"
    assert record.config.options["mlp"] == {"hidden": [28, 28]}


@pytest.mark.parametrize(
    ("owner", "options", "message"),
    [
        ("mpl", {"hidden": [5]}, "Did you mean 'mlp'"),
        ("mlp", {"hiden": [5]}, "Did you mean 'hidden'"),
        ("mlp", {"hidden": [0]}, r"mlp\.hidden\.0=0"),
        ("rotated-mnist", {"experiences": 2}, "unknown expert 'rotated-mnist'"),
    ],
)
def test_a_profile_that_fits_no_expert_is_the_plugins_fault(owner, options, message):
    class Plugin:
        @morph_cl.hookimpl
        def register_strategies(self):
            yield morph_cl.StrategySpec(
                name="theirs", build="their:build", summary="theirs", profiles={"small": {owner: options}}
            )

    theirs = Source(Provider("theirs", "their-dist"), Plugin)
    catalog = Catalog(PluginHost([*entry_point_sources(), theirs]))
    config = morph_cl.RunConfig(scenario="single", strategy="theirs", profile="small")
    with pytest.raises(morph_cl.PluginError, match=f"profile 'small' of strategy 'theirs': .*{message}"):
        plan_run(config, catalog)
