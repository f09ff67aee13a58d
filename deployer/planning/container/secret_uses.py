"""Which containers use which secrets, and whether they have the declared value: found in their records, which contain a
keyed digest in place of each secret. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from deployer.diagnostics import Origin
from deployer.fields.container.files import SECRETS, key_of
from deployer.model import ownership
from deployer.model.desired import Address, Desired, Workload
from deployer.model.observed import Observed, ObservedContainer
from deployer.model.secrets import DIGEST_KEY, is_sealed
from deployer.planning.context import Context
from deployer.planning.policy import Policy
from deployer.planning.three_way import resealed

_SHOWN: Final = 8

Path = tuple[str, ...]


class UseState(StrEnum):
    CURRENT = "current"
    CHANGED = "changed since"
    NEW = "not applied"
    UNKNOWN = "unknown"


class SecretUse(Struct, frozen=True):
    """One secret value of a container. `field`: `environment.DB_PASSWORD`, or `secrets.api_key`; `digest`: the start of
    a keyed digest of the declared value, equal for equal values on one controller; `since`: when the container was
    created, in RFC 3339, "" if there is none."""

    address: Address
    field: str
    origin: Origin
    state: UseState
    digest: str = ""
    since: str = ""


def uses_of(desired: Desired, observed: Observed) -> tuple[SecretUse, ...]:
    """Of all selected containers and jobs that are declared present."""
    ctx = Context(desired, observed, Policy())
    wanted = (resource for resource in desired.containers if resource.selected and not resource.absent)
    return tuple(use for resource in wanted for use in _uses(ctx, resource))


def _uses(ctx: Context, resource: Workload) -> Iterator[SecretUse]:
    live = ctx.observed.container(resource.name)
    owned = live if live is not None and live.owner.project == ctx.desired.project else None
    declared = ownership.declared(resource, ctx.desired.project, ctx.desired.sealing)
    recorded = {} if owned is None else dict(_digests(resealed(ctx, resource, owned)))
    for path, digest in _digests(declared):
        yield SecretUse(
            resource.address,
            _shown(path, resource.values),
            resource.place(path),
            _state(owned, digest, recorded.get(path)),
            ctx.desired.sealing.digest(_value(ctx.desired, path, resource.values))[:_SHOWN],
            owned.created if owned is not None else "",
        )


def _state(live: ObservedContainer | None, declared: str, recorded: str | None) -> UseState:
    if live is None or recorded is None:
        return UseState.NEW
    if not declared or not recorded:
        return UseState.UNKNOWN
    return UseState.CURRENT if declared == recorded else UseState.CHANGED


def _digests(value: Any, here: Path = ()) -> Iterator[tuple[Path, str]]:
    """Of every secret in a record, with its path; "" where a record has no key."""
    if is_sealed(value):
        yield here, str(value[DIGEST_KEY])
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from _digests(part, (*here, str(name)))
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from _digests(part, (*here, str(number)))
    elif isinstance(value, str) and key_of(value):
        yield here, value.rpartition(":")[2]


def _value(desired: Desired, path: Path, values: Any) -> Any:
    """The declared value; of a file, its content as text."""
    for name in path:
        values = values[int(name)] if isinstance(values, list | tuple) else values[name]
    if isinstance(values, str) and values in desired.contents:
        return desired.contents[values].decode("utf-8", "surrogateescape")
    return values


def _shown(path: Path, values: Mapping[str, Any]) -> str:
    """Of a file, the name under which the play defines it."""
    if path[-1] == "content" and path[0] == SECRETS.name:
        return f"{path[0]}.{values[path[0]][path[1]]['source']}"
    return ".".join(path if path[-1] != "content" else path[:-1])
