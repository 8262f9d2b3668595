"""Who takes part: the same network for all, and options that reach only whom they concern."""

import pytest

from morph_cl import load_catalog
from morph_cl.errors import UsageError
from morph_cl.experiment.plan import plan_run
from morph_cl.study.contestants import CONTESTANTS, check_options, options_for
from morph_cl.study.protocol import Entry, run_config
from morph_cl.study.settings import DriftStudyConfig

SHARED = ("drifting-mnist", "digits")


def config_of(name, lr=0.001, **settings):
    study = DriftStudyConfig(dataset="digits", **settings)
    return run_config(study, Entry("abrupt", name, 3, lr if CONTESTANTS[name].tuned else None))


@pytest.mark.parametrize("name", CONTESTANTS)
def test_every_contestant_is_a_valid_run(name):
    config = config_of(name)
    plan = plan_run(config, load_catalog())
    assert (config.preset, config.seed, plan.batch_size, plan.epochs, config.keep_model) == ("abrupt", 3, 10, 1, False)


@pytest.mark.parametrize("name", [name for name in CONTESTANTS if name != "morph"])
def test_rivals_have_the_layers_of_morphs_experts_and_adam(name):
    options = plan_run(config_of(name), load_catalog()).strategy_options
    assert (options.network, options.hidden, options.optimizer, options.lr) == ("mlp", (256, 256), "adam", 0.001)
    assert getattr(options, "mem_size", 500) == 500


def test_morph_is_told_to_find_drifts_by_itself_and_nothing_else():
    config = config_of("morph")
    assert config.options == {"morph": {"boundaries": "free"}}
    assert (config.detector, config.profile) == (None, None)


def test_other_layers_are_those_of_all():
    assert config_of("morph", hidden=(32, 16)).options["mlp"] == {"hidden": [32, 16]}
    assert config_of("der", hidden=(32, 16)).options["der"]["hidden"] == [32, 16]


def test_adwin_resets_the_network_that_it_watches():
    config = config_of("mlp-adwin")
    assert (config.strategy, config.detector, config.watch, config.on_drift) == ("naive", "adwin", "loss", "reset")


def test_an_option_reaches_only_whom_it_concerns():
    given = {"morph": {"novelty": 0.2}, "adwin": {"delta": 0.01}, "replay": {"mem_size": 50}, "digits": {}}
    reached = {name: set(options_for(contestant, given, SHARED)) for name, contestant in CONTESTANTS.items()}
    assert reached == {
        "mlp": {"digits"},
        "mlp-adwin": {"adwin", "digits"},
        "replay": {"replay", "digits"},
        "der": {"digits"},
        "morph": {"morph", "adwin", "digits"},  # it may watch novelty with any detector
    }


def test_a_label_says_the_memory_that_there_is():
    assert DriftStudyConfig().label("replay") == "replay 500"
    assert DriftStudyConfig(options={"der": {"mem_size": 20}}).label("der") == "DER++ 20"


@pytest.mark.parametrize(
    ("names", "options", "said"),
    [
        (["mlp"], {"naive": {"lr": 0.1}}, "naive.lr is chosen from the grid; give --lrs"),
        (["der"], {"der": {"hidden": [10]}}, "give --hidden"),
        (["replay"], {"replay": {"optimizer": "sgd"}}, "adam; leave it out"),
        (["mlp"], {"der": {"alpha": 1}}, "der.alpha is for nothing in this study; options may be for .*naive"),
        (["mlp"], {"typo": {"x": 1}}, "typo.x is for nothing"),
        (["mlp"], {"monitor": {"cooldown": 1}}, "monitor.cooldown is for nothing"),
        (["morph"], {"mlp": {"hidden": [10]}}, "give --hidden"),
    ],
)
def test_options_that_the_study_sets_or_nobody_takes_are_refused(names, options, said):
    with pytest.raises(UsageError, match=said):
        check_options([CONTESTANTS[name] for name in names], options, SHARED)


def test_the_options_of_a_detector_are_taken_where_it_is_attached():
    check_options([CONTESTANTS["mlp-adwin"]], {"monitor": {"cooldown": 1}, "adwin": {"delta": 0.1}}, SHARED)
