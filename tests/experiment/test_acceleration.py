"""Device, precision, compilation and batch size: refused early, recorded, kept by a run that goes on."""

from __future__ import annotations

import shutil

import pytest
import torch

import morph_cl
from morph_cl import RunConfig
from morph_cl.catalog import load_catalog
from morph_cl.cli.request import gather, run_config
from morph_cl.config import AblationConfig, StudyConfig
from morph_cl.errors import RunFailedError, UsageError
from morph_cl.experiment.hardware import resolve_device
from morph_cl.experiment.listener import RunListener
from morph_cl.experiment.plan import plan_run
from morph_cl.report.header import speed_line

TWO = {"rotated-mnist": {"experiences": 2}}
AMP = [entry.spec.name for entry in load_catalog().strategies if "amp" in entry.spec.accelerations]
COMPILE = [entry.spec.name for entry in load_catalog().strategies if "compile" in entry.spec.accelerations]


def short(strategy="naive", **settings):
    settings = {"dataset": "digits", "epochs": 1, "store": None, "options": TWO, **settings}
    return morph_cl.run("rotated-mnist", strategy, **settings)


def test_auto_takes_what_is_there(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for there, device in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert resolve_device("auto") == device


def test_the_record_names_the_device_that_auto_took():
    record = short(device="auto")
    assert record.config.device == record.provenance.device == resolve_device("auto")


@pytest.mark.parametrize(("setting", "flag"), [({"amp": "bf16"}, "--amp"), ({"compile": True}, "--compile")])
def test_a_strategy_that_does_not_offer_it_is_refused_before_training(setting, flag):
    config = RunConfig(scenario="rotated-mnist", strategy="gem", dataset="digits", **setting)
    with pytest.raises(UsageError, match=f"'gem' does not work with {flag}: .* naive"):
        plan_run(config, load_catalog())


@pytest.mark.parametrize("flags", [{"amp": "fp8"}, {"device": "tpu"}, {"batch_size": "big"}, {"batch_size": "0"}])
def test_values_out_of_range_name_what_is_allowed(flags):
    with pytest.raises(UsageError, match=r"fp16|cuda|65,536, or auto"):
        run_config(gather({"scenario": "single", **flags}, config=None, known=()))


def test_a_batch_size_comes_as_text_or_number():
    for value in (64, "64"):
        assert run_config(gather({"scenario": "single", "batch_size": value}, config=None, known=())).batch_size == 64
    config = RunConfig(scenario="single", batch_size="auto")
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


def test_comparisons_and_test_then_train_streams_refuse_an_automatic_batch():
    base = RunConfig(scenario="drifting-mnist", batch_size="auto", strategy="naive", dataset="digits")
    with pytest.raises(UsageError, match="test-then-train"):
        plan_run(base, load_catalog())
    with pytest.raises(UsageError, match="give a number"):
        StudyConfig(base=base, strategies=("naive",), seeds=(0,))
    with pytest.raises(UsageError, match="give a number"):
        AblationConfig(base=base, seeds=(0,))


@pytest.mark.parametrize("strategy", ["naive", "morph"])
def test_an_automatic_batch_is_measured_recorded_and_shown(strategy):
    record = short(strategy, batch_size="auto")
    tried = [trial.batch_size for trial in record.batch_search]
    assert tried[0] == 16
    assert record.config.batch_size in tried
    assert f"batches of {record.config.batch_size} by measurement" in speed_line(record)
    again = morph_cl.run_config(record.config, store=None)
    assert again.accuracy_matrix == record.accuracy_matrix, "the stored configuration repeats the run"
    assert again.batch_search == []


def test_a_plain_run_shows_no_line_on_speed():
    assert speed_line(short()) == ""


@pytest.mark.parametrize("strategy", AMP)
@pytest.mark.parametrize("scenario", ["rotated-mnist", "split-mnist"])
def test_strategies_that_offer_amp_learn_in_16_bits(strategy, scenario):
    settings = {"dataset": "digits", "epochs": 3, "store": None}
    settings |= {"setting": "task"} if scenario == "split-mnist" else {"options": TWO}
    plain, mixed = (morph_cl.run(scenario, strategy, amp=amp, **settings) for amp in (None, "bf16"))
    assert mixed.config.amp == "bf16"
    assert speed_line(mixed) == "bf16"
    gap = plain.metrics["average_accuracy"] - mixed.metrics["average_accuracy"]
    assert abs(gap) < 0.1


class _Stop(RunListener):
    def experience_finished(self, report):
        raise KeyboardInterrupt


@pytest.mark.parametrize("settings", [{"amp": "fp16"}, {"batch_size": "auto"}])
def test_a_run_that_goes_on_ends_as_one_that_was_not_stopped(tmp_path, settings):
    with pytest.raises((KeyboardInterrupt, RunFailedError)):
        short(store=tmp_path, listener=_Stop(), **settings)
    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    record = morph_cl.resume(folder.name, store=tmp_path)
    whole = morph_cl.run_config(record.config, store=None)
    assert record.accuracy_matrix == whole.accuracy_matrix
    assert bool(record.batch_search) == ("batch_size" in settings)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a compiler")
@pytest.mark.parametrize("strategy", COMPILE)
def test_strategies_that_offer_it_learn_compiled(strategy):
    plain, compiled = short(strategy), short(strategy, compile=True)
    assert "compiled" in speed_line(compiled)
    gap = plain.metrics["average_accuracy"] - compiled.metrics["average_accuracy"]
    assert abs(gap) < 0.05


def test_a_machine_that_cannot_compile_says_so_before_training(monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no C++ compiler found")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: broken)
    with pytest.raises(UsageError, match="no C\\+\\+ compiler found; leave --compile out"):
        short(compile=True)
