"""The flags that several commands share, each defined once.

An empty metavar keeps ``<bool>`` out of the help of a flag that takes no value.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Help = dict[str, list[str]]
CONTEXT: Help = {"help_option_names": ["-h", "--help"]}
"""Context settings of every command: ``-h`` is short for ``--help``."""

STREAM = "Stream"
TRAINING = "Training"
DRIFT = "Drift"
OUTPUT = "Output"

Plugin = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="A Python file that registers records of its own; repeatable."),
]
Traceback = Annotated[bool, typer.Option("--traceback", metavar="", help="Show the traceback of an error.")]
Preset = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="A named set of scenario options.", rich_help_panel=STREAM),
]
Setting = Annotated[
    str | None,
    typer.Option(
        metavar="class|task|domain",
        help="The setting; the scenario's first by default.",
        rich_help_panel=STREAM,
    ),
]
Dataset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FOLDER|FILE.npz",
        help="A data set, a folder of class folders, an .npz file, or auto.",
        rich_help_panel=STREAM,
    ),
]
DataRoot = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Where data sets lie; MORPH_CL_DATA or ./data by default.", rich_help_panel=STREAM
    ),
]
Download = Annotated[
    bool | None,
    typer.Option("--download", metavar="", help="Download a missing data set.", rich_help_panel=STREAM),
]
Experiences = Annotated[
    int | None,
    typer.Option(metavar="N", help="Short for -o SCENARIO.experiences=N.", rich_help_panel=STREAM),
]
Pattern = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        help="Short for -o SCENARIO.patterns=LIST, of a drifting stream: abrupt,recurring.",
        rich_help_panel=STREAM,
    ),
]
Validation = Annotated[
    float | None,
    typer.Option(
        metavar="FRACTION",
        help="Fraction of each experience's training data held out for validation, in [0, 1).",
        rich_help_panel=STREAM,
    ),
]
Strategy = Annotated[
    str | None,
    typer.Option("--strategy", "-s", metavar="NAME", help="The learner; morph by default.", rich_help_panel=TRAINING),
]
Profile = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="A named set of the strategy's options; -o beats it.", rich_help_panel=TRAINING),
]
Seeds = Annotated[
    str | None,
    typer.Option(
        metavar="N|LIST",
        help="How many seeds (3 is 0, 1 and 2), or which: 0,3,5. One by default.",
        rich_help_panel=TRAINING,
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Passes over each experience; the preset's, else about 40,000 samples, by default.",
        rich_help_panel=TRAINING,
    ),
]
BatchSize = Annotated[
    str | None,
    typer.Option(
        metavar="N|auto",
        help="Samples a training step; the preset's, else 128, by default; auto: what trains fastest.",
        rich_help_panel=TRAINING,
    ),
]
EvalBatchSize = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Samples an evaluation step; by default what the strategy predicts fastest with, 2,000 or 5,000 (morph).",
        rich_help_panel=TRAINING,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE",
        help="cpu (default), cuda, cuda:1, mps, or auto: a GPU where there is one.",
        rich_help_panel=TRAINING,
    ),
]
Amp = Annotated[
    str | None,
    typer.Option(metavar="bf16|fp16", help="Mixed precision; float32 by default.", rich_help_panel=TRAINING),
]
Compile = Annotated[
    bool | None,
    typer.Option("--compile", metavar="", help="Compile the model by torch.compile.", rich_help_panel=TRAINING),
]
Threads = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Threads of torch; half of the machine's cores by default.", rich_help_panel=TRAINING
    ),
]
Option = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        "-o",
        metavar="NAME.KEY=VALUE",
        help="An option of the scenario, strategy, expert or data set of that name; repeatable.",
        rich_help_panel=TRAINING,
    ),
]
Attach = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PKG.MOD:CLASS(A=1)",
        help="An Avalanche plugin to attach to the strategy; repeatable.",
        rich_help_panel=TRAINING,
    ),
]
Detector = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="A drift detector to attach to the strategy; `morph-cl list detectors`.",
        rich_help_panel=DRIFT,
    ),
]
Watch = Annotated[
    str | None,
    typer.Option(
        metavar="FIGURE",
        help="What it is told of each training sample: loss, error, confidence, density, features or position.",
        rich_help_panel=DRIFT,
    ),
]
OnDrift = Annotated[
    str | None,
    typer.Option(
        metavar="ACTION",
        help="What an alarm does: notify (default), reset, raise, grow or switch.",
        rich_help_panel=DRIFT,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE.toml", help="Settings from a file; flags beat it.", rich_help_panel=OUTPUT),
]
RunsDir = Annotated[Path, typer.Option(metavar="DIR", help="The folder of stored runs.", rich_help_panel=OUTPUT)]
NoStore = Annotated[bool, typer.Option("--no-store", metavar="", help="Store nothing.", rich_help_panel=OUTPUT)]
NoModel = Annotated[
    bool,
    typer.Option("--no-model", metavar="", help="Store the run without its final model.", rich_help_panel=OUTPUT),
]
Json = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Also write the record as JSON.", rich_help_panel=OUTPUT),
]
JsonList = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Also write the records as a JSON list.", rich_help_panel=OUTPUT),
]
Csv = Annotated[
    Path | None,
    typer.Option("--csv", metavar="FILE", help="Also write one row a run as CSV.", rich_help_panel=OUTPUT),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", metavar="", help="No progress and no report, only errors.", rich_help_panel=OUTPUT),
]

DEFAULT_RUNS_DIR = Path("runs")
"""The store unless ``--runs-dir`` names another."""
