"""The protocols between the pure rooms and the outside.

`Host` is all that a host offers: its engine, a shell, files, streams. `Engine` is one host's Docker engine: requests
and answers are the Docker API's own JSON, at the API version the implementation negotiated (at most 1.51, see
`EngineInfo.api`). Implementations: `engine.client.DockerEngine` (HTTP through any transport) and
`simulated.engine.SimulatedEngine` (in memory); `tests/contract` holds both to the same behaviour. Methods raise
`EngineError` with the engine's own explanation, `UnreachableError` when the connection is lost. Reads of something that
does not exist return None; writes to it raise `EngineError(status=404)`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Protocol, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from deployer.model.build import Build

Json: TypeAlias = Mapping[str, Any]


class EngineInfo(Struct, frozen=True):
    """Facts about the engine (`GET /version`, and `GET /info` where a field says so)."""

    version: str  # "26.1.5"
    api: str  # the version requests are sent with, "1.45"
    max_api: str  # the newest the engine speaks
    os: str  # "linux"
    arch: str  # "amd64", Go's names
    kind: str = "docker"  # or "podman"
    simulated: bool = False


class Guarded(Struct, frozen=True):
    """A record whose `hidden` fields are omitted when it is printed or logged."""

    hidden: ClassVar[tuple[str, ...]] = ()

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in self.hidden]

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__qualname__}({', '.join(shown)})"


class RegistryAuth(Guarded, frozen=True):
    """Credentials for one registry; never shown."""

    hidden: ClassVar[tuple[str, ...]] = ("username", "password")
    username: str
    password: str
    server: str


class LogQuery(Struct, frozen=True):
    """Which lines of a container's log. `since`, `until`: seconds since the epoch, with up to nine decimals, "" without
    a bound; `tail`: how many of the last lines, None for all; `follow`: also what is written from now on."""

    since: str = ""
    until: str = ""
    tail: int | None = None
    follow: bool = False


class LogLine(Struct, frozen=True, gc=False):
    """One line without its end; undecodable bytes are replaced. `time`: RFC 3339 in UTC with nine decimals, so that
    texts sort as times do; `stream`: 1 for stdout or a terminal, 2 for stderr."""

    time: str
    stream: int
    text: str


class EventQuery(Struct, frozen=True):
    """Which events of an engine. `since`, `until` as in `LogQuery`; without `until`, also those to come. `filters`:
    the engine's own, each with the values of which one has to match."""

    since: str = ""
    until: str = ""
    filters: Mapping[str, tuple[str, ...]] = {}


class ExecQuery(Struct, frozen=True):
    """A command in a container. `size`: rows and columns of its terminal, None without one; `user`, `workdir`: "" for
    those of the container; `environment`: `NAME=VALUE`, added to the container's."""

    command: tuple[str, ...]
    stdin: bool = False
    size: tuple[int, int] | None = None
    user: str = ""
    workdir: str = ""
    environment: tuple[str, ...] = ()


Progress: TypeAlias = Callable[[Json], None]

Body: TypeAlias = "Iterable[bytes] | BinaryIO"
"""Data that is sent while it is read, never held in memory."""


