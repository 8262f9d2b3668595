from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console

from morph_cl.cli.progress import LineListener, LiveListener, QuietListener, clock, make_listener
from morph_cl.experiment.listener import OnlineProgress, Progress
from morph_cl.results.prequential import Trace
from morph_cl.results.record import ExperienceReport, RunRecord, RunStart

LOOK = Progress(
    experience=1,
    experiences=2,
    epoch=0,
    epochs=3,
    fraction=0.5,
    train_accuracy=0.75,
    average_accuracy=math.nan,
    experts=2,
    elapsed=10.0,
    remaining=71.0,
)


def console(terminal: bool = False, width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None, legacy_windows=False)


def play(listener: QuietListener, records: list[RunRecord]) -> str:
    with listener:
        for record in records:
            listener.started(
                RunStart(
                    scenario=record.scenario_info,
                    strategy=record.strategy_info,
                    dataset=record.dataset_info,
                    seed=record.seed,
                )
            )
            for index, row in enumerate(record.accuracy_matrix):
                listener.progressed(LOOK)
                listener.experience_finished(ExperienceReport(experience=index, row=row, experts=index + 1))
            listener.finished(record)
    assert isinstance(listener.console.file, io.StringIO)
    return listener.console.file.getvalue()


def test_a_pipe_gets_plain_lines_with_data_seed_and_each_experience(
    make_record: Callable[..., RunRecord],
) -> None:
    records = [make_record("naive", 0, "id-0"), make_record("morph", 3)]
    text = play(make_listener(console(width=20), quiet=False, runs=2), records)
    lines = text.splitlines()
    assert "\x1b" not in text
    assert lines[0] == "data: mnist-5k, 4,000 train and 1,000 test images, 10 classes, sha256 c0ffeec0ffee"
    assert text.count("data: ") == 1
    assert "[1/2] naive, seed 0: experience 2/2 (30°), average accuracy 0.825, 2 experts, 0.0 s training" in lines
    assert "[2/2] morph, seed 3: rotated-mnist (domain), 2 experiences" in lines
    assert any(line.startswith("[1/2] naive, seed 0: average accuracy 0.825, forgetting 0.200") for line in lines)
    assert any("stored as id-0" in line for line in lines)


def test_the_average_counts_only_what_was_learned_and_measured(make_record: Callable[..., RunRecord]) -> None:
    record = make_record()
    record.accuracy_matrix = [[0.9, 0.1], [math.nan, 0.5]]
    text = play(LineListener(console()), [record])
    assert "1/2 (0°), average accuracy 0.900" in text
    assert "2/2 (30°), average accuracy 0.500" in text


def test_quiet_says_warnings_and_nothing_else(make_record: Callable[..., RunRecord]) -> None:
    listener = make_listener(console(), quiet=True)
    assert play(listener, [make_record()]) == ""
    listener.warned("observer [red]\nfailed")
    assert isinstance(listener.console.file, io.StringIO)
    assert listener.console.file.getvalue() == "warning: observer [red] failed\n"


@pytest.mark.parametrize("width", [30, 59, 60, 80, 200])
def test_a_terminal_shows_where_the_run_is_within_its_width(width: int, make_record: Callable[..., RunRecord]) -> None:
    listener = make_listener(console(terminal=True, width=width), quiet=False, runs=4)
    assert isinstance(listener, LiveListener)
    record = make_record("morph")
    listener.started(
        RunStart(scenario=record.scenario_info, strategy=record.strategy_info, dataset=record.dataset_info, seed=0)
    )
    listener.progressed(LOOK)
    screen = console(width=width)
    screen.print(listener.render())
    assert isinstance(screen.file, io.StringIO)
    text = screen.file.getvalue()
    assert all(len(line) <= width for line in text.splitlines())
    words = " ".join(text.split())
    for part in ("[1/4] morph,", "experience", "2/2", "training", "0.750", "2 experts", "1:11"):
        assert part in words
    assert ("12%" in text) == (width >= 60)  # an eighth of the study is done


