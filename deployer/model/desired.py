"""What one host should have: the typed, normalised declarations of one play."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

from msgspec import Struct, field

from deployer.diagnostics import Origin
from deployer.interfaces import Guarded


class Kind(StrEnum):
    """Kinds of resources, in the order plans list them."""

    IMAGE = "image"
    NETWORK = "network"
    VOLUME = "volume"
    CONTAINER = "container"
    JOB = "job"

    @property
    def is_container(self) -> bool:
        """A job is a container too: on a host, both share one set of names."""
        return self in (Kind.CONTAINER, Kind.JOB)


def slot(kind: Kind, name: str) -> tuple[Kind, str]:
    """What only one resource of a host can have: a job's name is a container's."""
    return Kind.CONTAINER if kind.is_container else kind, name


class OnFailure(StrEnum):
    """What happens to what was done already when something fails. `STOP`: it stays, but for the group of the step that
    failed. `ROLLBACK_HOST`: everything on that host is undone. `ROLLBACK_ALL`: on the play's other hosts too, when the
    failure ends the play."""

    STOP = "stop"
    ROLLBACK_HOST = "rollback_host"
    ROLLBACK_ALL = "rollback_all"


class Address(Struct, frozen=True, order=True):
    """`web1/container.api`: one resource on one host."""

    host: str
    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{self.host}/{self.label}"

    @property
    def label(self) -> str:
        """`container.api`, the value of the label `deployer.resource`."""
        return f"{self.kind}.{self.name}"


class Dependency(Struct, frozen=True):
    """`condition` is one of `fields.settings.CONDITIONS`. `restart`: the dependant is restarted when this one was
    replaced or started."""

    name: str
    condition: str = "service_started"
    required: bool = True
    restart: bool = False


class UpdatePolicy(Struct, frozen=True):
    """How a container is replaced; seconds. `stop_grace_period`: the time the old one has to stop, -1 for no limit,
    None for its own. `watch`: how long one with a healthcheck must stay healthy."""

    order: str = "auto"
    health_timeout: float = 60.0
    monitor: float = 5.0
    stop_grace_period: int | None = None
    watch: float = 0.0


class Settings(Struct, frozen=True):
    """What only this tool knows of a resource. `image` is a complete reference, "" where none is declared;
    `keep_previous` how many replaced containers are kept stopped. Of a job: `run_once`, on the play's first host only;
    `timeout`, the seconds it may take, None for any."""

    state: str
    image: str = ""
    platform: str = ""
    pull: str = "missing"
    depends_on: tuple[Dependency, ...] = ()
    protect: bool = False
    recreate: str = "auto"
    ignore_changes: tuple[str, ...] = ()
    update: UpdatePolicy = UpdatePolicy()
    external: bool = False
    keep_previous: int = 1
    run_once: bool = False
    timeout: float | None = None


class Resource(Struct, frozen=True):
    """One declared resource. `values` holds canonical values of declared fields (see `fields.shapes`), `origins` the
    place of every path in them, `secret_paths` those that are secret in part or whole. `selected`: whether `--tags` and
    `--skip-tags` let it be changed in this run."""

    address: Address
    origin: Origin
    settings: Settings
    values: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[tuple[str, ...], Origin] = field(default_factory=dict)
    selected: bool = True
    secret_paths: frozenset[tuple[str, ...]] = frozenset()

    @property
    def kind(self) -> Kind:
        return self.address.kind

    @property
    def name(self) -> str:
        return self.address.name

    @property
    def absent(self) -> bool:
        return self.settings.state == "absent"

    def place(self, path: tuple[str, ...]) -> Origin:
        """Where the value at a path was written; of the nearest path above where it has no place of its own."""
        while path and path not in self.origins:
            path = path[:-1]
        return self.origins.get(path, self.origin)


class RunOnce(Struct, frozen=True):
    """Jobs that one host runs for all hosts of a play. `reached`: whether that host is among those of the run."""

    host: str
    jobs: tuple[str, ...]
    reached: bool = True


class Desired(Guarded, frozen=True):
    """One play on one host. `secrets` are texts that must never be shown; `registries` maps a registry to
    (username, password). `elsewhere` names resources of the same host that other plays declare; `images` are the
    complete references that any play of the host declares. `prune`: what the project made and nothing declares any more
    is to be removed."""

    hidden: ClassVar[tuple[str, ...]] = ("registries", "secrets")
    host: str
    project: str
    resources: tuple[Resource, ...] = ()
    registries: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    elsewhere: frozenset[tuple[Kind, str]] = frozenset()
    images: frozenset[str] = frozenset()
    prune: bool = False
    on_failure: OnFailure = OnFailure.ROLLBACK_HOST

    def of(self, kind: Kind) -> tuple[Resource, ...]:
        return tuple(resource for resource in self.resources if resource.kind is kind)

    @property
    def containers(self) -> tuple[Resource, ...]:
        """Jobs too."""
        return tuple(resource for resource in self.resources if resource.kind.is_container)

    def container(self, name: str) -> Resource | None:
        """The container or job of that name."""
        return next((found for found in self.containers if found.name == name), None)

    def is_elsewhere(self, kind: Kind, name: str) -> bool:
        """Whether another play of the host declares it, be it as a container or as a job."""
        return slot(kind, name) in {slot(*key) for key in self.elsewhere}

    def find(self, kind: Kind, name: str) -> Resource | None:
        return next((r for r in self.resources if r.kind is kind and r.name == name), None)
