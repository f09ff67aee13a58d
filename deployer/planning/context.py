"""The state of planning one host, shared by all planners."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct, field

from deployer.fields.options import Condition
from deployer.model import ownership
from deployer.model.desired import Address, Container, Desired, File, Kind, Resource, S
from deployer.model.exclusive import held, in_use, writable
from deployer.model.files import Manifest, ObservedFile
from deployer.model.observed import Observed, ObservedContainer, ObservedNetwork, ObservedVolume, Stub
from deployer.model.operations import Operation, Target
from deployer.model.plan import Group
from deployer.planning.draft import Draft
from deployer.planning.policy import Policy

Steps: TypeAlias = tuple[int, ...]
"""Numbers of steps."""


class Retired(Struct, frozen=True):
    """A replaced container: it is kept or removed after everything in its group works. `after`: the last steps of its
    successor."""

    group: Group
    resource: Container
    old: ObservedContainer
    cause: str
    after: Steps


class Started(Struct, frozen=True):
    """A container that is started without replacing another. `after`: the steps that start it."""

    resource: Container
    target: Target
    after: Steps


class Networks(Struct, frozen=True):
    """Decided by `network.plan.make`."""

    renewed: set[str] = field(default_factory=set)
    """Networks that are recreated. Read by: endpoints."""
    moved: dict[str, Steps] = field(default_factory=dict)
    """Ids of containers attached to recreated networks, and the steps that must precede other changes to them. Read by:
    planners that stop or remove a container."""


class Volumes(Struct, frozen=True):
    """Decided by `volume.plan.make`."""

    dropped: dict[str, Steps] = field(default_factory=dict)
    """Containers that are removed because a volume they mount is recreated, and the steps that remove them. Read by:
    the planners of those containers and jobs, which recreate them."""


class ChangedFile(Struct, frozen=True):
    """Content that changes, or goes. `old`, `new`: for people; `back`: what restores it."""

    old: str
    new: str
    back: tuple[Operation, ...] = ()
    removed: bool = False


class RemovedFile(Struct, frozen=True):
    """A file that is to be removed."""

    resource: File
    live: ObservedFile
    reason: str

    @property
    def name(self) -> str:
        return self.resource.name


class Files(Struct, frozen=True):
    """Decided by `file.plan.make`."""

    changed: dict[str, ChangedFile] = field(default_factory=dict)
    """By path. Read by: judging, reactions of containers that mount them."""
    written: list[tuple[int, Manifest]] = field(default_factory=list)
    """The manifest that is written, with the step. Read by: reactions."""
    going: list[RemovedFile] = field(default_factory=list)
    """What is removed at last. Read by: `file.removal.remove`."""


class Containers(Struct, frozen=True):
    """Decided by the phases that plan containers and jobs. Dependencies are planned first; their dependants read these
    decisions."""

    targets: dict[str, Target] = field(default_factory=dict)
    """How steps refer to each declared container. Written by: its planner. Read by: gates, removal of networks."""
    renewed: set[str] = field(default_factory=set)
    """Containers that get a new id. Written by: replace. Read by: judging, reasons to restart, removal of networks."""
    restarted: set[str] = field(default_factory=set)
    """Containers that keep their id and are started. Written and read by: container.plan."""
    jobs: set[str] = field(default_factory=set)
    """Jobs that are run. Written by: job.plan. Read by: gates."""
    awaited: dict[tuple[str, Condition | None], Steps] = field(default_factory=dict)
    """Steps that end when a condition holds. Written by: gates. Read by: gates, health."""
    left: dict[tuple[str, str], Steps] = field(default_factory=dict)
    """Containers, and the networks they leave before others get their addresses, with the steps that disconnect them.
    Written by: exchange. Read by: endpoints."""
    freed: dict[str, Steps] = field(default_factory=dict)
    """Exclusive resources that a container releases (ports, addresses, volumes), and the steps that release them.
    Written by: planners that stop a container. Read by: gates, rollback."""
    aside: dict[str, Steps] = field(default_factory=dict)
    """Containers that stop before their successors are created, and the steps that free their names. Written by:
    exchange, replace. Read by: replace."""
    groups: dict[str, Group] = field(default_factory=dict)
    """The group under which each container is replaced. Written by: exchange, replace. Read by: replace."""
    started: list[Started] = field(default_factory=list)
    """Containers that are started without replacing another. Written by: container.plan, replace. Read by: health."""
    retired: list[Retired] = field(default_factory=list)
    """Containers that are replaced. Written by: replace, rollback. Read by: finish_retired."""


class Context(Struct, frozen=True):
    """The inputs, the draft, and the decisions so far, grouped by the planner that makes them. `reconcile.PHASES` is
    the order of the decisions."""

    desired: Desired
    observed: Observed
    policy: Policy
    draft: Draft = field(default_factory=Draft)
    networks: Networks = field(default_factory=Networks)
    volumes: Volumes = field(default_factory=Volumes)
    containers: Containers = field(default_factory=Containers)
    files: Files = field(default_factory=Files)

    def __post_init__(self) -> None:
        """Starts with the decisions of earlier plays of the run."""
        self.containers.renewed.update(self.observed.renewed)
        self.containers.restarted.update(self.observed.restarted)

    def free(self, live: ObservedContainer, *after: int, successor: Mapping[str, Any] | None = None) -> None:
        """Record that the exclusive resources of a container are free after these steps, except volumes that its
        successor uses too: those may be shared."""
        self.release({*in_use(live), *writable(live.values)} - set(writable(successor or {})), *after)

    def release(self, whats: Iterable[str], *after: int) -> None:
        """Record that exclusive resources are free after these steps."""
        for what in whats:
            self.containers.freed[what] = self.containers.freed.get(what, ()) + after

    def when_free(self, values: Mapping[str, Any]) -> Steps:
        """Steps after which the exclusive resources of a container with these values are free."""
        wanted = (*held(values), *writable(values))
        return tuple(step for what in wanted for step in self.containers.freed.get(what, ()))

    def wanted(self, settings: type[S]) -> tuple[Resource[S], ...]:
        """Selected resources of one kind that are declared present, by name."""
        return tuple(found for found in self._selected(settings) if not found.absent)

    def unwanted(self, settings: type[S]) -> tuple[Resource[S], ...]:
        """Selected resources of one kind that are declared absent, by name."""
        return tuple(found for found in self._selected(settings) if found.absent)

    def _selected(self, settings: type[S]) -> list[Resource[S]]:
        return sorted((found for found in self.desired.of(settings) if found.selected), key=lambda found: found.name)

    def address(self, kind: Kind, name: str) -> Address:
        return Address(self.desired.host, kind, name)

    @property
    def many_endpoints(self) -> bool:
        """API 1.44 takes all networks at create, older ones a single one."""
        return version(self.observed.engine.api) >= (1, 44)


def completes(ctx: Context, name: str) -> bool:
    """Whether the container is expected to exit: others wait for its completion."""
    return name in ctx.desired.completing


def is_ours(
    ctx: Context, resource: Resource[Any], live: ObservedContainer | ObservedNetwork | ObservedVolume | Stub
) -> bool:
    """Whether this project has made it for the resource, or adopted it."""
    return ownership.belongs_to(live.owner, ctx.desired.project, resource.address)


def version(text: str) -> tuple[int, ...]:
    """Compares by number: 1.9 < 1.41."""
    return tuple(int(part) for part in text.split(".") if part.isdigit())
