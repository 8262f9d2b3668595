"""Sections as tables, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from measure import Claim, Section
from rich.console import Console
from rich.table import Table


def print_section(console: Console, section: Section) -> None:
    """Print a section: seconds by side, then each claim with what it should reach.

    Args:
        console: where to.
        section: what was measured.
    """
    sides = list(dict.fromkeys(side for row in section.rows for side in row.seconds))
    table = Table(title=f"{section.name}: {section.title}", title_justify="left", caption=f"bare: {section.bare}")
    table.add_column("what")
    for side in sides:
        table.add_column(side, justify="right")
    for heading in ("figure", "value", "reach", "reached"):
        table.add_column(heading, justify="left" if heading == "figure" else "right")
    for row in section.rows:
        cells = [f"{row.seconds[side]:.4g}" if side in row.seconds else "" for side in sides]
        claims: Sequence[Claim | None] = row.claims or (None,)
        for number, claim in enumerate(claims):
            first = [row.what, *cells] if not number else [""] * (1 + len(sides))
            table.add_row(*first, *_claim_cells(claim))
    console.print(table)


def _claim_cells(claim: Claim | None) -> list[str]:
    if claim is None:
        return [""] * 4
    sign = ">=" if claim.at_least else "<="
    reach = "" if claim.reach is None else f"{sign} {claim.reach:g}"
    return [claim.what, f"{claim.value:.3g}", reach, {True: "yes", False: "no", None: ""}[claim.reached]]


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
