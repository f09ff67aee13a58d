"""Whose an object is: owner, address and the applied declaration, in deployer's labels on the object.

Labels cannot be changed. So a container that was updated in place, or that was adopted without being recreated, has its
record in the labels of a volume, `deployer.spec.<container id>.<number>`, which counts instead. If these volumes are
lost, the container's own labels count again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from deployer.fields.field import Field
from deployer.model.container_names import is_name_of
from deployer.model.decoding import convert, decode
from deployer.model.desired import Address, AnyResource, Kind
from deployer.model.kinds import KINDS
from deployer.model.observed import Ownership
from deployer.model.secrets import DIGEST_KEY, Sealing, holds_sealed, is_sealed, sealed
from deployer.model.volume_names import read_spec
from deployer.values import image

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
    fields = declared(resource, project, sealing)
    return labels_of(resource.address, project, fields, version, sealing.key_id if holds_sealed(fields) else "")


def labels_of(address: Address, project: str, fields: dict[str, Any], version: str, key: str = "") -> dict[str, str]:
    """The same, with these fields on record. `key`: the id of the key they are sealed with."""
    spec = msgspec.json.encode(_Record(FORMAT, fields, key), order="sorted").decode()
    return {PROJECT: project, RESOURCE: address.label, SPEC: spec, VERSION: version}


def declared(resource: AnyResource, project: str, sealing: Sealing) -> dict[str, Any]:
    """The record of a resource, with secrets as digests."""
    image = {"image": resource.image} if resource.image else {}
    here = replace(sealing, address=f"{project}/{resource.address.label}")
    return dict(sealed({**resource.values, **image}, here, resource.secret_paths))


class _Format(Struct, frozen=True):
    format: int


class Later(Struct, frozen=True):
    """A record in a volume: its number and labels."""

    number: int
    labels: Mapping[str, Any]


def later_records(volumes: Iterable[Mapping[str, Any]]) -> dict[str, Later]:
    """The newest record of each container that has one, by the container's id."""
    found: dict[str, Later] = {}
    for volume in volumes:
        key = read_spec(str(volume.get("Name") or ""))
        labels = volume.get("Labels")
        if key is None or not isinstance(labels, Mapping):
            continue
        container, number = key
        if container not in found or number > found[container].number:
            found[container] = Later(number, labels)
    return found


def read_latest(live: Mapping[str, Any] | None, name: str, later: Later | None) -> Ownership:
    """As `read`, of a container that may have a later record. One for another resource than the labels name is
    ignored."""
    owner = read(live, name)
    if later is None:
        return owner
    newest = read(later.labels, name)
    if owner.managed and (owner.project, owner.resource) != (newest.project, newest.resource):
        return owner
    return replace(newest, labelled=owner.managed, number=later.number) if newest.managed else owner


def read(live: Mapping[str, Any] | None, name: str) -> Ownership:
    """The ownership from the labels of the object of this name; an unreadable record counts as missing. Containers of a
    committed image inherit its labels, and a renamed container keeps them: neither is the resource."""
    found = live or {}
    if PROJECT not in found:
        return Ownership()
    if not _is_named(str(found.get(RESOURCE, "")), name):
        return Ownership(copied=f"{found[PROJECT]}/{found.get(RESOURCE, '')}")
    written = decoded(found.get(SPEC), _Record)
    if written is None or not is_shallow(written.fields):
        other = decoded(found.get(SPEC), _Format)
        whole = () if SPEC not in found or (other is not None and other.format != FORMAT) else (SPEC,)
        return Ownership(str(found[PROJECT]), str(found.get(RESOURCE, "")), damaged=whole)
    damaged = mistyped(written.fields, str(found.get(RESOURCE, "")).partition(".")[0])
    fields = {name: value for name, value in written.fields.items() if name not in damaged}
    return Ownership(
        str(found[PROJECT]), str(found.get(RESOURCE, "")), fields, sealed_with=written.key, damaged=damaged
    )


def mistyped(fields: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    """Recorded fields whose values have other types than deployer writes."""
    rows = _rows(kind)
    return tuple(name for name, value in fields.items() if name in rows and not _is_sound(rows[name], value))


@cache
def _rows(kind: str) -> Mapping[str, Field | None]:
    rows: dict[str, Field | None] = {"image": None}
    return rows | {row.name: row for row in KINDS[Kind(kind)].table.fields} if kind in set(Kind) else rows


def _is_sound(row: Field | None, value: Any) -> bool:
    if _is_digest(value):
        return True
    try:
        if row is None:
            image.parse(convert(value, str))
        else:
            convert(_without_digests(value), row.recorded)
    except ValueError:
        return False
    return True


def _without_digests(value: Any) -> Any:
    """A digest that is not text becomes what has no type of a field."""
    match value:
        case Mapping() if is_sealed(value):
            return object()
        case Mapping():
            return {name: _without_digests(part) for name, part in value.items() if not _is_digest(part)}
        case list():
            return [_without_digests(part) for part in value if not _is_digest(part)]
        case _:
            return value


def _is_digest(value: Any) -> bool:
    return is_sealed(value) and isinstance(value[DIGEST_KEY], str)


def _is_named(resource: str, name: str) -> bool:
    kind, _, base = resource.partition(".")
    return is_name_of(name, base) if kind in _CONTAINERS else name == base


def decoded(text: object, kind: type[Found]) -> Found | None:
    """The JSON that a label holds; None for what is not of this kind, or too large or too deep to be read."""
    if not isinstance(text, str) or len(text) > LARGEST:
        return None
    try:
        return decode(text, kind)
    except (ValueError, RecursionError):
        return None


def is_shallow(value: object, left: int = DEEPEST) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return left > 0 and all(is_shallow(part, left - 1) for part in parts)


def belongs_to(owner: Ownership, project: str, address: Address) -> bool:
    """A container that is now declared as a job, or the reverse, still belongs to the resource of its name."""
    kind, _, name = owner.resource.partition(".")
    kinds = _CONTAINERS if address.kind.is_container else (address.kind,)
    return owner.project == project and name == address.name and kind in kinds


def kind_of(owner: Ownership) -> Kind:
    """The kind of a container, by the resource it was created for."""
    return Kind.JOB if owner.resource.startswith(f"{Kind.JOB}.") else Kind.CONTAINER
