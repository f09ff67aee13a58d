"""Facts about a host besides its Docker objects, read before the first write, and the questions that request them.

Facts that could not be read are absent, and are not checked.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from deployer.model.registry import Contents, RegistryAnswer


class Questions(Struct, frozen=True):
    """About one host. `ports`: published ports, as `values.port` writes them, that containers are to get; `sources`:
    paths that are to be bound; `pulls`: references nobody asked a registry for yet; `fetched`: what is pulled, with the
    digest, "" if no registry was asked yet, and the platform; `routes`: whether they matter; `room`: whether something
    will be written to the engine's folder; `sysctls`: names of kernel settings."""

    ports: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    pulls: frozenset[str] = frozenset()
    fetched: frozenset[tuple[str, str, str]] = frozenset()
    routes: bool = False
    room: bool = False
    sysctls: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return self != Questions()

    def __or__(self, other: Questions) -> Questions:
        return Questions(
            self.ports | other.ports,
            self.sources | other.sources,
            self.pulls | other.pulls,
            self.fetched | other.fetched,
            self.routes or other.routes,
            self.room or other.room,
            self.sysctls | other.sysctls,
        )


class Listener(Struct, frozen=True):
    """A listening socket of the host itself. `ip` is complete: `0.0.0.0`, `::`, `127.0.0.1`."""

    protocol: str
    ip: str
    port: int
    inode: int


class Process(Struct, frozen=True):
    """`container`: the id of the container it runs in, "" for none."""

    pid: int
    name: str
    container: str = ""


class Route(Struct, frozen=True):
    subnet: str
    interface: str


class Room(Struct, frozen=True):
    """Bytes in `folder`: `free` for all users, `left` including the space reserved for root, which the engine may
    use."""

    folder: str
    free: int
    left: int


class Facts(Struct, frozen=True):
    """Of one host. `mirrored`: whether its engine asks others before Docker Hub. `published`: what containers hold now;
    `processes` by the inode of their socket; both only where a wanted port is not free. `missing`: paths that are
    certainly not there. `pools`: the IPv4 ranges that the engine's configuration names for networks, and the size of a
    part. `sizes`: bytes of the largest local image of each repository. `contents`: of images that are pulled, by
    reference, that on the host, if any, and that in the registry. `sysctls`: the host's values of kernel settings.
    `pushed`: references that earlier plays of the run push."""

    mirrored: bool = False
    pools: tuple[tuple[str, int], ...] = ()
    registry: Mapping[str, RegistryAnswer] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    contents: Mapping[str, tuple[Contents | None, Contents]] = field(default_factory=dict)
    listeners: tuple[Listener, ...] = ()
    published: frozenset[str] = frozenset()
    processes: Mapping[int, Process] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    missing: frozenset[str] = frozenset()
    pushed: frozenset[str] = frozenset()
    room: Room | None = None
    sysctls: Mapping[str, str] = field(default_factory=dict)
