"""Sections as tables, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from measure import Claim, Section
from rich.console import Console
from rich.table import Table


def print_section(console: Console, section: Section) -> None:
    """Print a section: under each thing done the time of each side, then each claim with what it should reach.

    Args:
        console: where to.
        section: what was measured.
    """
    table = Table(title=f"{section.name}: {section.title}", title_justify="left", caption=f"bare: {section.bare}")
    table.add_column("what", min_width=max(len(row.what) for row in section.rows))
    table.add_column("figure")
    for heading in ("value", "reach", "reached"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in section.rows:
        lines = [(side, duration(seconds), "", "") for side, seconds in row.seconds.items()]
        lines += [_claim_cells(claim) for claim in row.claims]
        for number, line in enumerate(lines):
            table.add_row("" if number else row.what, *line, end_section=number == len(lines) - 1)
    console.print(table)


def duration(seconds: float) -> str:
    """Three digits and a unit.

    Args:
        seconds: how long.
    """
    return f"{seconds * 1e3:.3g} ms" if seconds < 1.0 else f"{seconds:.3g} s" if seconds < 100.0 else f"{seconds:.0f} s"


def _claim_cells(claim: Claim) -> tuple[str, str, str, str]:
    sign = ">=" if claim.at_least else "<="
    reach = "" if claim.reach is None else f"{sign} {claim.reach:g}"
    return claim.what, f"{claim.value:.3g}", reach, {True: "yes", False: "no", None: ""}[claim.reached]


def as_json(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """Everything that was measured, as plain values.

    Args:
        sections: what was measured.
    """
    found = []
    for section in sections:
        plain = asdict(section)
        for row, told in zip(section.rows, plain["rows"], strict=True):
            told["claims"] = [asdict(claim) | {"reached": claim.reached} for claim in row.claims]
        found.append(plain)
    return found
