"""Recorded streams: Elec2 from a file, and what comes with river."""

import csv
import random

import pytest
import torch
from morph_cl_scenarios.tabular.options import BundledOptions, Elec2Options
from morph_cl_scenarios.tabular.recorded import build, draw_bundled, draw_elec2, elec2_home
from river import datasets

from morph_cl import DataError, ScenarioRequest, UsageError
from morph_cl.testing import check_scenario

HEADER = ["date", "day", "period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer", "class"]


@pytest.fixture
def electricity(tmp_path):
    """A file of river's form: 300 half hours."""
    source, path = random.Random(0), tmp_path / "electricity.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number in range(300):
            numbers = [f"{source.random():.6f}" for _ in range(5)]
            label = "UP" if float(numbers[0]) > 0.5 else "DOWN"
            writer.writerow([number / 300, 1 + number // 48 % 7, number % 48 / 47, *numbers, label])
    return path


def test_elec2_is_read_in_its_order(electricity):
    options = Elec2Options(path=electricity, warm_up=40, test_size=60)
    data = draw_elec2(0, options)
    assert data.class_names == ("False", "True")
    assert (len(data.train_y), len(data.test_y)) == (200, 60)
    assert data.train_x.shape == (200, 1, 1, 7 + 7)
    days = data.train_x[:, 0, 0, 1:8]
    assert torch.equal(days.argmax(1), torch.arange(40, 240) // 48 % 7)
    assert torch.all(days.sum(1) == 1)
    prices = data.train_x[:, 0, 0, 9]
    assert torch.all(data.train_y[prices > 2] == 1)
    assert torch.equal(draw_elec2(5, options).train_x, data.train_x)


def test_elec2_runs_as_a_stream_without_known_drifts(electricity):
    options = Elec2Options(path=electricity, samples=100, warm_up=40, test_size=60)
    stream = build(ScenarioRequest(draw_elec2(0, options), 0, "domain"), options)
    assert len(stream.online) == 100
    assert stream.online.drifts == ()
    check_scenario("drifting-elec2", {"path": str(electricity), "warm_up": 40, "test_size": 60})


def test_elec2_is_looked_for_in_rivers_home_and_never_fetched(electricity, tmp_path, monkeypatch):
    monkeypatch.setenv("RIVER_DATA", str(tmp_path / "home"))
    monkeypatch.setattr(datasets.Elec2, "download", None)
    with pytest.raises(DataError, match=r"river brings no copy of Elec2 .*drifting-elec2\.path="):
        draw_elec2(0, Elec2Options())
    assert not (tmp_path / "home").exists()
    elec2_home().parent.mkdir(parents=True)
    electricity.rename(elec2_home())
    assert len(draw_elec2(0, Elec2Options(warm_up=40, test_size=60)).train_y) == 200
    assert elec2_home() == datasets.Elec2().path


@pytest.mark.parametrize("text", ["a,b\n1,2\n", ",".join(HEADER) + "\n1,x,1,1,1,1,1,1,UP\n", "\x00\xff"])
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "electricity.csv"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=r"is not river's electricity.csv|leave 0 for a stream"):
        draw_elec2(0, Elec2Options(path=path))


def test_more_samples_than_rows_are_refused(electricity):
    with pytest.raises(UsageError, match="leave 200 for a stream of 201"):
        draw_elec2(0, Elec2Options(path=electricity, samples=201, warm_up=40, test_size=60))


@pytest.mark.parametrize(
    ("name", "rows", "features", "classes"),
    [("bananas", 5_300, 2, 2), ("image-segments", 2_310, 18, 7), ("phishing", 1_250, 9, 2)],
)
def test_what_river_brings_is_there(name, rows, features, classes):
    data = draw_bundled(0, BundledOptions(data=name))
    assert len(data.train_y) + len(data.test_y) == rows - 200
    assert data.input_shape == (1, 1, features)
    assert data.classes == classes


def test_bundled_data_is_a_scenario():
    check_scenario("recorded-river", {"data": "phishing", "samples": 300})
