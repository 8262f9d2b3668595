import copy
import math
from dataclasses import replace
from itertools import chain

import pytest
import torch
from avalanche.core import SupervisedPlugin
from avalanche.training.plugins import EWCPlugin, ReplayPlugin
from avalanche.training.supervised import Cumulative, GDumb, Naive
from avalanche.training.templates import SupervisedTemplate
from torch import nn

from morph_cl import DriftPoint, HeldOut, OnlineStream, TensorStrategy, UsageError, train_online
from morph_cl.bridge.dataset import as_float
from morph_cl.bridge.prediction import predict
from morph_cl.bridge.prequential import Counts, experience_count, experiences_done

SIZE, BATCH = 205, 10


class Host(TensorStrategy, SupervisedTemplate):
    """Fine-tuning on whole tensors."""


@pytest.fixture
def samples(images):
    order = torch.randperm(240, generator=torch.Generator().manual_seed(3))[:SIZE]
    return OnlineStream(
        x=images.train_x[order],
        y=images.train_y[order],
        concept=torch.zeros(SIZE, dtype=torch.int64),
        drifts=(),
        classes=4,
        experience_size=50,
    )


def network(dropout=0.2):
    torch.manual_seed(0)
    layers = [nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 4)]
    return nn.Sequential(nn.Flatten(), *layers)


def learner(kind=Host, plugins=(), model=None, **options):
    model = model or network()
    return kind(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        criterion=nn.CrossEntropyLoss(),
        train_mb_size=BATCH,
        evaluator=None,
        plugins=list(plugins),
        **options,
    )


def by_hand(samples, dropout):
    """The bare loop."""
    model = network(dropout)
    optimizer, correct = torch.optim.SGD(model.parameters(), lr=0.1), []
    torch.manual_seed(9)
    for x, y in samples.batches(BATCH):
        model.eval()
        correct.append(int((model(x).argmax(1) == y).sum()))
        model.train()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model, correct