class Engine(Protocol):
    """One host's engine. Safe to call from several threads at once."""

    def describe(self) -> EngineInfo: ...
    def info(self) -> Json:
        """`GET /info`."""
        ...

    # Reads
    def list_containers(self) -> Sequence[Json]:
        """`GET /containers/json?all=1`."""
        ...

    def inspect_container(self, ref: str) -> Json | None: ...
    def list_images(self) -> Sequence[Json]:
        """`GET /images/json`."""
        ...

    def inspect_image(self, ref: str) -> Json | None: ...
    def list_networks(self) -> Sequence[Json]:
        """`GET /networks`; without the attached containers."""
        ...

    def inspect_network(self, ref: str) -> Json | None: ...
    def list_volumes(self) -> Sequence[Json]:
        """The `Volumes` of `GET /volumes`, [] where the engine answers null."""
        ...

    def inspect_volume(self, name: str) -> Json | None: ...
    def volume_sizes(self) -> Mapping[str, int]:
        """Bytes in the files of each volume, as `GET /system/df` says; without those of which the engine does not know.
        The engine reads all of them: slow."""
        ...

    def inspect_distribution(self, ref: str, auth: RegistryAuth | None) -> Json | None:
        """`GET /distribution/{ref}/json`: the registry's answer for the reference; None if it has no such image."""
        ...

    def container_logs(self, ref: str, *, tail: int) -> str:
        """The last lines of both streams, demultiplexed, in order; undecodable bytes replaced."""
        ...

    def read_logs(self, ref: str, query: LogQuery) -> AbstractContextManager[Iterator[Sequence[LogLine]]]:
        """The lines as they come. To follow ends when the container does, and raises `UnreachableError` after a while
        without a line, since engines have missed rotations (moby #37646): then read on from the last line."""
        ...

    def container_stats(self, ref: str) -> Json:
        """`GET /containers/{id}/stats`: one sample, without the one before it; of a stopped container empty."""
        ...

    def container_processes(self, ref: str) -> Json:
        """`GET /containers/{id}/top`; raises `EngineError` for a container that does not run."""
        ...

    def read_events(self, query: EventQuery) -> AbstractContextManager[Iterator[Json]]:
        """The messages of `GET /events` as they come; raises `UnreachableError` after a while without one. Engines
        remember their last 256 events."""
        ...

    # Images
    def pull_image(self, ref: str, platform: str, auth: RegistryAuth | None, progress: Progress) -> None:
        """`POST /images/create`. `ref` is complete (`docker.io/library/redis:7`, or with a digest). Raises
        `EngineError` for an `errorDetail` inside the 200 stream."""
        ...

    def build_image(
        self,
        ref: str,
        build: Build,
        labels: Mapping[str, str],
        auth: Callable[[str], RegistryAuth | None],
        progress: Progress,
    ) -> None:
        """Builds from files of this machine and names the result. `auth` finds credentials for a reference. `progress`
        gets `{"step": "[2/3] RUN npm ci"}` when an instruction begins, and `{"sent": 1024}` with the bytes of the
        context sent so far. Raises `EngineError` with the failed instruction and its last output, and `ResourceError`
        for a file that is not what was planned any more."""
        ...

    def tag_image(self, image: str, ref: str) -> None: ...
    def push_image(self, ref: str, auth: RegistryAuth | None, progress: Progress) -> None:
        """`POST /images/{name}/push` of a complete reference. Raises `EngineError` for an error inside the 200
        stream."""
        ...

    def remove_image(self, ref: str) -> None: ...
    def load_images(self, archive: Body, progress: Progress) -> None:
        """`POST /images/load`: a tar archive as `save_images` gives it. Raises `EngineError` for an error inside the
        200 stream."""
        ...

    def save_images(self, refs: Sequence[str]) -> AbstractContextManager[Iterator[bytes]]:
        """`GET /images/get`: a tar archive of the images, in pieces as they come."""
        ...

    def present_blobs(self, digests: Iterable[str]) -> frozenset[str] | None:
        """Those of the blobs that containerd's content store has, by digest; None where the engine does not say."""
        ...

    def read_blob(self, digest: str, offset: int) -> Iterator[bytes]:
        """The content of a blob of containerd's content store from a byte on, as it comes. Raises `EngineError` for one
        that is not there, and where the engine does not say."""
        ...

    # Containers
    def create_container(self, name: str, body: Json, platform: str) -> tuple[str, Sequence[str]]:
        """Returns the id and the engine's warnings. `platform` "" means unspecified."""
        ...

    def start_container(self, ref: str) -> None:
        """A container that already runs is not an error (304)."""
        ...

    def start_attached(self, ref: str, seconds: float) -> str:
        """Starts it; returns what it wrote if it ended within `seconds`, "" otherwise or where that cannot be read."""
        ...

    def stop_container(self, ref: str, timeout: int | None) -> None:
        """Waits until it has stopped; `timeout` seconds until SIGKILL, None for the container's own, -1 for never."""
        ...

    def kill_container(self, ref: str, signal: str) -> None: ...
    def restart_container(self, ref: str, timeout: int | None) -> None: ...
    def pause_container(self, ref: str) -> None:
        """Freezes its processes; only `unpause_container` and stopping it end that."""
        ...

    def unpause_container(self, ref: str) -> None: ...
    def rename_container(self, ref: str, name: str) -> None: ...
    def update_container(self, ref: str, body: Json) -> Sequence[str]:
        """`POST /containers/{id}/update`; returns the warnings."""
        ...

    def remove_container(self, ref: str, *, force: bool, anonymous_volumes: bool) -> None: ...
    def wait_container(self, ref: str) -> int:
        """Blocks until the container is not running; returns its exit code."""
        ...

    def exit_code(self, ref: str) -> int | None:
        """The exit code of an exited container; None while it runs or waits for a restart. Raises
        `EngineError` for one that was never started."""
        ...

    def removed_exit_code(self, ref: str) -> int | None:
        """The exit code of a container that has been removed, by its id; None where the engine does not know it any
        more: it remembers its last 256 events."""
        ...

    def put_archive(self, ref: str, folder: str, archive: Body) -> None:
        """`PUT /containers/{id}/archive`: unpacks a tar archive into a folder of the container, which need not run;
        owners and modes are kept. Raises `EngineError` (404) when there is no such folder."""
        ...

    def get_archive(self, ref: str, path: str) -> AbstractContextManager[Iterator[bytes]]:
        """`GET /containers/{id}/archive`: a file or folder as a tar archive, in pieces as they come; the names in it
        begin with the last part of `path`."""
        ...

    def stat_archive(self, ref: str, path: str) -> Json | None:
        """`HEAD /containers/{id}/archive`: `name`, `size`, `mode` with the bits of Go's `fs.FileMode`, and
        `linkTarget`, the path in the container that a link leads to. None also where there is no such container."""
        ...

    def attach_container(self, ref: str) -> Stream:
        """Its output from now on, and its input: plain with a terminal, in frames without one."""
        ...

    def resize_container(self, ref: str, size: tuple[int, int]) -> None: ...

    # Commands in containers
    def create_exec(self, ref: str, query: ExecQuery) -> str:
        """Returns the id. A container that does not run, or is paused, is an `EngineError` (409)."""
        ...

    def start_exec(self, key: str, size: tuple[int, int] | None) -> Stream:
        """Its output, and its input if it takes any: plain with a terminal of this size, in frames without one."""
        ...

    def resize_exec(self, key: str, size: tuple[int, int]) -> None:
        """Raises `EngineError` before the command has started."""
        ...

    def exec_exit_code(self, key: str) -> int | None:
        """None while it runs. A program that is not there ends with 126 or 127."""
        ...

    # Networks and volumes
    def create_network(self, body: Json) -> str:
        """Returns the id. Sends CheckDuplicate if the engine requires it."""
        ...

    def connect_network(self, network: str, container: str, endpoint: Json) -> None: ...
    def disconnect_network(self, network: str, container: str, *, force: bool) -> None: ...
    def remove_network(self, ref: str) -> None: ...
    def create_volume(self, body: Json) -> Json:
        """Returns the volume of that name: a new one, or the existing one, unchanged."""
        ...

    def remove_volume(self, name: str) -> None: ...

    def close(self) -> None: ...


