"""The observed state of one host: a snapshot, read once. Planning never reads the engine."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from msgspec import Struct, field

from deployer.interfaces import EngineInfo
from deployer.model.files import Manifest, ObservedFile
from deployer.model.plan import Before, OwedEndpoint
from deployer.model.registry import RegistryAnswer
from deployer.values.file_mount import Changing

_RUNNING: Final = ("running", "paused", "restarting")


class Ownership(Struct, frozen=True):
    """Whose an object is. `recorded` is the last applied declaration by field, with secret values as digests; empty if
    the object has no readable record. `sealed_with`: the id of the key of the digests, "" in records of earlier
    releases and in those without digests. `labelled`: whether the object's labels say whose it is; `number`: of the
    newest record in a volume, 0 if there is none (see `model.ownership`). `copied`: `shop/container.web` if the object
    has the labels of that resource but not its name, and so belongs to no project. `damaged`: the recorded fields that
    cannot be read, or the label if all of it cannot; what they recorded counts as unknown."""

    project: str = ""
    resource: str = ""
    recorded: Mapping[str, Any] = field(default_factory=dict)
    copied: str = ""
    sealed_with: str = ""
    labelled: bool = True
    number: int = 0
    damaged: tuple[str, ...] = ()

    @property
    def managed(self) -> bool:
        return bool(self.project)


class ObservedContainer(Struct, frozen=True):
    """`values` holds canonical values of every field of the table. `image` is the reference it was made from, complete;
    `image_id` the image itself. `state`: created, running, paused, restarting, exited, dead. `health`: healthy,
    unhealthy, starting or "". `attached` maps network names to the network ids of its endpoints ("" before the first
    start). `anonymous` maps targets to names of anonymous volumes; `volumes` names all that it mounts. `holds`: the
    addresses it has while it runs, also those that the engine chose: (network, key of the endpoint, address).
    `restarts`: how often the engine restarted it since it was started. `proven` is False for one that may not work and
    that no run on record has seen working since it was created. `keeps_name`: whether its name is an alias on a
    network too, so that it is reached by it after a rename. `configs`: the text of those that differ from what is
    declared, by target. `created`: when, in RFC 3339, "" if the engine does not say. `changing`: by field, the volumes
    of configs and secrets whose files may change while it runs."""

    id: str
    name: str
    image: str
    image_id: str
    state: str
    health: str = ""
    exit_code: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)
    attached: Mapping[str, str] = field(default_factory=dict)
    anonymous: Mapping[str, str] = field(default_factory=dict)
    volumes: frozenset[str] = frozenset()
    owner: Ownership = Ownership()
    has_healthcheck: bool = False
    holds: frozenset[tuple[str, str, str]] = frozenset()
    restarts: int = 0
    proven: bool = True
    keeps_name: bool = False
    configs: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    changing: Mapping[str, Changing] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        return self.state in _RUNNING

    @property
    def doubtful(self) -> bool:
        """Whether it runs but may not work."""
        failing = self.state == "restarting" or self.health in ("unhealthy", "starting")
        return self.running and (failing or bool(self.restarts))


class ObservedImage(Struct, frozen=True):
    """`values`: canonical values of the container fields that the image sets. `digests` without the repository.
    `build`: the label with the record of its build (`model.build`), "" if it was not built by deployer. `described`:
    whether the engine tells what it sets; containerd's store does not if it left out layers that it had unpacked."""

    id: str
    references: frozenset[str] = frozenset()
    digests: frozenset[str] = frozenset()
    os: str = "linux"
    arch: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    build: str = ""
    described: bool = True


class ObservedNetwork(Struct, frozen=True):
    id: str
    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    owner: Ownership = Ownership()


class ObservedVolume(Struct, frozen=True):
    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    owner: Ownership = Ownership()


class Stub(Struct, frozen=True):
    """A container that was listed but not inspected: names, owners, mounts and ports in use are known. `ports`, as
    `values.port` writes them, and `holds`, its addresses, are those it has while it runs. `shares`: the id of the
    container whose network it shares; `filling`: whether a command fills its volume, or was killed meanwhile;
    `validates`: the project whose files it validates."""

    id: str
    name: str
    image_id: str
    state: str
    owner: Ownership = Ownership()
    networks: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()
    ports: frozenset[str] = frozenset()
    holds: frozenset[tuple[str, str, str]] = frozenset()
    shares: str = ""
    filling: bool = False
    validates: str = ""

    @property
    def running(self) -> bool:
        return self.state in _RUNNING


