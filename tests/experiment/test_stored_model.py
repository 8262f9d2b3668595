"""A finished run keeps its model: it predicts afterwards as it did at the end, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from avalanche.training.plugins import EWCPlugin

import morph_cl
from morph_cl.bridge import checkpoint
from morph_cl.bridge.recorder import Recorder
from morph_cl.results.folder import RunFolder
from morph_cl.results.record import RunRecord

SMALL: dict[str, Any] = {"epochs": 1, "batch_size": 16, "threads": 1}
TWO = {"rotated-mnist": {"experiences": 2}}


def run_two(blobs: str, store: Path, strategy: str = "naive", **changes: Any) -> RunRecord:
    settings = {"dataset": blobs, "options": TWO, "store": store, **SMALL, **changes}
    return morph_cl.run("rotated-mnist", strategy, **settings)


def accuracies(strategy: Any, stream: morph_cl.Stream) -> list[float]:
    recorder = Recorder()
    strategy.plugins.append(recorder)
    return recorder.evaluate(strategy, stream.benchmark.test_stream)


class Stop(morph_cl.RunListener):
    def experience_finished(self, report: morph_cl.ExperienceReport) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("strategy", "attach"),
    [
        ("morph", ()),
        ("naive", ("avalanche.training.plugins:ReplayPlugin(mem_size=20)",)),
        pytest.param("der", (), marks=pytest.mark.slow),
        pytest.param("lwf", (), marks=pytest.mark.slow),
        pytest.param("gdumb", (), marks=pytest.mark.slow),
        pytest.param("joint", (), marks=pytest.mark.slow),
    ],
)
def test_the_last_row_of_the_matrix_comes_out_again(blobs, tmp_path, strategy, attach):
    record = run_two(blobs, tmp_path, strategy, attach=attach)
    loaded = morph_cl.load_model(record.run_id, store=tmp_path)
    assert not loaded.model.training
    assert accuracies(loaded, morph_cl.load_stream("latest", store=tmp_path)) == record.accuracy_matrix[-1]


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "setting"), [("icarl", "class"), ("morph", "task"), ("naive", "task")])
def test_it_comes_out_again_in_the_other_settings(blobs, tmp_path, strategy, setting):
    options = {"split-mnist": {"experiences": 2}}
    record = morph_cl.run(
        "split-mnist", strategy, dataset=blobs, setting=setting, options=options, store=tmp_path, **SMALL
    )
    loaded = morph_cl.load_model("latest", store=tmp_path)
    assert accuracies(loaded, morph_cl.load_stream("latest", store=tmp_path)) == record.accuracy_matrix[-1]


def test_loading_draws_nothing_from_the_global_generators(blobs, tmp_path):
    run_two(blobs, tmp_path, "morph")
    before = torch.get_rng_state()
    morph_cl.load_model("latest", store=tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_resumed_run_keeps_its_model_too(blobs, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_two(blobs, tmp_path, listener=Stop())
    with pytest.raises(morph_cl.UsageError, match=r"is interrupted; `morph-cl resume rotated-mnist-naive-s0-"):
        morph_cl.load_model("latest", store=tmp_path)
    record = morph_cl.resume("latest", store=tmp_path)
    loaded = morph_cl.load_model("latest", store=tmp_path)
    assert accuracies(loaded, morph_cl.load_stream("latest", store=tmp_path)) == record.accuracy_matrix[-1]


@pytest.mark.parametrize("changes", [{"keep_model": False}, {"avalanche_plugins": [EWCPlugin(ewc_lambda=1.0)]}])
def test_a_run_without_a_model_says_why_in_one_line(blobs, tmp_path, changes):
    record = run_two(blobs, tmp_path, **changes)
    assert not RunFolder(tmp_path / record.run_id).model.exists()
    with pytest.raises(morph_cl.UsageError, match=r"kept no model: .*--no-model.*; run it again") as refusal:
        morph_cl.load_model("latest", store=tmp_path)
    assert "\n" not in str(refusal.value)


def test_other_data_a_damaged_model_and_an_unknown_device_are_refused(blobs, tmp_path):
    record = run_two(blobs, tmp_path / "runs")
    with pytest.raises(morph_cl.UsageError, match="device 'gpu' is unknown"):
        morph_cl.load_model("latest", store=tmp_path / "runs", device="gpu")
    model = RunFolder(tmp_path / "runs" / record.run_id).model
    saved = checkpoint.load_model(model)
    checkpoint.save_model(model, {**saved, "dataset": "0" * 64})
    with pytest.raises(morph_cl.CheckpointError, match="checksum"):
        morph_cl.load_model("latest", store=tmp_path / "runs")
    (model / "manifest.json").unlink()
    with pytest.raises(morph_cl.CheckpointError, match="damaged"):
        morph_cl.load_model("latest", store=tmp_path / "runs")


def test_a_disk_that_is_full_costs_the_model_and_not_the_run(blobs, tmp_path, monkeypatch):
    def full(tree: Any, folder: Path) -> None:
        (folder / "tensors.safetensors").touch()
        raise OSError(28, "No space left on device")

    class Witness(morph_cl.RunListener):
        def __init__(self) -> None:
            self.warnings: list[str] = []

        def warned(self, message: str) -> None:
            self.warnings.append(message)

    witness = Witness()
    monkeypatch.setattr(checkpoint, "save_tree", full)
    record = morph_cl.run("single", "naive", dataset=blobs, store=tmp_path, listener=witness, **SMALL)
    folder = RunFolder(tmp_path / record.run_id)
    assert folder.read_status().state == "finished"
    assert not folder.model.exists()
    assert len(witness.warnings) == 1
    assert "the final model is not kept: cannot write" in witness.warnings[0]
