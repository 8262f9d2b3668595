"""Nothing in bridge and plugins needs the CPU, as far as that shows without a GPU; with one, whole runs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from avalanche.training.utils import ParamData
from torch import Tensor

import morph_cl
from morph_cl.bridge.classifier import build_classifier
from morph_cl.bridge.loaders import JointTensorLoader, TensorLoader
from morph_cl.bridge.state import encode_strategy, restore_strategy
from morph_cl.catalog import load_catalog
from morph_cl.options import validate_options

ABLE = ["naive", "joint", "replay", "ewc", "lwf", "si", "der", "agem", "gem", "gdumb", "er-ace", "mir", "moe", "iwmn"]


def test_batches_are_pinned_when_asked_for_and_only_then(make_flipped, monkeypatch):
    pinned: list[int] = []

    def pin(self: Tensor) -> Tensor:
        pinned.append(len(self))
        return self

    monkeypatch.setattr(Tensor, "pin_memory", pin)
    view = make_flipped().benchmark.train_stream[0].dataset.view()
    list(TensorLoader(view, 100, shuffle=False))
    assert pinned == []
    list(TensorLoader(view, 100, shuffle=False, pin=True))
    assert pinned == [100] * 3 + [100] * 3 + [40] * 3, "images, labels and tasks of three batches"
    pinned.clear()
    parts = [TensorLoader(view, 120, shuffle=False), TensorLoader(view, 60, shuffle=False)]
    list(JointTensorLoader(parts, 0, cycle=True, pin=True))
    assert pinned == [180] * 6, "once joined, not before"


@pytest.mark.parametrize("name", ["naive", "moe", "iwmn"])
@pytest.mark.parametrize("setting", ["domain", "task"])
def test_models_compute_where_their_weights_are(name, setting):
    """On the meta device an operation between it and the CPU fails as one between a GPU and the CPU would."""
    spec = load_catalog().strategies.get(name).spec
    options = validate_options(spec.params, {}, name)
    context = morph_cl.StrategyContext((1, 8, 8), 10, 3, setting, 1, 16, 16, "cpu", 0, lambda *_: torch.nn.Identity())
    model = build_classifier(context, options) if name == "naive" else spec.resolve()(context, options).model
    model = model.to("meta").train()
    if name == "moe":  # which images an expert gets is known only where there are values
        model = getattr(model, "network", model).gate
        model(torch.empty(4, 1, 8, 8, device="meta"))
        return
    if name == "iwmn":
        network = getattr(model, "network", model)
        answers = network.unroll(torch.empty(4, 1, 8, 8, device="meta"), None)
        assert {answer.device.type for answer in answers} == {"meta"}
        return
    x, task = torch.empty(4, 1, 8, 8, device="meta"), torch.zeros(4, dtype=torch.int64, device="meta")
    logits = model(x, task) if setting == "task" else model(x)
    assert logits.device.type == "meta"


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_importances_of_a_gpu_go_back_to_where_the_model_is(device):
    """Checkpoints are read on the CPU; the meta device stands for a GPU, values for what the file holds."""
    held = ParamData("weight", init_tensor=torch.zeros(3, device=device), device=device)
    plugin = SimpleNamespace(stateless=False, importances={"weight": held})
    strategy = SimpleNamespace(
        plugins=[plugin], model=torch.nn.Linear(1, 1), device=torch.device(device),
        optimizer=torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1), make_optimizer=lambda **_: None,
    )  # fmt: skip
    state = encode_strategy(strategy)
    state["plugins"][0]["attributes"]["importances"]["weight"]["data"] = torch.ones(3)
    restore_strategy(strategy, state, stream=None)
    assert plugin.importances["weight"].data.device.type == device


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", ABLE)
@pytest.mark.parametrize("amp", [None, "bf16", "fp16"])
def test_strategies_train_on_a_gpu(name, amp):
    if amp and "amp" not in load_catalog().strategies.get(name).spec.accelerations:
        pytest.skip("does not offer amp")
    record = morph_cl.run(
        "rotated-mnist", name, dataset="digits", device="cuda", amp=amp, epochs=1, store=None,
        options={"rotated-mnist": {"experiences": 2}},
    )  # fmt: skip
    assert record.provenance.device == "cuda"
    assert not any(bin_.accuracy != bin_.accuracy for bin_ in record.calibration)
