"""The entry point: the commands, and one line and an exit code for every error.

Exit codes: 0 done, 1 a run failed, 2 bad usage, 130 interrupted.
"""

from __future__ import annotations

import sys
import traceback as tracebacks
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from morph_cl.cli import flags
from morph_cl.cli.ablate import ablate
from morph_cl.cli.browse import list_records, runs, show
from morph_cl.cli.compare import compare
from morph_cl.cli.data import data_app
from morph_cl.cli.explain import explain
from morph_cl.cli.inspect import inspect
from morph_cl.cli.interrupt import INTERRUPTED
from morph_cl.cli.plugins import plugins_app
from morph_cl.cli.run import resume, run
from morph_cl.cli.state import Invocation, invocation, say
from morph_cl.cli.study import study_app
from morph_cl.errors import RunFailedError, UsageError

FAILED = 1
BAD_USAGE = 2

app = typer.Typer(
    name="morph-cl",
    help="Run streams of experiences, compare what learners forget, register your own experts.",
    context_settings=flags.CONTEXT,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("run")(run)
app.command("compare")(compare)
app.command("ablate")(ablate)
app.command("resume")(resume)
app.command("explain")(explain)
app.command("inspect")(inspect)
app.command("list")(list_records)
app.command("show")(show)
app.command("runs")(runs)
app.add_typer(data_app)
app.add_typer(plugins_app)
app.add_typer(study_app)


def _show_version(wanted: bool) -> None:
    if wanted:
        import importlib.metadata

        typer.echo(f"morph-cl {importlib.metadata.version('morph-cl')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    ctx: typer.Context,
    plugin: flags.Plugin = None,
    traceback: flags.Traceback = False,
    _version: Annotated[
        bool,
        typer.Option("--version", metavar="", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Run streams of experiences, compare what learners forget, register your own experts."""
    invocation(ctx).begin("morph-cl", traceback, plugin)
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: what stands behind the program's name; the process's own by default.

    Returns:
        The exit code: 0 done, 1 a run failed, 2 bad usage, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a sign shows a question mark
    state = Invocation()
    try:
        code = get_command(app).main(
            args=None if arguments is None else list(arguments),
            prog_name="morph-cl",
            standalone_mode=False,
            obj=state,
        )
    except (KeyboardInterrupt, typer.Abort):
        say("interrupted.")
        return INTERRUPTED
    except Exception as error:
        return _report(error, state)
    return code if isinstance(code, int) else 0


def _report(error: Exception, state: Invocation) -> int:
    """Say an error in one line, its traceback before where that is wanted, and choose the exit code."""
    if state.traceback:
        tracebacks.print_exception(error)
    format_message = getattr(error, "format_message", None)  # typer's own errors, whichever click it is built on
    if format_message is not None:
        if not format_message():
            return 0  # a group of commands called without one has shown its help
        say(f"error: {format_message()}", style="red")
        return int(getattr(error, "exit_code", BAD_USAGE))
    if isinstance(error, UsageError):
        say(f"error: {error}", style="red")
        return BAD_USAGE
    text = str(error) if isinstance(error, RunFailedError) else f"{type(error).__name__}: {error}"
    hint = "" if state.traceback else "; --traceback shows where"
    say(f"{state.job} failed: {text.rstrip('.')}{hint}.", style="red")
    return FAILED
