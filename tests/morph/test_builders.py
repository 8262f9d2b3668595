"""The transformer expert: sizes that are refused, patches that attend, and storage in half precision."""

from __future__ import annotations

import copy

import pytest
import torch

from morph_cl.errors import UsageError
from morph_cl.morph.builders import build_transformer
from morph_cl.morph.experts import ExpertPool
from morph_cl.morph.options import TransformerExpertOptions
from morph_cl.options import validate_options

SMALL = TransformerExpertOptions(patch=4, width=16, heads=2, depth=1)


def test_a_patch_that_does_not_divide_the_image_is_refused_with_those_that_do() -> None:
    with pytest.raises(UsageError, match=r"patch=5 .* 28x28; set transformer\.patch to one of 1, 2, 4, 7, 14, 28\."):
        build_transformer((1, 28, 28), 10, TransformerExpertOptions(patch=5))
    with pytest.raises(UsageError, match=r"8x12; set transformer\.patch to one of 1, 2, 4\."):
        build_transformer((1, 8, 12), 10, TransformerExpertOptions(patch=8))


def test_heads_that_do_not_divide_the_width_are_refused_with_those_that_do() -> None:
    with pytest.raises(UsageError, match="heads=5 does not divide width=12; heads can be 1, 2, 3, 4, 6, 12"):
        validate_options(TransformerExpertOptions, {"width": 12, "heads": 5}, "transformer")


def test_every_size_takes_part() -> None:
    net = build_transformer((3, 8, 12), 7, TransformerExpertOptions(patch=2, width=12, heads=3, depth=2, mlp_ratio=1.5))
    shapes = {name: tuple(parameter.shape) for name, parameter in net.named_parameters()}
    assert shapes["positions"] == (24, 12)
    assert shapes["embed.weight"] == (12, 3, 2, 2)
    assert shapes["blocks.1.hidden.0.weight"] == (18, 12)
    assert "blocks.2.hidden.0.weight" not in shapes
    assert net(torch.rand(5, 3, 8, 12)).shape == (5, 7)


@torch.no_grad()
def test_attention_equals_torchs_encoder_layer() -> None:
    torch.manual_seed(0)
    net = build_transformer((1, 8, 8), 3, SMALL)
    block = net.blocks[0]  # type: ignore[index]
    layer = torch.nn.TransformerEncoderLayer(16, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True).eval()
    theirs = dict(layer.named_parameters())
    ours = {
        "self_attn.in_proj": block.project,
        "self_attn.out_proj.": block.gather,
        "linear1.": block.hidden[0],
        "linear2.": block.hidden[2],
        "norm1.": block.norm_attention,
        "norm2.": block.norm_hidden,
    }
    for prefix, module in ours.items():
        separator = "_" if prefix.endswith("proj") else ""
        theirs[f"{prefix}{separator}weight"].copy_(module.weight)
        theirs[f"{prefix}{separator}bias"].copy_(module.bias)
    x = torch.randn(3, 4, 16)
    torch.testing.assert_close(block(x), layer(x), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_positions_tell_patches_apart() -> None:
    torch.manual_seed(0)
    net = build_transformer((1, 8, 8), 3, SMALL)
    x = torch.rand(2, 1, 8, 8)
    assert not torch.allclose(net(x), net(x.flip(2).roll(4, 3)), atol=1e-4)
    net.positions.zero_()  # type: ignore[operator]
    torch.testing.assert_close(net(x), net(x.roll((4, 4), (2, 3))), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_it_lives_in_a_pool_in_half_precision() -> None:
    torch.manual_seed(0)
    pool = ExpertPool(lambda: build_transformer((1, 8, 8), 3, SMALL), half=True)
    number = pool.add(None)
    pool.open(number)
    x = torch.rand(4, 1, 8, 8)
    live = pool.eval()(number, x)
    pool.freeze(number)
    assert {tensor.dtype for tensor in pool.net(number).state_dict().values()} == {torch.float16}
    torch.testing.assert_close(pool(number, x), live, rtol=0.01, atol=0.01)
    assert torch.equal(copy.deepcopy(pool)(number, x), pool(number, x))
    assert pool.add(number) == 1
