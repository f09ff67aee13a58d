"""JSON Schema of whole files, for editors: `deployer schema`."""

from __future__ import annotations

from typing import Any, Final

from deployer.config.play_keys import META, PLAY
from deployer.config.reuse import IMPORT
from deployer.fields.json_schema import JsonSchema, closed, definitions, entry_schema, or_null
from deployer.model.kinds import BY_SECTION, KINDS, named_sections
from deployer.reach.names import entries

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def playbook_schema() -> dict[str, Any]:
    """A list of plays."""
    return {
        "$schema": DIALECT,
        "title": "deployer playbook",
        "description": f"A list of plays; each binds hosts to {named_sections()}.",
        "type": "array",
        "items": {"if": {"required": [IMPORT]}, "then": _import(), "else": {"$ref": "#/$defs/play"}},
        "$defs": {"play": _play()} | definitions((found.table for found in KINDS.values()), META),
    }


def _import() -> JsonSchema:
    """The plays of another file."""
    keys = {entry.name: entry_schema(entry) for entry in PLAY if entry.name in ("name", "vars", "tags")}
    return closed(keys | {IMPORT: {"type": "string", "description": "Playbook whose plays are inserted here."}})


def _play() -> JsonSchema:
    properties = {entry.name: entry_schema(entry) for entry in PLAY}
    for section, kind in BY_SECTION.items():
        resources = {"type": "object", "additionalProperties": {"$ref": f"#/$defs/{kind}"}}
        properties[section] = {"description": f"By name. {KINDS[kind].table.doc}"} | or_null(resources)
    schema = closed(properties, [(entry.name,) for entry in PLAY if entry.required])
    return {"title": "Play", "description": "Resources for the hosts of a pattern."} | schema


def inventory_schema() -> dict[str, Any]:
    """Groups with hosts, variables and child groups. Variables may have any name."""
    variables = {name: entry_schema(entry) for entry in entries() for name in (entry.name, *entry.aliases)}
    group = {
        "hosts": {"description": "Hosts by name, each with its variables.", **_named("variables")},
        "vars": {"$ref": "#/$defs/variables", "description": "Variables of every host in the group."},
        "children": {"description": "Groups in this group.", **_named("group")},
    }
    groups = {"type": "object", "properties": group, "additionalProperties": False}
    return {
        "$schema": DIALECT,
        "title": "deployer inventory",
        "description": "Groups at the top, each with hosts, vars and children, as in Ansible.",
        **or_null({"type": "object", "additionalProperties": {"$ref": "#/$defs/group"}}),
        "$defs": {
            "group": {"title": "Group"} | or_null(groups),
            "variables": {"title": "Variables"} | or_null({"type": "object", "properties": variables}),
            "template": definitions(())["template"],
        },
    }


def _named(content: str) -> JsonSchema:
    """A map by name; a plain text is one name without content."""
    return or_null({"type": ["object", "string"], "additionalProperties": {"$ref": f"#/$defs/{content}"}})
