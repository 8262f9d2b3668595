"""When MORPH grows: on turns and label swaps, by density or by loss, and not by chance."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from morph_cl.morph.drift import DriftDetector
from morph_cl.morph.growth import Look
from morph_cl.morph.model import MorphModel
from morph_cl.morph.novelty import NoveltyDetector
from morph_cl.morph.options import MorphOptions, PageHinkleyOptions
from morph_cl.morph.page_hinkley import PageHinkley

Make = Callable[..., MorphModel]
Samples = Callable[..., tuple[Tensor, Tensor]]
Train = Callable[..., None]


def growths(model: MorphModel) -> list[str]:
    return [event.detail["evidence"] for event in model.pending if event.kind == "growth"]


@pytest.mark.parametrize("seed", range(8))
def test_a_stationary_stream_grows_nothing(learn: Train, make_model: Make, make_samples: Samples, seed: int) -> None:
    model = make_model()
    learn(model, model.make_optimizer(), *make_samples(2_000, 0, seed))
    assert growths(model) == []


@pytest.mark.parametrize(
    ("change", "options", "evidence"),
    [
        ("labels", {"surprise": 0}, {"density"}),
        ("labels", {"novelty": 1_000}, {"loss"}),
        ("labels", {}, {"density", "loss", "density and loss"}),
        ("turn", {"surprise": 0}, {"density"}),
        ("turn", {}, {"density", "density and loss"}),
    ],
)
def test_a_change_grows_an_expert_by_either_evidence(
    learn: Train, make_model: Make, make_samples: Samples, options: dict[str, float], evidence: set[str], change: str
) -> None:
    model = make_model(lr=1e-2, **options)
    optimizer = model.make_optimizer()
    learn(model, optimizer, *make_samples(2_000, 0, 0))
    assert growths(model) == []
    x, y = make_samples(600, 0 if change == "labels" else 2, 1)
    learn(model, optimizer, x, (y + 1) % 3 if change == "labels" else y)
    assert growths(model)
    assert growths(model)[0] in evidence


def test_without_either_evidence_nothing_grows(learn: Train, make_model: Make, make_samples: Samples) -> None:
    model = make_model(novelty=1_000, surprise=0)
    optimizer = model.make_optimizer()
    learn(model, optimizer, *make_samples(1_000, 0, 0))
    learn(model, optimizer, *make_samples(600, 2, 1))
    assert growths(model) == []


def test_held_out_losses_tell_of_swapped_labels_at_a_boundary(
    experience: Train, make_model: Make, make_samples: Samples
) -> None:
    model = make_model(boundaries="aware", novelty=1_000, lr=1e-2)
    experience(model, *make_samples(400, 0, 0), steps=150)
    assert float(model.concepts.loss_level[0, 0]) == 80
    experience(model, *make_samples(400, 0, 1), steps=1)
    assert growths(model) == []
    x, y = make_samples(400, 0, 2)
    experience(model, x, (y + 1) % 3, steps=1)
    assert growths(model) == ["loss"]


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_either_threshold_makes_a_batch_novel(novelty: float, surprise: float) -> None:
    options = MorphOptions()
    seen = Look(0, novelty, surprise)
    # The two sides of a comparison differ in rounding at the threshold itself.
    if abs(surprise - options.surprise) > 1e-9:
        novel = novelty > options.novelty or surprise > options.surprise
        assert (seen.value(options) > options.novelty) == novel


DETECTORS: dict[str, Callable[[], DriftDetector]] = {
    "novelty": lambda: NoveltyDetector(0.5, 2),
    "page-hinkley": lambda: PageHinkley(PageHinkleyOptions(warmup=2, threshold=1.0)),
}


@pytest.mark.parametrize("name", DETECTORS)
@given(values=st.lists(st.floats(-5, 5), max_size=40), cut=st.integers(0, 40))
def test_a_detector_goes_on_from_its_state_and_forgets_when_reset(name: str, values: list[float], cut: int) -> None:
    def follow(detector: DriftDetector, figures: list[float]) -> list[bool]:
        return [(detector.update(value), detector.drift_detected)[1] for value in figures]

    whole, first, second = (DETECTORS[name]() for _ in range(3))
    expected = follow(whole, values)
    told = follow(first, values[:cut])
    second.load(first.export())
    assert told + follow(second, values[cut:]) == expected
    whole.reset()
    assert not whole.drift_detected
    assert whole.export() == DETECTORS[name]().export()


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_page_hinkley_tells_a_rise_and_not_a_fall(seed: int) -> None:
    noise = 0.05 * torch.randn(200, generator=torch.Generator().manual_seed(seed))
    found = {}
    for change in (0.0, -2.0, 2.0):
        detector = PageHinkley(PageHinkleyOptions())
        found[change] = [i for i, n in enumerate(noise.tolist()) if detector.update(n + change * (i >= 100))]
    assert found[0.0] == found[-2.0] == []
    assert 100 <= found[2.0][0] < 105


def test_another_detector_watches_a_stream(learn: Train, make_model: Make, make_samples: Samples) -> None:
    model = make_model()
    model.watch.detector = PageHinkley(PageHinkleyOptions())
    optimizer = model.make_optimizer()
    learn(model, optimizer, *make_samples(2_000, 0, 0))
    assert growths(model) == []
    learn(model, optimizer, *make_samples(600, 2, 1))
    assert growths(model)
