"""Three strategies on the same streams, their forgetting curves side by side.

python examples/compare_curves.py
python examples/compare_curves.py --strategies naive,replay --dataset digits --experiences 3 --epochs 1
"""

import argparse

from rich.console import Console

import morph_cl
from morph_cl.report import comparison_curves, strategy_curves, summary_table


def main() -> None:
    parser = argparse.ArgumentParser(description="Forgetting curves of several strategies.")
    parser.add_argument("--strategies", default="morph,naive,replay", help="names with commas between them")
    parser.add_argument("--dataset", default="auto", help="mnist where it is on disk, else the 5,000 embedded digits")
    parser.add_argument("--experiences", type=int, default=5)
    parser.add_argument("--epochs", type=int, help="passes over each experience")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds")
    asked = parser.parse_args()

    records = morph_cl.compare(
        "rotated-mnist",
        asked.strategies.split(","),
        seeds=asked.seeds,
        dataset=asked.dataset,
        epochs=asked.epochs,
        options={"rotated-mnist": {"experiences": asked.experiences}},
        store=None,
    )
    console = Console()
    console.print(summary_table(records))
    console.print(comparison_curves(records))
    console.print(strategy_curves(records))


if __name__ == "__main__":
    main()
