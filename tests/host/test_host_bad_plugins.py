"""A test for each kind of bad plugin: it is left out whole, its neighbours stay, the reason is one line."""

from types import SimpleNamespace

import pytest

from morph_cl.errors import PluginError, UnknownNameError
from morph_cl.hookspecs import API_VERSION, hookimpl
from morph_cl.host import PluginHost, Source
from morph_cl.options import NoOptions, Options
from morph_cl.registry import Provider
from morph_cl.specs import ExpertSpec, StrategySpec
from morph_cl.training_options import TrainingOptions


def expert(name="good-expert", **fields):
    return ExpertSpec(**{"name": name, "build": "nowhere:build", "summary": "An expert.", **fields})


def offering(*records, **attributes):
    @hookimpl
    def register_experts():
        yield from records

    return SimpleNamespace(register_experts=register_experts, **attributes)


def source(plugin, name="bad", distribution="third-party", version="1.2", bundled=False):
    """A source whose load returns ``plugin``, or raises it where it is an exception."""

    def load():
        if isinstance(plugin, BaseException):
            raise plugin
        return plugin

    return Source(Provider(name, distribution, version, bundled), load)


GOOD = source(offering(expert()), name="good", distribution="good-dist", version="3.0")


def bad_host(plugin, **settings):
    """A host of one bad plugin between good neighbours; returns what it says of the bad one."""
    after = source(offering(expert("late-expert")), name="after", distribution="zz")
    host = PluginHost([GOOD, source(plugin), after], **settings)
    good, bad, late = host.plugins
    assert good.status == late.status == "ok"
    assert host.registries["expert"].names() == ["good-expert", "late-expert"]
    assert len(host.registries["strategy"]) == 0
    assert bad.status == "failed"
    assert bad.records == {}
    assert bad.manager is None
    assert "\n" not in bad.reason
    return bad.reason


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (ImportError("no module named\n  'moon'"), "ImportError: no module named 'moon'"),
        (SyntaxError("invalid syntax"), "SyntaxError: invalid syntax"),
        (SystemExit(3), "SystemExit: 3"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_fails_on_import(raised, said):
    assert bad_host(raised) == said


def test_error_that_cannot_print_itself():
    class MuteError(Exception):
        def __str__(self):
            raise ValueError("no words")

    assert bad_host(MuteError()) == "MuteError"


def test_keyboard_interrupt_is_not_swallowed():
    with pytest.raises(KeyboardInterrupt):
        PluginHost([source(KeyboardInterrupt())])


def test_other_api_major():
    reason = bad_host(offering(expert("x"), MORPH_CL_API=(API_VERSION[0] + 1, 0)))
    assert str(API_VERSION[0] + 1) in reason
    assert str(API_VERSION[0]) in reason


def test_newer_api_minor_is_taken():
    host = PluginHost([source(offering(expert("x"), MORPH_CL_API=(API_VERSION[0], API_VERSION[1] + 7)))])
    assert host.registries["expert"].names() == ["x"]


@pytest.mark.parametrize("version", ["1.0", 1, None, (), ("1", "0")])
def test_malformed_api_version(version):
    assert "MORPH_CL_API" in bad_host(offering(expert("x"), MORPH_CL_API=version))


@pytest.mark.parametrize("nonsense", [5, "my-expert", {"name": "my-expert"}, b"x", None])
def test_returns_nonsense(nonsense):
    @hookimpl
    def register_experts():
        return nonsense

    reason = bad_host(SimpleNamespace(register_experts=register_experts))
    assert reason == f"register_experts returned {nonsense!r}; return an iterable of ExpertSpec"


@pytest.mark.parametrize("record", ["my-expert", None, StrategySpec(name="s", build="m:b", summary="A strategy.")])
def test_wrong_record_type(record):
    assert "return ExpertSpec records" in bad_host(offering(expert("x"), record))


def test_raises_in_a_hook_after_another_hook_delivered():
    @hookimpl
    def register_strategies():
        raise ZeroDivisionError("oops")

    @hookimpl
    def register_experts():
        return [expert("x")]

    plugin = SimpleNamespace(register_strategies=register_strategies, register_experts=register_experts)
    assert bad_host(plugin) == "ZeroDivisionError: oops"


def test_generator_that_raises_half_way_is_left_out_whole():
    @hookimpl
    def register_experts():
        yield expert("first-half")
        raise SystemExit("half-way")

    assert bad_host(SimpleNamespace(register_experts=register_experts)) == "SystemExit: half-way"


def test_misspelt_hook():
    @hookimpl
    def register_expert():
        return [expert("x")]

    assert "register_expert" in bad_host(SimpleNamespace(register_expert=register_expert))


def test_misspelt_hook_beside_a_right_one():
    @hookimpl
    def register_strategy():
        return []

    plugin = offering(expert("x"))
    plugin.register_strategy = register_strategy
    assert "register_strategy" in bad_host(plugin)


def test_wrong_hook_arguments():
    @hookimpl
    def run_finished(record, weather):
        return None

    assert "weather" in bad_host(SimpleNamespace(run_finished=run_finished))


def test_hook_without_its_mark():
    plugin = offering(expert("x"))
    plugin.run_finished = lambda record: None
    assert bad_host(plugin) == "run_finished is not marked; put @morph_cl.hookimpl above it"


@pytest.mark.parametrize("plugin", [SimpleNamespace(), None, 5, "text"])
def test_no_hook_at_all(plugin):
    assert "hookimpl" in bad_host(plugin)


def test_class_instead_of_its_instance():
    class Plugin:
        @hookimpl
        def register_experts(self):
            return [expert("x")]

    assert "register_experts" in bad_host(Plugin)
    assert PluginHost([source(Plugin())]).registries["expert"].names() == ["x"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "My_Expert"}, "kebab-case"),
        ({"name": ""}, "kebab-case"),
        ({"name": 5}, "kebab-case"),
        ({"summary": " "}, "give it one line"),
        ({"summary": "two\nlines"}, "give it one line"),
        ({"summary": None}, "give it one line"),
        ({"params": {"hidden": 5}}, "pydantic model"),
        ({"params": NoOptions()}, "pydantic model"),
        ({"build": "package.module"}, "package.module:attribute"),
        ({"build": None}, "package.module:attribute"),
    ],
)
def test_bad_record(fields, said):
    @hookimpl
    def register_experts():
        yield expert("x")
        yield expert(**fields)

    assert said in bad_host(SimpleNamespace(register_experts=register_experts))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"settings": "domain"}, "settings is 'domain'"),
        ({"settings": ()}, "settings is ()"),
        ({"settings": ("domain", "open-world")}, "open-world"),
        ({"boundaries": "sometimes"}, "boundaries is 'sometimes'"),
        ({"profiles": ["small"]}, "profiles is ['small']"),
        ({"profiles": {"Small One": {}}}, "'Small One'"),
        ({"profiles": {"small": {"s": 3}}}, "profile 'small' has 3"),
        ({"profiles": {"small": {"s": {"lr": 0.1}, "my expert": {}}}}, "'my expert'"),
        ({"profiles": {"small": {"s": {"rl": 0.1}}}}, "Did you mean 'lr'"),
        ({"profiles": {"small": {"s": {"lr": -1}}}}, "s.lr=-1"),
        ({"ablations": {"defaults": ({"lr": 1}, "slow")}}, "other than 'defaults'"),
        ({"ablations": {"lr": {"lr": 1}}}, "give a pair"),
        ({"ablations": {"lr": ({}, "nothing")}}, "give it an option"),
        ({"ablations": {"lr": ({"lr": 1}, "two\nlines")}}, "one line"),
        ({"ablations": {"lr": ("lr", "a rate")}}, "give a mapping of options"),
        ({"ablations": {"lr": ({"lr": 99}, "a rate")}}, "ablation 'lr': s.lr=99"),
        ({"eval_batch_size": 0}, "eval_batch_size is 0"),
        ({"eval_batch_size": "all"}, "eval_batch_size is 'all'; give a number from 1 to 65,536"),
    ],
)
def test_bad_strategy_record(fields, said):
    with pytest.raises(PluginError, match="strategy 's'") as caught:
        StrategySpec(**{"name": "s", "build": "m:b", "summary": "A strategy.", "params": TrainingOptions, **fields})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_profile_leaves_the_plugin_out():
    @hookimpl
    def register_strategies():
        yield StrategySpec(name="s", build="m:b", summary="A strategy.", profiles={"small": {"s": {"size": 1}}})

    reason = bad_host(SimpleNamespace(register_strategies=register_strategies))
    assert reason == "strategy 's': profile 'small': unknown option of s 'size'. No option of s is registered."


