"""MORPH on rotated digits from Python: train, measure, show.

python examples/quickstart.py
python examples/quickstart.py --dataset digits --experiences 3 --epochs 1
"""

import argparse

from rich.console import Console

import morph_cl
from morph_cl.report import run_report


def main() -> None:
    parser = argparse.ArgumentParser(description="MORPH on rotated digits.")
    parser.add_argument("--dataset", default="auto", help="mnist where it is on disk, else the 5,000 embedded digits")
    parser.add_argument("--experiences", type=int, default=5)
    parser.add_argument("--epochs", type=int, help="passes over each experience")
    parser.add_argument("--store", help="a folder in which to keep the run, such as runs")
    asked = parser.parse_args()

    record = morph_cl.run(
        "rotated-mnist",
        "morph",
        dataset=asked.dataset,
        epochs=asked.epochs,
        options={"rotated-mnist": {"experiences": asked.experiences}},
        store=asked.store,
    )
    Console().print(run_report(record))
    print(f"average accuracy {record.metrics['average_accuracy']:.3f}, experts {record.experts[-1]}")


if __name__ == "__main__":
    main()
