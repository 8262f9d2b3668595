"""A third party's package, installed into a fresh environment, without the network."""

import json
import os
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello-expert"


class Environment:
    """A virtual environment with its own site-packages, which sees those of this process too."""

    def __init__(self, folder):
        self.folder = folder
        venv.create(folder, with_pip=False, symlinks=True)
        self.python = folder / "bin" / "python"
        (own,) = folder.glob("lib/python*/site-packages")
        # addsitedir, not a bare path, so that the .pth files of editable installs count too.
        lines = [f"import site; site.addsitedir({path!r})" for path in site.getsitepackages()]
        (own / "parent.pth").write_text("\n".join(lines))

    def module(self, *command):
        return self._run("-m", *command)

    def morph_cl(self, *command, cwd=None):
        # The console script itself stands in the parent environment and would run its Python.
        return self._run("-c", "import sys; from morph_cl.cli.main import main; sys.exit(main())", *command, cwd=cwd)

    def _run(self, *command, cwd=None):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MORPH_CL_")}
        environment.pop("PYTHONPATH", None)
        environment.update(OMP_NUM_THREADS="1", NO_COLOR="1", COLUMNS="200")
        done = subprocess.run(
            [str(self.python), *command],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hello")
    package = folder / "package"  # pip builds in the source folder: leave the repository clean
    shutil.copytree(EXAMPLE, package, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    environment = Environment(folder / "env")
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    environment.module("pip", "install", "--quiet", *offline, str(package))
    return environment


def test_listed_with_the_bundled_experts(environment):
    listed = environment.morph_cl("list", "experts")
    assert "hello-expert" in listed
    assert "mlp" in listed


def test_doctor_finds_it_well(environment):
    found = environment.morph_cl("plugins", "doctor")
    (row,) = [line for line in found.splitlines() if line.startswith("hello-expert ")]
    assert "hello-expert 0.1.0" in row
    assert " ok " in row


def test_morph_runs_with_it(environment, tmp_path):
    stream = "rotated-mnist --experiences 2 --epochs 1 --dataset digits"
    learner = "--strategy morph -o morph.expert=hello-expert -o hello-expert.pieces=3"
    environment.morph_cl("run", *f"{stream} {learner} --quiet --json out.json".split(), cwd=tmp_path)
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["strategy_info"]["options"]["expert"] == "hello-expert"
    assert len(record["accuracy_matrix"]) == 2
    assert any("hello-expert" in plugin and "0.1.0" in plugin for plugin in record["provenance"]["plugins"])


def test_its_own_tests_pass(environment):
    tests = EXAMPLE / "tests"
    environment.module("pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(tests), str(tests))


def test_not_seen_from_here():
    """The environment is its own: nothing leaked into the one that runs the tests."""
    listed = subprocess.run(
        [sys.executable, "-c", "from morph_cl import load_catalog; print(load_catalog().experts.names())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "hello-expert" not in listed.stdout