class PulledImage(Struct, frozen=True):
    """One that a project pulled and that is still there. `reference`: by which; `is_tagged`: whether that still names
    it; `names`: all it has now."""

    project: str
    reference: str
    id: str
    is_tagged: bool = True
    names: frozenset[str] = frozenset()


class Replaced(Struct, frozen=True):
    """What one run replaced. `run`: the number of its first play, 0 if there is none; `ids`: the first 12 digits of
    those of the replaced containers, by name, "" in records of earlier releases."""

    run: int = 0
    ids: Mapping[str, str] = field(default_factory=dict)


class RecordedRun(Struct, frozen=True):
    """A run on record. `before`: the containers it changed, as they were; None if the record does not say."""

    number: int
    before: tuple[Before, ...] | None = None


class Observed(Struct, frozen=True, dict=True):
    """One host. `containers` are those declared or owned by the project; `kept` are its stopped ones that were
    replaced, and successors that failed; `others` all the rest. `images` has every image needed to judge them, `tags`
    every local reference to an image id. `registry`: what registries say about references that have to be looked up
    there. `records`: each project's newest record of a run, by number; `locked`: projects with a lock, a killed run's
    too; `replaced`: where it was asked for, the names of
    containers that the newest run which replaced any did replace, and `runs`, all that are on record. `owed`:
    endpoints that the newest run of a project took from containers and did not give back. `pulled`: images, where some
    may be pruned; `claimed`: references and image ids on record, with the project that pulled or declared
    them. `info`: the engine's `GET /info` if a container is to be taken over, else empty. What earlier plays of the run
    will have done: `renewed` names containers that they create or replace, `restarted` those that they start; `coming`
    are references that they pull or build, `built` those that they build. `manifests`: what each project wrote;
    `files`: what is at these paths, at those that are declared, and at those of the directories above;
    `runs_commands`: whether files can be validated and linked there; `unread`: whether they could not be read, since
    the container through which they are read does not exist."""

    host: str
    engine: EngineInfo
    containers: tuple[ObservedContainer, ...] = ()
    others: tuple[Stub, ...] = ()
    images: Mapping[str, ObservedImage] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[ObservedNetwork, ...] = ()
    volumes: tuple[ObservedVolume, ...] = ()
    registry: Mapping[str, RegistryAnswer] = field(default_factory=dict)
    records: Mapping[str, int] = field(default_factory=dict)
    locked: frozenset[str] = frozenset()
    replaced: Mapping[str, Replaced] = field(default_factory=dict)
    runs: Mapping[str, tuple[RecordedRun, ...]] = field(default_factory=dict)
    owed: Mapping[str, tuple[OwedEndpoint, ...]] = field(default_factory=dict)
    kept: tuple[Stub, ...] = ()
    pulled: tuple[PulledImage, ...] = ()
    claimed: frozenset[tuple[str, str]] = frozenset()
    info: Mapping[str, Any] = field(default_factory=dict)
    renewed: frozenset[str] = frozenset()
    restarted: frozenset[str] = frozenset()
    coming: frozenset[str] = frozenset()
    built: frozenset[str] = frozenset()
    manifests: Mapping[str, Manifest] = field(default_factory=dict)
    files: Mapping[str, ObservedFile] = field(default_factory=dict)
    runs_commands: bool = True
    unread: bool = False

    @cached_property
    def _by_name(self) -> Mapping[str, ObservedContainer]:
        return {found.name: found for found in reversed(self.containers)}

    def container(self, name: str) -> ObservedContainer | None:
        return self._by_name.get(name)

    def container_by_id(self, key: str) -> ObservedContainer | None:
        return next((found for found in self.containers if found.id == key), None)

    def network(self, name: str) -> ObservedNetwork | None:
        return next((found for found in self.networks if found.name == name), None)

    def volume(self, name: str) -> ObservedVolume | None:
        return next((found for found in self.volumes if found.name == name), None)

    @cached_property
    def remote(self) -> Mapping[str, str]:
        """References that were looked up in a registry to the digest found there, "" when it had no answer."""
        return {reference: answer.digest for reference, answer in self.registry.items()}

    def image_of(self, reference: str) -> ObservedImage | None:
        """The local image a complete reference names: by tag, by digest, or by id."""
        image_id = self.tags.get(reference, "")
        return self.images.get(image_id or reference)

    @cached_property
    def ids(self) -> Mapping[str, str]:
        """Names of all containers to ids."""
        return {s.name: s.id for s in self.others} | {found.name: found.id for found in self.containers}
