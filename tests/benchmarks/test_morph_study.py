"""The study at equal bytes: its rivals fill the limit, its runs are found again, its table marks what is above."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from morph_cl import RunConfig
from morph_cl.engine.kept import finished_record, index
from morph_cl.options import validate_options

STUDY = Path(__file__).parents[2] / "benchmarks" / "morph_study"
MODULES = ("protocols", "table")


@pytest.fixture
def study(monkeypatch):
    """The study's modules by name, as `python benchmarks/morph_study` imports them."""
    monkeypatch.syspath_prepend(str(STUDY))
    spec = importlib.util.spec_from_file_location("morph_study_main", STUDY / "__main__.py")
    main = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(main)
    loaded = {name: sys.modules[name] for name in MODULES} | {"main": main}
    yield loaded
    for name in MODULES:
        del sys.modules[name]


def _offline(config: RunConfig) -> RunConfig:
    """The same run on the embedded digits."""
    return config.model_copy(update={"dataset": "mnist-5k"})


def test_every_run_of_the_study_is_a_valid_configuration(study):
    from morph_cl import load_catalog

    protocols = study["protocols"]
    catalog = load_catalog()
    for protocol in protocols.PROTOCOLS:
        for entry in protocols.ENTRIES:
            config = protocols.configuration(protocol, entry, 3)
            params = catalog.strategies.get(config.strategy).spec.params
            validate_options(params, config.options.get(config.strategy, {}), config.strategy)
            assert None not in (config.setting, config.epochs, config.batch_size)
            assert config.seed == 3


def test_the_two_morphs_differ_in_boundaries_only(study):
    for protocol in study["protocols"].PROTOCOLS:
        aware, free = (study["protocols"].configuration(protocol, name, 0) for name in ("morph", "morph-free"))
        told = {**free.options["morph"]}
        assert told.pop("boundaries") == "free"
        assert told == aware.options.get("morph", {})
        assert aware.model_copy(update={"options": {}}) == free.model_copy(update={"options": {}})


@pytest.mark.parametrize(
    ("protocol", "entry"), [("split-class", "der"), ("split-class", "replay"), ("split-class", "ewc")]
)
def test_a_rival_fills_the_limit_but_stays_within(study, protocol, entry, tmp_path):
    config = _offline(study["protocols"].configuration(protocol, entry, 0))
    study["main"].work_on(config, tmp_path)
    record = finished_record(index(tmp_path), config)
    limit = study["protocols"].PROTOCOLS[protocol].limit
    assert 0.985 * limit < record.memory.total_bytes <= limit


def test_a_finished_run_is_found_and_not_run_again(study, tmp_path, monkeypatch, capsys):
    config = _offline(study["protocols"].configuration("split-class", "naive", 0))
    assert "average accuracy" in study["main"].work_on(config, tmp_path)
    assert study["main"].work_on(config, tmp_path) == "is in the store"
    assert study["main"].work_on(config.model_copy(update={"threads": 2}), tmp_path) == "is in the store"
    runs = index(tmp_path)
    others = [
        {"seed": 1},
        {"epochs": 2},
        {"validation": 0.1},
        {"setting": "task"},
        {"options": {"naive": {"hidden": [100, 100]}}},
    ]
    assert all(finished_record(runs, config.model_copy(update=other)) is None for other in others)
    monkeypatch.setattr(study["table"], "configuration", lambda *_: config)
    study["table"].print_table("split-class", ["naive", "joint"], [0], runs)
    held = finished_record(runs, config).memory.total_bytes
    table = capsys.readouterr().out
    assert f"{held / 1e6:.2f} " in table
    assert "!" not in table.partition("Per cent")[0]
    assert "joint ^" in table
    monkeypatch.setitem(
        study["protocols"].PROTOCOLS,
        "split-class",
        study["protocols"].Protocol(held - 1, {}),
    )
    study["table"].print_table("split-class", ["naive"], [0], runs)
    assert f"{held / 1e6:.2f}! " in capsys.readouterr().out


def test_a_run_of_another_process_is_left_alone(study, tmp_path):
    from morph_cl.results.store import RunStore

    config = _offline(study["protocols"].configuration("split-class", "naive", 0))
    RunStore(tmp_path).create(config)  # says `running`, by this process, which lives
    assert study["main"].work_on(config, tmp_path) == "is being run by another process"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(("entry", "copies"), [("naive", 1), ("ewc", 3)])
def test_the_widest_network_that_fits_is_taken(study, entry, copies):
    protocols = study["protocols"]
    for name, protocol in protocols.PROTOCOLS.items():
        width, _ = protocols.configuration(name, entry, 0).options[entry]["hidden"]
        assert copies * protocols.weight_bytes((width, width)) <= protocol.limit
        assert width == 256 or copies * protocols.weight_bytes((width + 2, width + 2)) > protocol.limit


def test_an_interrupted_run_goes_on(study, tmp_path):
    import morph_cl

    class Stop(morph_cl.RunListener):
        def experience_finished(self, report):
            if report.experience == 2:
                raise KeyboardInterrupt

    config = _offline(study["protocols"].configuration("split-class", "naive", 0))
    with pytest.raises(KeyboardInterrupt):
        morph_cl.run_config(config, store=tmp_path, listener=Stop())
    assert "average accuracy" in study["main"].work_on(config, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1  # in the same folder
    whole = morph_cl.run_config(config, store=None)
    resumed = finished_record(index(tmp_path), config)
    assert resumed.accuracy_matrix == whole.accuracy_matrix
