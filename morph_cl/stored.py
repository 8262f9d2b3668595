"""What a stored run is good for afterwards: its stream, its model, a close look, explanations of MORPH."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from morph_cl.catalog import load_catalog
from morph_cl.config import RunConfig
from morph_cl.engine.explained import GRAPH_FORMATS, explain_plan
from morph_cl.engine.inspected import inspect_plan
from morph_cl.engine.restored import restore_plan
from morph_cl.errors import UsageError
from morph_cl.experiment.plan import RunPlan, plan_run, plan_stream
from morph_cl.report.drawing import check_drawing
from morph_cl.report.inspection_pictures import draw_inspection
from morph_cl.results.atomic import check_folder_writable, check_writable
from morph_cl.results.explanation import Explanation
from morph_cl.results.folder import RunFolder
from morph_cl.results.inspection import Inspection
from morph_cl.results.record import RunRecord
from morph_cl.results.store import RunStore

if TYPE_CHECKING:
    from morph_cl.bridge.stream import Stream

DEFAULT_STORE = Path("runs")
"""The folder of runs, below the working directory."""

DEFAULT_MISTAKES = 12
"""How many of the most confident mistakes an inspection keeps."""


def load_model(
    run_id: str | Path,
    *,
    store: Path | str = DEFAULT_STORE,
    data_root: Path | str | None = None,
    device: str | None = None,
) -> Any:
    """The strategy of a finished run as it was at the end.

    Args:
        run_id: its id, a unique beginning of it, ``latest``, or its folder.
        store: the folder of runs.
        data_root: where data sets lie now; None takes what the run was told.
        device: where to put it; None takes the run's device.

    Returns:
        The Avalanche strategy. ``strategy.model`` is in evaluation mode and predicts as at the end of the run, bit
        for bit on the CPU; ``strategy.eval`` takes the test stream of :func:`load_stream`.

    Raises:
        UsageError: the run does not exist, is not finished or has no model, or its data set is not here.
        CheckpointError: the model is damaged, or data or strategy are others now.

    Example:
        >>> strategy = load_model("latest")  # doctest: +SKIP
        >>> prediction = strategy.model(x).argmax(1)  # doctest: +SKIP
    """
    folder = RunStore(Path(store)).folder(run_id)
    return restore_plan(plan_of_model(folder, data_root, device), folder)[0]


def load_stream(
    run_id: str | Path, *, store: Path | str = DEFAULT_STORE, data_root: Path | str | None = None
) -> Stream:
    """The stream that a stored run met, built anew.

    Args:
        run_id: its id, a unique beginning of it, ``latest``, or its folder.
        store: the folder of runs.
        data_root: where data sets lie now; None takes what the run was told.

    Returns:
        The stream: ``stream.benchmark.train_stream`` and ``.test_stream`` are Avalanche's.

    Raises:
        UsageError: the run does not exist, or its data set is not here.
    """
    config = stored_config(RunStore(Path(store)).folder(run_id), data_root)
    plan = plan_stream(config, load_catalog(config.plugin_files))
    return plan.build(plan.load())


def explain(
    run_id: str | Path,
    *,
    image: int | None = None,
    experience: int | None = None,
    label: int | None = None,
    graph: Path | str | None = None,
    store: Path | str = DEFAULT_STORE,
    data_root: Path | str | None = None,
    device: str | None = None,
) -> Explanation:
    """Explain what a finished run of MORPH predicts: one image, one class, or all experts in brief.

    Args:
        run_id: its id, a unique beginning of it, ``latest``, or its folder.
        image: a test image, by its place in the experience's test data from 0.
        experience: index of the experience that the image is of; None takes the last.
        label: a class, in place of an image.
        graph: a .graphml or .json file to write the knowledge graph to.
        store: the folder of runs.
        data_root: where data sets lie now; None takes what the run was told.
        device: where to put the model; None takes the run's device.

    Returns:
        An ``ImageExplanation``, ``ClassExplanation`` or ``OverviewExplanation``; each has ``to_json()``.

    Raises:
        UsageError: the run is not of MORPH or kept no model, or there is no such image or class.
        CheckpointError: the model is damaged, or the data is another now.

    Example:
        >>> print(explain("latest", image=7, experience=0).predicted)  # doctest: +SKIP
    """
    folder = RunStore(Path(store)).folder(run_id)
    record = folder.read_record()
    _check_question(record, image, experience, label)
    target = None if graph is None else Path(graph)
    if target is not None:
        _check_graph_file(target)
    plan = plan_of_model(folder, data_root, device)
    return explain_plan(plan, folder, record, image=image, experience=experience, label=label, graph=target)


def _check_question(record: RunRecord, image: int | None, experience: int | None, label: int | None) -> None:
    """Refuse what can be seen to be wrong before data is loaded."""
    if record.strategy != "morph":
        raise UsageError(
            f"run {record.run_id} is of strategy {record.strategy!r}; only runs of 'morph' can be explained."
        )
    if image is not None and label is not None:
        raise UsageError("an image and a class are given; give one of them.")
    if experience is not None and image is None:
        raise UsageError("an experience is given without an image; give an image of its test data, such as 0.")
    if experience is not None and not 0 <= experience < record.experiences:
        raise UsageError(f"experience {experience} is not in 0..{record.experiences - 1}.")


def _check_graph_file(path: Path) -> None:
    if path.suffix not in GRAPH_FORMATS:
        raise UsageError(f"graph file {str(path)!r} ends in {path.suffix!r}; give a .graphml or a .json file.")
    check_writable(path)


def inspect_run(
    run_id: str | Path,
    *,
    mistakes: int = DEFAULT_MISTAKES,
    csv: Path | str | None = None,
    png: Path | str | None = None,
    store: Path | str = DEFAULT_STORE,
    data_root: Path | str | None = None,
    device: str | None = None,
) -> Inspection:
    """Look closely at a finished run of any strategy: its final model is asked about every test image.

    Args:
        run_id: its id, a unique beginning of it, ``latest``, or its folder.
        mistakes: how many of the most confident mistakes to keep, not negative.
        csv: a file to write a row for each sample and expert to.
        png: a folder to write pictures to; it is made where it is missing.
        store: the folder of runs.
        data_root: where data sets lie now; None takes what the run was told.
        device: where to put the model; None takes the run's device.

    Returns:
        Expert usage and specialisation (None of a monolith), confusion matrix, mistakes and curves; it has
        ``to_json()``.

    Raises:
        UsageError: the run kept no model, or pictures are wanted without matplotlib.
        CheckpointError: the model is damaged, or the data is another now.

    Example:
        >>> print(inspect_run("latest").usage.entropy)  # doctest: +SKIP
    """
    if mistakes < 0:
        raise UsageError(f"mistakes={mistakes} is negative; give how many to keep, such as {DEFAULT_MISTAKES}.")
    folder = RunStore(Path(store)).folder(run_id)
    plan = plan_of_model(folder, data_root, device)
    samples = None if csv is None else Path(csv)
    if samples is not None:
        check_writable(samples)
    if png is not None:
        check_drawing()
        check_folder_writable(png)
    inspection = inspect_plan(plan, folder, folder.read_record(), mistakes=mistakes, samples=samples)
    if png is not None:
        draw_inspection(inspection, Path(png))
    return inspection


def stored_config(folder: RunFolder, data_root: Path | str | None = None) -> RunConfig:
    """What a stored run was told, with the data where it lies now.

    Args:
        folder: the run's folder.
        data_root: where data sets lie now; None takes what the run was told.

    Returns:
        Its configuration.

    Raises:
        StoreError: it is missing or damaged.
    """
    config = folder.read_config()
    return config if data_root is None else config.model_copy(update={"data_root": Path(data_root)})


def plan_of_model(folder: RunFolder, data_root: Path | str | None = None, device: str | None = None) -> RunPlan:
    """The plan of a finished run that kept its model, before torch is imported.

    Args:
        folder: the run's folder.
        data_root: where data sets lie now; None takes what the run was told.
        device: where to put the model; None takes the run's device.

    Returns:
        The plan.

    Raises:
        UsageError: the run is not finished or has no model, or what it needs is not here.
    """
    state = folder.read_status().shown
    if state != "finished":
        raise UsageError(
            f"run {folder.run_id} has no model yet: it is {state}; `morph-cl resume {folder.run_id}` goes on with it."
        )
    if not folder.model.is_dir():
        raise UsageError(
            f"run {folder.run_id} kept no model: it is of an earlier morph-cl, was told --no-model, or has "
            "Avalanche plugins that cannot be saved; run it again."
        )
    config = stored_config(folder, data_root)
    if device is not None:
        config = _on_device(config, device)
    return plan_run(config, load_catalog(config.plugin_files), also_known=config.options)


def _on_device(config: RunConfig, device: str) -> RunConfig:
    try:
        return RunConfig.model_validate({**dict(config), "device": device})
    except ValidationError as error:
        raise UsageError(f"device {device!r} is unknown; give auto, cpu, cuda, cuda:N or mps.") from error
