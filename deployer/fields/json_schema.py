"""JSON Schema 2020-12 of shapes and tables, for editors and other programs. The readers report errors, with positions
and suggestions; a schema only has to accept everything that they accept.

A value that may be text, a list or a map is one schema with several types instead of `anyOf`: each keyword applies to
one type only, and editors underline an unknown key exactly where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from schema import Schema

from deployer.fields.field import Field
from deployer.fields.shapes import (
    Constant,
    Entry,
    Forms,
    Keyed,
    Leaf,
    ListOf,
    MapOf,
    Record,
    Shape,
    Then,
    Warned,
    takes_scalar,
)
from deployer.fields.table import Table

JsonSchema: TypeAlias = dict[str, Any]

TEMPLATE: Final = r"\{[{%#]"
"""The marks of a template, see `nodes.is_template`."""
DEFINITIONS: Final[Mapping[str, JsonSchema]] = {
    "template": {"type": "string", "pattern": TEMPLATE, "description": "A template: '{{ variable }}'."}
}
_SCALARS: Final = frozenset({"string", "number", "integer"})
_REFERENCE: Final = {"$ref": "#/$defs/template"}
_TEMPLATED_KEYS: Final[JsonSchema] = {"patternProperties": {TEMPLATE: True}}


def schema_of(shape: Shape) -> JsonSchema:
    """The schema of a shape. A template may replace the whole value or any part."""
    return or_template(_plain(shape))


def or_template(schema: JsonSchema) -> JsonSchema:
    types = _types(schema)
    if "anyOf" in schema:
        return schema | {"anyOf": [*schema["anyOf"], _REFERENCE]}
    if "enum" in schema:
        return {"anyOf": [schema, _REFERENCE]}
    if "pattern" in schema:
        return schema | {"pattern": f"{schema['pattern']}|{TEMPLATE}"}
    if not types or "string" in types:
        return schema
    return schema | {"type": [*types, "string"], "pattern": f"^$|{TEMPLATE}"}


def or_null(schema: JsonSchema) -> JsonSchema:
    """A key without a value, or with empty text, counts as not written."""
    types = _types(schema)
    if "anyOf" in schema:
        return schema | {"anyOf": [*schema["anyOf"], {"enum": [None, ""]}]}
    return schema if not types or "null" in types else schema | {"type": [*types, "null"]}


def _plain(shape: Shape) -> JsonSchema:
    match shape:
        case Leaf():
            return _leaf(shape)
        case ListOf(item=item) | Keyed(item=item):
            alone = _SCALARS.intersection(_types(_plain(item))) if takes_scalar(shape) else ()
            return _typed(["array", *sorted(alone)]) | {"items": schema_of(item)}
        case MapOf(value=value):
            return {"type": "object", "additionalProperties": schema_of(value)}
        case Record(entries=entries):
            required = [(entry.name, *entry.aliases) for entry in entries if entry.required]
            return closed(_entries(entries), required) | _TEMPLATED_KEYS
        case Forms():
            forms = (shape.scalar, shape.sequence, shape.mapping, shape.null)
            schemas = [_plain(form) for form in forms if form is not None]
            return _one_of(
                schemas[:1] + [_without_scalars(found) for found in schemas[1:]] if shape.scalar else schemas
            )
        case Constant():
            return {"type": "null"}
        case Then(shape=inner) | Warned(shape=inner):
            return _plain(inner)
        case _:
            return {}


def _without_scalars(schema: JsonSchema) -> JsonSchema:
    """A scalar is read by another form."""
    kinds = [kind for kind in _types(schema) if kind not in _SCALARS]
    return schema | _typed(kinds) if kinds else schema


def _leaf(leaf: Leaf) -> JsonSchema:
    """The types that the `schema` library knows, and the leaf's own keywords. A number includes integers."""
    derived = Schema(leaf.schema).json_schema("leaf")
    options = derived.get("anyOf", [derived])
    kinds = [kind for option in options for kind in _types(option)]
    kinds = [kind for kind in kinds if kind != "integer" or "number" not in kinds]
    return (_typed(kinds) if kinds else {}) | dict(leaf.json)


def _types(schema: Mapping[str, Any]) -> list[str]:
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _typed(kinds: list[str]) -> JsonSchema:
    return {"type": kinds if len(kinds) > 1 else kinds[0]}


def _one_of(schemas: Iterable[JsonSchema]) -> JsonSchema:
    options = list(schemas)
    if len(options) == 1:
        return options[0]
    types = [kind for option in options for kind in _types(option)]
    if len(set(types)) < len(types) or any("type" not in option or "enum" in option for option in options):
        return {"anyOf": options}
    return {key: value for option in options for key, value in option.items()} | _typed(types)


def closed(properties: Mapping[str, JsonSchema], required: Sequence[tuple[str, ...]] = ()) -> JsonSchema:
    """A map with exactly these keys. `required`: spellings of which one must be present."""
    schema: JsonSchema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    alone = [one for one, *others in required if not others]
    several = [{"anyOf": [{"required": [one]} for one in names]} for names in required if len(names) > 1]
    return schema | ({"required": alone} if alone else {}) | ({"allOf": several} if several else {})


def _entries(entries: Iterable[Entry]) -> dict[str, JsonSchema]:
    return {name: entry_schema(entry) for entry in entries for name in (entry.name, *entry.aliases)}


def entry_schema(entry: Entry) -> JsonSchema:
    return {"description": entry.doc} | or_null(schema_of(entry.shape))


def resource_schema(table: Table, further: Iterable[Entry] = ()) -> JsonSchema:
    """One resource of a table, for `#/$defs/KIND`. `further`: keys that every resource has."""
    properties: dict[str, JsonSchema] = {}
    for row in table.fields:
        properties[row.name] = _field(row)
        properties |= {alias: _same_as(table, row.name) for alias in row.aliases}
    for entry in (*table.settings, *further):
        properties[entry.name] = entry_schema(entry)
        properties |= {alias: _same_as(table, entry.name) for alias in entry.aliases}
    for flat, (name, key) in table.nested.items():
        properties[flat] = _same_as(table, name, key)
    properties |= {extra: _same_as(table, name) for extra, name in table.appended.items()}
    whole = or_null(or_template(closed(properties) | _TEMPLATED_KEYS))
    return {"title": table.kind.capitalize(), "description": table.doc} | whole


def _field(row: Field) -> JsonSchema:
    return {"description": row.doc, "examples": [row.example, row.other]} | or_null(schema_of(row.shape))


def _same_as(table: Table, *path: str) -> JsonSchema:
    steps = "/".join(f"properties/{key}" for key in path)
    return {"$ref": f"#/$defs/{table.kind}/{steps}", "description": f"The same as `{'.'.join(path)}`."}


def definitions(tables: Iterable[Table], further: Iterable[Entry] = ()) -> dict[str, JsonSchema]:
    """`$defs` of all kinds of resources."""
    return {table.kind: resource_schema(table, further) for table in tables} | dict(DEFINITIONS)
