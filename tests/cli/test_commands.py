"""The commands in this process, with made-up runs: exit codes, one-line errors, what reaches the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import morph_cl.api
from morph_cl.cli.browse import KINDS
from morph_cl.cli.main import app
from morph_cl.config import AblationConfig, RunConfig, StudyConfig
from morph_cl.errors import RunFailedError, UsageError
from morph_cl.results.record import RunRecord

COMMANDS = ["run", "compare", "ablate", "resume", "explain", "list", "show", "runs", "data", "plugins", "study"]


def read(name: str) -> Any:
    return json.loads(Path(name).read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("MORPH_CL_TRACEBACK", raising=False)
    return tmp_path


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, make_record: Callable[..., RunRecord]) -> dict[str, Any]:
    """An API that trains nothing and remembers what it was asked."""
    asked: dict[str, Any] = {}

    def run_config(config: RunConfig, *, store: Any, listener: Any) -> RunRecord:
        asked.update(config=config, store=store)
        listener.warned("made up")
        return make_record(config.strategy, config.seed)

    def run_study(study: StudyConfig, *, store: Any, listener: Any) -> list[RunRecord]:
        asked.update(study=study, store=store, listener=listener)
        return [make_record(run.strategy, run.seed) for run in study.runs()]

    def run_ablation(study: AblationConfig, *, store: Any, listener: Any) -> dict[str, list[RunRecord]]:
        asked.update(study=study, store=store)
        names = ("defaults", *study.only)
        return {name: [make_record(study.base.strategy, seed) for seed in study.seeds] for name in names}

    def resume(run: str, *, store: Any, data_root: Any, listener: Any) -> RunRecord:
        asked.update(run=run, store=store, data_root=data_root)
        return make_record()

    monkeypatch.setattr(morph_cl.api, "run_config", run_config)
    monkeypatch.setattr(morph_cl.api, "run_study", run_study)
    monkeypatch.setattr(morph_cl.api, "run_ablation", run_ablation)
    monkeypatch.setattr(morph_cl.api, "resume", resume)
    return asked


@pytest.mark.parametrize("command", ["", *COMMANDS, "data list", "plugins doctor", "study drift"])
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help(command: str, flag: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), flag])
    assert result.exit_code == 0
    assert "Usage: " in result.output
    if not command:
        assert all(name in result.output for name in COMMANDS)


def test_without_a_command_there_is_help(morph_cl_command: Callable[..., Any]) -> None:
    for arguments in ("", "data", "plugins"):
        outcome = morph_cl_command(arguments)
        assert (outcome.code, outcome.err) == (0, "")
        assert "Usage: " in outcome.out


def test_run_gives_flags_to_the_api_and_shows_the_report(api: dict[str, Any], morph_cl_command: Any) -> None:
    outcome = morph_cl_command(
        "run rotated-mnist --strategy replay --seed 3 --epochs 2 --batch-size 32 --experiences 4",
        "-o replay.mem_size=500 --runs-dir stored --json out.json --validation 0.1",
    )
    assert outcome.code == 0
    assert api["store"] == Path("stored")
    assert api["config"] == RunConfig(
        scenario="rotated-mnist",
        strategy="replay",
        seed=3,
        epochs=2,
        batch_size=32,
        validation=0.1,
        options={"replay": {"mem_size": 500}, "rotated-mnist": {"experiences": 4}},
    )
    for said in ("mnist-5k", "4,000", "1,000", "c0ffeec0ffee", "seed"):
        assert said in outcome.out
    assert outcome.errors == ["warning: made up"]
    assert read("out.json")["strategy"] == "replay"


@pytest.mark.parametrize("command", ["run single", "compare single --strategies naive"])
def test_a_run_keeps_its_model_unless_told_otherwise(command: str, api: dict[str, Any], morph_cl_command: Any) -> None:
    def kept() -> bool:
        config: RunConfig = api["config"] if "config" in api else api["study"].base
        return config.keep_model

    assert morph_cl_command(command).code == 0
    assert kept()
    assert morph_cl_command(command, "--no-model").code == 0
    assert not kept()


def test_quiet_shows_no_report_and_no_store_stores_nothing(api: dict[str, Any], morph_cl_command: Any) -> None:
    outcome = morph_cl_command("run", "single", "--quiet", "--no-store", "--json", "out.json")
    assert (outcome.code, outcome.out, api["store"]) == (0, "", None)
    assert Path("out.json").is_file()


def test_compare_runs_every_strategy_with_every_seed(api: dict[str, Any], morph_cl_command: Any) -> None:
    outcome = morph_cl_command("compare rotated-mnist --strategies naive,ewc --seeds 2 --json out.json --csv out.csv")
    assert outcome.code == 0
    assert (api["study"].strategies, api["study"].seeds) == (("naive", "ewc"), (0, 1))
    assert api["listener"].runs == 4
    runs = [(record["strategy"], record["seed"]) for record in read("out.json")]
    assert runs == [("naive", 0), ("ewc", 0), ("naive", 1), ("ewc", 1)]
    assert len(Path("out.csv").read_text(encoding="utf-8").splitlines()) == 5
    for said in ("mnist-5k", "4,000", "1,000", "c0ffeec0ffee", "naive", "ewc", "seeds"):
        assert said in outcome.out


def test_compare_takes_a_study_from_a_file(api: dict[str, Any], morph_cl_command: Any) -> None:
    text = 'scenario = "single"\nstrategies = ["naive"]\nseeds = [4]'
    Path("study.toml").write_text(text, encoding="utf-8")
    assert morph_cl_command("compare", "--config", "study.toml", "--quiet").code == 0
    assert (api["study"].base.scenario, api["study"].seeds) == ("single", (4,))


def test_ablate_gives_flags_to_the_api_and_shows_the_table(api: dict[str, Any], morph_cl_command: Any) -> None:
    outcome = morph_cl_command(
        "ablate rotated-mnist --profile small --only gate,graph --seeds 2 --validation 0.1 -o morph.top_k=1",
        "--runs-dir stored --json out.json --csv out.csv",
    )
    assert (outcome.code, outcome.errors) == (0, [])
    base = RunConfig(
        scenario="rotated-mnist", profile="small", validation=0.1, options={"morph": {"top_k": 1}}, strategy="morph"
    )
    assert api["study"] == AblationConfig(base=base, only=("gate", "graph"), seeds=(0, 1))
    assert api["store"] == Path("stored")
    for said in ("c0ffeec0ffee", "defaults", "gate", "graph", "contri-", "paired by seed"):
        assert said in outcome.out
    assert [record["seed"] for record in read("out.json")] == [0, 1] * 3
    rows = [line.split(",")[0] for line in Path("out.csv").read_text(encoding="utf-8").splitlines()]
    assert rows == ["mechanism", "defaults", "defaults", "gate", "gate", "graph", "graph"]


def test_ablate_takes_its_settings_from_a_file(api: dict[str, Any], morph_cl_command: Any) -> None:
    Path("study.toml").write_text('scenario = "single"\nprofile = "small"\nonly = ["gate"]\nseeds = [4]')
    outcome = morph_cl_command("ablate", "--config", "study.toml", "--quiet", "--no-store")
    assert (outcome.code, outcome.out, api["store"]) == (0, "", None)
    assert (api["study"].base.profile, api["study"].only, api["study"].seeds) == ("small", ("gate",), (4,))


def test_a_profile_reaches_run_and_compare(api: dict[str, Any], morph_cl_command: Any) -> None:
    assert morph_cl_command("run single --profile small --quiet").code == 0
    assert api["config"].profile == "small"
    assert morph_cl_command("compare single --strategies morph,naive --profile small --quiet").code == 0
    assert api["study"].base.profile == "small"


@pytest.mark.parametrize("command", ["run single", "compare single --strategies naive", "ablate single --only gate"])
def test_a_detector_reaches_every_command(command: str, api: dict[str, Any], morph_cl_command: Any) -> None:
    flags = "--detector adwin --watch loss --on-drift reset -o adwin.delta=0.1 -o monitor.cooldown=5 --quiet"
    assert morph_cl_command(command, flags).code == 0
    config: RunConfig = api["config"] if "config" in api else api["study"].base
    assert (config.detector, config.watch, config.on_drift) == ("adwin", "loss", "reset")
    assert config.options == {"adwin": {"delta": 0.1}, "monitor": {"cooldown": 5}}


def test_compare_of_stored_runs_takes_files_and_lists(
    make_record: Callable[..., RunRecord], morph_cl_command: Any
) -> None:
    Path("a.json").write_text(make_record("naive", run_id="a").to_json(), encoding="utf-8")
    others = [make_record("ewc", run_id="b").to_json(), make_record("replay", run_id="c").to_json()]
    Path("b.json").write_text(f"[{','.join(others)}]", encoding="utf-8")
    outcome = morph_cl_command("compare", "a.json", "b.json", "--json", "all.json")
    assert (outcome.code, outcome.errors) == (0, [])
    assert [record["strategy"] for record in read("all.json")] == ["naive", "ewc", "replay"]
    again = morph_cl_command("compare", "a.json", "a.json")
    assert (again.code, again.errors) == (2, ["error: run a is named twice; name each run once."])


def test_resume_passes_the_run_on(api: dict[str, Any], morph_cl_command: Any) -> None:
    outcome = morph_cl_command("resume latest --runs-dir stored --data-root d --quiet --json out.json")
    assert outcome.code == 0
    assert (api["run"], api["store"], api["data_root"]) == ("latest", Path("stored"), Path("d"))
    assert Path("out.json").is_file()


BAD = {
    "run": "no scenario is named",
    "rnu": "Did you mean 'run'",
    "run single --epoch 3": "--epochs",
    "run single --epochs 0": "--epochs is 0",
    "run single --seed -1": "--seed is -1",
    "run single --epochs many": "--epochs",
    "run single --setting clas": "--setting is 'clas'",
    "run single -o mem_size=5": "NAME.OPTION=VALUE",
    "run single -o replay.mem_size=5 -o replay.mem_size=6": "given twice",
    "run single --experiences 2 -o single.experiences=3": "same option",
    "run drifting-mnist --pattern swap -o drifting-mnist.patterns=swap": "same option",
    "run drifting-mnist --strategy naive --pattern sudden": "'abrupt'",
    "run drifting-mnist --strategy naive --epochs 3": "each sample comes once",
    "run single --strategy naive --pattern abrupt": "'patterns'",
    "run single --json none/out.json": "no folder",
    "run single --config none.toml": "cannot read --config",
    "run single --plugin none.py": "none.py",
    "run singel": "'single'",
    "run single --strategy naiv": "'naive'",
    "run single --strategy naive -o navie.lr=1": "'naive'",
    "run single --strategy naive -o naive.lrr=1": "'lr'",
    "run single --strategy naive -o naive.lr=-1": "naive.lr=-1",
    "run single --strategy naive -o replay.mem_size=5": "takes no part",
    "run rotated-mnist --preset der20": "'der-20'",
    "run rotated-mnist --preset der-20 --experiences 3": "preset",
    "run rotated-mnist --setting class": "setting",
    "compare": "give --strategies",
    "compare rotated-mnist": "compare rotated-mnist --strategies",
    "compare x --epochs 3": "--epochs is for running",
    "compare x -o a.b=1": "--option is for running",
    "compare x --no-model": "--no-model is for running",
    "compare nothing": "To run and compare",
    "compare a b --strategies naive": "run one scenario",
    "compare single --strategies naive,naive": "strategy naive is given twice",
    "compare single --strategies naive --seeds 0": "--seeds 0",
    "compare single --strategy naive": "--strategies",
    "compare single --strategies naive --csv out --json out": "two outputs",
    "run single --strategy ewc --profile small": "strategy 'ewc' has no profile 'small'; it has none",
    "run single --profile smal": "strategy 'morph' has no profile 'smal'; it has small",
    "compare single --strategies naive,ewc --profile small": "none of naive, ewc has a profile 'small'; branching has",
    "run single --detector adwni": "Did you mean 'adwin'",
    "run single --strategy naive --detector adwin -o adwin.delta=2": "adwin.delta=2",
    "run single --strategy naive --detector adwin --on-drift grow": "strategies that can: ",
    "run single --strategy naive --detector ddm --watch loss": "watches error and cannot be told of loss",
    "run single --on-drift reset": "without a detector; give one, such as --detector adwin",
    "run single --detector adwin --watch los": "--watch is 'los'",
    "run single --detector adwin --on-drift restart": "--on-drift is 'restart'",
    "ablate": "no scenario is named",
    "ablate single --strategy ewc": "offers no ablations; strategies that do: branching, ",
    "ablate single --strategy morhp": "'morph'",
    "ablate single --only gaet": "Did you mean 'gate'",
    "ablate single --only gate,gate": "ablation gate is given twice",
    "ablate single --only ,": "names no mechanism",
    "ablate single --only gate -o morph.gate=false": "ablation gate changes nothing",
    "ablate single --seeds 0": "--seeds 0",
    "ablate single --seed 3": "--seed",
    "ablate single --csv out --json out": "two outputs",
    "resume nothing": "unknown run",
    "list strategys": "'strategies'",
    "show strategy ewcc": "'ewc'",
    "show stratgy ewc": "strategies",
    "show run nothing": "unknown run",
    "data fetch mnits": "'mnist'",
    "data info npzz": "'npz'",
}


@pytest.mark.parametrize("arguments", BAD, ids=str)
def test_bad_usage_is_one_line_and_exit_code_2(arguments: str, morph_cl_command: Any) -> None:
    outcome = morph_cl_command(arguments)
    assert outcome.code == 2
    assert len(outcome.errors) == 1
    assert outcome.errors[0].startswith("error: ")
    assert BAD[arguments] in outcome.errors[0]
    assert outcome.out == ""
    assert not Path("runs").exists()


@pytest.mark.parametrize("error", [RunFailedError("it broke."), ZeroDivisionError("division\nby zero")])
def test_a_failed_run_is_one_line_and_exit_code_1(
    error: Exception, monkeypatch: pytest.MonkeyPatch, morph_cl_command: Any
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(morph_cl.api, "run_config", fail)
    outcome = morph_cl_command("run", "single")
    assert outcome.code == 1
    assert len(outcome.errors) == 1
    assert outcome.errors[0].startswith("run failed: ")
    assert outcome.errors[0].endswith("; --traceback shows where.")
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("arguments", ["--traceback run single", "run single --traceback"])
def test_traceback_shows_it_before_or_behind_the_command(
    arguments: str, monkeypatch: pytest.MonkeyPatch, morph_cl_command: Any
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise UsageError("no.")

    monkeypatch.setattr(morph_cl.api, "run_config", fail)
    outcome = morph_cl_command(arguments)
    assert outcome.code == 2
    assert "Traceback" in outcome.err
    assert outcome.errors[-1] == "error: no."
    monkeypatch.setenv("MORPH_CL_TRACEBACK", "1")
    assert "Traceback" in morph_cl_command("run", "single").err


def interrupt_after(job: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, **__: Any) -> None:
        job()
        raise KeyboardInterrupt

    monkeypatch.setattr(morph_cl.api, "run_config", run)


def test_ctrl_c_says_how_to_resume(monkeypatch: pytest.MonkeyPatch, morph_cl_command: Any) -> None:
    from morph_cl.results.store import RunStore

    def start(checkpoint: bool) -> None:
        folder = RunStore("stored").create(RunConfig(scenario="single"))
        if checkpoint:
            folder.checkpoint.mkdir()

    RunStore("stored").create(RunConfig(scenario="single", strategy="other")).checkpoint.mkdir()
    interrupt_after(lambda: start(True), monkeypatch)
    outcome = morph_cl_command("run", "single", "--runs-dir", "stored")
    assert outcome.code == 130
    assert len(outcome.errors) == 1
    assert "`morph-cl resume single-morph-s0-" in outcome.errors[0]
    assert " --runs-dir stored` " in outcome.errors[0]
    interrupt_after(lambda: start(False), monkeypatch)
    assert "starts anew" in morph_cl_command("run", "single", "--runs-dir", "stored").errors[0]
    assert "not stored" in morph_cl_command("run", "single", "--no-store").errors[0]
    interrupt_after(lambda: None, monkeypatch)
    assert "no run is left" in morph_cl_command("run", "single").errors[0]


def test_ctrl_c_in_resume_names_the_same_run(monkeypatch: pytest.MonkeyPatch, morph_cl_command: Any) -> None:
    def resume(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(morph_cl.api, "resume", resume)
    outcome = morph_cl_command("resume", "abc")
    assert (outcome.code, len(outcome.errors)) == (130, 1)
    assert "`morph-cl resume abc` " in outcome.errors[0]


def test_lists_and_pages_name_what_is_registered(morph_cl_command: Any) -> None:
    brief = morph_cl_command("list")
    for name in ("strategies", "rotated-mnist", "mnist-5k", "forgetting", "plugins"):
        assert name in brief.out
    for kind in (*KINDS, *KINDS.values(), "plugins", "Plugin"):
        assert morph_cl_command("list", kind).code == 0
    assert "naive" in morph_cl_command("list", "strategies").out
    page = morph_cl_command("show", "strategies", "replay")
    assert "mem_size" in page.out
    assert "five-angles" in morph_cl_command("show", "scenario", "rotated-mnist").out


def test_data_list_says_what_is_here(tmp_path: Path, morph_cl_command: Any) -> None:
    outcome = morph_cl_command("data", "list", "--data-root", tmp_path)
    assert "mnist-5k" in outcome.out
    assert "morph-cl data fetch" in " ".join(outcome.out.split())


def test_runs_and_show_run_read_the_store(make_record: Callable[..., RunRecord], morph_cl_command: Any) -> None:
    from morph_cl.results.store import RunStore

    assert "no runs in runs" in morph_cl_command("runs").out
    folder = RunStore("runs").create(RunConfig(scenario="rotated-mnist", strategy="naive"))
    folder.write_record(make_record("naive"))
    assert folder.run_id[:20] in morph_cl_command("runs").out.replace("\n", "")
    shown = morph_cl_command("show", "run", "latest")
    assert shown.code == 0
    assert "c0ffeec0ffee" in shown.out
    assert morph_cl_command("compare", folder.run_id).code == 0


GOOD_PLUGIN = """
from morph_cl import ExpertSpec, hookimpl

