"""The options of a record, as its pydantic model declares them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from rich.console import RenderableType
from rich.text import Text

from morph_cl.report.adaptive_table import AdaptiveTable, Heading
from morph_cl.report.ascii import EncodingSafe
from morph_cl.report.formats import one_line, option_value

_TYPES = {
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "string": "text",
    "null": "none",
    "object": "mapping",
}
_BOUNDS = (("exclusiveMinimum", ">"), ("minimum", ">="), ("exclusiveMaximum", "<"), ("maximum", "<="))


class _QuietSchema(GenerateJsonSchema):
    """A default that JSON cannot hold is shown as its text, so nobody needs to be warned of it."""

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """Say nothing.

        Args:
            kind: what pydantic would warn of.
            detail: the words.
        """


def options_table(params: type[BaseModel], *, owner: str = "") -> RenderableType:
    """Name, type with range, default and meaning of each option.

    Args:
        params: the options model of a record.
        owner: the record's name, to show how an option is given.

    Returns:
        A table.
    """
    properties = _properties(params)
    rows = [
        [
            Text(name, style="bold"),
            Text(one_line(allowed_values(properties[name]) if name in properties else str(field.annotation))),
            Text(_default(field), style="cyan"),
            Text(one_line(field.description or "")),
        ]
        for name, field in params.model_fields.items()
    ]
    headings = [
        Heading("option"),
        Heading("allowed", share=2),
        Heading("default", widest=16),
        Heading("meaning", share=3),
    ]
    title = f"options, as -o {owner}.OPTION=VALUE" if owner else "options"
    return EncodingSafe(AdaptiveTable(headings, rows, title=title))


def allowed_values(schema: dict[str, Any]) -> str:
    """The values that a JSON schema allows, in words.

    Args:
        schema: the schema of one option, its references resolved.

    Returns:
        Such as ``int >=1``, ``sgd | adam`` or ``list of float >0 <=10``.
    """
    if "enum" in schema:
        return " | ".join(option_value(value) for value in schema["enum"])
    if "const" in schema:
        return option_value(schema["const"])
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " | ".join(dict.fromkeys(allowed_values(part) for part in schema[union]))
    kind = schema.get("type", "any")
    if kind == "array":
        return _array(schema)
    bounds = [f"{sign}{_number(schema[key])}" for key, sign in _BOUNDS if key in schema]
    pattern = [f"matching {schema['pattern']}"] if "pattern" in schema else []
    return " ".join([_TYPES.get(kind, str(kind)), *bounds, *pattern])


def _number(bound: float) -> str:
    return f"{int(bound):,}" if bound == int(bound) else f"{bound:g}"


def _array(schema: dict[str, Any]) -> str:
    least, most = schema.get("minItems"), schema.get("maxItems")
    size = ""
    if least is not None and least == most:
        size = f"{least} "
    elif least or most:
        size = f"{least or 0} to {most} " if most else f"{least} or more "
    items: dict[str, Any] = schema.get("items") or next(iter(schema.get("prefixItems", [])), {})
    return f"list of {size}{allowed_values(items)}"


def _properties(params: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """The schema of each option; none of them where a foreign model has a type that JSON does not know."""
    try:
        schema = params.model_json_schema(by_alias=False, schema_generator=_QuietSchema)
    except PydanticInvalidForJsonSchema:
        return {}
    definitions = schema.get("$defs", {})
    return {name: _resolved(part, definitions) for name, part in schema.get("properties", {}).items()}


def _resolved(schema: Any, definitions: dict[str, Any], depth: int = 8) -> Any:
    """A schema with its references put in place; one that refers to itself is cut off."""
    if isinstance(schema, list):
        return [_resolved(part, definitions, depth) for part in schema]
    if not isinstance(schema, dict) or depth == 0:
        return schema
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name in definitions:
        return _resolved(definitions[name], definitions, depth - 1)
    return dict(_resolved_items(schema, definitions, depth))


def _resolved_items(schema: dict[str, Any], definitions: dict[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    for key, part in schema.items():
        yield key, _resolved(part, definitions, depth)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    return option_value(value) or "empty"
