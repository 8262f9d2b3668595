"""Frames: what images look like through them, and how frames are turned and joined."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from morph_cl.morph.frames import Framed, borrowed, identity, sampled, seen_through, steps_around, turn_of, turns

Ring = Callable[..., tuple[Tensor, Tensor]]

angles = st.floats(-179, 179)
small = st.floats(-0.2, 0.2)


def frame_of(degrees: float, stretch: float = 0.0, shift: float = 0.0) -> Tensor:
    angle = torch.tensor(float(degrees)).deg2rad()
    cos, sin = (1 + stretch) * angle.cos(), (1 + stretch) * angle.sin()
    return torch.stack([torch.stack([cos, -sin, angle * 0 + shift]), torch.stack([sin, cos, angle * 0])])


def test_the_identity_leaves_images_as_they_are(ring: Ring) -> None:
    x, _ = ring(3)
    assert seen_through(x, identity()) is x
    assert seen_through(x, identity().half().expand(3, 2, 3)) is x


@given(st.integers(1, 4), st.integers(1, 3), st.integers(8, 14), st.integers(8, 14), st.integers(0, 999))
def test_images_look_as_torch_samples_them(size: int, channels: int, height: int, width: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(size, channels, height, width, generator=generator)
    frames = identity() + 0.5 * torch.randn(size, 2, 3, generator=generator)
    grid = nn.functional.affine_grid(frames, list(x.shape), align_corners=False)
    wanted = nn.functional.grid_sample(x, grid, align_corners=False)
    assert torch.allclose(sampled(x, frames), wanted, atol=1e-4)
    assert torch.allclose(seen_through(x, frames), wanted, atol=1e-4)


def test_one_frame_serves_all_images_and_many_serve_one_each(ring: Ring) -> None:
    x, _ = ring(4)
    frames = torch.stack([frame_of(degrees) for degrees in (0, 30, 90, -45)])
    each = seen_through(x, frames)
    for row, frame in enumerate(frames):
        assert torch.allclose(each[row], seen_through(x, frame)[row], atol=1e-6)
    assert torch.allclose(each[0], x[0], atol=1e-6)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_quarter_turn_of_the_world_is_undone_by_a_frame_turned_the_other_way(ring: Ring, quarters: int) -> None:
    x, _ = ring(5)
    frame = frame_of(-90.0 * quarters)  # rot90 turns counter-clockwise
    assert torch.allclose(seen_through(torch.rot90(x, quarters, (2, 3)), frame), x, atol=1e-5)


@given(angles, small, small)
def test_24_steps_come_back_to_the_start(degrees: float, stretch: float, shift: float) -> None:
    frame = frame_of(degrees, stretch, shift)
    steps = turns(frame, 24)
    assert torch.equal(steps[0], frame)
    again = frame
    for _ in range(24):
        again = turns(again, 24)[1]
    assert torch.allclose(again, frame, atol=1e-4)
    assert torch.allclose(turns(steps[7], 24)[17], frame, atol=1e-5), "7 and 17 steps are all the way round"
    assert len({tuple(step.flatten().tolist()) for step in steps}) == 24


@given(angles, st.floats(-0.5, 0.5), small)
def test_the_turn_of_a_frame_is_told_whatever_its_scale_and_shift(degrees: float, stretch: float, shift: float) -> None:
    assert turn_of(frame_of(degrees, stretch, shift)) == pytest.approx(degrees, abs=1e-3)


@given(st.integers(1, 23))
def test_steps_of_15_degrees_turn_by_15_degrees(steps: int) -> None:
    turned = turn_of(turns(identity(), 24)[steps])
    assert (turned - 15 * steps + 180) % 360 - 180 == pytest.approx(0, abs=1e-3)


@given(angles, small, small)
def test_what_is_borrowed_from_oneself_is_the_identity(degrees: float, stretch: float, shift: float) -> None:
    frame = frame_of(degrees, stretch, shift)
    assert torch.allclose(borrowed(frame, frame), identity(), atol=1e-5)


@settings(max_examples=30)
@given(a=angles, b=angles, stretch=st.floats(-0.1, 0.1))
def test_what_is_borrowed_looks_through_the_lenders_frame_as_it_does_through_ones_own(
    ring: Ring, a: float, b: float, stretch: float
) -> None:
    x, _ = ring(6)
    one, lender = frame_of(a, stretch), frame_of(b)
    through_both = seen_through(seen_through(x, borrowed(one, lender)), lender)
    own = seen_through(x, one)
    assert float((through_both - own).abs().mean()) < 0.02  # linear interpolation twice blurs a little
    assert float((through_both - own).abs().mean()) < 0.2 * float(own.abs().mean())


@given(angles, small, small)
def test_steps_around_a_frame_are_neighbours_and_all_differ(degrees: float, stretch: float, shift: float) -> None:
    frame = frame_of(degrees, stretch, shift)
    steps = steps_around(frame, (2.0, 5.0), 0.05, 0.05)
    assert torch.allclose(steps[0], frame, atol=1e-6)
    assert len(steps) == 1 + 2 * (2 + 5)
    apart = torch.cdist(steps.flatten(1), steps.flatten(1)) + torch.eye(len(steps))
    assert float(apart.min()) > 0.01
    assert float((steps - frame).abs().max()) < 0.15
    turned = sorted(round((turn_of(step) - degrees + 180) % 360 - 180, 1) for step in steps)
    assert {-5.0, -2.0, 2.0, 5.0} <= set(turned)


def test_a_framed_network_sees_through_its_frame_or_the_one_it_is_given(ring: Ring) -> None:
    x, _ = ring(3)
    net = Framed(nn.Flatten())
    assert torch.equal(net(x), x.flatten(1))
    net.frame.copy_(frame_of(90))
    assert torch.allclose(net(x), seen_through(x, frame_of(90)).flatten(1))
    assert torch.equal(net(x, identity()), x.flatten(1))
