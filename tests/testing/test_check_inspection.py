"""What a strategy tells of its experts is checked as its predictions are."""

import pytest
import torch
from avalanche.training.templates import SupervisedTemplate

from morph_cl import StrategySpec, TensorStrategy, TrainingOptions, build_classifier, build_optimizer
from morph_cl.testing import CheckError, check_strategy


class ByBrightness(TensorStrategy, SupervisedTemplate):
    """Says that bright images go to one expert and dark ones to the other."""

    expert_names = ("dark", "bright")

    def expert_weights(self, x, task):
        bright = x.mean((1, 2, 3)).clamp(0, 1)
        return torch.stack([1 - bright, bright], 1)

    def assigned_experts(self, y):
        return y % 2

    def batch_expert_weights(self):
        return torch.tensor([0.5, 0.5])

    def final_figures(self, batches):
        return {"images": float(sum(len(batch.y) for batch in batches))}


class TooManyColumns(ByBrightness):
    expert_names = ("all",)

    def batch_expert_weights(self):
        return torch.ones(1)


class Unnormalised(ByBrightness):
    def expert_weights(self, x, task):
        return 2 * super().expert_weights(x, task)


class Noisy(ByBrightness):
    def expert_weights(self, x, task):
        return torch.rand(len(x), 2).softmax(1)


class Silent(ByBrightness):
    def expert_weights(self, x, task):
        return None


class AssignsTooFar(ByBrightness):
    def assigned_experts(self, y):
        return y + 2


class WrongStep(ByBrightness):
    def batch_expert_weights(self):
        return torch.ones(3)


class Text(ByBrightness):
    def final_figures(self, batches):
        return {"images": "many"}


class Learning(ByBrightness):
    def final_figures(self, batches):
        self.model.classifier.bias += 1.0
        return {}


def check(template):
    def build(context, options):
        model = build_classifier(context, options)
        return template(model=model, optimizer=build_optimizer(model, options), **context.loop())

    spec = StrategySpec(name="mine", build=build, summary="A strategy.", params=TrainingOptions, settings=("domain",))
    check_strategy(spec, {"hidden": [8]})


def test_good_telling_passes():
    check(ByBrightness)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (TooManyColumns, r"expert_weights returns shape \(16, 2\); return \(16, 1\)"),
        (Unnormalised, "do not sum to 1"),
        (Noisy, "expert_weights differs when asked twice"),
        (Silent, "expert_weights returns None though it has expert_names"),
        (AssignsTooFar, r"return one of -1\.\.1 for each label"),
        (WrongStep, r"batch_expert_weights returns shape \(3,\); return \(2,\)"),
        (Text, "final figure 'images' is 'many'; return a float"),
        (Learning, "telling of its experts changed its state"),
    ],
)
def test_bad_telling_is_named(template, said):
    with pytest.raises(CheckError, match=said):
        check(template)
