"""Section 6: threads, batch sizes, a larger model."""

from __future__ import annotations

from typing import Any

import bare_loops
import torch
from measure import Row, Section, Way, alternate, row
from subjects import Size, digits, network, own, stream_of, timed, trains
from torch import Tensor, nn

BARE = "naive in a plain loop over whole tensors; for the CNN (32-64-128 channels, 3x32x32) on the same tensors too"


class _Cnn(nn.Module):
    """Our strategies' own CNN, bare.

    Args:
        stream: the stream that it is for.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self.network = own("naive", stream, 128, _CNN).model

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.network(x)
        return logits


_CNN = {"network": "cnn", "hidden": [32, 64, 128]}


def pair(data: bare_loops.Images, batch: int, options: dict[str, Any] | None = None) -> dict[str, Way]:
    """Ours and bare on one experience.

    Args:
        data: the experience.
        batch: samples a step.
        options: of naive.
    """
    stream = stream_of([data], [(data[0][:10], data[1][:10])])

    def bare() -> float:
        torch.manual_seed(0)
        model = _Cnn(stream) if options else network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        return timed(lambda: bare_loops.naive(model, optimizer, data, batch))

    ours = trains(lambda: own("naive", stream, batch, options), stream.benchmark.train_stream)
    return {"ours": ours, "bare": bare}


def measure(size: Size) -> Section:
    """Naive training at 1 and 2 threads, at batches of 10 to 1,024, and of a CNN.

    Args:
        size: how much.
    """
    data, rows = digits(size.train), []
    threads = torch.get_num_threads()
    for number in (1, 2):
        torch.set_num_threads(number)
        found = alternate(pair(data, 128), size.rounds)
        rows.append(
            row(f"{number} thread{'s' if number > 1 else ''}, batches of 128", found, ("ours", "bare", None, False))
        )
    torch.set_num_threads(threads)
    for batch in (10, 32, 128, 512, 1_024):
        rows.append(
            row(f"batches of {batch:,}", alternate(pair(data, batch), size.rounds), ("ours", "bare", None, False))
        )
    rows.append(_cnn(size))
    return Section("scaling", f"seconds to train naive on {size.train:,} digits", BARE, tuple(rows))


def _cnn(size: Size) -> Row:
    count = 512 if size.quick else 10_000
    generator = torch.Generator().manual_seed(0)
    data = (
        torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator),
        torch.randint(0, 10, (count,), generator=generator),
    )
    found = alternate(pair(data, 128, _CNN), size.rounds)
    return row(f"CNN on {count:,} images of 3x32x32", found, ("ours", "bare", 1.05, False))
