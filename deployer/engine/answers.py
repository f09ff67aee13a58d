"""What deployer relies on in the engine's answers, as checked records. Values of fields are read by `fields/`.

Names and types are those of the Docker API's definitions. What Go writes as null for an empty value may be None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

from deployer.errors import EngineError
from deployer.model.decoding import convert
from deployer.values import image, port

T = TypeVar("T")


def read(answer: object, shape: type[T], request: str) -> T:
    """Raises `EngineError` for an answer to `GET request` of another type."""
    try:
        return convert(answer, shape)
    except (msgspec.ValidationError, RecursionError) as error:
        raise EngineError(f"the engine's answer to GET {request} has a wrong type: {error}", status=0) from error


def a_map(value: Any) -> Mapping[str, Any]:
    """The map in an engine's answer; any other value counts as empty."""
    return value if isinstance(value, Mapping) else {}


class PublishedPort(Struct, frozen=True, rename="pascal"):
    """`public_port` 0: exposed, not published."""

    private_port: int
    public_port: int = 0
    ip: str | None = field(name="IP", default=None)
    type: str = ""

    @property
    def text(self) -> str:
        """As declarations write it, `127.0.0.1:8080:80/tcp`."""
        return port.join(str(self.private_port), str(self.public_port or ""), self.ip or "", self.type)


class MountPoint(Struct, frozen=True, rename="pascal"):
    destination: str = ""
    type: str = ""
    name: str = ""
    source: str = ""


class Endpoint(Struct, frozen=True, rename="pascal"):
    network_id: str = field(name="NetworkID", default="")
    ipv4: str = field(name="IPAddress", default="")
    ipv6: str = field(name="GlobalIPv6Address", default="")
    mac: str = field(name="MacAddress", default="")
    aliases: list[str] | None = None

    @property
    def in_use(self) -> dict[str, str]:
        """The addresses it has while the container runs, by the keys of declarations."""
        return {"ipv4_address": self.ipv4, "ipv6_address": self.ipv6, "mac_address": self.mac}


class NetworkSettings(Struct, frozen=True, rename="pascal"):
    networks: dict[str, Endpoint | None] | None = None


class ListedHostConfig(Struct, frozen=True, rename="pascal"):
    network_mode: str = ""


class ListedContainer(Struct, frozen=True, rename="pascal"):
    """An entry of `GET /containers/json`."""

    id: str
    names: list[str] | None = None
    image: str = ""
    image_id: str = field(name="ImageID", default="")
    state: str = ""
    status: str = ""
    labels: dict[str, str] | None = None
    ports: list[PublishedPort] | None = None
    mounts: list[MountPoint] | None = None
    network_settings: NetworkSettings | None = None
    host_config: ListedHostConfig | None = None

    @property
    def shares(self) -> str:
        """The container whose network it shares: an id, unless that did not exist when it was created."""
        kind, _, key = (self.host_config.network_mode if self.host_config else "").partition(":")
        return key if kind == "container" else ""

    @property
    def name(self) -> str:
        """A linked container has additional names, `/other/alias`."""
        return next((name.lstrip("/") for name in self.names or () if name.count("/") == 1), "")


class Probe(Struct, frozen=True, rename="pascal"):
    """One run of a health check."""

    exit_code: int = 0
    output: str = ""
    start: str = ""


class Health(Struct, frozen=True, rename="pascal"):
    status: str = ""
    log: list[Probe] | None = None


class ContainerState(Struct, frozen=True, rename="pascal"):
    status: str = ""
    exit_code: int | None = None
    health: Health | None = None

    @property
    def judged(self) -> str:
        """`starting`, `healthy` or `unhealthy`; "" without a health check."""
        status = self.health.status if self.health is not None else ""
        return "" if status == "none" else status


class Healthcheck(Struct, frozen=True, rename="pascal"):
    test: list[str] | None = None


class ContainerConfig(Struct, frozen=True, rename="pascal"):
    image: str = ""
    labels: dict[str, str] | None = None
    healthcheck: Healthcheck | None = None


class RunningContainer(Struct, frozen=True, kw_only=True, rename="pascal"):
    """What the answer to `GET /containers/{id}/json` says of whether it works."""

    restart_count: int = 0
    state: ContainerState | None = None


class InspectedContainer(RunningContainer, frozen=True, kw_only=True, rename="pascal"):
    """The answer to `GET /containers/{id}/json`."""

    id: str
    name: str
    image: str
    created: str = ""
    config: ContainerConfig | None = None
    mounts: list[MountPoint] | None = None
    network_settings: NetworkSettings | None = None


class EventActor(Struct, frozen=True, rename="pascal"):
    id: str = field(name="ID", default="")
    attributes: dict[str, str] | None = None

    @property
    def exit_code(self) -> int | None:
        code = (self.attributes or {}).get("exitCode", "")
        return int(code) if code.isdecimal() else None


