"""The containers that a command names, on the hosts of a pattern: `PATTERN [RESOURCE…]`, of a project or a playbook."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from deployer.diagnostics import did_you_mean
from deployer.errors import DeployerError
from deployer.model.container_names import is_beside
from deployer.model.desired import Desired
from deployer.model.plan import Unreachable
from deployer.usecases.fleet import Fleet, split
from deployer.usecases.inspect_hosts import Row, fleet_of, read_rows
from deployer.usecases.load import Request, load
from deployer.usecases.system import System

_GLOB: Final = frozenset("*?[")


class Choice(Struct, frozen=True):
    """`names`: container names or globs, all without any; `declared`: of each host, what the playbooks declare, None
    without playbooks."""

    names: tuple[str, ...] = ()
    project: str = ""
    declared: Mapping[str, tuple[Desired, ...]] | None = None

    def matches(self, row: Row) -> bool:
        """What is kept beside a container, such as `web.previous`, is meant only by its whole name."""
        if self.project and row.project != self.project:
            return False
        if self.declared is not None and not self._declares(row):
            return False
        if row.name in self.names:
            return True
        named = not self.names or any(fnmatch.fnmatchcase(row.name, name) for name in self.names)
        return named and not (row.project and is_beside(row.name))

    def _declares(self, row: Row) -> bool:
        wishes = (self.declared or {}).get(row.host, ())
        return any(wish.project == row.project and row.resource in _labels(wish) for wish in wishes)

    def unmatched(self, rows: Iterable[Row]) -> list[str]:
        """Names that mean no container."""
        found = {row.name for row in rows}
        return [name for name in self.names if not fnmatch.filter(found, name) and name not in found]


class Chosen(Struct, frozen=True):
    """In the order of the inventory, by name on each host. `others`: containers of the hosts that were not chosen."""

    rows: tuple[Row, ...]
    unreachable: tuple[Unreachable, ...] = ()
    others: tuple[Row, ...] = ()

    @property
    def by_host(self) -> dict[str, tuple[Row, ...]]:
        hosts = dict.fromkeys(row.host for row in self.rows)
        return {host: tuple(row for row in self.rows if row.host == host) for host in hosts}


@contextmanager
def hosts_of(request: Request, system: System, names: tuple[str, ...]) -> Iterator[tuple[Fleet, Choice]]:
    """The hosts, which are closed at the end, and what is meant on them; raises `InputError`."""
    if not request.playbooks:
        with fleet_of(request, system) as fleet:
            yield fleet, Choice(names, request.project)
        return
    loaded = load(replace(request, limit=request.pattern), system.asking)
    system.warn(loaded.warnings)
    hosts = dict.fromkeys(desired.host for desired in loaded.desired)
    declared = {host: loaded.of_host(host) for host in hosts}
    with Fleet({host: loaded.hosts[host] for host in hosts}, request.forks, system.awaiting) as fleet:
        yield fleet, Choice(names, declared=declared)


def choose(fleet: Fleet, choice: Choice) -> Chosen:
    """Raises `DeployerError` when a name means no container of any host that could be read."""
    answers = fleet.read(fleet.hosts, lambda host, engine: read_rows(host, engine, ""))
    rows, lost = split(answers)
    chosen = Chosen(tuple(row for row in rows if choice.matches(row)), lost)
    missing = choice.unmatched(chosen.rows)
    if missing and len(lost) < len(answers):
        raise _missing(missing, rows, lost)
    return replace(chosen, others=tuple(row for row in rows if not choice.matches(row)))


def running(chosen: Chosen, names: tuple[str, ...]) -> tuple[Row, ...]:
    """Those that run, and those that were named as a whole: the engine says why not. Raises `DeployerError` without
    any."""
    found = tuple(row for row in chosen.rows if row.state == "running" or row.name in names)
    if not found and not chosen.unreachable:
        raise DeployerError("none of these containers runs", hint="deployer ps shows the states of containers")
    return found


def _missing(names: list[str], rows: tuple[Row, ...], lost: tuple[Unreachable, ...]) -> DeployerError:
    known = sorted({row.name for row in rows})
    hint = did_you_mean(names[0], known) or "deployer ps lists the containers of all hosts"
    if lost:
        hint = f"{', '.join(each.host for each in lost)} could not be reached"
    where = "on these hosts, in this selection" if set(names) & set(known) else "on these hosts"
    globbed = all(_GLOB & set(name) for name in names)
    listed = ", ".join(f"'{name}'" for name in names)
    return DeployerError(f"no container {'matches' if globbed else 'is named'} {listed} {where}", hint=hint)


def _labels(wish: Desired) -> set[str]:
    return {found.address.label for found in wish.containers if not found.absent}
