"""The tool's labels on what it makes: owner, address, and the declaration as applied."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from deployer.model.desired import Address, Resource
from deployer.model.observed import Ownership
from deployer.planning.secrets import sealed

PROJECT: Final = "deployer.project"
RESOURCE: Final = "deployer.resource"
SPEC: Final = "deployer.spec"
VERSION: Final = "deployer.version"
FORMAT: Final = 1
"""Of the record. A reader takes the fields it knows from any format and ignores the rest, so that a record written by
another release never causes a change by itself."""


def labels(resource: Resource, project: str, secrets: frozenset[str], version: str) -> dict[str, str]:
    """The labels that make an object ours."""
    return {
        PROJECT: project,
        RESOURCE: resource.address.label,
        SPEC: _write(resource, project, secrets),
        VERSION: version,
    }


def _write(resource: Resource, project: str, secrets: frozenset[str]) -> str:
    key = f"{project}/{resource.address.label}"
    fields = sealed(dict(resource.values), secrets, key)
    image = {"image": resource.settings.image} if resource.settings.image else {}
    record = {"format": FORMAT, "fields": fields | sealed(image, secrets, key)}
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def read(live: Mapping[str, Any] | None) -> Ownership:
    """From an object's labels; a record that cannot be read counts as none."""
    found = live or {}
    if PROJECT not in found:
        return Ownership()
    try:
        fields = json.loads(found.get(SPEC) or "{}").get("fields")
    except (ValueError, AttributeError):
        fields = None
    recorded = fields if isinstance(fields, dict) else {}
    return Ownership(str(found[PROJECT]), str(found.get(RESOURCE, "")), recorded)


def belongs_to(owner: Ownership, project: str, address: Address) -> bool:
    return owner.project == project and owner.resource == address.label
