"""The buffer put together at once holds what Avalanche's own holds, in the same order."""

from __future__ import annotations

import pytest
import torch
from avalanche.training.storage_policy import ExperienceBalancedBuffer
from morph_cl_plugins.baselines.rehearsal import GatheredBuffer

import morph_cl


@pytest.mark.parametrize("setting", ["domain", "task"])
def test_holds_what_avalanches_buffer_holds(setting):
    name = "split-mnist" if setting == "task" else "rotated-mnist"
    options = {} if setting == "task" else {"rotated-mnist": {"experiences": 4}}
    stream = morph_cl.build_stream(name, dataset="digits", setting=setting, options=options)
    held = []
    for kind in (ExperienceBalancedBuffer, GatheredBuffer):
        torch.manual_seed(0)
        policy = kind(max_size=50, adaptive_size=True)
        for experience in stream.benchmark.train_stream[:4]:
            policy.post_adapt(None, experience)
        buffer = policy.buffer
        held.append([buffer[row] for row in range(len(buffer))])
        assert len(list(buffer.targets)) == 50
    for mine, theirs in zip(*held, strict=True):
        assert torch.equal(mine[0], theirs[0])
        assert tuple(mine[1:]) == tuple(theirs[1:])
