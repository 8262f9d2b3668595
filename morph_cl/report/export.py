"""A report as text or as an SVG picture of a terminal, for documents."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType


def to_text(renderable: RenderableType, *, width: int = 80) -> str:
    """A report as plain text without colour.

    Args:
        renderable: the report.
        width: columns.

    Returns:
        Unicode text, no line longer than ``width`` cells.
    """
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False, _environ={})
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def to_svg(renderable: RenderableType, *, width: int = 80, title: str = "morph-cl") -> str:
    """A report as an SVG picture of a colour terminal.

    Args:
        renderable: the report.
        width: columns.
        title: what stands in the picture's title bar.

    Returns:
        The SVG document.
    """
    console = Console(
        file=io.StringIO(),
        width=width,
        color_system="truecolor",
        force_terminal=True,
        record=True,
        _environ={},
    )
    console.print(renderable)
    return console.export_svg(title=title)
