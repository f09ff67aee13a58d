"""`SimulatedEngine`: the Engine protocol over a simulated host, one operation at a time.

Holds the lock and the optional state file; every rule of the engine lives in the modules beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from deployer.errors import EngineError
from deployer.interfaces import (
    Body,
    EngineInfo,
    EventQuery,
    ExecQuery,
    Json,
    LogLine,
    LogQuery,
    Progress,
    RegistryAuth,
    Stream,
)
from deployer.model.build import Build
from deployer.simulated import (
    archives,
    builds,
    connections,
    container_views,
    containers,
    execs,
    images,
    lifecycle,
    lookup,
    networks,
    system,
    trees,
    updates,
    volumes,
    watching,
)
from deployer.simulated.catalog import entry
from deployer.simulated.persistence import StateFile, default_state_path
from deployer.simulated.profile import HostFacts, profile_named
from deployer.simulated.references import parse_reference
from deployer.simulated.state import Record, SimulatedHost, State, engine_json, plain_copy


class SimulatedEngine:
    """An engine in memory, or in a state file if `store` is given. Safe to use from several threads. `state` is used
    without a copy; without it the host is new. `behaviours` maps image references, as containers name them, to what
    `behaviour.parse_behaviour` reads."""

    def __init__(
        self,
        profile: str = "26.1",
        *,
        facts: HostFacts | None = None,
        behaviours: Mapping[str, str] | None = None,
        state: State | None = None,
        store: StateFile | None = None,
    ) -> None:
        facts = facts or HostFacts()
        self._host = SimulatedHost(profile_named(profile), facts, dict(behaviours or {}), state or State(facts.name))
        if state is None:
            networks.predefine_networks(self._host)
        self._profile_name = profile
        self._store = store
        self._lock = threading.RLock()

    @contextmanager
    def reading(self) -> Iterator[SimulatedHost]:
        """The host for one operation. Changes are stored even if the operation is refused."""
        with self._lock, self._store.locked() if self._store else nullcontext():
            if self._store:
                self._host.state = self._store.read_if_changed() or self._host.state
            before = self._host.state.changes
            try:
                yield self._host
            finally:
                if self._store and self._host.state.changes != before:
                    self._store.write(self._host.state)

    @contextmanager
    def writing(self) -> Iterator[SimulatedHost]:
        with self.reading() as host:
            yield host
            host.state.touch()

    # The engine itself

    def describe(self) -> EngineInfo:
        profile, arch = self._host.profile, self._host.facts.arch
        return EngineInfo(profile.version, profile.api, profile.api, "linux", arch, simulated=True)

    def info(self) -> Json:
        with self.reading() as host:
            return system.info(host)

    def close(self) -> None:
        """Nothing is open between operations."""

    def copy(self) -> SimulatedEngine:
        """A separate engine with the same state, without a state file."""
        host = self._host
        return SimulatedEngine(self._profile_name, facts=host.facts, behaviours=host.behaviours, state=self.snapshot())

    def snapshot(self) -> State:
        """A copy of the host's state."""
        with self.reading() as host:
            return host.state.copy()

    def publish_image(self, ref: str, image: Mapping[str, Any] | None) -> None:
        """Sets what the registry has under a reference: `Config`, `Digest`, `Size`, `Platforms` and `Auth` where they
        differ from what is made up for it; None takes it away."""
        parsed = parse_reference(ref)
        with self.writing() as host:
            host.state.registry[str(parsed)] = None if image is None else entry(parsed, {}) | plain_copy(image)

    # Reads

    def list_containers(self) -> Sequence[Json]:
        with self.reading() as host:
            newest_first = reversed(host.state.containers.values())
            return [container_views.list_view(host, container) for container in newest_first]

    def inspect_container(self, ref: str) -> Json | None:
        with self.reading() as host:
            container = lookup.find_container(host, ref)
            if container is None:
                return None
            lifecycle.observe(host, container)
            if container["Id"] not in host.state.containers:
                return None
            return container_views.inspect_view(host, container)

    def list_images(self) -> Sequence[Json]:
        with self.reading() as host:
            return [images.list_view(host, image) for image in host.state.images.values()]

    def inspect_image(self, ref: str) -> Json | None:
        with self.reading() as host:
            image = images.find_image(host, ref)
            return images.inspect_view(host, image) if image is not None else None

    def list_networks(self) -> Sequence[Json]:
        with self.reading() as host:
            return [networks.list_view(network) for network in host.state.networks.values()]

    def inspect_network(self, ref: str) -> Json | None:
        with self.reading() as host:
            network = lookup.find_network(host, ref)
            return networks.inspect_view(host, network) if network is not None else None

    def list_volumes(self) -> Sequence[Json]:
        with self.reading() as host:
            return [engine_json(volume) for volume in host.state.volumes.values()]

    def inspect_volume(self, name: str) -> Json | None:
        with self.reading() as host:
            volume = host.state.volumes.get(name)
            return engine_json(volume) if volume is not None else None

    def volume_sizes(self) -> Mapping[str, int]:
        with self.reading() as host:
            return {name: volumes.size(volume) for name, volume in host.state.volumes.items()}

    def inspect_distribution(self, ref: str, auth: RegistryAuth | None) -> Json | None:
        with self.reading() as host:
            return images.inspect_distribution(host, ref, auth)

    def container_logs(self, ref: str, *, tail: int) -> str:
        with self.reading() as host:
            return system.logs(lookup.need_container(host, ref), tail)

    @contextmanager
    def read_logs(self, ref: str, query: LogQuery) -> Iterator[Iterator[Sequence[LogLine]]]:
        """It never waits: to follow ends at once."""
        with self.reading() as host:
            lines = system.log_lines(lookup.need_container(host, ref), query)
        yield iter([lines] if lines else [])

    def container_stats(self, ref: str) -> Json:
        with self.reading() as host:
            return watching.stats(host, ref)

    def container_processes(self, ref: str) -> Json:
        with self.reading() as host:
            return watching.processes(host, ref)

    @contextmanager
    def read_events(self, query: EventQuery) -> Iterator[Iterator[Json]]:
        """It never waits: events to come never do."""
        with self.reading() as host:
            found = watching.events(host, query)
        yield iter(found)

    # Images

    def pull_image(self, ref: str, platform: str, auth: RegistryAuth | None, progress: Progress) -> None:
        messages: list[Record] = []
        with self.writing() as host:
            images.pull(host, ref, platform, auth, messages.append)
        for message in messages:
            progress(message)

    def build_image(
        self,
        ref: str,
        build: Build,
        labels: Mapping[str, str],
        auth: Callable[[str], RegistryAuth | None],
        progress: Progress,
    ) -> None:
        messages: list[Record] = []
        with self.writing() as host:
            builds.build(host, ref, build, labels, messages.append)
        for message in messages:
            progress(message)

    def tag_image(self, image: str, ref: str) -> None:
        with self.writing() as host:
            images.tag_image(host, image, ref)

    def push_image(self, ref: str, auth: RegistryAuth | None, progress: Progress) -> None:
        with self.writing() as host:
            images.push(host, ref, auth, progress)

    def remove_image(self, ref: str) -> None:
        with self.writing() as host:
            images.remove_image(host, ref)

    def load_images(self, archive: Body, progress: Progress) -> None:
        data = archives.whole(archive)
        with self.writing() as host:
            messages = list(archives.load_images(host, data))
        for message in messages:
            progress(message)

    def present_blobs(self, digests: Iterable[str]) -> frozenset[str] | None:
        return None

    def read_blob(self, digest: str, offset: int) -> Iterator[bytes]:
        raise EngineError("the engine does not show containerd's content store", status=0)

    @contextmanager
    def save_images(self, refs: Sequence[str]) -> Iterator[Iterator[bytes]]:
        with self.reading() as host:
            data = archives.save_images(host, refs)
        yield trees.pieces(data)

    # Containers

    def create_container(self, name: str, body: Json, platform: str) -> tuple[str, Sequence[str]]:
        with self.writing() as host:
            return containers.create(host, name, body, platform)

    def start_container(self, ref: str) -> None:
        with self.writing() as host:
            lifecycle.start(host, ref)

    def start_attached(self, ref: str, seconds: float) -> str:
        with self.writing() as host:
            container = lookup.need_container(host, ref)
            lifecycle.start(host, ref)
            return "" if container["State"]["Running"] else system.logs(container, tail=20)

    def stop_container(self, ref: str, timeout: int | None) -> None:
        with self.writing() as host:
            lifecycle.stop(host, ref)

    def kill_container(self, ref: str, signal: str) -> None:
        with self.writing() as host:
            lifecycle.kill(host, ref, signal)

    def restart_container(self, ref: str, timeout: int | None) -> None:
        with self.writing() as host:
            lifecycle.restart(host, ref)

    def pause_container(self, ref: str) -> None:
        with self.writing() as host:
            lifecycle.pause(host, ref)

    def unpause_container(self, ref: str) -> None:
        with self.writing() as host:
            lifecycle.unpause(host, ref)

    def rename_container(self, ref: str, name: str) -> None:
        with self.writing() as host:
            containers.rename(host, ref, name)

    def update_container(self, ref: str, body: Json) -> Sequence[str]:
        with self.writing() as host:
            return updates.update(host, ref, plain_copy(body))

    def remove_container(self, ref: str, *, force: bool, anonymous_volumes: bool) -> None:
        with self.writing() as host:
            containers.remove(host, ref, force=force, anonymous_volumes=anonymous_volumes)

    def wait_container(self, ref: str) -> int:
        with self.writing() as host:
            return lifecycle.wait(host, ref)

    def exit_code(self, ref: str) -> int | None:
        with self.writing() as host:
            return lifecycle.exit_code(host, ref)

    def removed_exit_code(self, ref: str) -> int | None:
        with self.reading() as host:
            return host.state.ended.get(ref)

    def put_archive(self, ref: str, folder: str, archive: Body) -> None:
        data = archives.whole(archive)
        with self.writing() as host:
            archives.put_archive(host, ref, folder, data)

    @contextmanager
    def get_archive(self, ref: str, path: str) -> Iterator[Iterator[bytes]]:
        with self.reading() as host:
            data = archives.get_archive(host, ref, path)
        yield trees.pieces(data)

    def stat_archive(self, ref: str, path: str) -> Json | None:
        with self.reading() as host:
            return archives.stat_archive(host, ref, path) if lookup.find_container(host, ref) else None

    def attach_container(self, ref: str) -> Stream:
        with self.reading() as host:
            return execs.attached(lookup.need_container(host, ref))

    def resize_container(self, ref: str, size: tuple[int, int]) -> None:
        with self.reading() as host:
            lookup.need_container(host, ref)

    # Commands in containers

    def create_exec(self, ref: str, query: ExecQuery) -> str:
        with self.writing() as host:
            return execs.create(host, ref, query)

    def start_exec(self, key: str, size: tuple[int, int] | None) -> Stream:
        with self.reading() as host:
            return execs.ExecStream(execs.need(host, key), framed=size is None)

    def resize_exec(self, key: str, size: tuple[int, int]) -> None:
        with self.reading() as host:
            execs.need(host, key)

    def exec_exit_code(self, key: str) -> int | None:
        with self.reading() as host:
            return int(execs.need(host, key)["code"])

    # Networks and volumes

    def create_network(self, body: Json) -> str:
        with self.writing() as host:
            return networks.create_network(host, plain_copy(body))

    def connect_network(self, network: str, container: str, endpoint: Json) -> None:
        with self.writing() as host:
            connections.connect(host, network, container, plain_copy(endpoint))

    def disconnect_network(self, network: str, container: str, *, force: bool) -> None:
        with self.writing() as host:
            connections.disconnect(host, network, container, force=force)

    def remove_network(self, ref: str) -> None:
        with self.writing() as host:
            networks.remove_network(host, ref)

    def create_volume(self, body: Json) -> Json:
        with self.writing() as host:
            return engine_json(volumes.create_volume(host, plain_copy(body)))

    def remove_volume(self, name: str) -> None:
        with self.writing() as host:
            volumes.remove_volume(host, name)


def open_simulated(spec: object) -> SimulatedEngine:
    """The engine of an inventory host with `connection: simulated`.

    Of the connection's description only `name` and, where there is one, `simulated_state` (a path) are read.
    """
    name = str(getattr(spec, "name", "simulated"))
    path = getattr(spec, "simulated_state", None)
    store = StateFile(Path(path) if path else default_state_path(name))
    return SimulatedEngine(facts=HostFacts(name=name), store=store)
