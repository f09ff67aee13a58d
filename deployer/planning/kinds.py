"""What is done about each kind of resource. How one is declared stands in `model.kinds`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, Protocol

from msgspec import Struct

from deployer.model.desired import Kind
from deployer.model.drift import Drift
from deployer.model.kinds import KINDS as DECLARABLE
from deployer.model.kinds import Owned
from deployer.model.observed import Observed, Ownership
from deployer.planning import objects, workloads
from deployer.planning.container import drift as containers
from deployer.planning.context import Context
from deployer.planning.file import plan as files
from deployer.planning.file import removal
from deployer.planning.image import plan as images
from deployer.planning.image.prune import prune_images
from deployer.planning.job import drift as jobs
from deployer.planning.network import plan as networks
from deployer.planning.volume import plan as volumes
from deployer.values import image


class Live(Protocol):
    """An object on a host, and whose it is."""

    @property
    def name(self) -> str: ...
    @property
    def owner(self) -> Ownership: ...


class KindPlanner(Struct, frozen=True):
    """How a kind, or several that depend on each other, are planned; each function finds its own resources. `make`:
    what is declared; `remove_absent`: what is declared absent; `prune`: what is no longer declared; `destroy`:
    everything of the project. `make` finds all files that go, since containers may react to that."""

    make: Callable[[Context], None]
    remove_absent: Callable[[Context], None]
    prune: Callable[[Context], None] = lambda _ctx: None
    destroy: Callable[[Context], None] = lambda _ctx: None


class PlannedKind(Struct, frozen=True):
    """`planner`: how it is planned. `exists`: whether a host has one of a name, whoever created it. `drift`: how one
    differs from its declaration; the resource has the kind's settings. `objects`: those on a host that may be of this
    kind, where labels say whose they are (`Owned.BY_LABELS`). `undeclared`: the
    drift of others that the project has on record."""

    planner: KindPlanner
    exists: Callable[[Observed, str], bool]
    drift: Callable[[Context, Any], Iterator[Drift]]
    objects: Callable[[Observed], Iterable[Live]] = lambda _observed: ()
    undeclared: Callable[[Context], Iterator[Drift]] = lambda _ctx: iter(())


WORKLOADS: Final = KindPlanner(workloads.make, workloads.remove_absent, workloads.prune, workloads.destroy)


def _has_container(observed: Observed, name: str) -> bool:
    """By its name or its id, also one that was not read whole."""
    return name in observed.ids or name in observed.ids.values()


KINDS: Final[Mapping[Kind, PlannedKind]] = {
    Kind.IMAGE: PlannedKind(
        KindPlanner(images.make, images.remove_absent, prune_images),
        exists=lambda observed, name: str(image.parse(name)) in observed.tags,
        drift=images.drift,
    ),
    Kind.NETWORK: PlannedKind(
        KindPlanner(networks.make, networks.remove_absent, networks.prune, networks.destroy),
        objects=lambda observed: observed.networks,
        exists=lambda observed, name: observed.network(name) is not None,
        drift=lambda ctx, resource: objects.drift(ctx, resource, ctx.observed.network(resource.name)),
    ),
    Kind.VOLUME: PlannedKind(
        KindPlanner(volumes.make, volumes.remove_absent, volumes.prune, volumes.destroy),
        objects=lambda observed: observed.volumes,
        exists=lambda observed, name: observed.volume(name) is not None,
        drift=lambda ctx, resource: objects.drift(ctx, resource, ctx.observed.volume(resource.name)),
    ),
    Kind.FILE: PlannedKind(
        KindPlanner(files.make, removal.remove, destroy=removal.destroy),
        exists=lambda observed, name: name in observed.files,
        drift=files.drift,
        undeclared=files.undeclared,
    ),
    Kind.CONTAINER: PlannedKind(
        WORKLOADS,
        objects=partial(workloads.of_kind, Kind.CONTAINER),
        exists=_has_container,
        drift=containers.drift,
    ),
    Kind.JOB: PlannedKind(
        WORKLOADS,
        objects=partial(workloads.of_kind, Kind.JOB),
        exists=_has_container,
        drift=jobs.drift,
    ),
}
"""In the order plans list them, which is that in which they need each other."""

USED_BY_WORKLOADS: Final = tuple(found.planner for found in KINDS.values() if found.planner is not WORKLOADS)
"""What is made before containers and jobs, and removed after them in the opposite order."""

PRUNED_AFTER_WORKLOADS: Final = sorted(USED_BY_WORKLOADS, key=lambda planner: planner is KINDS[Kind.IMAGE].planner)
"""Images last: containers that go may be made from them."""


def labelled(observed: Observed) -> Iterator[tuple[Kind, Live]]:
    """Everything on a host whose labels can say whose it is, with the kind it was created as."""
    for kind, planned in KINDS.items():
        if DECLARABLE[kind].owned is Owned.BY_LABELS:
            yield from ((kind, found) for found in planned.objects(observed))
