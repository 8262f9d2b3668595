"""Pictures of runs over drifting streams."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from morph_cl.errors import UsageError
from morph_cl.report import stream_pictures
from morph_cl.report.stream_pictures import draw_streams
from morph_cl.results.prequential import Blip, DriftPoint, Trace

DRIFTS = [DriftPoint(start=1_000, end=1_000), DriftPoint(start=2_000, end=2_300, kind="gradual", recurring=True)]


def make_trace(poor=40, **more):
    correct = [9] * 100 + [3] * poor + [9] * (200 - poor)
    return Trace(batch_sizes=[10] * 300, correct=correct, drifts=DRIFTS, **more)


@pytest.fixture
def drifting(record):
    def make(strategy="naive", seed=0, trace=None):
        made = record(strategy, experiences=1, seed=seed)
        return made.model_copy(update={"trace": make_trace() if trace is None else trace})

    return make


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """The figure itself in place of its file."""

    def draw(records) -> Figure:
        kept = []
        monkeypatch.setattr(stream_pictures, "save", lambda figure, path: kept.append(figure))
        draw_streams(records, tmp_path / "never.png")
        return kept[0]

    return draw


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_picture_is_written(drifting, tmp_path):
    events = {"alarms": [499, 1_019], "growths": [1_029], "blips": [Blip(start=500, end=520)]}
    draw_streams([drifting(trace=make_trace(**events))], tmp_path / "run.png")
    with Image.open(tmp_path / "run.png") as picture:
        assert picture.format == "PNG"
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 10


def test_one_run_has_its_curve_and_every_mark(drifting, drawn):
    trace = make_trace(alarms=[499, 1_019, 2_100], growths=[1_029], blips=[Blip(start=500, end=520)])
    figure = drawn([drifting(trace=trace)])
    curves, events = figure.axes
    assert legend(figure) == [
        "naive, 90.0 % at the end",
        "alarm that answers a drift (2)",
        "false alarm (1)",
        "growth (1)",
    ]
    xs, ys = curves.lines[0].get_data()
    assert (xs[0], xs[-1]) == (0, 3_000)
    assert (np.nanmax(ys), np.nanmin(ys)) == pytest.approx((90, 30))
    assert [text.get_text() for text in curves.texts] == ["1", "2"]
    assert [text.xy[0] for text in curves.texts] == [1_000, 2_000]
    verticals = [line.get_xdata()[0] for line in curves.lines[1:]]
    assert verticals == [500, 1_000, 2_000]
    assert [list(line.get_xdata()) for line in events.lines[:3]] == [[1_019, 2_100], [499], [1_029]]
    assert "drifts: abrupt 1, gradual, known 2; grey: blips" in events.get_xlabel()
    assert "accuracy on the last 100 samples in %" in curves.get_ylabel()


def test_strategies_have_a_line_and_a_row_each_and_a_band_over_seeds(drifting, drawn):
    records = [drifting("naive", seed, make_trace(40 + 20 * seed, alarms=[1_019])) for seed in (0, 1)]
    records += [drifting("morph", 0, make_trace(5, growths=[1_019])), drifting("replay")]
    figure = drawn(records)
    curves, events = figure.axes
    assert [text.split(",")[0] for text in legend(figure)[:3]] == ["naive", "morph", "replay"]
    assert len(curves.collections) == 1, "one strategy has two seeds"
    assert [label.get_text() for label in events.get_yticklabels()] == ["naive", "morph"], "replay had no event"
    assert "mean over seeds" in events.get_xlabel()
    assert "alarm that answers a drift (2)" in legend(figure)


def test_long_names_are_whole_in_the_legend_alone(drifting, record, drawn):
    options = {"regularisation_strength": 1_000.5, "window": 300}
    made = record("elastic-weight-consolidation", experiences=1, options=options)
    other = record("elastic-weight-consolidation", experiences=1, options={**options, "window": 200})
    records = [run.model_copy(update={"trace": make_trace(alarms=[1_019])}) for run in (made, other)]
    figure = drawn(records)
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == ["elastic-weight-consol..."] * 2
    assert "elastic-weight-consolidation window=300, 90.0 % at the end" in legend(figure)
    assert figure.legends[0]._ncols == 1


def test_without_events_there_is_one_panel(drifting, drawn):
    figure = drawn([drifting()])
    (curves,) = figure.axes
    assert "drifts: abrupt 1" in curves.get_xlabel()


def test_a_run_without_a_trace_is_refused(drifting, record, tmp_path):
    with pytest.raises(UsageError, match="is not over a drifting stream and has no curve to draw"):
        draw_streams([drifting(), record("ewc")], tmp_path / "none.png")
    assert list(tmp_path.iterdir()) == []
