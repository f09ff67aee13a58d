"""What every part of the planner sees: the inputs, the draft, and what was decided so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from deployer.model.desired import Address, Desired, Kind, Resource, UpdatePolicy
from deployer.model.observed import Observed, ObservedContainer, ObservedNetwork
from deployer.model.plan import AwaitHealthy, Target
from deployer.planning.container.exclusive import held
from deployer.planning.draft import Draft
from deployer.planning.policy import Policy


class Retired(Struct, frozen=True):
    """A container that is put away once everything of its group works. `after`: the last steps of its successor."""

    group: str
    resource: Resource
    old: ObservedContainer
    cause: str
    after: tuple[int, ...]


class Renewal(Struct, frozen=True):
    """A network that is taken down and made anew. `off`: steps after which each of the containers `attached` has left
    it; `gone`: those after which it is removed."""

    resource: Resource
    live: ObservedNetwork
    attached: tuple[ObservedContainer, ...]
    off: tuple[int, ...]
    gone: tuple[int, ...]


class Begun(Struct, frozen=True):
    """A container that is started and replaces none. `after`: the steps after which it has been."""

    resource: Resource
    target: Target
    after: tuple[int, ...]


class Context(Struct, frozen=True):
    """What was decided so far.

    `targets`: how steps refer to each declared container. `renewed`: containers that get a new id. `restarted`:
    containers that keep theirs and are started. `renewed_networks`, `renewals`: networks that are made anew;
    `missing_networks`: those that are new. `moved`: containers on renewed ones, by id, and the steps after which others
    may touch them. `dropped`: containers that have to go since a volume
    they mount is made anew, and the steps after which they are gone. `freed`: what only one container can hold, and the
    steps after which it is free. `aside`: containers that stop before their successors are made, and
    the steps after which their names are free. `awaited`: steps that end when a condition holds. `jobs`: those that
    are run. `groups`: the group under which a container is replaced. `begun`: containers that are started. `retired`:
    containers that are replaced.
    """

    desired: Desired
    observed: Observed
    policy: Policy
    draft: Draft = field(default_factory=Draft)
    targets: dict[str, Target] = field(default_factory=dict)
    renewed: set[str] = field(default_factory=set)
    restarted: set[str] = field(default_factory=set)
    moved: dict[str, tuple[int, ...]] = field(default_factory=dict)
    renewed_networks: set[str] = field(default_factory=set)
    renewals: list[Renewal] = field(default_factory=list)
    missing_networks: list[Resource] = field(default_factory=list)
    dropped: dict[str, tuple[int, ...]] = field(default_factory=dict)
    freed: dict[str, tuple[int, ...]] = field(default_factory=dict)
    aside: dict[str, tuple[int, ...]] = field(default_factory=dict)
    awaited: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    jobs: set[str] = field(default_factory=set)
    groups: dict[str, str] = field(default_factory=dict)
    begun: list[Begun] = field(default_factory=list)
    retired: list[Retired] = field(default_factory=list)

    def free(self, values: Mapping[str, Any], *after: int) -> None:
        """What a container of these values holds is free after these steps."""
        for what in held(values):
            self.freed[what] = after

    def when_free(self, values: Mapping[str, Any]) -> tuple[int, ...]:
        """Steps after which a container of these values can have what it holds."""
        return tuple(step for what in held(values) for step in self.freed.get(what, ()))

    def address(self, kind: Kind, name: str) -> Address:
        return Address(self.desired.host, kind, name)

    @property
    def many_endpoints(self) -> bool:
        """API 1.44 takes all networks at create, older ones a single one (§1.6)."""
        return version(self.observed.engine.api) >= (1, 44)


def watched(target: Target, update: UpdatePolicy) -> AwaitHealthy:
    """The step that ends when a container works."""
    return AwaitHealthy(target, update.health_timeout, update.monitor, update.watch)


def completes(ctx: Context, name: str) -> bool:
    """Whether the container is meant to end: others wait for it to end well."""
    return any(
        dependency.name == name and dependency.condition == "service_completed_successfully"
        for other in ctx.desired.containers
        for dependency in other.settings.depends_on
    )


def version(text: str) -> tuple[int, ...]:
    """API versions compare by number: 1.9 < 1.41."""
    return tuple(int(part) for part in text.split(".") if part.isdigit())
