"""Where the containers of a play may come from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from deployer.config.inventory.patterns import select
from deployer.diagnostics import Missing, Origin, Problems, did_you_mean

if TYPE_CHECKING:
    from deployer.config.inventory.types import Inventory
    from deployer.usecases.load import Sources

_SOURCE = Origin("SOURCE")


class MoveFrom(Struct, frozen=True):
    """`hosts`: those of the inventory that the play does not include; `excluded`: those of them that the limit
    excludes. `exact`: volumes are copied with GNU tar, of `image` or of the service's own one."""

    hosts: tuple[str, ...] = ()
    excluded: frozenset[str] = frozenset()
    exact: bool = False
    image: str = ""


def read_move(
    value: Any, origin: Origin, hosts: Collection[str], limit: frozenset[str] | None, sources: Sources
) -> MoveFrom | None:
    """`value`: of the play's key, true, false or a map, at `origin`; `hosts`: those of the play."""
    given = sources.request.moving
    if given is not None:
        named = _known(given.hosts, sources.inventory, sources.problems)
        return replace(given, hosts=tuple(host for host in named if host not in hosts))
    if value is None or value is False:
        return None
    keys: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
    known: Iterable[str] = sources.inventory.hosts
    if "from" in keys:
        known = select(keys["from"], sources.inventory, sources.problems, origin=origin)
    found = tuple(host for host in known if host not in hosts)
    excluded = frozenset(found) - limit if limit is not None else frozenset()
    image = str(keys.get("image") or "")
    return MoveFrom(found, excluded, bool(keys.get("exact") or image), image)


def _known(hosts: Iterable[str], inventory: Inventory, problems: Problems) -> Iterator[str]:
    for host in hosts:
        if inventory.find(host) is not None:
            yield host
        else:
            hint = did_you_mean(host, inventory.hosts) or "deployer inventory graph shows all hosts"
            problems.add(_SOURCE, f"the inventory has no host '{host}'", hint=hint, missing=Missing.HOST)
