"""What the live curve of a drifting stream costs: prints the share of the training time for each of its parts.

Runs a strategy over a drifting stream with the progress of a terminal of 100 x 30 cells, and counts the processor time
of looks at the run, drawings of the curve and refreshes of the screen, which a thread of its own does.

::

    python benchmarks/live_curve.py
    python benchmarks/live_curve.py --strategy morph --rounds 1 -- morph.boundaries=free
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console

import morph_cl
from morph_cl.cli.progress import LiveListener
from morph_cl.experiment import session
from morph_cl.options import parse_assignments


class Meter:
    """Processor time of calls by what they are for."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, its time counted.

        Args:
            part: what it is for.
            call: the function.
        """
        self.seconds[part] = 0.0

        def measured(*arguments: Any, **named: Any) -> Any:
            started = time.thread_time()
            result = call(*arguments, **named)
            self.seconds[part] += time.thread_time() - started
            return result

        return measured


def main() -> None:
    """Print the shares of each round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--strategy", default="naive")
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--detector", default="ddm")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("assignments", nargs="*", metavar="NAME.KEY=VALUE")
    given = parser.parse_args()
    look = session.look_online
    for _ in range(given.rounds):
        meter = Meter()
        session.look_online = meter.timed("look", look)
        console = Console(file=io.StringIO(), force_terminal=True, width=100, height=30, color_system="truecolor")
        with LiveListener(console) as listener:
            listener.curve.show = meter.timed("draw", listener.curve.show)  # type: ignore[method-assign]
            listener._live.refresh = meter.timed("refresh", listener._live.refresh)  # type: ignore[method-assign]
            record = morph_cl.run(
                "drifting-mnist",
                given.strategy,
                dataset=given.dataset,
                detector=given.detector,
                threads=1,
                store=None,
                listener=listener,
                options=parse_assignments(given.assignments),
            )
        total = record.timing.train_seconds
        shares = {**meter.seconds, "all": sum(meter.seconds.values())}
        print(
            f"{total:.1f} s in training; " + ", ".join(f"{part} {100 * s / total:.2f} %" for part, s in shares.items())
        )


if __name__ == "__main__":
    main()
