"""Records from JSON: this layout and every earlier one, with errors that name the file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from morph_cl.config import RunConfig
from morph_cl.errors import StoreError
from morph_cl.results.record import SCHEMA, RunRecord

_LAYOUT = re.compile(r"morph-cl/run/(\d+)")
_OWN_MAJOR = int(SCHEMA.rpartition("/")[2])


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: the file.

    Returns:
        The object.

    Raises:
        StoreError: the file is missing, unreadable, no JSON or no object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"cannot read {str(path)!r}: {(error.strerror or str(error)).lower()}.") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{str(path)!r} is damaged or no JSON ({error}); restore it or delete it.") from error
    if not isinstance(content, dict):
        raise StoreError(f"{str(path)!r} holds a {type(content).__name__}, not a JSON object; it is no stored run.")
    return content


def check_layout(content: dict[str, Any], path: Path) -> None:
    """Refuse what this version cannot understand.

    Args:
        content: the object of a record's file.
        path: the file, for the message.

    Raises:
        StoreError: it is no record, or one of a newer layout.
    """
    layout = _LAYOUT.fullmatch(str(content.get("schema", "")))
    if layout is None:
        raise StoreError(f"{str(path)!r} is no stored run: its schema is {content.get('schema')!r}, not {SCHEMA!r}.")
    if int(layout[1]) > _OWN_MAJOR:
        raise StoreError(
            f"{str(path)!r} was written by a newer morph-cl ({layout[0]}, this one reads up to {SCHEMA}); "
            "upgrade with `pip install --upgrade morph-cl`."
        )


def parse_record(content: dict[str, Any], path: Path) -> RunRecord:
    """Make a record of a JSON object; fields that this version does not know are left out.

    Args:
        content: the object.
        path: where it comes from, for messages.

    Returns:
        The record, ``null`` figures as NaN.

    Raises:
        StoreError: it is no record, of a newer layout, or a field is missing or wrong.
    """
    check_layout(content, path)
    config = content.get("config")
    if isinstance(config, dict):
        # A configuration refuses unknown fields, for the user's sake; a later version's record may have some.
        known = {name: value for name, value in config.items() if name in RunConfig.model_fields}
        content = {**content, "config": known}
    try:
        return RunRecord.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StoreError(f"{str(path)!r} is damaged: {where}: {first['msg']}; restore it or run again.") from error


def read_record(path: Path) -> RunRecord:
    """Read a record from a file, as a run folder or ``--json`` holds it.

    Args:
        path: the file.

    Returns:
        The record.

    Raises:
        StoreError: the file is missing, unreadable, damaged or of a newer layout.
    """
    return parse_record(read_json(path), path)
