"""Options: ``key=value`` pairs from the command line or a mapping, checked by a pydantic model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from morph_cl.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


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
    _check_names(model, values, owner)
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise UsageError(_one_line(error.errors()[0], owner)) from error


def check_some_options(model: type[BaseModel], values: Mapping[str, Any], owner: str) -> None:
    """Check options that others are to join later: what is left out may have no default.

    Args:
        model: the options model of a record.
        values: option names and raw values.
        owner: what the options belong to, for the message.

    Raises:
        UnknownNameError: an option that the model does not have.
        UsageError: a value out of its range or of the wrong type.
    """
    _check_names(model, values, owner)
    try:
        model.model_validate(dict(values))
    except ValidationError as error:
        for finding in error.errors():
            if finding["type"] != "missing":
                raise UsageError(_one_line(finding, owner)) from error


def merge_options(
    base: Mapping[str, Mapping[str, Any]], over: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Options by record, merged option by option.

    Args:
        base: options by the name of the record that they are for.
        over: options that win over those of ``base``.

    Returns:
        Every option of both.
    """
    return {name: {**base.get(name, {}), **over.get(name, {})} for name in dict.fromkeys([*base, *over])}


def _check_names(model: type[BaseModel], values: Mapping[str, Any], owner: str) -> None:
    known = set(model.model_fields)
    for name in values:
        if name not in known:
            raise UnknownNameError(f"option of {owner}", name, known)


def _one_line(finding: ErrorDetails, owner: str) -> str:
    """A finding of pydantic, as one line that names option, value and rule."""
    where = ".".join(str(part) for part in finding["loc"])
    name = f"{owner}.{where}" if where else owner
    if finding["type"] == "missing":
        return f"{name} has no default; give it, such as -o {name}=VALUE."
    return f"{name}={finding['input']!r}: {finding['msg']}. See `morph-cl show` for the allowed values."
