"""Live progress on standard error: a bar on a terminal, plain lines elsewhere, only warnings if quiet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from morph_cl.cli.live_curve import LiveCurve
from morph_cl.experiment.listener import OnlineProgress, Progress, RunListener
from morph_cl.results.record import DatasetInfo, ExperienceReport, RunRecord, RunStart

NARROW = 60
"""Terminals narrower than this get no bar."""

_END_FIGURES = {
    False: (("average_accuracy", "average accuracy"), ("forgetting", "forgetting")),
    True: (("prequential_accuracy", "prequential accuracy"), ("average_accuracy", "accuracy at the end")),
}
"""What is said of a finished run, by whether its stream was test-then-train."""


class QuietListener(RunListener):
    """Says warnings and nothing else. A context manager, as all listeners here.

    Args:
        console: where to say them.
    """

    def __init__(self, console: Console) -> None:
        self.console = console

    def __enter__(self) -> QuietListener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""

    def warned(self, message: str) -> None:
        """Say a warning in one line."""
        self.console.print(f"[yellow]warning:[/] {escape(' '.join(message.split()))}", highlight=False, soft_wrap=True)


class LineListener(QuietListener):
    """One plain line for each start, experience and end.

    Args:
        console: where to print.
        runs: how many runs there will be.
    """

    def __init__(self, console: Console, runs: int = 1) -> None:
        super().__init__(console)
        self.runs = runs
        self.run = 0
        self.names: Sequence[str] = ()
        self.start: RunStart | None = None
        self.tenths = 0

    def planned(self, names: Sequence[str]) -> None:
        """Take the names and the number of the runs to come."""
        self.names, self.runs = names, len(names)

    def started(self, start: RunStart) -> None:
        """Say what is run on which data."""
        if self.start is None or self.start.dataset != start.dataset:
            self._say(f"data: {dataset_line(start.dataset)}")
        self.start, self.tenths = start, 0
        self.run += 1
        count = len(self._labels())
        parts = f"{count} experience{'s' if count != 1 else ''}"
        self._say(f"{self._head()}: {start.scenario.name} ({start.scenario.setting}), {parts}")

    def progressed(self, progress: Progress) -> None:
        """Say where a test-then-train run is, at each tenth of its samples: no experience ends there."""
        if progress.online is None:
            return
        tenths = 10 * progress.online.seen // progress.online.samples
        if tenths > self.tenths:
            self.tenths = tenths
            self._say(f"{self._head()}: {self.progress_line(progress)}")

    def experience_finished(self, report: ExperienceReport) -> None:
        """Say how accurate the learner is now on what it has learned."""
        learned = [value for value in report.row[: report.experience + 1] if not math.isnan(value)]
        mean = sum(learned) / len(learned) if learned else math.nan
        self._say(
            f"{self._head()}: experience {report.experience + 1}/{len(self._labels())}"
            f"{self._label(report.experience)}, average accuracy {figure(mean)}, {experts(report.experts)},"
            f" {report.train_seconds:.1f} s training"
        )

    def finished(self, record: RunRecord) -> None:
        """Say the figures of the finished run."""
        self._say(f"{self._head()}: {end_line(record)}")

    def progress_line(self, progress: Progress) -> str:
        """Where a run is, in words.

        Args:
            progress: the look at the run.
        """
        if progress.online is not None:
            return f"{online_line(progress.online)}, {experts(progress.experts)}, {clock(progress.remaining)} left"
        return (
            f"experience {progress.experience + 1}/{progress.experiences}{self._label(progress.experience)}"
            f", epoch {progress.epoch + 1}/{progress.epochs}"
            f", training accuracy {figure(progress.train_accuracy)}"
            f", average {figure(progress.average_accuracy)}, {experts(progress.experts)}"
            f", {clock(progress.remaining)} left"
        )

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _head(self) -> str:
        """Which run it is: ``[2/6] naive, seed 0``."""
        count = f"[{self.run}/{self.runs}] " if self.runs > 1 else ""
        if self.start is None:
            return f"{count}run"
        name = self.names[self.run - 1] if self.run <= len(self.names) else self.start.strategy.name
        return f"{count}{name}, seed {self.start.seed}"

    def _labels(self) -> list[str]:
        return self.start.scenario.experiences if self.start else []

    def _label(self, experience: int) -> str:
        """The label of an experience in brackets, empty where it has none."""
        labels = self._labels()
        return f" ({labels[experience]})" if experience < len(labels) else ""


class LiveListener(LineListener):
    """A bar that moves and a line that says where the run is; a line that stays for each finished run.

    Of a drifting stream the curve grows above them.

    Args:
        console: a terminal.
        runs: how many runs there will be.
    """

    def __init__(self, console: Console, runs: int = 1) -> None:
        super().__init__(console, runs)
        self._live = Live(console=console, transient=True, refresh_per_second=4, get_renderable=self.render)
        self.progress: Progress | None = None
        self.curve = LiveCurve(console)

    def __enter__(self) -> LiveListener:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def started(self, start: RunStart) -> None:
        """Say which data is used, once, and show that the run has started."""
        self.progress = None
        self.curve.clear()
        if self.start is None or self.start.dataset != start.dataset:
            self._say(f"data: {dataset_line(start.dataset)}")
        self.start = start
        self.run += 1
        self._live.refresh()

    def progressed(self, progress: Progress) -> None:
        """Show where the run is."""
        self.progress = progress
        if progress.online is not None:
            self.curve.show(progress.online)

    def experience_finished(self, report: ExperienceReport) -> None:
        """Show the new figures; :meth:`progressed` brings them."""

    def finished(self, record: RunRecord) -> None:
        """Leave one line for the run."""
        self.progress = None
        self.curve.clear()
        super().finished(record)
        if self.run >= self.runs:
            self.start = None

    def render(self) -> RenderableType:
        """The curve of a drifting stream, the bar and the line below it; one line alone on a narrow terminal."""
        if self.start is None:
            return Text("starting" if self.run == 0 else "")  # torch takes seconds to import
        if self.progress is None:
            return self._line(f"{self._head()}: building the stream and the learner")
        where = self._line(f"{self._head()}: {self.progress_line(self.progress)}")
        if self.console.width < NARROW:
            return where
        bar = Table.grid(padding=(0, 1), expand=True)
        bar.add_column(ratio=1)
        bar.add_column(justify="right", no_wrap=True)
        done = (self.run - 1 + self.progress.fraction) / self.runs
        bar.add_row(ProgressBar(total=1.0, completed=done), f"{done:4.0%}")
        return Group(self.curve, bar, where)

    @staticmethod
    def _line(text: str) -> Text:
        return Text(text, overflow="fold")


def make_listener(console: Console, *, quiet: bool, runs: int = 1) -> QuietListener:
    """The listener that fits a console: live on a terminal with colours, else plain lines.

    Args:
        console: where progress goes.
        quiet: whether the user wants none.
        runs: how many runs there will be.
    """
    if quiet:
        return QuietListener(console)
    if console.is_terminal and not (console.is_dumb_terminal or console.no_color):
        return LiveListener(console, runs)
    return LineListener(console, runs)


def dataset_line(data: DatasetInfo) -> str:
    """A data set in one line: name, sizes, checksum.

    Args:
        data: the data set of a record.
    """
    return (
        f"{data.name}, {data.train_size:,} train and {data.test_size:,} test images,"
        f" {data.classes} classes, sha256 {data.checksum[:12]}"
    )


def end_line(record: RunRecord) -> str:
    """The figures of a finished run in one line.

    Args:
        record: the run.
    """
    parts = [
        f"{label} {figure(record.metrics[name])}"
        for name, label in _END_FIGURES[record.trace is not None]
        if name in record.metrics
    ]
    stored = f", stored as {record.run_id}" if record.run_id else ""
    seconds = record.timing.train_seconds + record.timing.eval_seconds
    parts.append(experts(record.experts[-1] if record.experts else 1))
    return f"{', '.join(parts)}, {seconds:.1f} s{stored}"


def online_line(online: OnlineProgress) -> str:
    """How a test-then-train run stands, in words.

    Args:
        online: the look at it.
    """
    alarms = "no alarm"
    if online.alarms:
        where = "" if online.last_alarm is None else f", the last at {online.last_alarm:,}"
        alarms = f"{online.alarms} alarm{'s' if online.alarms > 1 else ''}{where}"
    return f"sample {online.seen:,}/{online.samples:,}, recent accuracy {figure(online.accuracy)}, {alarms}"


def figure(value: float) -> str:
    """A fraction with three decimals, or ``-`` where it was not measured.

    Args:
        value: the fraction, or NaN.
    """
    return "-" if math.isnan(value) else f"{value:.3f}"


def experts(count: int) -> str:
    """A number of experts in words.

    Args:
        count: how many.
    """
    return "1 expert" if count == 1 else f"{count} experts"


def clock(seconds: float) -> str:
    """A duration as minutes and seconds, or ``-:--`` before there is an estimate.

    Args:
        seconds: the duration, or NaN.
    """
    if math.isnan(seconds):
        return "-:--"
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
