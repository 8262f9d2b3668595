"""How a study goes on: a line on standard error for each run that is done."""

from __future__ import annotations

from morph_cl.cli.progress import clock, figure
from morph_cl.cli.state import say
from morph_cl.results.record import RunRecord
from morph_cl.studies import StudyListener
from morph_cl.study.protocol import Entry


class QuietStudyListener(StudyListener):
    """Says warnings and nothing else."""

    def warned(self, message: str) -> None:
        """Say a warning in one line."""
        say(f"warning: {message}", style="yellow")


class StudyLines(QuietStudyListener):
    """Says how many runs there are, and of each that is done its accuracy and time."""

    runs = done = 0

    def planned(self, what: str, runs: int, kept: int) -> None:
        """Say how many runs follow and how many of them are in the store."""
        self.runs, self.done = runs, kept
        if runs:
            say(f"{runs} runs {what}, {kept} of them in the store")

    def finished(self, entry: Entry, record: RunRecord, seconds: float) -> None:
        """Say which run is done."""
        self.done += 1
        accuracy = figure(record.metrics["prequential_accuracy"])
        say(f"[{self.done}/{self.runs}] {entry}: prequential accuracy {accuracy}, {clock(seconds)}")


def listener_for(*, quiet: bool) -> StudyListener:
    """The listener of a command.

    Args:
        quiet: whether to say warnings alone.
    """
    return QuietStudyListener() if quiet else StudyLines()
