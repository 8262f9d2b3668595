"""The iterations, by hand and by their invariants."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from morph_cl_plugins.iwmn.network import TaskModulatedNetwork, build_network
from morph_cl_plugins.iwmn.options import IwmnOptions
from torch.nn import functional

SHAPE = (1, 6, 6)
CLASSES = 5
ERRORS = ("hard", "sharpened", "change")
seeds = st.integers(0, 2**31 - 1)


def count_parameters(network):
    return sum(p.numel() for p in network.parameters())


def test_has_the_published_number_of_parameters(make_context):
    network = build_network(make_context((1, 28, 28), 10), IwmnOptions())
    assert count_parameters(network) == 212_500
    assert network.options.iterations == 3
    assert network.options.strength == 0.1


@given(
    width=st.integers(1, 9),
    modulator=st.integers(1, 9),
    classes=st.integers(2, 7),
    iterations=st.sampled_from([0, 1, 4]),
)
def test_counts_parameters_as_its_sizes_say(width, modulator, classes, iterations, make_context):
    options = IwmnOptions(hidden=(width,), modulator_hidden=modulator, iterations=iterations)
    base = 36 * width + width + width * classes + classes
    first = (36 + classes) * modulator + modulator
    modulators = 2 * first + (modulator + 1) * (width + classes)
    expected = base + (modulators if iterations else 0)
    assert count_parameters(build_network(make_context(SHAPE, classes), options)) == expected


@given(seed=seeds, error=st.sampled_from(ERRORS), iterations=st.integers(0, 4), tolerance=st.sampled_from([0.0, 0.02]))
def test_iteration_0_is_the_base_network(seed, error, iterations, tolerance, make_network, make_images):
    network = make_network(seed % 100, error=error, iterations=iterations, tolerance=tolerance)
    x = make_images(7, seed)
    base = network.classifier(network.features((x - 0.1307) / 0.3081))
    answers = network.unroll(x)
    assert len(answers) == iterations + 1
    assert torch.equal(answers[0], base)
    if iterations == 0:
        assert torch.equal(network(x), base)
        assert torch.equal(network.settle(x)[1], torch.zeros(7, dtype=torch.int64))


@pytest.mark.parametrize("error", ERRORS)
def test_an_iteration_modulates_the_weights_that_lead_into_each_unit(error, make_network, make_images):
    """One image at a time, with weights that are really multiplied."""
    network = make_network(error=error, strength=0.7, iterations=3)
    x = make_images(4)
    answers = network.unroll(x)
    first, last = network.features[1], network.classifier
    for row, image in enumerate(((x - 0.1307) / 0.3081).flatten(1)):
        before = torch.zeros(CLASSES, dtype=torch.float64)
        said = answers[0][row].softmax(0)
        for answer in answers[1:]:
            aim = {
                "hard": functional.one_hot(said.argmax(), CLASSES),
                "sharpened": said**2 / (said**2).sum(),
                "change": before,
            }[error]
            both = torch.cat([image, said - aim])
            gains = [
                1 + 0.7 * torch.tanh(modulator.output(torch.relu(modulator.input(both))))
                for modulator in (network.hidden_modulator, network.output_modulator)
            ]
            hidden = torch.relu((gains[0][:, None] * first.weight) @ image + gains[0] * first.bias)
            logits = (gains[1][:, None] * last.weight) @ hidden + gains[1] * last.bias
            torch.testing.assert_close(answer[row], logits)
            before, said = said, logits.softmax(0)


def test_training_blanks_the_same_pixels_for_base_and_modulators(make_network, make_images, monkeypatch):
    network = make_network(dropout=0.2)
    seen = {}
    network.features.register_forward_pre_hook(lambda _, inputs: seen.update(base=inputs[0]))
    for name, modulator in (("hidden", network.hidden_modulator), ("output", network.output_modulator)):
        see = modulator.see
        monkeypatch.setattr(modulator, "see", lambda x, name=name, see=see: seen.update({name: x}) or see(x))
    x = make_images(50)
    network.train()(x)
    assert torch.equal(seen["base"], seen["hidden"])
    assert torch.equal(seen["base"], seen["output"])
    assert 0.15 < float((seen["base"] == 0).double().mean()) < 0.25
    network.eval()(x)
    assert torch.equal(seen["base"], (x - 0.1307) / 0.3081)


@given(seed=seeds, strength=st.floats(0.01, 1.0), scale=st.floats(0.1, 100.0))
def test_a_gain_keeps_within_the_strength(seed, strength, scale, make_network, make_images):
    modulator = make_network(seed % 100, strength=strength).hidden_modulator
    error = scale * torch.randn(6, CLASSES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    gains = modulator(modulator.see(make_images(6, seed)), error)
    assert ((gains - 1).abs() <= strength + 1e-12).all()


@given(seed=seeds, cuts=st.lists(st.integers(1, 19), max_size=4), error=st.sampled_from(ERRORS), t=st.floats(0.0, 0.3))
def test_the_stop_is_blind_to_the_batch(seed, cuts, error, t, make_network, make_images):
    network = make_network(seed % 100, error=error, iterations=5, tolerance=t)
    x = make_images(20, seed)
    whole, made = network.settle(x)
    edges = sorted({0, 20, *cuts})
    parts = [network.settle(x[a:b]) for a, b in itertools.pairwise(edges)]
    torch.testing.assert_close(torch.cat([logits for logits, _ in parts]), whole)
    assert torch.equal(torch.cat([count for _, count in parts]), made)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(network.settle(x[order])[0], whole[order])


@given(seed=seeds, error=st.sampled_from(ERRORS), t=st.floats(0.0, 0.3))
def test_an_image_stops_at_the_first_iteration_that_moves_it_less_than_the_tolerance(
    seed, error, t, make_network, make_images
):
    network = make_network(seed % 100, error=error, iterations=5, tolerance=t)
    x = make_images(20, seed)
    logits, made = network.settle(x)
    answers = torch.stack(network.unroll(x))
    moves = answers.softmax(2).diff(dim=0).abs().amax(2)  # (iterations, B)
    for row in range(20):
        settled = (moves[:, row] < t).nonzero().flatten().tolist()
        assert made[row] == (settled[0] + 1 if settled else 5)
        torch.testing.assert_close(logits[row], answers[made[row], row])


def test_computes_only_images_that_still_move(make_network, make_images):
    network = make_network(iterations=5, tolerance=0.02)
    rows = []
    network.output_modulator.register_forward_hook(lambda module, inputs, output: rows.append(len(output)))
    made = network.settle(make_images(40))[1]
    assert rows == [int((made >= number).sum()) for number in range(1, int(made.max()) + 1)]
    assert rows[-1] < rows[0] == 40


@given(seed=seeds, error=st.sampled_from(ERRORS), number=st.integers(0, 3))
def test_the_answer_of_each_iteration_trains_all_that_led_to_it(seed, error, number, make_network, make_images):
    network = make_network(seed % 100, error=error, iterations=3).train()
    y = torch.randint(CLASSES, (30,), generator=torch.Generator().manual_seed(seed))
    functional.cross_entropy(network.unroll(make_images(30, seed))[number], y).backward()
    for name, parameter in network.named_parameters():
        moved = parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
        assert moved == (number > 0 or "modulator" not in name), name


def test_convolutions_are_modulated_too(make_context, make_images):
    options = IwmnOptions(network="cnn", hidden=(4, 6), modulator_hidden=5, tolerance=0)
    network = build_network(make_context(SHAPE, CLASSES), options).double().eval()
    answers = network.unroll(make_images(9))
    assert answers[0].shape == (9, CLASSES)
    assert not torch.equal(answers[0], answers[1])


@given(seed=seeds, tasks=st.lists(st.integers(0, 2), min_size=1, max_size=9))
def test_other_tasks_count_neither_in_answers_nor_in_error_signals(seed, tasks, make_context, make_images):
    torch.manual_seed(seed % 100)
    options = IwmnOptions(hidden=(12,), modulator_hidden=6, strength=1.0, tolerance=0)
    model = build_network(make_context(SHAPE, CLASSES, "task"), options).double().eval()
    assert isinstance(model, TaskModulatedNetwork)
    model.task_classes[0, :2] = model.task_classes[1, 2:4] = True  # task 2 was not reached yet
    model.known_train_tasks_labels = {0, 1}
    x, told = make_images(len(tasks), seed), torch.tensor(tasks)
    logits = model(x, told)
    for task, (low, high) in enumerate([(0, 2), (2, 4), (0, 5)]):
        assert ((logits[told == task].argmax(1) >= low) & (logits[told == task].argmax(1) < high)).all()
    for task in (0, 1, 2):
        torch.testing.assert_close(model(x[told == task], task), logits[told == task])
    assert set(model(x, None)) == {0, 1}
    with torch.no_grad():
        model.classifier.bias[4] += 50  # not in task 0 or 1: cannot show in an error signal either
    torch.testing.assert_close(model(x, told)[told < 2], logits[told < 2])
