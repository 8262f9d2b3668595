"""The scripts under examples/ run as they stand."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = ["--dataset", "digits", "--experiences", "2", "--epochs", "1"]

pytestmark = pytest.mark.slow


def script(folder, name, *arguments):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_quickstart(tmp_path):
    output = script(tmp_path, "quickstart.py", *SMALL, "--store", "kept")
    assert "average accuracy 0." in output
    assert "digits" in output
    assert len(list((tmp_path / "kept").glob("*/record.json"))) == 1


def test_compare_curves(tmp_path):
    output = script(tmp_path, "compare_curves.py", *SMALL, "--strategies", "naive,replay,joint")
    for name in ("naive", "replay", "joint"):
        assert name in output
    assert list(tmp_path.iterdir()) == []
