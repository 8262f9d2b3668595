"""Ways to run the routed experts of a batch: prints a table of median milliseconds.

Experts are MLPs of 784-256-256-10, frozen and stored in half precision as MORPH's are, with their working copies ready.
Each image is routed to ``k`` experts drawn uniformly: the hardest case for a loop over experts.

::

    python benchmarks/expert_dispatch.py
    python benchmarks/expert_dispatch.py --experts 64 --batches 1 10
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from morph_cl.morph.builders import build_mlp
from morph_cl.morph.dispatch import answers
from morph_cl.morph.experts import ExpertPool
from morph_cl.morph.options import MlpExpertOptions

SHAPE, CLASSES = (1, 28, 28), 10

Way = Callable[[Tensor, Tensor], Tensor]
"""From a route (B, E) and images (B, C, H, W) to answers (B, E, classes)."""


def search(pool: ExpertPool) -> Way:
    """A loop that searches the route once an expert."""

    def run(route: Tensor, x: Tensor) -> Tensor:
        said = x.new_zeros(len(x), len(pool), CLASSES)
        for row, number in enumerate(pool.numbers):
            rows = route[:, row].isfinite().nonzero().squeeze(1)
            if len(rows):
                said[rows, row] = pool(number, x[rows])
        return said

    return run


def grouped(pool: ExpertPool) -> Way:
    """The loop that MORPH uses: images grouped by expert in one pass."""
    return lambda route, x: answers(pool, route, x, CLASSES)


def dense(pool: ExpertPool) -> Way:
    """All experts on all images, as one batched product a layer."""
    nets = [pool.net(number) for number in pool.numbers]
    stacked = {name: tensor.float() for name, tensor in torch.func.stack_module_state(nets)[0].items()}

    def one(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        logits: Tensor = torch.func.functional_call(nets[0], parameters, (x,))
        return logits.log_softmax(1)

    every = torch.vmap(one, in_dims=(0, None), out_dims=1)

    def run(route: Tensor, x: Tensor) -> Tensor:
        said: Tensor = every(stacked, x)
        return said.masked_fill(~route.isfinite().unsqueeze(2), 0.0)

    return run


def gathered(pool: ExpertPool) -> Way:
    """The weights of each image's experts side by side, as one batched product of vectors a layer."""
    layers = [[layer for layer in pool.net(n).modules() if isinstance(layer, nn.Linear)] for n in pool.numbers]
    weights = [torch.stack([layer.weight.float() for layer in depth]) for depth in zip(*layers, strict=True)]
    biases = [torch.stack([layer.bias.float() for layer in depth]) for depth in zip(*layers, strict=True)]

    def run(route: Tensor, x: Tensor) -> Tensor:
        image, expert = route.isfinite().nonzero(as_tuple=True)
        hidden = x.flatten(1)[image].unsqueeze(2)  # (pairs, features, 1)
        for depth, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            hidden = torch.baddbmm(bias[expert].unsqueeze(2), weight[expert], hidden)
            hidden = hidden.relu_() if depth + 1 < len(weights) else hidden
        said = x.new_zeros(len(x), len(pool), CLASSES)
        said[image, expert] = hidden.squeeze(2).log_softmax(1)
        return said

    return run


WAYS: dict[str, Callable[[ExpertPool], Way]] = {
    "search": search,
    "grouped": grouped,
    "dense": dense,
    "gathered": gathered,
}


def make_pool(experts: int) -> ExpertPool:
    """Frozen MLPs, each with weights of its own.

    Args:
        experts: how many.

    Returns:
        The pool, in evaluation mode.
    """
    pool = ExpertPool(lambda: build_mlp(SHAPE, CLASSES, MlpExpertOptions(hidden=(256, 256))), half=True)
    for _ in range(experts):
        pool.add(None)
    return pool.eval()


def make_route(batch: int, experts: int, k: int) -> Tensor:
    """A route (B, E) to ``k`` experts an image, drawn uniformly and equally likely."""
    chosen = torch.rand(batch, experts).topk(k, 1).indices
    return torch.full((batch, experts), -torch.inf).scatter_(1, chosen, 0.0).log_softmax(1)


def median_ms(way: Way, routes: list[Tensor], x: Tensor) -> float:
    """Median milliseconds of a call, over the routes; the first call is not counted."""
    way(routes[0], x)
    times = []
    for route in routes:
        start = time.perf_counter()
        way(route, x)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


@torch.no_grad()
def main() -> None:
    """Time every way for every number of experts and images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experts", type=int, nargs="*", default=[4, 16, 64], help="numbers of experts")
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 10, 128, 1_000], help="numbers of images")
    parser.add_argument("-k", type=int, default=2, help="experts that an image is routed to")
    parser.add_argument("--pairs", type=int, default=1_000, help="most image-expert pairs that gathered is timed with")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"{'experts':>8}{'batch':>8}" + "".join(f"{name:>10}" for name in WAYS), flush=True)
    for experts in arguments.experts:
        pool = make_pool(experts)
        ways = {name: make(pool) for name, make in WAYS.items()}
        for batch in arguments.batches:
            x = torch.rand(batch, *SHAPE)
            routes = [make_route(batch, experts, arguments.k) for _ in range(max(7, 50 // batch))]
            cells = []
            for name, way in ways.items():
                # Gathering copies 1 MB of weights a pair: beyond some hundred pairs it only fills memory.
                fits = name != "gathered" or batch * arguments.k <= arguments.pairs
                cells.append(f"{median_ms(way, routes, x):10.2f}" if fits else f"{'-':>10}")
            print(f"{experts:8d}{batch:8d}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
