"""Where plugins come from: installed distributions, files, the environment; and the observers among them."""

import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from morph_cl import host as host_module
from morph_cl.errors import AmbiguousNameError, PluginError, UnknownNameError, UsageError
from morph_cl.hookspecs import hookimpl
from morph_cl.host import PluginHost, Source, entry_point_sources, file_source, load_host
from morph_cl.registry import Provider
from morph_cl.specs import ExpertSpec

FILE = """
from morph_cl.hookspecs import hookimpl
from morph_cl.specs import ExpertSpec

@hookimpl
def register_experts():
    yield ExpertSpec(name="{name}", build=build, summary="From a file.")

def build(input_shape, classes, options):
    return None
"""


class Distribution:
    """As much of an installed distribution as the host reads."""

    def __init__(self, name, version):
        self.name, self.version = name, version


class Installed:
    """An entry point and its distribution, in the order in which the import system happens to find them."""

    def __init__(self, plugin, distribution, version, record):
        self.name, self.dist, self.record = plugin, Distribution(distribution, version), record

    def load(self):
        @hookimpl
        def register_experts():
            return [ExpertSpec(name=self.record, build="nowhere:build", summary="An expert.")]

        return SimpleNamespace(register_experts=register_experts)


@pytest.fixture
def installed(monkeypatch):
    """Pretend that these plugins, and only these, are installed."""

    def install(*plugins):
        monkeypatch.delenv("MORPH_CL_DISABLE_PLUGINS", raising=False)
        monkeypatch.delenv("MORPH_CL_STRICT_PLUGINS", raising=False)
        monkeypatch.setattr(host_module.importlib.metadata, "entry_points", lambda group: list(plugins))

    return install


def names(host):
    return host.registries["expert"].names()


def test_own_plugins_load_first_then_by_distribution_and_name(installed):
    installed(
        Installed("b", "zebra", "1", "e1"),
        Installed("a", "zebra", "1", "e2"),
        Installed("z", "ant", "1", "e3"),
        Installed("y", "morph_cl", "1", "e4"),
        Installed("x", "morph-cl", "1", "e5"),
    )
    assert [source.provider.plugin for source in entry_point_sources()] == ["x", "y", "z", "a", "b"]


def test_entry_point_seen_twice_on_the_path_counts_once(installed):
    installed(Installed("a", "ant", "1", "e"), Installed("a", "ant", "1", "e"))
    host = load_host()
    assert [plugin.status for plugin in host.plugins] == ["ok"]
    assert names(host) == ["e"]


def test_entry_point_without_distribution(monkeypatch):
    monkeypatch.setattr(
        host_module.importlib.metadata, "entry_points", lambda group: [EntryPoint("a", "nowhere", group)]
    )
    assert str(load_host().plugins[0].provider) == "a (unknown)"


def test_two_third_parties_with_one_record_name(installed):
    installed(Installed("a", "ant", "1.0", "same"), Installed("b", "bee", "2.0", "same"))
    registry = load_host().registries["expert"]
    with pytest.raises(AmbiguousNameError) as caught:
        registry.get("same")
    for part in ("'a:same'", "'b:same'", "ant 1.0", "bee 2.0"):
        assert part in str(caught.value)
    assert registry.get("a:same").provider.distribution == "ant"
    assert registry.get("b:same").provider.distribution == "bee"
    assert registry.names() == ["a:same", "b:same"]
    assert [len(group) for group in registry.clashes()] == [2]


def test_third_party_cannot_shadow_a_bundled_name(installed):
    installed(Installed("a", "ant", "1.0", "same"), Installed("own", "morph-cl", "2.0", "same"))
    registry = load_host().registries["expert"]
    assert registry.get("same").provider.distribution == "morph-cl"
    assert registry.get("own:same").provider.distribution == "morph-cl"
    assert registry.get("a:same").provider.distribution == "ant"
    assert registry.names() == ["a:same", "same"]


def test_disabled_by_the_environment(installed, monkeypatch):
    installed(Installed("a", "ant", "1", "e1"), Installed("b", "bee", "1", "e2"))
    monkeypatch.setenv("MORPH_CL_DISABLE_PLUGINS", " a, ,nothing")
    host = load_host()
    assert [plugin.status for plugin in host.plugins] == ["disabled", "ok"]
    assert names(host) == ["e2"]
    assert ["nothing" in note for note in host.notes] == [True]


@pytest.mark.parametrize(("value", "strict"), [("1", True), ("yes", True), ("0", False), ("", False)])
def test_strict_by_the_environment(installed, monkeypatch, value, strict):
    installed(EntryPoint("broken", "no_such_module_anywhere", "morph_cl"), Installed("a", "ant", "1", "e"))
    monkeypatch.setenv("MORPH_CL_STRICT_PLUGINS", value)
    if strict:
        with pytest.raises(PluginError, match="no_such_module_anywhere"):
            load_host()
    else:
        assert names(load_host()) == ["e"]