def test_a_profile_may_leave_out_an_option_without_default():
    class Needy(Options):
        path: str
        size: int = 3

    spec = StrategySpec(
        name="s", build="m:b", summary="A strategy.", params=Needy, profiles={"small": {"s": {"size": 1}}}
    )
    assert list(spec.profiles) == ["small"]


def test_same_name_twice_in_one_plugin():
    assert bad_host(offering(expert("x"), expert("x"))) == "register_experts offers expert 'x' twice"


def test_same_name_for_two_kinds_is_fine():
    @hookimpl
    def register_strategies():
        return [StrategySpec(name="x", build="m:b", summary="A strategy.")]

    plugin = offering(expert("x"))
    plugin.register_strategies = register_strategies
    host = PluginHost([source(plugin)])
    assert host.registries["expert"].names() == host.registries["strategy"].names() == ["x"]


def test_plugin_name_of_another_distribution():
    second = source(offering(expert("other")), name="good", distribution="copycat", version="0.1")
    host = PluginHost([GOOD, second])
    assert [plugin.status for plugin in host.plugins] == ["ok", "failed"]
    assert "good-dist 3.0" in host.plugins[1].reason
    assert host.registries["expert"].names() == ["good-expert"]


def test_plugin_name_of_a_failed_plugin_is_free():
    broken = source(ImportError("x"), name="good", distribution="broken")
    host = PluginHost([broken, GOOD])
    assert [plugin.status for plugin in host.plugins] == ["failed", "ok"]


