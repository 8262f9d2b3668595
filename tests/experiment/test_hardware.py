from __future__ import annotations

import os

import pytest
import torch

from morph_cl.errors import UsageError
from morph_cl.experiment.hardware import check_device, default_threads


def test_the_cpu_is_always_there():
    check_device("cpu")


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="not available"):
        check_device(f"cuda:{torch.cuda.device_count()}")


@pytest.mark.parametrize(("cores", "threads"), [(None, 1), (1, 1), (2, 1), (8, 4)])
def test_half_of_the_cores_and_at_least_one(monkeypatch, cores, threads):
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert default_threads() == threads
