"""What every part of the planner sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct, field

from deployer.fields.options import Condition
from deployer.model.desired import Address, Container, Desired, Kind, Resource, S
from deployer.model.exclusive import held, in_use, writable
from deployer.model.observed import Observed, ObservedContainer
from deployer.model.operations import Target
from deployer.model.plan import Group
from deployer.planning.draft import Draft
from deployer.planning.policy import Policy

Steps: TypeAlias = tuple[int, ...]
"""Numbers of steps."""


class Retired(Struct, frozen=True):
    """A container that is kept or removed once everything in its group works. `after`: the last steps of its
    successor."""

    group: Group
    resource: Container
    old: ObservedContainer
    cause: str
    after: Steps


class Started(Struct, frozen=True):
    """A container that is started and replaces none. `after`: the steps after which it has been."""

    resource: Container
    target: Target
    after: Steps


class Networks(Struct, frozen=True):
    """Decided by `network.plan.make`."""

    renewed: set[str] = field(default_factory=set)
    """Those that are removed and made again. Read by: endpoints."""
    moved: dict[str, Steps] = field(default_factory=dict)
    """Ids of containers attached to these, and the steps after which others may touch them. Read by: all that stops or
    removes a container."""


class Volumes(Struct, frozen=True):
    """Decided by `volume.plan.make`."""

    dropped: dict[str, Steps] = field(default_factory=dict)
    """Containers that go since a volume they mount is made again, and the steps after which they are gone. Read by: the
    planning of those containers and jobs, which make them again."""


class Containers(Struct, frozen=True):
    """Decided by the phases that plan containers and jobs, each after those it needs: what one decides is read by those
    that need it."""

    targets: dict[str, Target] = field(default_factory=dict)
    """How steps refer to each declared container. Written by: whoever plans it. Read by: gates, removal of networks."""
    renewed: set[str] = field(default_factory=set)
    """Containers that get a new id. Written by: replace. Read by: judging, reasons to restart, removal of networks."""
    restarted: set[str] = field(default_factory=set)
    """Containers that keep their id and are started. Written and read by: container.plan."""
    jobs: set[str] = field(default_factory=set)
    """Jobs that are run. Written by: job.plan. Read by: gates."""
    awaited: dict[tuple[str, Condition | None], Steps] = field(default_factory=dict)
    """Steps that end when a condition holds. Written by: gates. Read by: gates, health."""
    left: dict[tuple[str, str], Steps] = field(default_factory=dict)
    """Containers and networks that they leave before others get their addresses, and the steps after which they have.
    Written by: exchange. Read by: endpoints."""
    freed: dict[str, Steps] = field(default_factory=dict)
    """What a container gives up before another takes it, and the steps after which it is free. Written by: all that
    stops a container. Read by: gates, rollback."""
    aside: dict[str, Steps] = field(default_factory=dict)
    """Containers that stop before their successors are made, and the steps after which their names are free. Written
    by: exchange, replace. Read by: replace."""
    groups: dict[str, Group] = field(default_factory=dict)
    """The group under which each container is replaced. Written by: exchange, replace. Read by: replace."""
    started: list[Started] = field(default_factory=list)
    """Containers that are started and replace none. Written by: container.plan, replace. Read by: health."""
    retired: list[Retired] = field(default_factory=list)
    """Containers that are replaced. Written by: replace, rollback. Read by: finish_retired."""


class Context(Struct, frozen=True):
    """The inputs, the draft, and what was decided so far, by who decided it. `reconcile.PHASES` is the order in which
    decisions are made."""

    desired: Desired
    observed: Observed
    policy: Policy
    draft: Draft = field(default_factory=Draft)
    networks: Networks = field(default_factory=Networks)
    volumes: Volumes = field(default_factory=Volumes)
    containers: Containers = field(default_factory=Containers)

    def __post_init__(self) -> None:
        """What earlier plays of the run do counts as decided."""
        self.containers.renewed.update(self.observed.renewed)
        self.containers.restarted.update(self.observed.restarted)

    def free(self, live: ObservedContainer, *after: int, successor: Mapping[str, Any] | None = None) -> None:
        """What a container holds is free after these steps, without the volumes that its successor uses too: those may
        be shared."""
        self.release({*in_use(live), *writable(live.values)} - set(writable(successor or {})), *after)

    def release(self, whats: Iterable[str], *after: int) -> None:
        """What only one container can hold is free after these steps."""
        for what in whats:
            self.containers.freed[what] = self.containers.freed.get(what, ()) + after

    def when_free(self, values: Mapping[str, Any]) -> Steps:
        """Steps after which a container of these values can have what it holds."""
        wanted = (*held(values), *writable(values))
        return tuple(step for what in wanted for step in self.containers.freed.get(what, ()))

    def wanted(self, settings: type[S]) -> tuple[Resource[S], ...]:
        """Resources of one kind that should be there and may be changed, by name."""
        return tuple(found for found in self._selected(settings) if not found.absent)

    def unwanted(self, settings: type[S]) -> tuple[Resource[S], ...]:
        """Those that should not be there."""
        return tuple(found for found in self._selected(settings) if found.absent)

    def _selected(self, settings: type[S]) -> list[Resource[S]]:
        return sorted((found for found in self.desired.of(settings) if found.selected), key=lambda found: found.name)

    def address(self, kind: Kind, name: str) -> Address:
        return Address(self.desired.host, kind, name)

    @property
    def many_endpoints(self) -> bool:
        """API 1.44 takes all networks at create, older ones a single one (§1.6)."""
        return version(self.observed.engine.api) >= (1, 44)


def completes(ctx: Context, name: str) -> bool:
    """Whether the container is meant to end: others wait for it to end well."""
    return name in ctx.desired.completing


def version(text: str) -> tuple[int, ...]:
    """API versions compare by number: 1.9 < 1.41."""
    return tuple(int(part) for part in text.split(".") if part.isdigit())
