"""deployer's labels on the objects it creates: owner, address, and the applied declaration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from deployer.model.container_names import is_name_of
from deployer.model.desired import Address, AnyResource, Kind
from deployer.model.observed import Ownership
from deployer.model.secrets import Sealing, holds_sealed, sealed

PROJECT: Final = "deployer.project"
RESOURCE: Final = "deployer.resource"
SPEC: Final = "deployer.spec"
VERSION: Final = "deployer.version"
FORMAT: Literal[1] = 1
"""The format of the record. It changes only if the meaning of a recorded field changes. A record of another format
counts as missing, and unknown fields are ignored, so that the record of another release is never reported as a
difference."""

_CONTAINERS: Final = tuple(kind for kind in Kind if kind.is_container)

LARGEST: Final = 8 * 1024 * 1024
"""Characters of a label that is read. More than Linux lets a program have of arguments and environment."""

DEEPEST: Final = 20
"""Levels of a recorded value."""

Found = TypeVar("Found")


class _Record(Struct, frozen=True, omit_defaults=True):
    """`key`: the id of the key that the secrets in it are sealed with; "" if there are none, or no key."""

    format: Literal[1]
    fields: dict[str, Any]
    key: str = ""


def labels(resource: AnyResource, project: str, sealing: Sealing, version: str) -> dict[str, str]:
    """The labels of an object that belongs to a project."""
    return {
        PROJECT: project,
        RESOURCE: resource.address.label,
        SPEC: _write(resource, project, sealing),
        VERSION: version,
    }


def _write(resource: AnyResource, project: str, sealing: Sealing) -> str:
    fields = declared(resource, project, sealing)
    record = _Record(FORMAT, fields, sealing.key_id if holds_sealed(fields) else "")
    return msgspec.json.encode(record, order="sorted").decode()


def declared(resource: AnyResource, project: str, sealing: Sealing) -> dict[str, Any]:
    """The record of a resource, with secrets as digests."""
    image = {"image": resource.image} if resource.image else {}
    here = replace(sealing, address=f"{project}/{resource.address.label}")
    return dict(sealed({**resource.values, **image}, here, resource.secret_paths))


def read(live: Mapping[str, Any] | None, name: str) -> Ownership:
    """The ownership from the labels of the object of this name; an unreadable record counts as missing. Containers of a
    committed image inherit its labels, and a renamed container keeps them: neither is the resource."""
    found = live or {}
    if PROJECT not in found:
        return Ownership()
    if not _is_named(str(found.get(RESOURCE, "")), name):
        return Ownership(copied=f"{found[PROJECT]}/{found.get(RESOURCE, '')}")
    written = decoded(found.get(SPEC), _Record)
    fields = written.fields if written is not None and _is_shallow(written.fields) else {}
    key = written.key if written is not None else ""
    return Ownership(str(found[PROJECT]), str(found.get(RESOURCE, "")), fields, sealed_with=key)


def _is_named(resource: str, name: str) -> bool:
    kind, _, base = resource.partition(".")
    return is_name_of(name, base) if kind in _CONTAINERS else name == base


def decoded(text: object, kind: type[Found]) -> Found | None:
    """The JSON that a label holds; None for what is not of this kind, or too large or too deep to be read."""
    if not isinstance(text, str) or len(text) > LARGEST:
        return None
    try:
        return msgspec.json.decode(text, type=kind)
    except (ValueError, RecursionError):
        return None


def _is_shallow(value: object, left: int = DEEPEST) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return left > 0 and all(_is_shallow(part, left - 1) for part in parts)


def belongs_to(owner: Ownership, project: str, address: Address) -> bool:
    """A container that is now declared as a job, or the reverse, still belongs to the resource of its name."""
    kind, _, name = owner.resource.partition(".")
    kinds = _CONTAINERS if address.kind.is_container else (address.kind,)
    return owner.project == project and name == address.name and kind in kinds


def kind_of(owner: Ownership) -> Kind:
    """Of a container, by what it was made for."""
    return Kind.JOB if owner.resource.startswith(f"{Kind.JOB}.") else Kind.CONTAINER
