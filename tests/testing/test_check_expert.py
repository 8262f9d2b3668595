"""Each way in which an expert can break its contract is found and named."""

import pytest
import torch
from pydantic import Field
from torch import nn

from morph_cl.errors import PluginError, UnknownNameError
from morph_cl.options import Options
from morph_cl.specs import ExpertSpec, MetricSpec
from morph_cl.testing import CheckError, check_expert


class Good(nn.Module):
    def __init__(self, input_shape, classes):
        super().__init__()
        channels, height, width = input_shape
        self.linear = nn.Linear(channels * height * width, classes)

    def forward(self, x):
        return self.linear(x.flatten(1))


class WrongShape(Good):
    def forward(self, x):
        return super().forward(x)[:, :1]


class NotATensor(Good):
    def forward(self, x):
        return [super().forward(x)]


class Infinite(Good):
    def forward(self, x):
        return super().forward(x) / 0


class InfiniteOnBlack(Good):
    def forward(self, x):
        return super().forward(x) / x.flatten(1).sum(1, keepdim=True)


class Unused(Good):
    def __init__(self, input_shape, classes):
        super().__init__(input_shape, classes)
        self.spare = nn.Linear(2, 2)


class Detached(Good):
    def forward(self, x):
        return super().forward(x).detach()


class Frozen(Good):
    def __init__(self, input_shape, classes):
        super().__init__(input_shape, classes)
        self.requires_grad_(False)


class Noisy(Good):
    def forward(self, x):
        return super().forward(x) + torch.rand(())


class Counting(Good):
    def __init__(self, input_shape, classes):
        super().__init__(input_shape, classes)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return super().forward(x)


class Transductive(Good):
    def forward(self, x):
        return super().forward(x - x.mean(0))


class BatchNormed(Good):
    def __init__(self, input_shape, classes):
        super().__init__(input_shape, classes)
        self.norm = nn.BatchNorm1d(classes)

    def forward(self, x):
        return self.norm(super().forward(x))


class HiddenState(Good):
    def __init__(self, input_shape, classes):
        super().__init__(input_shape, classes)
        self.shift = float(torch.rand(()))

    def forward(self, x):
        return super().forward(x) + self.shift


class NoCopy(Good):
    def __deepcopy__(self, memo):
        raise TypeError("cannot copy")


class ItsOwnCopy(Good):
    def __deepcopy__(self, memo):
        return self


class ChannelBound(Good):
    def forward(self, x):
        return super().forward(x[:, :1])


class Unseeded(Good):
    def __init__(self, input_shape, classes):
        super().__init__(input_shape, classes)
        with torch.no_grad():
            self.linear.bias.uniform_(generator=torch.Generator().manual_seed(torch.seed() % 1000))


class WidthOptions(Options):
    width: int = Field(ge=1)


def expert(network, **fields):
    return ExpertSpec(
        **{
            "name": "mine",
            "build": lambda input_shape, classes, options: network(input_shape, classes),
            "summary": "An expert.",
            **fields,
        }
    )


def test_good_expert_passes_and_leaves_the_generators_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    check_expert(expert(Good))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (WrongShape, r"logits have shape \(5, 1\) for 5 images; return \(5, 10\)"),
        (NotATensor, "forward returned list"),
        (Infinite, "logits are not finite"),
        (InfiniteOnBlack, "logits of black images are not finite"),
        (Unused, "parameter 'spare.weight' gets no gradient"),
        (Detached, "backward raised RuntimeError"),
        (Frozen, "no parameter to train"),
        (Noisy, "two evaluations of one batch differ"),
        (Counting, "evaluation changed its state"),
        (Transductive, "depend on the others in its batch"),
        (BatchNormed, "forward of one image in training mode"),
        (HiddenState, "another instance answers otherwise"),
        (NoCopy, "deepcopy raised TypeError: cannot copy"),
        (ItsOwnCopy, "deepcopy shares parameters"),
        (ChannelBound, r"input \(3, 32, 32\), 7 classes\): forward in training mode raised"),
        (Unseeded, "one seed built two networks"),
        (lambda shape, classes: "text", "build returned str; return an nn.Module"),
        (lambda shape, classes: 1 / 0, "build raised ZeroDivisionError"),
    ],
)
def test_bad_expert_is_named(network, said):
    with pytest.raises(CheckError, match=said) as caught:
        check_expert(expert(network))
    assert "expert 'mine'" in str(caught.value)
    assert isinstance(caught.value, AssertionError)
    assert isinstance(caught.value, PluginError)


def test_shapes_can_be_chosen():
    check_expert(expert(ChannelBound), shapes=[((1, 8, 8), 3)])


def test_options_are_validated():
    spec = expert(Good, params=WidthOptions)
    with pytest.raises(CheckError, match=r"mine\.width has no default"):
        check_expert(spec)
    check_expert(spec, {"width": 3})


def test_record_by_name():
    with pytest.raises(UnknownNameError, match="unknown expert 'no-such-expert'"):
        check_expert("no-such-expert")


def test_record_of_another_kind():
    with pytest.raises(CheckError, match="is no ExpertSpec"):
        check_expert(MetricSpec(name="m", build="m:b", summary="A metric."))
