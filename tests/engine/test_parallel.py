"""Jobs: what comes back of a run that is done, that breaks, that is refused, that was interrupted."""

import json
import os
import subprocess
import sys
import time

import pytest

import morph_cl
from morph_cl.config import RunConfig
from morph_cl.engine.kept import KeptRuns
from morph_cl.engine.parallel import Job, execute_job, execute_jobs
from morph_cl.experiment import session
from morph_cl.experiment.listener import RunListener
from morph_cl.experiment.plan import plan_run
from morph_cl.results.folder import RunFolder

CONFIG = RunConfig(
    scenario="drifting-mnist",
    preset="steady",
    dataset="digits",
    strategy="naive",
    epochs=1,
    batch_size=10,
    setting="domain",
    options={"drifting-mnist": {"samples": 200, "experience_size": 50}},
    keep_model=False,
)


class Stop(RunListener):
    def progressed(self, progress):
        if progress.experience == 2:
            raise KeyboardInterrupt


def test_a_refused_run_comes_back_as_text():
    outcome = execute_job(Job(CONFIG.model_copy(update={"strategy": "naiv"}), None))
    assert (outcome.record, outcome.refused) == (None, True)
    assert "naive" in outcome.reason


@pytest.mark.parametrize("processes", [1, 2])
def test_each_outcome_comes_with_the_number_of_its_job(processes):
    seeds = [3, 4]
    jobs = [Job(CONFIG.model_copy(update={"seed": seed}), None) for seed in seeds]
    found = {number: outcome.record.seed for number, outcome in execute_jobs(jobs, processes)}
    assert found == dict(enumerate(seeds))


def test_closing_early_ends_the_processes(tmp_path):
    import multiprocessing

    before = set(multiprocessing.active_children())
    jobs = [Job(CONFIG.model_copy(update={"strategy": "no-such"}), tmp_path) for _ in range(20)]
    outcomes = execute_jobs(jobs, 2)
    next(outcomes)
    outcomes.close()
    deadline = time.monotonic() + 5  # a thread of the pool may be the one that notes that a process has ended
    while not set(multiprocessing.active_children()) <= before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(multiprocessing.active_children()) <= before


def test_an_interrupted_run_goes_on_in_its_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "ONLINE_CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr("morph_cl.experiment.pace._INTERVAL", 0.0)
    plan = plan_run(CONFIG, morph_cl.load_catalog())
    assert KeptRuns(tmp_path).begun(plan) is None
    with pytest.raises(KeyboardInterrupt):
        morph_cl.run_config(CONFIG, store=tmp_path, listener=Stop())
    kept = KeptRuns(tmp_path)
    assert kept.finished(plan) is None
    outcome = execute_job(Job(CONFIG, tmp_path, kept.begun(plan).path))
    assert outcome.record.trace == morph_cl.run_config(CONFIG, store=None).trace
    assert KeptRuns(tmp_path).finished(plan).run_id == outcome.record.run_id
    assert len(list(tmp_path.iterdir())) == 1


def test_a_run_from_before_an_option_is_found_where_the_option_has_its_default(tmp_path):
    start = morph_cl.run_config(CONFIG, store=tmp_path).run_id
    path = tmp_path / start / "start.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["scenario"]["options"]["held_out_every"], content["strategy"]["options"]["hidden"]
    path.write_text(json.dumps(content), encoding="utf-8")
    catalog = morph_cl.load_catalog()
    assert KeptRuns(tmp_path).finished(plan_run(CONFIG, catalog)).run_id == start
    content["strategy"]["options"]["lr"] = 0.5  # the default was another one
    path.write_text(json.dumps(content), encoding="utf-8")
    assert KeptRuns(tmp_path).finished(plan_run(CONFIG, catalog)) is None
    looking = {"drifting-mnist": {**CONFIG.options["drifting-mnist"], "held_out_every": 20}}
    assert KeptRuns(tmp_path).finished(plan_run(CONFIG.model_copy(update={"options": looking}), catalog)) is None


def test_a_checkpoint_that_does_not_fit_is_left_and_the_run_starts_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "ONLINE_CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr("morph_cl.experiment.pace._INTERVAL", 0.0)
    with pytest.raises(KeyboardInterrupt):
        morph_cl.run_config(CONFIG, store=tmp_path, listener=Stop())
    begun = KeptRuns(tmp_path).begun(plan_run(CONFIG, morph_cl.load_catalog()))
    for file in begun.checkpoint.rglob("*"):
        if file.is_file():
            file.write_bytes(b"damaged")
    outcome = execute_job(Job(CONFIG, tmp_path, begun.path))
    assert outcome.record.trace == morph_cl.run_config(CONFIG, store=None).trace
    assert len(list(tmp_path.iterdir())) == 2


ENDLESS = """
from morph_cl.config import RunConfig
from morph_cl.engine.parallel import Job, execute_jobs

if __name__ == "__main__":
    import sys
    from pathlib import Path

    config = RunConfig(scenario="drifting-mnist", dataset="digits", preset="steady", strategy="naive", seed=1)
    jobs = [Job(config.model_copy(update={"seed": seed}), Path(sys.argv[1])) for seed in range(200)]
    for _ in execute_jobs(jobs, 2):
        pass
"""


@pytest.mark.skipif(os.name != "posix", reason="asks for processes by their number")
def test_processes_end_with_the_one_that_waits_for_them(tmp_path):
    script, store = tmp_path / "endless.py", tmp_path / "store"
    script.write_text(ENDLESS, encoding="utf-8")
    with subprocess.Popen([sys.executable, str(script), str(store)]) as parent:
        until(lambda: len(workers(store)) == 2)
        parent.kill()
    until(lambda: not any(lives(process) for process in workers(store)))


def workers(store):
    return {RunFolder(path).read_status().process for path in store.glob("*") if (path / "status.json").is_file()}


def lives(process):
    try:
        os.kill(process, 0)  # signal 0 asks only
    except ProcessLookupError:
        return False
    return True


def until(reached, seconds=60):
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)