def test_strict_stops_at_the_first_that_fails():
    with pytest.raises(PluginError, match=r"plugin bad \(third-party 1.2\) failed: ImportError: moon"):
        PluginHost([GOOD, source(ImportError("moon"))], strict=True)


def test_asking_for_a_record_of_a_left_out_plugin_says_why():
    host = PluginHost([GOOD, source(ImportError("moon"), name="lunar")])
    with pytest.raises(UnknownNameError, match=r"Plugin 'lunar' is left out: ImportError: moon\."):
        host.registries["expert"].get("lunar:crater-expert")
    with pytest.raises(UnknownNameError, match=r"lunar \(ImportError: moon\)"):
        host.registries["expert"].get("crater-expert")


def test_several_left_out_plugins_are_named():
    broken = [source(ImportError("x"), name=name) for name in ("moon", "mars")]
    host = PluginHost([GOOD, *broken])
    with pytest.raises(UnknownNameError, match="left out: mars, moon; see `morph-cl plugins doctor`"):
        host.registries["expert"].get("crater-expert")


def test_disabled_plugin_is_not_even_loaded():
    host = PluginHost([GOOD, source(KeyboardInterrupt(), name="off")], disabled=["off"])
    assert [plugin.status for plugin in host.plugins] == ["ok", "disabled"]
    with pytest.raises(UnknownNameError, match="MORPH_CL_DISABLE_PLUGINS"):
        host.registries["expert"].get("off:x")


def test_disabling_an_unknown_plugin_is_noted():
    host = PluginHost([GOOD], disabled=["god"])
    assert len(host.notes) == 1
    assert "MORPH_CL_DISABLE_PLUGINS: unknown plugin 'god'" in host.notes[0]
    assert "'good'" in host.notes[0]
    assert PluginHost([GOOD], disabled=["good"]).notes == []
