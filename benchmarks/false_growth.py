"""How often MORPH grows on a stream where nothing changes: seeds by boundaries, on small digits.

python benchmarks/false_growth.py --seeds 10
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

from morph_cl import MorphModel, build_morph
from morph_cl.catalog import load_catalog
from morph_cl.data.resolve import resolve_dataset
from morph_cl.morph.intake import absorb, begin, hold_out, measure, remember

_BATCH, _PARTS, _HELD = 32, 4, 40


def stream(x: Tensor, y: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """The samples in another order."""
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    return x[order], y[order]


def free(model: MorphModel, x: Tensor, y: Tensor) -> None:
    """Two passes in batches, nothing told."""
    optimizer = model.make_optimizer()
    for _ in range(2):
        for batch in zip(x.split(_BATCH), y.split(_BATCH), strict=True):
            model.train_step(batch, optimizer)


def aware(model: MorphModel, x: Tensor, y: Tensor) -> None:
    """Parts of one stream told to be experiences."""
    for part_x, part_y in zip(x.chunk(_PARTS), y.chunk(_PARTS), strict=True):
        held, own = (part_x[:_HELD], part_y[:_HELD]), (part_x[_HELD:], part_y[_HELD:])
        begin(model, own[0][: model.options.window], own[1][: model.options.window])
        absorb(model, *own)
        hold_out(model, *held)
        optimizer = model.make_optimizer()
        for batch in zip(own[0].split(_BATCH), own[1].split(_BATCH), strict=True):
            optimizer.zero_grad()
            model.step(*batch).loss.backward()
            optimizer.step()
        measure(model, *held)
        remember(model, *own)
        model.sleep()


def main() -> None:
    """Print a row for each kind of boundaries and each surprise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    data = resolve_dataset(arguments.data, load_catalog()).load()
    shape, classes = tuple(data.train_x.shape[1:]), data.classes
    print(f"{'boundaries':12}{'surprise':>10}{'seeds that grew':>18}{'growths':>10}")
    for boundaries, feed in (("free", free), ("aware", aware)):
        for surprise in (0.0, 4.0):
            counts = []
            for seed in range(arguments.seeds):
                torch.manual_seed(seed)
                model = build_morph(shape, classes, boundaries=boundaries, surprise=surprise, window=256, memory=1_000)
                feed(model, *stream(data.train_x.float() / 255, data.train_y, seed))
                counts.append(sum(event.kind in ("growth", "growth-refused") for event in model.pending))
            grew = sum(count > 0 for count in counts)
            print(f"{boundaries:12}{surprise:10.1f}{f'{grew} of {len(counts)}':>18}{sum(counts):10}")


if __name__ == "__main__":
    main()