class CommandResult(Struct, frozen=True):
    """How a command ended; `status` is None when a signal ended it or the server did not say."""

    status: int | None
    output: str
    errors: str


class Shell(Protocol):
    """Runs scripts on a host. Raises `NotOfferedError` where the server runs no shell, `UnreachableError`."""

    def run(self, script: str) -> CommandResult:
        """A short POSIX script without input, as the user who is logged in; output is cut off at 64 KiB."""
        ...

    def perform(self, script: str, content: Body = ()) -> CommandResult:
        """A script that may take long and reads `content`, as the user whom `become` names; output is cut off at 16
        MiB. It must know where the input ends, which only a lost connection tells. Raises what reading that raises."""
        ...


class FileKind(StrEnum):
    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    OTHER = "other"


class FileInfo(Struct, frozen=True):
    """`size` in bytes, `mode` the permission bits, `modified` seconds since the epoch; of a link, not of its target."""

    name: str
    kind: FileKind
    size: int
    mode: int
    uid: int
    gid: int
    modified: int


class Files(Protocol):
    """A host's files, as the user who is logged in. Methods raise `FileError` and `UnreachableError`."""

    def stat(self, path: str) -> FileInfo | None:
        """None where there is nothing."""
        ...

    def list(self, path: str) -> Sequence[FileInfo]:
        """What is in a folder, by name."""
        ...

    def read(self, path: str, start: int = 0) -> AbstractContextManager[Iterator[bytes]]:
        """In pieces as they come, from a place on."""
        ...

    def write(self, path: str, content: Body, *, mode: int) -> None:
        """The whole file or nothing: written under another name in the same folder and renamed. Raises what reading
        `content` raises too."""
        ...

    def make_directory(self, path: str, *, mode: int) -> None: ...
    def remove_directory(self, path: str) -> None: ...
    def rename(self, path: str, to: str) -> None: ...
    def set_attributes(self, path: str, *, mode: int, uid: int, gid: int) -> None: ...
    def remove(self, path: str) -> None:
        """A file or a link; one that is gone is not an error."""
        ...


