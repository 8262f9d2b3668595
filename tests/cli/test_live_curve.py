"""The curve of a drifting stream while it runs: where it fits, how often it is drawn, what stands on it."""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import pytest
from rich.console import Console

from morph_cl.cli import live_curve
from morph_cl.cli.live_curve import LiveCurve
from morph_cl.cli.progress import LiveListener
from morph_cl.experiment.listener import OnlineProgress, Progress
from morph_cl.results.prequential import Blip, DriftPoint, Trace
from morph_cl.results.record import RunRecord, RunStart

TRACE = Trace(
    batch_sizes=[10] * 60,
    correct=[9] * 30 + [2] * 10 + [8] * 20,
    alarms=[99, 319],
    growths=[329],
    drifts=[DriftPoint(start=300, end=300), DriftPoint(start=500, end=600, kind="gradual", recurring=True)],
    blips=[Blip(start=150, end=160)],
)


def console(width: int = 80, height: int = 24, **settings: object) -> Console:
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        width=width,
        height=height,
        color_system=None,
        legacy_windows=False,
        _environ={"TERM": "xterm"},
        **settings,  # type: ignore[arg-type]
    )


def look(trace: Trace | None = TRACE, samples: int = 1_000) -> OnlineProgress:
    seen = 0 if trace is None else trace.samples
    return OnlineProgress(seen, samples, 0.8, 2, 319, trace)


def drawn(curve: LiveCurve) -> list[str]:
    with curve.console.capture() as capture:
        curve.console.print(curve)
    return capture.get().splitlines()


def test_the_curve_grows_on_an_axis_as_long_as_the_stream() -> None:
    curve = LiveCurve(console())
    curve.show(look())
    lines = drawn(curve)
    assert lines[0] == "Accuracy on the last 100 samples"
    assert " ".join(" ".join(lines[-2:]).split()).split("; ") == [
        "▲ 2 drifts", "~ 1 blip", "! 1 alarm that answers a drift", "x 1 false alarm", "+ 1 growth",
    ]  # fmt: skip
    floor = next(line for line in lines if "└" in line)
    origin, width = floor.index("└") + 1, len(floor.split("└")[1])
    marks = next(line for line in lines if "▲" in line)

    def cell(sample: int) -> int:
        return origin + sample * (width - 1) // 1_000

    assert marks.index("▲1 abrupt") == pytest.approx(cell(300), abs=1)
    assert marks.index("▲2 gradual, known") == pytest.approx(cell(500), abs=1)
    assert marks.index("~") == pytest.approx(cell(150), abs=1)
    alarms = next(line for line in lines if "!" in line)
    assert (alarms.index("x"), alarms.index("!")) == pytest.approx((cell(99), cell(319)), abs=1)
    braille = [max((i for i, char in enumerate(line) if "⠁" <= char <= "⣿"), default=0) for line in lines]
    assert max(braille) == pytest.approx(cell(600), abs=1), "nothing is drawn of what has not come"
    assert any(line.endswith("* 80.0") for line in lines)


@pytest.mark.parametrize("width", [60, 80, 100, 200])
@pytest.mark.parametrize("height", [12, 15, 16, 18, 24, 30, 60])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_bar_and_figures_stay_in_sight(
    width: int, height: int, encoding: str, make_record: Callable[..., RunRecord]
) -> None:
    screen = console(width, height)
    screen._file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    listener = LiveListener(screen, runs=4)
    record = make_record("morph")
    listener.started(
        RunStart(scenario=record.scenario_info, strategy=record.strategy_info, dataset=record.dataset_info, seed=0)
    )
    listener.progressed(Progress(0, 1, 0, 1, 0.6, 0.7, math.nan, 2, 10.0, 70.0, look()))
    lines = [
        "".join(segment.text for segment in line)
        for line in screen.render_lines(listener.render(), screen.options, pad=False)
    ]
    assert all(len(line) <= width for line in lines)
    assert len(lines) < height
    assert ("Accuracy on the last 100 samples" in lines) == (height >= 16)
    assert "sample 600/1,000" in " ".join(lines)
    if encoding == "ascii":
        assert "".join(lines).isascii()


@pytest.mark.parametrize(("width", "height"), [(59, 40), (200, 15)])
def test_a_small_terminal_gets_no_curve(width: int, height: int) -> None:
    curve = LiveCurve(console(width, height))
    curve.show(look())
    assert drawn(curve) == []


def test_it_is_drawn_a_few_times_a_second_and_for_a_hundredth_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now, cost, drawings = [100.0], [0.001], []

    def draw(trace: Trace, samples: int, *, rows: int) -> str:
        now[0] += cost[0]
        drawings.append(now[0])
        return f"{trace.samples} of {samples}"

    monkeypatch.setattr(live_curve, "stream_so_far", draw)
    monkeypatch.setattr(live_curve.time, "perf_counter", lambda: now[0])
    curve = LiveCurve(console())
    for _ in range(100):
        curve.show(look())
        now[0] += 0.1
    assert len(drawings) <= 10 / 0.5 + 1
    cost[0] = 0.05
    del drawings[:]
    start = now[0]
    while now[0] < start + 100:
        curve.show(look())
        now[0] += 0.1
    assert 15 <= len(drawings) <= 100 * 0.01 / 0.05 + 1


def test_it_goes_when_the_run_is_over_or_the_terminal_is_another(
    make_record: Callable[..., RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = LiveListener(console(), runs=2)
    record = make_record("naive")
    progress = Progress(0, 1, 0, 1, 0.6, 0.7, math.nan, 1, 10.0, 70.0, look())
    listener.started(
        RunStart(scenario=record.scenario_info, strategy=record.strategy_info, dataset=record.dataset_info, seed=0)
    )
    listener.progressed(progress)
    assert drawn(listener.curve) != []
    listener.console.width = 100
    assert drawn(listener.curve) == [], "lines of another width would wrap"
    listener.console.width = 80
    listener.finished(record)
    assert drawn(listener.curve) == []
    listener.progressed(progress)
    assert drawn(listener.curve) != [], "the next run is drawn at once"


def test_without_a_trace_there_is_no_curve() -> None:
    curve = LiveCurve(console())
    curve.show(look(None))
    assert drawn(curve) == []