class ContainerEvent(Struct, frozen=True, rename="pascal"):
    """A message of `GET /events` about a container."""

    action: str = ""
    actor: EventActor = EventActor()


class Event(ContainerEvent, frozen=True, rename="pascal"):
    """A message of `GET /events`. `nanoseconds` since the epoch."""

    type: str = ""
    nanoseconds: int = field(name="timeNano", default=0)


class ListedImage(Struct, frozen=True, rename="pascal"):
    """An entry of `GET /images/json`, and the same of an inspected image."""

    id: str
    repo_tags: list[str] | None = None
    repo_digests: list[str] | None = None
    size: int = 0

    @property
    def references(self) -> frozenset[str]:
        """Complete references by tag and by digest, without `<none>`."""
        found = (*(self.repo_tags or ()), *(self.repo_digests or ()))
        return frozenset(image.canonical(name) for name in found if not name.startswith("<none>"))


class InspectedImage(ListedImage, frozen=True, rename="pascal"):
    """The answer to `GET /images/{name}/json`."""

    os: str = ""
    architecture: str = ""
    config: dict[str, Any] | None = None


class Network(Struct, frozen=True, rename="pascal"):
    """An entry of `GET /networks`."""

    id: str
    name: str
    labels: dict[str, str] | None = None


class Volume(Struct, frozen=True, rename="pascal"):
    """An entry of `GET /volumes`."""

    name: str
    labels: dict[str, str] | None = None


class UsageData(Struct, frozen=True, rename="pascal"):
    """`size`: bytes, -1 for unknown."""

    size: int = -1


class UsedVolume(Struct, frozen=True, rename="pascal"):
    name: str
    usage_data: UsageData | None = None


class DiskUsage(Struct, frozen=True, rename="pascal"):
    volumes: list[UsedVolume] | None = None


def volume_sizes(answer: object) -> dict[str, int]:
    """From `GET /system/df`."""
    found = read(answer, DiskUsage, "/system/df").volumes or ()
    return {each.name: each.usage_data.size for each in found if each.usage_data and each.usage_data.size >= 0}


class CpuUsage(Struct, frozen=True):
    """Nanoseconds; `percpu_usage`: only with cgroup v1."""

    total_usage: int = 0
    percpu_usage: list[int] | None = None


class Cpu(Struct, frozen=True):
    """`system_cpu_usage`: nanoseconds of all CPUs since the boot."""

    cpu_usage: CpuUsage = CpuUsage()
    system_cpu_usage: int = 0
    online_cpus: int = 0

    def percent_since(self, before: Cpu) -> float:
        """Of one CPU."""
        used = self.cpu_usage.total_usage - before.cpu_usage.total_usage
        passed = self.system_cpu_usage - before.system_cpu_usage
        cpus = self.online_cpus or len(self.cpu_usage.percpu_usage or ()) or 1
        return used / passed * cpus * 100 if used > 0 and passed > 0 else 0.0


class Memory(Struct, frozen=True):
    """`stats` has other names with cgroup v1 and v2."""

    usage: int = 0
    limit: int = 0
    stats: dict[str, int] | None = None

    @property
    def used(self) -> int:
        """Without the part of the page cache that can be dropped, as `docker stats` counts it."""
        known = self.stats or {}
        return max(0, self.usage - known.get("total_inactive_file", known.get("inactive_file", 0)))


class Interface(Struct, frozen=True):
    received: int = field(name="rx_bytes", default=0)
    sent: int = field(name="tx_bytes", default=0)


class DiskEntry(Struct, frozen=True):
    op: str = ""
    value: int = 0


class Disks(Struct, frozen=True):
    entries: list[DiskEntry] | None = field(name="io_service_bytes_recursive", default=None)

    def total(self, operation: str) -> int:
        return sum(found.value for found in self.entries or () if found.op.lower() == operation)


class ProcessCount(Struct, frozen=True):
    current: int = 0


class Stats(Struct, frozen=True):
    """The answer to `GET /containers/{id}/stats`; of a container that does not run, without numbers."""

    cpu: Cpu = field(name="cpu_stats", default=Cpu())
    memory: Memory = field(name="memory_stats", default=Memory())
    disks: Disks = field(name="blkio_stats", default=Disks())
    processes: ProcessCount = field(name="pids_stats", default=ProcessCount())
    networks: dict[str, Interface] | None = None

    @property
    def is_there(self) -> bool:
        return self.cpu.system_cpu_usage > 0


class Processes(Struct, frozen=True, rename="pascal"):
    """The answer to `GET /containers/{id}/top`: values in the order of the titles."""

    titles: list[str] | None = None
    processes: list[list[str]] | None = None
