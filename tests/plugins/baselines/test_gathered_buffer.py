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


def test_it_is_put_together_once_until_a_share_changes():
    stream = morph_cl.build_stream("rotated-mnist", dataset="digits", options={"rotated-mnist": {"experiences": 3}})
    policy = GatheredBuffer(max_size=60, adaptive_size=True)
    for experience in stream.benchmark.train_stream[:2]:
        policy.post_adapt(None, experience)
    whole = policy.buffer
    assert policy.buffer is whole
    group = next(iter(policy.buffer_groups.values()))
    group.buffer = group.buffer.subset(range(10))
    assert len(policy.buffer) == 40
    policy.post_adapt(None, stream.benchmark.train_stream[2])
    assert "_gathered" not in vars(policy)  # between experiences, when states are saved and bytes counted
    assert len(policy.buffer) == 50