@hookimpl
def register_experts():
    yield ExpertSpec(name="my-own", build="nowhere:build", summary="an expert of the user's")
"""


def test_a_plugin_file_is_listed_wherever_the_flag_stands(tmp_path: Path, morph_cl_command: Any) -> None:
    file = tmp_path / "mine.py"
    file.write_text(GOOD_PLUGIN, encoding="utf-8")
    assert "my-own" in morph_cl_command("list", "experts", "--plugin", file).out
    assert "my-own" in morph_cl_command("--plugin", file, "list").out
    assert "my-own" in morph_cl_command("show", "expert", "my-own", "--plugin", file).out
    assert "mine" in morph_cl_command("plugins", "list", "--plugin", file).out
    assert "my-own" not in morph_cl_command("list", "experts").out


def test_doctor_names_what_failed_and_why_and_exits_with_1(tmp_path: Path, morph_cl_command: Any) -> None:
    file = tmp_path / "broken.py"
    file.write_text("raise RuntimeError('out of order')", encoding="utf-8")
    sick = morph_cl_command("plugins", "doctor", "--plugin", file)
    assert sick.code == 1
    text = " ".join(sick.out.split())
    for said in ("broken", "failed", "RuntimeError", "out of order"):
        assert said in text
    refused = morph_cl_command("list", "--plugin", file)
    assert (refused.code, len(refused.errors)) == (2, 1)
    file.write_text(GOOD_PLUGIN.replace("my-own", "mlp"), encoding="utf-8")
    clash = " ".join(morph_cl_command("plugins", "doctor", "--plugin", file).out.split())
    assert "broken:mlp" in clash


def test_what_is_left_out_is_one_line_on_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, morph_cl_command: Any
) -> None:
    from morph_cl import host
    from morph_cl.catalog import _catalog_of

    file = tmp_path / "broken.py"
    file.write_text("raise RuntimeError('out of order')", encoding="utf-8")
    source = host.file_source(str(file))
    installed = host.entry_point_sources()
    monkeypatch.setattr(host, "entry_point_sources", lambda: [*installed, source])
    _catalog_of.cache_clear()
    try:
        outcome = morph_cl_command("list", "strategies")
    finally:
        _catalog_of.cache_clear()
    assert outcome.code == 0
    assert outcome.err == "left out: broken (see `morph-cl plugins doctor`)\n"
