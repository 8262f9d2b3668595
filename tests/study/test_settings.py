"""What the study is told: defaults, and what is refused."""

import pytest

from morph_cl.config import checked
from morph_cl.errors import UsageError
from morph_cl.metrics.drift.recovery import RecoveryRule
from morph_cl.study.settings import DriftStudyConfig


def test_the_defaults_are_those_of_the_issue():
    config = DriftStudyConfig()
    assert config.presets == ("recurring", "abrupt", "gradual", "incremental", "steady", "blips")
    assert config.strategies == ("mlp", "mlp-adwin", "replay", "der", "morph")
    assert (config.seeds, config.validation_seeds) == ((0, 1, 2, 3, 4), (10, 11))
    assert (config.dataset, config.samples, config.batch_size, config.threads) == ("mnist", None, 10, 1)
    assert config.rule == RecoveryRule()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"strategies": ["mlp", "naive"]}, "the contestants are mlp, mlp-adwin, replay, der, morph"),
        ({"strategies": []}, "at least 1"),
        ({"strategies": ["mlp", "mlp"]}, "more than once"),
        ({"presets": ["abrupt", "abrupt"]}, "more than once"),
        ({"validation_seeds": [4, 10]}, "seed 4 is measured.*such as 5,6"),
        ({"lrs": [0.0]}, "greater than 0"),
        ({"lrs": [0.1, 0.1]}, "more than once"),
        ({"samples": 5}, "greater than or equal to 20"),
        ({"eps": 1.0}, "less than 1"),
        ({"windows": 0}, "greater than or equal to 1"),
        ({"hidden": []}, "at least 1"),
        ({"options": {"drifting-mnist": {"samples": 100}}}, "give --samples"),
    ],
)
def test_what_is_out_of_range_is_refused_in_one_line(given, said):
    with pytest.raises(UsageError, match=said) as refused:
        checked(DriftStudyConfig, given)
    assert str(refused.value).startswith(next(iter(given)))
    assert "\n" not in str(refused.value)