# Avalanche's own loaders draw a seed for each experience, so that another dropout follows.
@pytest.mark.parametrize(("kind", "dropout"), [(Host, 0.2), (Naive, 0.0)])
def test_it_is_the_bare_loop_bit_for_bit(samples, kind, dropout):
    model, correct = by_hand(samples, dropout)
    strategy = learner(kind, model=network(dropout))
    torch.manual_seed(9)
    test = train_online(strategy, samples, BATCH)
    assert test.sizes == [10] * 20 + [5]
    assert test.correct == correct
    for a, b in zip(model.state_dict().values(), strategy.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_it_learns(samples):
    test = train_online(learner(), samples, BATCH)
    assert sum(test.correct[-5:]) > 1.5 * sum(test.correct[:5])


def test_labels_come_after_the_prediction(samples):
    """With all labels wrong from some batch on, what is predicted of that batch is the same."""
    start = 100
    wrong = samples.y.clone()
    wrong[start:] = (wrong[start:] + 1) % 4
    outputs = []
    for y in (samples.y, wrong):
        said = []

        class Witness(Host):
            def forward(self):
                output = super().forward()
                if not self.is_training:
                    assert (self.mb_y == -1).all()
                    said.append(output.detach().clone())  # noqa: B023
                return output

        torch.manual_seed(9)
        train_online(learner(Witness), OnlineStream(samples.x, y, samples.concept, (), 4), BATCH)
        outputs.append(said)
    for number, (a, b) in enumerate(zip(*outputs, strict=True)):
        assert torch.equal(a, b) == (number <= start // BATCH)


def test_a_prediction_changes_nothing(samples):
    strategy = learner()
    strategy.model.train()
    strategy.model[2].eval()
    strategy.is_training = True
    strategy.mbatch = before = [samples.x[:3].float(), samples.y[:3], torch.zeros(3)]
    state, modes = copy.deepcopy(strategy.model.state_dict()), [part.training for part in strategy.model.modules()]
    random = torch.get_rng_state()
    output = predict(strategy, samples.x[:7].float(), torch.zeros(7, dtype=torch.int64))
    assert output.shape == (7, 4)
    assert not output.requires_grad
    assert strategy.mbatch is before
    assert strategy.is_training
    assert [part.training for part in strategy.model.modules()] == modes
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(state[name], value) for name, value in strategy.model.state_dict().items())


def test_experiences_are_runs_of_whole_batches_that_know_nothing_of_drifts(samples):
    assert experience_count(samples, BATCH) == 5
    assert experience_count(samples, 20) == 6
    assert experience_count(samples, 300) == 1

    told = []

    class Witness(Host):
        def _after_training_exp(self, **kwargs):
            told.append([label for _, label, _ in self.experience.dataset])
            super()._after_training_exp(**kwargs)

    train_online(learner(Witness), samples, BATCH)
    assert [len(part) for part in told] == [50, 50, 50, 50, 5]
    assert list(chain(*told)) == samples.y.tolist()


def test_replay_replays_what_has_come_and_is_scored_on_the_stream_alone(samples):
    seen = []

    class Witness(Host):
        def _after_training_iteration(self, **kwargs):
            seen.append((len(self.mb_y), self.mb_y[:BATCH].tolist()))
            super()._after_training_iteration(**kwargs)

    plugin = ReplayPlugin(mem_size=20)
    test = train_online(learner(Witness, [plugin]), samples, BATCH)
    assert sum(test.sizes) == SIZE
    assert [size for size, _ in seen[:5]] == [10] * 5
    assert all(size == 20 for size, _ in seen[5:20])
    assert list(chain(*(labels for _, labels in seen)))[:200] == samples.y[:200].tolist()
    assert len(plugin.storage_policy.buffer) == 20


def test_plugins_that_wait_for_the_end_of_an_experience_work(samples):
    plugin = EWCPlugin(ewc_lambda=1.0, mode="online", decay_factor=0.5)
    test = train_online(learner(plugins=[plugin]), samples, BATCH)
    assert len(test.sizes) == 21
    assert plugin.importances


@pytest.mark.parametrize("build", [lambda: learner(Cumulative), lambda: learner(Naive, train_epochs=2)])
def test_learners_that_take_samples_more_than_once_are_refused(samples, build):
    with pytest.raises(UsageError, match=r"batches come once|before it has come"):
        train_online(build(), samples, BATCH)


def test_learners_that_look_ahead_are_refused_before_they_train(samples):
    model = network()
    before = copy.deepcopy(model.state_dict())
    strategy = GDumb(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        criterion=nn.CrossEntropyLoss(),
        mem_size=20,
        train_mb_size=BATCH,
        evaluator=None,
    )
    with pytest.raises(UsageError, match="before it has come"):
        train_online(strategy, samples, BATCH)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(type(plugin).__name__ == "PrequentialTest" for plugin in strategy.plugins)


def test_a_plugin_that_exchanges_weights_for_evaluations_does_so_for_predictions(samples):
    class Silencer(SupervisedPlugin):
        """Answers class 2 in evaluation, whatever the network has learned."""

        def before_eval(self, strategy, **_):
            self.kept = strategy.model[-1].bias.data.clone()
            strategy.model[-1].bias.data[2] = 1e6

        def after_eval(self, strategy, **_):
            strategy.model[-1].bias.data.copy_(self.kept)

    test = train_online(learner(plugins=[Silencer()]), samples, BATCH)
    assert test.correct == [int((y == 2).sum()) for _, y in samples.batches(BATCH)]


def watched(samples, every=40):
    """Two concepts, the second one of other images; drifts within batches and at the edge of one."""
    drifts = tuple(DriftPoint(start=start, end=start, recurring=start == 140) for start in (75, 140))
    sets = ((samples.x[:30], samples.y[:30]), (samples.x[30:130].flip(3), samples.y[30:130]))
    return replace(samples, drifts=drifts, held_out=HeldOut(every, (0, 1, 0), sets))


def test_looks_come_when_they_are_due_before_each_drift_and_at_the_end(samples):
    counts = train_online(learner(), watched(samples), BATCH)
    assert counts.looked_at == [40, 70, 80, 120, 140, 160, 200, 205]
    for seen, accuracies in zip(counts.looked_at, counts.held_out, strict=True):
        assert [math.isnan(accuracy) for accuracy in accuracies] == [False, seen <= 75]
    # Looks of nothing but the ends of segments.
    assert train_online(learner(), watched(samples, 1_000), BATCH).looked_at == [70, 140, 205]


def test_the_last_look_is_the_accuracy_of_the_model_at_the_end(samples):
    strategy, stream = learner(), watched(samples)
    counts = train_online(strategy, stream, BATCH)
    strategy.model.eval()
    for accuracy, (x, y) in zip(counts.held_out[-1], stream.held_out.sets, strict=True):
        assert accuracy == (strategy.model(as_float(x)).argmax(1) == y).sum().item() / len(y)


@pytest.mark.parametrize("kind", [Host, Naive])
def test_looks_change_neither_the_learner_nor_any_random_state(samples, kind):
    ends = []
    for stream in (samples, watched(samples, 10)):
        strategy = learner(kind, [ReplayPlugin(mem_size=20)])
        torch.manual_seed(9)
        counts = train_online(strategy, replace(stream, drifts=watched(samples).drifts), BATCH)
        ends.append((counts.sizes, counts.correct, [*strategy.model.state_dict().values()], torch.get_rng_state()))
        assert len(counts.held_out) == (0 if stream.held_out is None else 21)
    assert ends[0][:2] == ends[1][:2]
    assert all(torch.equal(a, b) for a, b in zip(ends[0][2], ends[1][2], strict=True))
    assert torch.equal(ends[0][3], ends[1][3])


def test_no_label_reaches_the_learner_in_a_look(samples):
    class Witness(Host):
        def forward(self):
            assert self.is_training or (self.mb_y == -1).all()
            return super().forward()

    train_online(learner(Witness), watched(samples), BATCH)


@pytest.mark.parametrize(
    ("every", "concepts", "count", "part"),
    [
        (0, (0, 1, 0), 2, "give 1 or more"),
        (10, (0, 2, 0), 2, "number the concepts from 0"),
        (10, (0, 1), 2, "name 3, one a segment"),
    ],
)
def test_held_out_data_that_does_not_fit_is_refused(samples, every, concepts, count, part):
    sets = ((samples.x[:5], samples.y[:5]),) * count
    with pytest.raises(UsageError, match=part):
        replace(watched(samples), held_out=HeldOut(every, concepts, sets))


def test_a_run_can_be_left_and_gone_on_with(samples):
    strategy, whole = learner(), learner()
    torch.manual_seed(9)
    expected = train_online(whole, samples, BATCH)
    ends = []

    class LeftError(Exception):
        pass

    def leave():
        ends.append(sum(counts.sizes))
        if len(ends) == 2:
            raise LeftError

    torch.manual_seed(9)
    counts = Counts()
    with pytest.raises(LeftError):
        train_online(strategy, samples, BATCH, counts=counts, after_experience=leave)
    assert experiences_done(samples, BATCH, counts) == 2
    train_online(strategy, samples, BATCH, counts=counts, after_experience=leave)
    assert counts == expected
    assert ends == [50, 100, 150, 200, 205]
    assert torch.equal(strategy.model[1].weight, whole.model[1].weight)
