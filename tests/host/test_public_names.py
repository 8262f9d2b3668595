"""``import morph_cl``: cheap, complete, and the same to Python, mypy and IDEs."""

import ast
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import morph_cl

TREE = ast.parse(Path(morph_cl.__file__).read_text(encoding="utf-8"))


def fresh(code):
    """Run code in a new interpreter; returns what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def typed_names():
    """The names and modules that a type checker sees."""
    (guard,) = [node for node in TREE.body if isinstance(node, ast.If)]
    imports = [node for node in guard.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module for node in imports for alias in node.names}


def test_type_checkers_see_what_python_sees():
    assert typed_names() == morph_cl._MODULE_OF
    assert sorted(morph_cl.__all__) == sorted([*typed_names(), "__version__"])
    assert len(set(morph_cl.__all__)) == len(morph_cl.__all__)


@pytest.mark.parametrize("name", sorted(set(morph_cl.__all__) - {"__version__"}))
def test_every_public_name_exists(name):
    home = sys.modules.get(morph_cl._MODULE_OF[name])
    value = getattr(morph_cl, name)
    home = home or sys.modules[morph_cl._MODULE_OF[name]]
    assert value is getattr(home, name)
    assert name in dir(morph_cl)


def test_version():
    assert morph_cl.__version__ == version("morph-cl")


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = morph_cl.trian


HEAVY = "print(*sorted({'torch', 'torchvision', 'avalanche', 'pandas', 'scipy', 'sklearn'} & set(sys.modules)))"


def test_import_is_light():
    assert fresh(f"import sys, morph_cl; {HEAVY}") == []
    names = "hookimpl, ExpertSpec, Options, RunConfig, RunRecord, RunListener, DatasetRequest, UsageError"
    assert fresh(f"import sys; from morph_cl import {names}; {HEAVY}") == []


def test_catalog_is_light():
    """Bundled plugins register records without importing what builds them."""
    assert fresh(f"import sys; from morph_cl import load_catalog; load_catalog(); {HEAVY}") == []


def test_bundled_plugins_all_load():
    code = (
        "from morph_cl import load_catalog\n"
        "for p in load_catalog().host.plugins:\n"
        "    if p.provider.bundled and p.status != 'ok': print(p.provider.plugin, p.reason)"
    )
    assert fresh(code) == []


def test_public_functions_are_no_modules():
    """A subpackage of the same name would take the place of a public function once it is imported."""
    root = Path(morph_cl.__file__).parent
    modules = {path.stem for path in root.glob("*.py")} | {path.name for path in root.iterdir() if path.is_dir()}
    assert sorted(modules & set(morph_cl.__all__)) == []