class StoredFile(Struct, frozen=True):
    name: str
    size: int


class Store(Protocol):
    """Where backups are kept: a folder, or a part of a bucket. Methods raise `ResourceError`, `UnreachableError`."""

    def place(self, name: str) -> str:
        """Of a file, for people and for `deployer volume restore`."""
        ...

    def list(self) -> Sequence[StoredFile]:
        """By name; none where there is no folder."""
        ...

    def size(self, name: str) -> int | None:
        """None where there is nothing."""
        ...

    def fetch(self, name: str, start: int, size: int) -> bytes:
        """A part of a file, shorter only at its end."""
        ...

    def put(self, name: str, content: Iterable[bytes]) -> None:
        """The whole file or nothing. Raises what reading `content` raises too."""
        ...

    def remove(self, name: str) -> None: ...


class Stream(Protocol):
    """Bytes in both directions, of which either may end first. Methods raise `UnreachableError`."""

    def read(self, size: int = 65536) -> bytes:
        """What has arrived, at least one byte and at most `size`; b"" when the other side ended its direction."""
        ...

    def write(self, data: bytes) -> None: ...
    def end_writing(self) -> None: ...
    def settimeout(self, seconds: float | None) -> None:
        """How long a read or a write may wait."""
        ...

    def close(self) -> None: ...


class Login(Guarded, frozen=True):
    """A login at a host that another host may use once. `docker`: the command there. `proves`: whether a signature of
    data is by the key of the host. `sign`: signs data with the key of the user, whose public part is `public`."""

    hidden = ("sign", "proves")
    user: str
    host: str
    port: int
    docker: str
    host_key_type: str
    host_key: bytes
    proves: Callable[[bytes, bytes], bool]
    public: bytes
    sign: Callable[[bytes, str], bytes]


class Host(Protocol):
    """All that one host offers; safe to use from several threads. What it does not offer raises `NotOfferedError` with
    the reason."""

    def engine(self) -> Engine:
        """Its engine, with an API version agreed on; raises `UnreachableError`."""
        ...

    def shell(self) -> Shell: ...
    def files(self) -> Files: ...
    def connect(self, address: str, port: int) -> Stream:
        """A TCP connection from the host to an address; raises `UnreachableError`."""
        ...

    @property
    def gives(self) -> bool:
        """Whether it may log in to other hosts, see `give`."""
        ...

    def login(self) -> Login:
        """The login at this host, for `give` of another one."""
        ...

    def give(self, reference: str, without: Collection[str], to: Login) -> None:
        """Send an image to the host of a login, not by way of this machine. `without`: members of the archive that are
        not needed there. Raises `ResourceError`, `UnreachableError`."""
        ...

    def close(self) -> None: ...


class Clock(Protocol):
    def now(self) -> float:
        """Seconds, monotonic."""
        ...

    def sleep(self, seconds: float) -> None: ...


class Events(Protocol):
    """Receives what happens while a plan is applied; implementations only show or store it."""

    def emit(self, event: object) -> None: ...


Awaiting: TypeAlias = Callable[[int, Collection[str]], object]
"""Told how many hosts are read, and which of them have not answered yet: at first, after each answer, at last."""
