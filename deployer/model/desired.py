"""The desired state of one host: the typed, normalised declarations of one play."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeAlias, TypeGuard, TypeVar

from msgspec import Struct, field

from deployer.diagnostics import Origin
from deployer.fields.options import Condition, PullPolicy, strongest_pull_policy
from deployer.interfaces import Guarded
from deployer.model.build import Build
from deployer.model.secrets import Sealing
from deployer.model.settings import (
    ContainerSettings,
    FileSettings,
    FromImage,
    ImageSettings,
    JobSettings,
    NetworkSettings,
    RunSettings,
    Settings,
    VolumeSettings,
)


class Kind(StrEnum):
    """Kinds of resources, in the order plans list them."""

    IMAGE = "image"
    NETWORK = "network"
    VOLUME = "volume"
    FILE = "file"
    CONTAINER = "container"
    JOB = "job"

    @property
    def is_container(self) -> bool:
        """A job is a container too: both share one set of names on a host."""
        return self in (Kind.CONTAINER, Kind.JOB)


def slot(kind: Kind, name: str) -> tuple[Kind, str]:
    """The key that only one resource of a host can have: containers and jobs share names."""
    return Kind.CONTAINER if kind.is_container else kind, name


class OnFailure(StrEnum):
    """What a failure rolls back. `STOP`: only the group of the failed step. `ROLLBACK_HOST`: everything on that host.
    `ROLLBACK_ALL`: everything on all hosts of the play, if the failure ends the play."""

    STOP = "stop"
    ROLLBACK_HOST = "rollback_host"
    ROLLBACK_ALL = "rollback_all"


class Address(Struct, frozen=True, order=True):
    """`web1/container.api`: one resource on one host."""

    host: str
    kind: Kind
    name: str

    @staticmethod
    def whole(host: str) -> Address:
        """What a refusal has that concerns a host, not one of its resources."""
        return Address(host, Kind.CONTAINER, "*")

    @property
    def is_whole(self) -> bool:
        return self.name == "*"

    def __str__(self) -> str:
        return f"{self.host}/{self.label}"

    @property
    def label(self) -> str:
        """`container.api`, the value of the label `deployer.resource`."""
        return f"{self.kind}.{self.name}"


S_co = TypeVar("S_co", bound=Settings, covariant=True)
S = TypeVar("S", bound=Settings)


class Resource(Struct, Generic[S_co], frozen=True):
    """One declared resource. `values` holds canonical values of declared fields (see `fields.shapes`), `origins` the
    place of every path in them, `secret_paths` those that are secret in part or whole. `selected`: whether `--tags` and
    `--skip-tags` let it be changed in this run."""

    address: Address
    origin: Origin
    settings: S_co
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
        return self.settings.absent

    @property
    def image(self) -> str:
        """The complete reference of the image it needs, "" when it needs none."""
        return self.settings.image if isinstance(self.settings, FromImage) else ""

    def place(self, path: tuple[str, ...]) -> Origin:
        """Where the value at a path was written, or the nearest parent path with a position."""
        while path and path not in self.origins:
            path = path[:-1]
        return self.origins.get(path, self.origin)


AnyResource: TypeAlias = Resource[Settings]
Network: TypeAlias = Resource[NetworkSettings]
Volume: TypeAlias = Resource[VolumeSettings]
File: TypeAlias = Resource[FileSettings]
Image: TypeAlias = Resource[ImageSettings]
Container: TypeAlias = Resource[ContainerSettings]
Job: TypeAlias = Resource[JobSettings]
Workload: TypeAlias = Resource[RunSettings]
"""A container or a job."""
Imaged: TypeAlias = Resource[FromImage]
"""Resources with an image: containers, jobs, and images themselves."""


def has_settings(resource: AnyResource, of: type[S]) -> TypeGuard[Resource[S]]:
    return isinstance(resource.settings, of)


class RunOnce(Struct, frozen=True):
    """Jobs that one host runs for all hosts of a play. `reached`: whether that host is part of the run."""

    host: str
    jobs: tuple[str, ...]
    reached: bool = True


class Desired(Guarded, frozen=True, dict=True):
    """One play on one host. `secrets` are texts that must never be shown; `sealing_key` seals them in records, see
    `Sealing`; `registries` maps a registry to (username, password). `elsewhere` names resources of the same host that
    other plays declare; `images` are the complete references that any play of the host declares; `followers` are
    containers that other plays of the project declare and that share namespaces of this play's. `prune`: remove
    resources of the project that are no longer declared. `contents`: of the files of containers, by their digests."""

    hidden: ClassVar[tuple[str, ...]] = ("registries", "secrets", "sealing_key", "contents")
    host: str
    project: str
    resources: tuple[AnyResource, ...] = ()
    registries: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    elsewhere: frozenset[tuple[Kind, str]] = frozenset()
    images: frozenset[str] = frozenset()
    followers: tuple[AnyResource, ...] = ()
    prune: bool = False
    on_failure: OnFailure = OnFailure.ROLLBACK_HOST
    sealing_key: bytes = b""
    contents: Mapping[str, bytes] = field(default_factory=dict)

    @cached_property
    def sealing(self) -> Sealing:
        return Sealing(self.secrets, self.sealing_key)

    def of(self, settings: type[S]) -> tuple[Resource[S], ...]:
        """Those with settings of this class: `ContainerSettings` finds containers."""
        return tuple(resource for resource in self.resources if has_settings(resource, settings))

    @cached_property
    def containers(self) -> tuple[Workload, ...]:
        """Jobs too."""
        return self.of(RunSettings)

    @cached_property
    def completing(self) -> frozenset[str]:
        """Names of containers whose completion others wait for."""
        needs = (needed for found in self.containers for needed in found.settings.depends_on)
        return frozenset(needed.name for needed in needs if needed.condition is Condition.COMPLETED)

    @cached_property
    def pull_policies(self) -> Mapping[str, PullPolicy]:
        """The strongest pull policy for each image reference, of all resources declared present. Files have none of
        their own."""
        found: dict[str, PullPolicy] = {}
        for resource in self.of(FromImage):
            if resource.selected and not resource.absent and resource.kind is not Kind.FILE:
                own = resource.settings
                found[own.image] = strongest_pull_policy((own.pull, found.get(own.image, own.pull)))
        return found

    @cached_property
    def builds(self) -> Mapping[str, Build]:
        """How the images that are built are built, by complete reference."""
        found = (resource.settings for resource in self.of(FromImage) if not resource.absent)
        return {own.image: own.build for own in found if own.build is not None}

    @cached_property
    def sources(self) -> Mapping[str, str]:
        """Where the images that are sent come from, by complete reference."""
        return {own.image: own.source for own in (found.settings for found in self.of(ImageSettings)) if own.source}

    @cached_property
    def _by_name(self) -> Mapping[tuple[Kind, str], AnyResource]:
        return {(found.kind, found.name): found for found in self.resources}

    @cached_property
    def _containers_by_name(self) -> Mapping[str, Workload]:
        return {found.name: found for found in self.containers}

    def container(self, name: str) -> Workload | None:
        """The container or job of that name."""
        return self._containers_by_name.get(name)

    def is_elsewhere(self, kind: Kind, name: str) -> bool:
        """Whether another play of the host declares it, as a container or as a job."""
        return slot(kind, name) in {slot(*key) for key in self.elsewhere}

    def find(self, kind: Kind, name: str) -> AnyResource | None:
        return self._by_name.get((kind, name))