# --- files ---


def test_file_plugin(installed, tmp_path):
    installed(Installed("a", "ant", "1", "e"))
    file = tmp_path / "my_expert.py"
    file.write_text(FILE.format(name="from-file"))
    path_before = list(sys.path)
    host = load_host([str(file)])
    assert names(host) == ["e", "from-file"]
    entry = host.registries["expert"].get("my-expert:from-file")
    assert entry.provider.distribution == str(file)
    assert entry.spec.resolve()((1, 2, 2), 3, None) is None
    assert sys.path == path_before


def test_file_plugin_given_twice_counts_once(installed, tmp_path, monkeypatch):
    installed()
    (tmp_path / "mine.py").write_text(FILE.format(name="from-file"))
    monkeypatch.chdir(tmp_path)
    host = load_host(["mine.py", str(tmp_path / "mine.py")])
    assert [plugin.status for plugin in host.plugins] == ["ok"]


def test_two_files_of_one_name(installed, tmp_path):
    installed()
    files = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        files.append(tmp_path / folder / "mine.py")
        files[-1].write_text(FILE.format(name=f"expert-{folder}"))
    with pytest.raises(UsageError, match="'mine' is taken"):
        load_host(map(str, files))


@pytest.mark.parametrize("name", ["missing.py", "folder.py", "notes.txt", ""])
def test_file_that_is_no_plugin_file(installed, tmp_path, monkeypatch, name):
    installed()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UsageError, match=r"give the path of an existing \.py file") as caught:
        file_source(name)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def oops(:", "SyntaxError"),
        ("raise SystemExit(1)", "SystemExit: 1"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("", "implements no hook"),
    ],
)
def test_failing_file_is_an_error_since_it_was_asked_for(installed, tmp_path, text, said):
    installed(Installed("a", "ant", "1", "e"))
    file = tmp_path / "broken_file.py"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_host([str(file)])
    assert said in str(caught.value)
    assert "broken_file.py" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_failing_file_leaves_no_half_module_behind(installed, tmp_path):
    installed()
    file = tmp_path / "half_module.py"
    file.write_text("raise ValueError")
    with pytest.raises(UsageError):
        load_host([str(file)])
    assert not [name for name in sys.modules if "half_module" in name]


def test_disabled_file_is_a_contradiction(installed, tmp_path, monkeypatch):
    installed()
    file = tmp_path / "mine.py"
    file.write_text(FILE.format(name="x"))
    monkeypatch.setenv("MORPH_CL_DISABLE_PLUGINS", "mine")
    with pytest.raises(UsageError, match="disabled by MORPH_CL_DISABLE_PLUGINS"):
        load_host([str(file)])


# --- observers ---


def observer(seen, raises=None):
    @hookimpl
    def run_finished(record):
        seen.append(record)
        if raises:
            raise raises

    return SimpleNamespace(run_finished=run_finished)


@pytest.mark.parametrize("error", [ValueError("two\nlines"), SystemExit(9)])
def test_observer_that_raises_is_reported_and_harmless(error):
    seen = []
    host = PluginHost(
        [
            Source(Provider("first", "ant", "1.0"), lambda: observer(seen, raises=error)),
            Source(Provider("off", "bee"), lambda: observer(seen)),
            Source(Provider("second", "cat"), lambda: observer(seen)),
        ],
        disabled=["off"],
    )
    reports = host.notify("run_finished", record="the record")
    assert seen == ["the record", "the record"]
    assert len(reports) == 1
    assert reports[0].startswith(f"observer run_finished of plugin first (ant 1.0) failed: {type(error).__name__}")
    assert "\n" not in reports[0]


# --- records that cannot be built ---


@pytest.mark.parametrize(
    ("build", "said"),
    [
        ("no_such_module:build", "No module named"),
        ("json:no_such_function", "no_such_function"),
        ("json:__name__", "not a callable"),
        (":build", "cannot import"),
        ("module_that_exits:build", "SystemExit"),
    ],
)
def test_build_text_that_cannot_be_imported_is_an_error_when_used(tmp_path, monkeypatch, build, said):
    (tmp_path / "module_that_exits.py").write_text("raise SystemExit(2)")
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = ExpertSpec(name="late", build=build, summary="Fails late.")
    with pytest.raises(PluginError, match="expert 'late' cannot be built") as caught:
        spec.resolve()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_name_of_an_empty_registry():
    with pytest.raises(UnknownNameError, match="No expert is registered"):
        PluginHost([]).registries["expert"].get("x")
