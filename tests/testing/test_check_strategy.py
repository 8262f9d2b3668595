"""Each way in which a strategy can break its contract is found and named."""

import pytest
import torch
from avalanche.training.templates import SupervisedTemplate

from morph_cl import StrategySpec, TensorStrategy, TrainingOptions, build_classifier, build_optimizer
from morph_cl.testing import CheckError, check_strategy, sample_stream


class Plain(TensorStrategy, SupervisedTemplate):
    pass


class Peeking(Plain):
    def forward(self):
        out = super().forward()
        if not self.is_training:
            out = out + torch.nn.functional.one_hot(self.mb_y, out.shape[1])
        return out


class LearnsInEvaluation(Plain):
    def _after_eval_iteration(self, **kwargs):
        super()._after_eval_iteration(**kwargs)
        with torch.no_grad():
            self.model.classifier.bias += 0.1


class NoisyInEvaluation(Plain):
    def forward(self):
        out = super().forward()
        return out if self.is_training else out + torch.rand(())


class HiddenMemory(Plain):
    """Keeps something that training changes and no checkpoint holds."""

    seen = 0

    def _after_training_iteration(self, **kwargs):
        super()._after_training_iteration(**kwargs)
        self.seen += 1

    def forward(self):
        return super().forward() + self.seen


class NamedMemory(HiddenMemory):
    state_attributes = ("seen",)


class OwnRandomness(Plain):
    generator = torch.Generator().manual_seed(0)

    def forward(self):
        out = super().forward()
        return out * (1 + torch.rand((), generator=self.generator)) if self.is_training else out


class ForgetsTheOptimizer(Plain):
    def _before_training_exp(self, **kwargs):
        super()._before_training_exp(**kwargs)
        self.optimizer.param_groups[0]["params"] = list(self.model.classifier.parameters())

    def check_model_and_optimizer(self, **kwargs):
        self.model = self.model.to(self.device)


class Diverging(Plain):
    def criterion(self):
        return super().criterion() * float("inf")


class TwoHeads(Plain):
    def forward(self):
        return torch.cat([super().forward()] * 2, 1)


class Breaking(Plain):
    def training_epoch(self, **kwargs):
        raise ArithmeticError("sums do not add up")


class Idle(Plain):
    def training_epoch(self, **kwargs):
        return None


def strategy(template, loop=lambda context: context.loop(), **fields):
    def build(context, options):
        model = build_classifier(context, options)
        return template(model=model, optimizer=build_optimizer(model, options), **loop(context))

    values = {"settings": ("domain",), **fields}
    return StrategySpec(name="mine", build=build, summary="A strategy.", params=TrainingOptions, **values)


@pytest.mark.parametrize("template", [Plain, NamedMemory])
def test_good_strategy_passes_in_every_setting(template):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    check_strategy(strategy(template, settings=("class", "domain", "task")), {"hidden": [8]})
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (Peeking, "outputs change when test labels are shuffled"),
        (LearnsInEvaluation, "evaluation changed its state"),
        (NoisyInEvaluation, "two evaluations differ"),
        (HiddenMemory, "went on from a checkpoint differs"),
        (OwnRandomness, "two runs from one seed differ"),
        (ForgetsTheOptimizer, r"parameter 'features\.\d\.weight' gets gradients but is not in the optimizer"),
        (Diverging, "the loss is (inf|nan) in training"),
        (TwoHeads, r"outputs have shape \(\d+, 8\); return \(batch, 4\)"),
        (Breaking, "training on experience 0 raised ArithmeticError: sums do not add up"),
        (Idle, "made no training iteration"),
    ],
)
def test_bad_strategy_is_named(template, said):
    with pytest.raises(CheckError, match=said) as caught:
        check_strategy(strategy(template), {"hidden": [8]})
    assert "strategy 'mine' (domain setting)" in str(caught.value)


def test_plugins_of_the_context_must_be_passed_on():
    spec = strategy(Plain, loop=lambda context: {**context.loop(), "plugins": []})
    with pytest.raises(CheckError, match=r"pass \*\*context\.loop\(\)"):
        check_strategy(spec)


def test_build_must_return_a_template():
    spec = StrategySpec(name="mine", build=lambda context, options: context, summary="A strategy.")
    with pytest.raises(CheckError, match="build returned StrategyContext"):
        check_strategy(spec)


@pytest.mark.parametrize(("setting", "classes"), [("class", 6), ("domain", 4), ("task", 6)])
def test_sample_stream_differs_only_in_test_labels(setting, classes):
    stream, shuffled = sample_stream(setting), sample_stream(setting, shuffle_test_labels=True)
    assert stream.classes == classes
    for one, other in zip(stream.benchmark.test_stream, shuffled.benchmark.test_stream, strict=True):
        index = torch.arange(len(one.dataset))
        x, y, _ = one.dataset.view().batch(index)
        other_x, other_y, _ = other.dataset.view().batch(index)
        assert torch.equal(x, other_x)
        assert (y != other_y).float().mean() > 0.5
        assert sorted(y.tolist()) == sorted(other_y.tolist())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"profiles": {"small": {"mpl": {"hidden": [5]}}}}, "profile 'small' of strategy 'mine': unknown expert 'mpl'"),
        ({"profiles": {"small": {"mlp": {"hidden": [0]}}}}, r"mlp\.hidden\.0=0"),
        ({"ablations": {"momentum": ({"momentum": 0.0}, "as ever")}}, "ablation 'momentum' changes none"),
    ],
)
def test_profiles_and_ablations_must_fit(fields, said):
    with pytest.raises(CheckError, match=said):
        check_strategy(strategy(Plain, **fields))


def test_an_option_under_check_may_be_one_that_an_ablation_switches():
    check_strategy(strategy(Plain, ablations={"rate": ({"lr": 0.01}, "slow")}), {"hidden": [8], "lr": 0.01})