@pytest.mark.parametrize(
    ("online", "words"),
    [
        (OnlineProgress(1_250, 60_000, 0.625, 0, None), "sample 1,250/60,000, recent accuracy 0.625, no alarm"),
        (OnlineProgress(1_250, 60_000, math.nan, 1, 1_019), "recent accuracy -, 1 alarm, the last at 1,019"),
        (OnlineProgress(1_250, 60_000, 0.5, 12, None), "recent accuracy 0.500, 12 alarms, 2 experts"),
    ],
)
@pytest.mark.parametrize("width", [40, 80, 100])
def test_a_drifting_stream_shows_its_latest_accuracy_and_alarm(
    online: OnlineProgress, words: str, width: int, make_record: Callable[..., RunRecord]
) -> None:
    listener = LiveListener(console(terminal=True, width=width))
    record = make_record("morph")
    listener.started(
        RunStart(scenario=record.scenario_info, strategy=record.strategy_info, dataset=record.dataset_info, seed=0)
    )
    listener.progressed(replace(LOOK, online=online))
    screen = console(width=width)
    screen.print(listener.render())
    assert isinstance(screen.file, io.StringIO)
    text = screen.file.getvalue()
    assert all(len(line) <= width for line in text.splitlines())
    assert words in " ".join(text.split())
    assert "experience" not in text
    assert "epoch" not in text


def test_a_pipe_gets_a_line_for_each_tenth_of_a_drifting_stream(make_record: Callable[..., RunRecord]) -> None:
    record = make_record("naive")
    listener = LineListener(console(), runs=2)
    for _ in range(2):
        listener.started(
            RunStart(scenario=record.scenario_info, strategy=record.strategy_info, dataset=record.dataset_info, seed=0)
        )
        listener.progressed(LOOK)
        for seen in range(10, 1_001, 10):
            listener.progressed(replace(LOOK, online=OnlineProgress(seen, 1_000, 0.5, 0, None)))
    assert isinstance(listener.console.file, io.StringIO)
    lines = [line for line in listener.console.file.getvalue().splitlines() if "sample " in line]
    assert len(lines) == 2 * 10
    assert lines[0].startswith("[1/2] naive, seed 0: sample 100/1,000, recent accuracy 0.500, no alarm")
    assert lines[-1].startswith("[2/2] naive, seed 0: sample 1,000/1,000")


def test_a_finished_drifting_run_says_its_prequential_accuracy(make_record: Callable[..., RunRecord]) -> None:
    record = make_record("naive")
    metrics = record.metrics | {"prequential_accuracy": 0.75}
    trace = Trace(batch_sizes=[10], correct=[7])
    line = play(LineListener(console()), [record.model_copy(update={"metrics": metrics, "trace": trace})])
    assert "prequential accuracy 0.750, accuracy at the end 0.825, 1 expert" in line
    assert "forgetting" not in line


def test_a_terminal_keeps_one_line_for_each_finished_run(make_record: Callable[..., RunRecord]) -> None:
    text = play(LiveListener(console(terminal=True, width=200), runs=2), [make_record("naive"), make_record("morph")])
    assert "[1/2] naive, seed 0: average accuracy 0.825" in text
    assert "[2/2] morph, seed 0: average accuracy 0.825" in text


@pytest.mark.parametrize(("variable", "value"), [("TERM", "dumb"), ("NO_COLOR", "1")])
def test_a_terminal_without_colours_gets_plain_lines(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    listener = make_listener(console(terminal=True), quiet=False)
    assert not isinstance(listener, LiveListener)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(math.nan, "-:--"), (0.2, "0:00"), (71, "1:11"), (3599.6, "1:00:00"), (7322, "2:02:02")],
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize("terminal", [False, True])
def test_planned_runs_are_counted_and_called_by_their_names(
    make_record: Callable[..., RunRecord], terminal: bool
) -> None:
    listener = make_listener(console(terminal=terminal, width=200), quiet=False)
    listener.planned(["morph", "morph without gate"])
    text = play(listener, [make_record("morph", 3), make_record("morph", 3)])
    assert "[1/2] morph, seed 3: average accuracy 0.825" in text
    assert "[2/2] morph without gate, seed 3: average accuracy 0.825" in text
