"""The benchmark of speed: it runs, and its bare loops compute what our strategies and Avalanche's compute."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from avalanche.training.supervised import Naive as StockNaive
from torch import nn

SPEED = Path(__file__).parents[2] / "benchmarks" / "speed"
MODULES = [path.stem for path in SPEED.glob("*.py") if path.stem != "__main__"]


@pytest.fixture
def speed(monkeypatch):
    """The program's modules by name, as `python benchmarks/speed` imports them."""
    monkeypatch.syspath_prepend(str(SPEED))
    monkeypatch.setenv("MORPH_CL_DATA", "")
    threads = torch.get_num_threads()
    spec = importlib.util.spec_from_file_location("speed_main", SPEED / "__main__.py")
    main = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(main)
    yield {name: sys.modules[name] for name in MODULES} | {"main": main}
    torch.set_num_threads(threads)
    for name in MODULES:
        del sys.modules[name]


@pytest.fixture
def small(speed):
    """Two experiences of a few digits, as a stream and as bare tensors."""
    x, y = speed["subjects"].digits(450)
    parts = [(x[:200], y[:200]), (x[200:].flip(3).contiguous(), y[200:])]
    return speed["subjects"].stream_of(parts, parts), parts


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def copied(model: nn.Module, into: nn.Module) -> torch.optim.Optimizer:
    """Give a plain network the weights of ours; the optimizer of the plain one."""
    for mine, theirs in zip(into.parameters(), model.parameters(), strict=True):
        mine.data.copy_(theirs.data)
    return torch.optim.SGD(into.parameters(), lr=0.1)


def seeded_training(strategy, experience) -> None:
    torch.manual_seed(7)
    strategy.train(experience, eval_streams=[])


@pytest.mark.parametrize("size", [10, 128])
def test_naive_bare_ours_and_stock_are_the_same_bit_for_bit(speed, small, size):
    stream, parts = small
    subjects, loops = speed["subjects"], speed["bare_loops"]
    ours = subjects.own("naive", stream, size)
    plain, model = subjects.network(), subjects.network()
    bare_optimizer, optimizer = copied(ours.model, plain), copied(ours.model, model)
    seeded_training(ours, stream.benchmark.train_stream[0])
    torch.manual_seed(7)
    loops.naive(plain, bare_optimizer, parts[0], size)

    class Fed(StockNaive):
        """Avalanche's own, given the same batches."""

        def make_train_dataloader(self, **kwargs):
            self.dataloader = [
                [x, y, torch.zeros_like(y)] for x, y in loops.batches(parts[0], size)
            ]  # fmt: skip

    fed = Fed(
        model=model, optimizer=optimizer, criterion=nn.CrossEntropyLoss(), train_mb_size=size, evaluator=None
    )  # fmt: skip
    seeded_training(fed, stream.benchmark.train_stream[0])
    assert torch.equal(weights(ours.model), weights(plain))
    assert torch.equal(weights(ours.model), weights(fed.model))


def test_replay_bare_and_ours_are_the_same_bit_for_bit(speed, small):
    stream, parts = small
    subjects, loops = speed["subjects"], speed["bare_loops"]
    ours = subjects.own("replay", stream, 32, {"mem_size": 70})
    ours.train(stream.benchmark.train_stream[0], eval_streams=[])
    plain = subjects.network()
    optimizer = copied(ours.model, plain)
    plugin = next(plugin for plugin in ours.plugins if hasattr(plugin, "storage_policy"))
    view = plugin.storage_policy.buffer.view()
    x, y, _ = view.batch(torch.arange(len(view)))
    seeded_training(ours, stream.benchmark.train_stream[1])
    torch.manual_seed(7)
    loops.replay(plain, optimizer, parts[1], 32, (x, y))
    assert torch.equal(weights(ours.model), weights(plain))


def test_ewc_bare_and_ours_are_the_same(speed, small):
    stream, parts = small
    subjects, loops = speed["subjects"], speed["bare_loops"]
    ours = subjects.own("ewc", stream, 32, {"ewc_lambda": 20.0})
    ours.train(stream.benchmark.train_stream[0], eval_streams=[])
    plain = subjects.network()
    optimizer = copied(ours.model, plain)
    plugin = next(plugin for plugin in ours.plugins if hasattr(plugin, "importances"))
    found = loops.importances(plain, optimizer, parts[0], 32)
    stored = [data.data for data in plugin.importances[0].values()]
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-9) for a, b in zip(found, stored, strict=True))
    anchor = [(data, p.detach().clone()) for data, p in zip(stored, plain.parameters(), strict=True)]
    seeded_training(ours, stream.benchmark.train_stream[1])
    torch.manual_seed(7)
    loops.ewc(plain, optimizer, parts[1], 32, anchor, 20.0)
    assert torch.allclose(weights(ours.model), weights(plain), rtol=1e-4, atol=1e-6)


def test_der_bare_and_ours_are_the_same_bit_for_bit(speed, small):
    stream, parts = small
    subjects, loops = speed["subjects"], speed["bare_loops"]
    ours = subjects.own("der", stream, 32, {"mem_size": 60, "batch_size_mem": 16})
    plain = subjects.network()
    optimizer = copied(ours.model, plain)
    empty = torch.zeros(60, 1, 28, 28, dtype=torch.uint8), torch.zeros(60, dtype=torch.int64), torch.zeros(60, 10)
    memory = loops.Reservoir(*empty)
    for number in (0, 1):
        seeded_training(ours, stream.benchmark.train_stream[number])
        torch.manual_seed(7)
        loops.der(plain, optimizer, parts[number], 32, memory, rehearsed=16)
    assert torch.equal(weights(ours.model), weights(plain))


