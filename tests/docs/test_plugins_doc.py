"""docs/plugins.md names every hook with its arguments, every record, every check, and its code works."""

import ast
import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

import morph_cl
from morph_cl import hookspecs, testing
from morph_cl.host import REGISTER_HOOKS, load_host
from morph_cl.specs import SPEC_TYPES, Spec
from morph_cl.testing import check_expert

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
HOOKS = {name: hook for name, hook in vars(hookspecs).items() if hasattr(hook, "morph_cl_spec")}


def test_every_hook_and_no_other_has_its_heading_with_its_arguments():
    headings = dict(re.findall(r"^### (\w+)\((.*)\)$", TEXT, re.MULTILINE))
    documented = {name: [part.strip() for part in text.split(",") if part.strip()] for name, text in headings.items()}
    assert documented == {name: list(inspect.signature(hook).parameters) for name, hook in HOOKS.items()}


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_every_argument_is_explained_under_its_hook(name):
    section = TEXT.split(f"### {name}(")[1].split("\n#")[0]
    for argument in inspect.signature(HOOKS[name]).parameters:
        assert f"- `{argument}`: " in section
    if name in REGISTER_HOOKS:
        assert f"`{SPEC_TYPES[REGISTER_HOOKS[name]].__name__}`" in section


@pytest.mark.parametrize("kind", sorted(SPEC_TYPES))
def test_every_field_of_a_record_is_in_the_table(kind):
    (row,) = [line for line in TEXT.splitlines() if line.startswith(f"| `{SPEC_TYPES[kind].__name__}` |")]
    own = {field.name for field in fields(SPEC_TYPES[kind])} - {field.name for field in fields(Spec)}
    assert own == set(re.findall(r"`(\w+)`", row.rsplit("|", 2)[1]))


def test_every_check_is_in_the_table():
    assert set(re.findall(r"^\| `(check_\w+)` \|", TEXT, re.MULTILINE)) == {
        name for name in testing.__all__ if name.startswith("check_")
    }


def test_environment_variables_are_those_that_are_read():
    assert set(re.findall(r"MORPH_CL_[A-Z]+_PLUGINS", TEXT)) == {
        "MORPH_CL_DISABLE_PLUGINS",
        "MORPH_CL_STRICT_PLUGINS",
    }
    assert f"MORPH_CL_API = {hookspecs.API_VERSION}" in TEXT


def test_code_imports_only_public_names():
    for block in BLOCKS:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module == "morph_cl":
                assert {alias.name for alias in node.names} <= set(morph_cl.__all__)


def test_first_example_is_a_working_plugin(tmp_path):
    file = tmp_path / "my_expert.py"
    file.write_text(BLOCKS[0])
    check_expert(load_host([str(file)]).registries["expert"].get("one-layer").spec)


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_links_to_files_lead_somewhere(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (ROOT / "docs" / target).exists(), f"{page} links to {target}"


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "index.md" or f"({page.name})" in index
