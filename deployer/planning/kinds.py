"""What is done about each kind of resource. How one is declared stands in `model.kinds`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, Protocol

from msgspec import Struct

from deployer.model.desired import Kind
from deployer.model.drift import Drift
from deployer.model.observed import Observed, Ownership
from deployer.planning import objects, workloads
from deployer.planning.container import drift as containers
from deployer.planning.context import Context
from deployer.planning.image import plan as images
from deployer.planning.image.prune import prune_images
from deployer.planning.job import drift as jobs
from deployer.planning.network import plan as networks
from deployer.planning.volume import plan as volumes


class Live(Protocol):
    """An object on a host, and whose it is."""

    @property
    def name(self) -> str: ...
    @property
    def owner(self) -> Ownership: ...


class KindPlanner(Struct, frozen=True):
    """How a kind, or several that depend on each other, are planned; each function finds its own resources. `make`:
    what is declared; `remove_absent`: what is declared absent; `prune`: what is no longer declared; `destroy`:
    everything of the project."""

    make: Callable[[Context], None]
    remove_absent: Callable[[Context], None]
    prune: Callable[[Context], None]
    destroy: Callable[[Context], None] = lambda _ctx: None


class Planned(Struct, frozen=True):
    """`making`: how it is planned. `objects`: those on a host that may be of this kind, for a kind that is known by
    labels. `is_there`: whether what is declared exists, whoever made it. `drift`: what of one is not as declared; the
    resource has the kind's settings."""

    making: KindPlanner
    objects: Callable[[Observed], Iterable[Live]]
    is_there: Callable[[Context, Any], bool]
    drift: Callable[[Context, Any], Iterator[Drift]]


WORKLOADS: Final = KindPlanner(workloads.make, workloads.remove_absent, workloads.prune, workloads.destroy)

KINDS: Final[Mapping[Kind, Planned]] = {
    Kind.IMAGE: Planned(
        KindPlanner(images.make, images.remove_absent, prune_images),
        objects=lambda _observed: (),
        is_there=lambda ctx, resource: resource.image in ctx.observed.tags,
        drift=images.drift,
    ),
    Kind.NETWORK: Planned(
        KindPlanner(networks.make, networks.remove_absent, networks.prune, networks.destroy),
        objects=lambda observed: observed.networks,
        is_there=lambda ctx, resource: ctx.observed.network(resource.name) is not None,
        drift=lambda ctx, resource: objects.drift(ctx, resource, ctx.observed.network(resource.name)),
    ),
    Kind.VOLUME: Planned(
        KindPlanner(volumes.make, volumes.remove_absent, volumes.prune, volumes.destroy),
        objects=lambda observed: observed.volumes,
        is_there=lambda ctx, resource: ctx.observed.volume(resource.name) is not None,
        drift=lambda ctx, resource: objects.drift(ctx, resource, ctx.observed.volume(resource.name)),
    ),
    Kind.CONTAINER: Planned(
        WORKLOADS,
        objects=partial(workloads.of_kind, Kind.CONTAINER),
        is_there=lambda ctx, resource: ctx.observed.container(resource.name) is not None,
        drift=containers.drift,
    ),
    Kind.JOB: Planned(
        WORKLOADS,
        objects=partial(workloads.of_kind, Kind.JOB),
        is_there=lambda ctx, resource: ctx.observed.container(resource.name) is not None,
        drift=jobs.drift,
    ),
}
"""In the order plans list them, which is that in which they need each other."""

USED_BY_WORKLOADS: Final = tuple(found.making for found in KINDS.values() if found.making is not WORKLOADS)
"""What is made before containers and jobs, and removed after them in the opposite order."""

PRUNED_AFTER_WORKLOADS: Final = sorted(USED_BY_WORKLOADS, key=lambda making: making is KINDS[Kind.IMAGE].making)
"""Images last: containers that go may be made from them."""