def test_evaluation_counts_alike(speed, small):
    stream, parts = small
    ours = speed["subjects"].own("naive", stream)
    recorder = ours.plugins[-1]
    row = recorder.evaluate(ours, stream.benchmark.test_stream)
    assert row == speed["bare_loops"].evaluate(ours.model, parts)


def test_stock_gets_the_same_digits_turned_and_normalized(speed):
    x, y = speed["subjects"].digits(100)
    stream = speed["stock"].classic((x, y), (x, y), 3).test_stream
    upright, quarter = stream[0].dataset, stream[2].dataset
    for place, row in enumerate(y.argsort(stable=True)[::20].tolist()):  # Avalanche puts them in order of their class
        image, label = upright[20 * place][:2]
        normalized = (x[row] / 255.0 - 0.1307) / 0.3081
        assert torch.allclose(image, normalized, atol=1e-5)
        assert label == int(y[row])
        inner = quarter[20 * place][0][:, 1:-1, 1:-1]
        assert torch.allclose(inner, torch.rot90(normalized, 1, (1, 2))[:, 1:-1, 1:-1], atol=1e-5)


@pytest.mark.parametrize("plain", [False, True])
def test_stock_trains_and_evaluates_and_prints_nothing(speed, plain, capsys):
    stock, (x, y) = speed["stock"], speed["subjects"].digits(30)
    made = stock.plain_benchmark([(x, y)], [(x, y)]) if plain else stock.classic((x, y), (x, y), 1)
    strategy = stock.stock("naive", 10, plain=plain)

    def work():
        strategy.train(made.train_stream[0], eval_streams=[])
        return float(len(strategy.eval(made.test_stream)))

    assert stock.unseen(work)() > 0
    assert capsys.readouterr().out == ""


def test_a_peak_is_that_of_the_process_alone(speed):
    held = torch.ones(100 * 2**18)  # 100 MiB
    own = speed["peak"].peak_mib()
    code = "import peak; print(peak.peak_mib())"
    told = subprocess.run([sys.executable, "-c", code], cwd=SPEED, capture_output=True, text=True, check=True).stdout
    assert own > held.nbytes / 2**20
    assert 0 < float(told) < 100 < own


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep the mark")
def test_a_peak_can_be_forgotten(speed):
    peak = speed["peak"]
    held = torch.ones(300 * 2**18)  # 300 MiB
    before = peak.peak_mib()
    del held
    peak.forget_peak()
    assert peak.peak_mib() < before - 200


@pytest.mark.slow
@pytest.mark.parametrize("section", ["training", "morph", "past", "scaling"])
def test_a_section_runs_prints_and_writes(speed, section, tmp_path, capsys):
    size = speed["subjects"].Size
    speed["main"].Size = lambda rounds, **_: size(rounds, train=200, test=100, experiences=3, quick=True)
    path = tmp_path / "speed.json"
    (measured,) = speed["main"].main(["--sections", section, "--quick", "--json", str(path)])
    assert measured.rows
    assert f"{section}:" in capsys.readouterr().out
    (told,) = json.loads(path.read_text())["sections"]
    assert [line["what"] for line in told["rows"]] == [line.what for line in measured.rows]
    assert all(claim["value"] > 0 for line in told["rows"] for claim in line["claims"])


def test_only_the_strategies_asked_for_are_measured(speed, capsys):
    size = speed["subjects"].Size
    speed["main"].Size = lambda rounds, only, **_: size(rounds, only=only, experiences=2, quick=True)
    (measured,) = speed["main"].main(["--sections", "past", "--strategies", "replay", "--quick"])
    assert [row.what for row in measured.rows] == ["replay"]
    assert "der" not in capsys.readouterr().out


def test_durations_have_three_digits_and_a_unit(speed):
    duration = speed["tables"].duration
    assert [duration(s) for s in (0.000123, 0.0456, 1.234, 123.4)] == ["0.123 ms", "45.6 ms", "1.23 s", "123 s"]


def test_a_claim_says_whether_it_is_reached(speed):
    claim = speed["measure"].Claim
    assert claim("a / b", 1.3, 1.4).reached
    assert not claim("a / b", 1.5, 1.4).reached
    assert claim("a / b", 13.0, 12.0, at_least=True).reached
    assert claim("a / b", 13.0).reached is None


def test_sides_take_turns_and_a_ratio_is_the_median_of_the_rounds(speed):
    order: list[str] = []

    def way(side, seconds):
        def run():
            order.append(side)
            return seconds.pop(0)

        return run

    measure = speed["measure"]
    found = measure.alternate({"ours": way("ours", [1.0, 6.0, 3.0]), "bare": way("bare", [1.0, 2.0, 1.5])}, 3)
    assert order == ["ours", "bare"] * 3
    made = measure.row("work", found, ("ours", "bare", 2.5, False), ("stock", "ours", 12.0, True))
    assert [(claim.what, claim.value, claim.reached) for claim in made.claims] == [("ours / bare", 2.0, True)]
