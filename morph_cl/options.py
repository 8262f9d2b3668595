"""Options: ``key=value`` pairs from the command line or a mapping, checked by a pydantic model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from morph_cl.errors import UnknownNameError, UsageError


class Options(BaseModel):
    """Base of every options model: frozen, and an unknown option is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NoOptions(Options):
    """For records that take no options."""


def parse_value(text: str) -> Any:
    """Read one option value: JSON (``3``, ``true``, ``[1, 2]``), else a list at commas, else the text.

    Args:
        text: what stands behind the equals sign.

    Returns:
        The value, still to be validated against the options model.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # a number of thousands of digits is a ValueError of its own
        pass
    if "," in text:
        return [parse_value(part.strip()) for part in text.split(",") if part.strip()]
    return text


def parse_assignments(assignments: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Group ``name.option=value`` texts by the record that they are for.

    Args:
        assignments: texts such as ``replay.mem_size=500``.

    Returns:
        A mapping from record name to its options.

    Raises:
        UsageError: a text without a dot before its equals sign, or an option given twice.
    """
    grouped: dict[str, dict[str, Any]] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        name, dot, option = key.strip().rpartition(".")
        if not (equals and dot and name and option):
            raise UsageError(
                f"option {assignment!r} is not of the form NAME.OPTION=VALUE, such as replay.mem_size=500."
            )
        options = grouped.setdefault(name, {})
        if option in options:
            raise UsageError(f"option {name}.{option} is given twice; give it once.")
        options[option] = parse_value(value.strip())
    return grouped


def validate_options(model: type[BaseModel], values: Mapping[str, Any], owner: str) -> BaseModel:
    """Check options against their model.

    Args:
        model: the options model of a record.
        values: option names and raw values.
        owner: what the options belong to, as the user wrote it, for the message.

    Returns:
        The validated, frozen options.

    Raises:
        UnknownNameError: an option that the model does not have.
        UsageError: a value out of its range or of the wrong type.
    """
    known = set(model.model_fields)
    for name in values:
        if name not in known:
            raise UnknownNameError(f"option of {owner}", name, known)
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise UsageError(_one_line(error, owner)) from error


def _one_line(error: ValidationError, owner: str) -> str:
    """The first finding of pydantic, as one line that names option, value and rule."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    name = f"{owner}.{where}" if where else owner
    if first["type"] == "missing":
        return f"{name} has no default; give it, such as -o {name}=VALUE."
    return f"{name}={first['input']!r}: {first['msg']}. See `morph-cl show` for the allowed values."
