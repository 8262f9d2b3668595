"""What records say of drifts is checked when they are made."""

import pytest

from morph_cl import DetectorSpec, Options, PluginError, StrategySpec, UsageError


class Growing(Options):
    grows: bool = False


def strategy(**fields):
    return StrategySpec(name="mine", build="a:b", summary="A strategy.", params=Growing, **fields)


def detector(**fields):
    return DetectorSpec(name="mine", build="a:b", summary="A detector.", **fields)


def test_good_records():
    assert strategy(offers={"grow": {"grows": True}, "switch": {}}, refuses=("reset",)).refuses == ("reset",)
    assert detector().watches == ("loss", "error", "confidence", "density")
    detector(watches=("error",)).check_watch("error")
    with pytest.raises(UsageError, match="'mine' watches error, confidence and cannot be told of loss"):
        detector(watches=("error", "confidence")).check_watch("loss")


@pytest.mark.parametrize(
    ("make", "fields", "message"),
    [
        (strategy, {"offers": {"shrink": {}}}, "offers has 'shrink'; give actions of grow, switch"),
        (strategy, {"offers": ("grow",)}, "give a mapping"),
        (strategy, {"offers": {"grow": {"groes": True}}}, "Did you mean 'grows'"),
        (strategy, {"refuses": ("grow",)}, "refuses is"),
        (strategy, {"refuses": "reset"}, "refuses is"),
        (detector, {"watches": ("looks",)}, "give a tuple of loss, error"),
        (detector, {"watches": ()}, "give a tuple"),
        (detector, {"watches": "loss"}, "give a tuple"),
        (detector, {"watches": ("loss", "features")}, "features are watched alone"),
        (detector, {"told_drifts": True}, "needs an option named 'at'"),
    ],
)
def test_bad_records_are_refused(make, fields, message):
    with pytest.raises(PluginError, match=message):
        make(**fields)
