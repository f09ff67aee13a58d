"""A real engine behind the `Engine` protocol: reads over `EngineHttp`, writes through the Docker SDK.

Takes a pool of streams and what `/version` said; opens nothing itself (`engine.connect` does). Raises `EngineError`
and `UnreachableError`, never the SDK's exceptions. The SDK is imported with the first write.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from deployer.engine import answers, archives, execs, watching
from deployer.engine.http import READ_TIMEOUT, EngineHttp, json_stream, quote
from deployer.engine.logs import demultiplex, log_lines, log_parameters
from deployer.engine.registry_auth import auth_header
from deployer.engine.versions import at_least
from deployer.errors import NOT_FOUND, EngineError, UnreachableError
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
from deployer.transport.pool import LARGEST, Answer

if TYPE_CHECKING:
    import docker

    from deployer.model.build import Build

STOP_MARGIN = 60.0
"""Extra seconds on top of a stop timeout: after SIGKILL the engine still unmounts and detaches."""

DEFAULT_STOP_TIMEOUT = 10
"""The engine's default stop timeout in seconds."""

SILENCE = 1800.0
"""Seconds that an engine may be silent while it pulls, loads, packs or unpacks."""

QUIET = 30.0
"""Seconds without a line after which the reading of a log that is followed ends, to begin again."""

_FOREVER = -1
_FRAMED = "application/vnd.docker.multiplexed-stream"
_RAW = "application/vnd.docker.raw-stream"
_ONCE = {"Connection": "close"}
_WITHOUT_CREDENTIALS = {"X-Registry-Auth": "e30="}
"""An empty object: engines refuse a push without the header."""

_NOT_UNPACKED = "Error unpacking image"
"""The error line of engine 29 in a stream without an error (measured on 29.7)."""


class DockerEngine:
    """One engine. Safe to use from several threads."""

    def __init__(self, http: EngineHttp, info: EngineInfo) -> None:
        self._http = http
        self._info = info
        self._sdk_lock = threading.Lock()
        self._sdk_client: docker.APIClient | None = None

    def describe(self) -> EngineInfo:
        return self._info

    def info(self) -> Json:
        found: Json = self._http.get("/info")
        return found

    def close(self) -> None:
        self._http.pool.close()

    # Reads
    def list_containers(self) -> Sequence[Json]:
        found: Sequence[Json] = self._http.get("/containers/json", {"all": "1"})
        return found

    def inspect_container(self, ref: str) -> Json | None:
        return self._find(f"/containers/{quote(ref)}/json")

    def list_images(self) -> Sequence[Json]:
        found: Sequence[Json] = self._http.get("/images/json")
        return found

    def inspect_image(self, ref: str) -> Json | None:
        return self._find(f"/images/{quote(ref)}/json")

    def list_networks(self) -> Sequence[Json]:
        found: Sequence[Json] = self._http.get("/networks")
        return found

    def inspect_network(self, ref: str) -> Json | None:
        return self._find(f"/networks/{quote(ref)}")

    def list_volumes(self) -> Sequence[Json]:
        found: Sequence[Json] = self._http.get("/volumes")["Volumes"] or []
        return found

    def inspect_volume(self, name: str) -> Json | None:
        return self._find(f"/volumes/{quote(name)}")

    def volume_sizes(self) -> Mapping[str, int]:
        return answers.volume_sizes(self._http.get("/system/df", {"type": "volume"}))

    def inspect_distribution(self, ref: str, auth: RegistryAuth | None) -> Json | None:
        return self._find(f"/distribution/{quote(ref)}/json", auth_header(auth))

    def container_logs(self, ref: str, *, tail: int) -> str:
        path = f"/containers/{quote(ref)}/logs"
        reply = self._http.get_bytes(path, {"stdout": "1", "stderr": "1", "tail": str(tail)})
        framed = self._is_framed(reply.headers.get("Content-Type", ""), ref)
        return (demultiplex(reply.body) if framed else reply.body).decode(errors="replace")

    @contextmanager
    def read_logs(self, ref: str, query: LogQuery) -> Iterator[Iterator[Sequence[LogLine]]]:
        path, wait = f"/containers/{quote(ref)}/logs", QUIET if query.follow else READ_TIMEOUT
        with self._http.apart().stream("GET", path, log_parameters(query), headers=_ONCE, timeout=wait) as answer:
            framed = self._is_framed(answer.headers.get("Content-Type", ""), ref)
            yield log_lines(answer.chunks(), framed=framed)

    def container_stats(self, ref: str) -> Json:
        return watching.stats(self._http, ref)

    def container_processes(self, ref: str) -> Json:
        return watching.processes(self._http, ref)

    def read_events(self, query: EventQuery) -> AbstractContextManager[Iterator[Json]]:
        return watching.events(self._http, query, timeout=QUIET)

    def _is_framed(self, kind: str, ref: str) -> bool:
        """Engines before API 1.42 name no type of stream: ask whether there is a terminal."""
        return kind == _FRAMED or (kind != _RAW and not self._has_terminal(ref))

    def _has_terminal(self, ref: str) -> bool:
        container = self.inspect_container(ref)
        return bool(container and container["Config"]["Tty"])

    def _find(self, path: str, headers: dict[str, str] | None = None) -> Json | None:
        found: Json | None = self._http.find(path, headers=headers)
        return found

    # Images

    def pull_image(self, ref: str, platform: str, auth: RegistryAuth | None, progress: Progress) -> None:
        repository, tag = _split_reference(ref)
        query = {"fromImage": repository, "tag": tag}
        if platform:
            query["platform"] = platform
        answer = self._http.stream("POST", "/images/create", query, headers=auth_header(auth), timeout=SILENCE)
        _follow(answer, progress)

    def build_image(
        self,
        ref: str,
        build: Build,
        labels: Mapping[str, str],
        auth: Callable[[str], RegistryAuth | None],
        progress: Progress,
    ) -> None:
        """Imported here: most runs build nothing."""
        from deployer.engine import classic_build
        from deployer.engine.buildkit.session import Job, NoBuildKitError, build_image

        job = Job(ref, build, labels, auth, progress)
        try:
            build_image(self._http, job)
        except NoBuildKitError:
            classic_build.build_image(self._http, job)

    def tag_image(self, image: str, ref: str) -> None:
        repository, tag = _split_reference(ref)
        with self._sdk() as api:
            api.tag(image, repository, tag)

    def push_image(self, ref: str, auth: RegistryAuth | None, progress: Progress) -> None:
        repository, tag = _split_reference(ref)
        headers = auth_header(auth) or _WITHOUT_CREDENTIALS
        path = f"/images/{quote(repository)}/push"
        _follow(self._http.stream("POST", path, {"tag": tag}, headers=headers, timeout=SILENCE), progress)

    def remove_image(self, ref: str) -> None:
        with self._http.stream("DELETE", f"/images/{quote(ref)}", {}, timeout=SILENCE) as answer:
            answer.read()

    def load_images(self, archive: Body, progress: Progress) -> None:
        answer = self._http.stream("POST", "/images/load", {}, body=archive, headers=archives.TAR, timeout=SILENCE)
        _follow(answer, progress)

    def present_blobs(self, digests: Iterable[str]) -> frozenset[str] | None:
        from deployer.engine import content_store

        return content_store.present(self._http.pool, self._info.api, digests)

    def read_blob(self, digest: str, offset: int) -> Iterator[bytes]:
        from deployer.engine import content_store

        return content_store.read(self._http.pool, self._info.api, digest, offset)

    @contextmanager
    def save_images(self, refs: Sequence[str]) -> Iterator[Iterator[bytes]]:
        with self._http.stream("GET", "/images/get", [("names", ref) for ref in refs], timeout=SILENCE) as answer:
            yield answer.chunks()

    # Containers

    def create_container(self, name: str, body: Json, platform: str) -> tuple[str, Sequence[str]]:
        with self._sdk() as api:
            made = api.create_container_from_config(dict(body), name, platform or None)
        return str(made["Id"]), tuple(made.get("Warnings") or ())

    def start_container(self, ref: str) -> None:
        with self._sdk() as api:
            api.start(ref)

    def start_attached(self, ref: str, seconds: float) -> str:
        """Attached before the start, because the engine may remove the container and its log at once. The stream is not
        one of the pool: other requests never wait for it."""
        framed = not self._has_terminal(ref)
        try:
            path, query = f"/containers/{quote(ref)}/attach", {"stream": "1", "stdout": "1", "stderr": "1"}
            answer = self._http.apart().stream("POST", path, query, timeout=seconds)
        except (EngineError, UnreachableError):
            self.start_container(ref)
            return ""
        with answer:
            self.start_container(ref)
            output = _until_end(answer, seconds)
        return (demultiplex(output) if framed else output).decode(errors="replace")

    def stop_container(self, ref: str, timeout: int | None) -> None:
        self._end(ref, "stop", timeout)

    def kill_container(self, ref: str, signal: str) -> None:
        with self._sdk() as api:
            api.kill(ref, signal)

    def restart_container(self, ref: str, timeout: int | None) -> None:
        self._end(ref, "restart", timeout)

    def pause_container(self, ref: str) -> None:
        with self._sdk() as api:
            api.pause(ref)

    def unpause_container(self, ref: str) -> None:
        with self._sdk() as api:
            api.unpause(ref)

    def rename_container(self, ref: str, name: str) -> None:
        with self._sdk() as api:
            api.rename(ref, name)

    def update_container(self, ref: str, body: Json) -> Sequence[str]:
        changed = self._post(f"/containers/{quote(ref)}/update", body)
        return tuple(changed.get("Warnings") or ())

    def remove_container(self, ref: str, *, force: bool, anonymous_volumes: bool) -> None:
        with self._sdk() as api:
            api.remove_container(ref, v=anonymous_volumes, force=force)

    def wait_container(self, ref: str) -> int:
        with self._sdk() as api:
            ended = api.wait(ref)
        if ended.get("Error"):
            raise EngineError(str(ended["Error"].get("Message")), status=0)
        return int(ended["StatusCode"])

    def exit_code(self, ref: str) -> int | None:
        container = self.inspect_container(ref)
        if container is None:
            raise EngineError(f"No such container: {ref}", status=NOT_FOUND)
        state = container["State"]
        if state["Status"] == "created" and not state["ExitCode"]:
            raise EngineError(f"{ref} was never started", status=0)
        return None if state["Running"] else int(state["ExitCode"])

    def removed_exit_code(self, ref: str) -> int | None:
        return watching.removed_exit_code(self._http, ref)

    def put_archive(self, ref: str, folder: str, archive: Body) -> None:
        archives.put(self._http, ref, folder, archive, SILENCE)

    def get_archive(self, ref: str, path: str) -> AbstractContextManager[Iterator[bytes]]:
        return archives.get(self._http, ref, path, SILENCE)

    def stat_archive(self, ref: str, path: str) -> Json | None:
        return archives.stat(self._http, ref, path, READ_TIMEOUT)

    def attach_container(self, ref: str) -> Stream:
        return execs.attach(self._http, ref)

    def resize_container(self, ref: str, size: tuple[int, int]) -> None:
        execs.resize(self._http, f"/containers/{quote(ref)}", size)

    # Commands in containers
    def create_exec(self, ref: str, query: ExecQuery) -> str:
        return execs.create(self._http, ref, query)

    def start_exec(self, key: str, size: tuple[int, int] | None) -> Stream:
        return execs.start(self._http, key, size)

    def resize_exec(self, key: str, size: tuple[int, int]) -> None:
        execs.resize(self._http, f"/exec/{key}", size)

    def exec_exit_code(self, key: str) -> int | None:
        return execs.exit_code(self._http, key)

    def _end(self, ref: str, how: str, timeout: int | None) -> None:
        """Stop or restart; waits as long as the container may take. The SDK's own methods wait at most 70 s."""
        params = {} if timeout is None else {"t": str(timeout)}
        grace = self._own_stop_timeout(ref) if timeout is None else timeout
        wait = None if grace == _FOREVER else grace + STOP_MARGIN
        with self._sdk() as api:
            response = api._post(api._url("/containers/{0}/" + how, ref), params=params, timeout=wait)
            api._raise_for_status(response)

    def _own_stop_timeout(self, ref: str) -> int:
        container = self.inspect_container(ref)
        declared = container["Config"].get("StopTimeout") if container else None
        return DEFAULT_STOP_TIMEOUT if declared is None else int(declared)

    # Networks and volumes
    def create_network(self, body: Json) -> str:
        # API 1.44 made the check unconditional and dropped the field.
        checked = dict(body) if at_least(self._info.api, "1.44") else {**body, "CheckDuplicate": True}
        return str(self._post("/networks/create", checked)["Id"])

    def connect_network(self, network: str, container: str, endpoint: Json) -> None:
        self._post(f"/networks/{quote(network)}/connect", {"Container": container, "EndpointConfig": dict(endpoint)})

    def disconnect_network(self, network: str, container: str, *, force: bool) -> None:
        with self._sdk() as api:
            api.disconnect_container_from_network(container, network, force=force)

    def remove_network(self, ref: str) -> None:
        with self._sdk() as api:
            api.remove_network(ref)

    def create_volume(self, body: Json) -> Json:
        return self._post("/volumes/create", body)

    def remove_volume(self, name: str) -> None:
        with self._sdk() as api:
            api.remove_volume(name)

    def _post(self, path: str, body: Json) -> dict[str, Any]:
        """Sends a body unchanged; the SDK's methods would rebuild it and lose fields."""
        with self._sdk() as api:
            response = api._post_json(f"{api.base_url}/v{self._info.api}{path}", dict(body))
            api._raise_for_status(response)
            return dict(response.json()) if response.content else {}

    @contextmanager
    def _sdk(self) -> Iterator[Any]:
        """The SDK's client, created with the first write. Its errors are converted."""
        from deployer.engine import sdk

        with self._sdk_lock:
            if self._sdk_client is None:
                self._sdk_client = sdk.open_client(self._http.pool, self._info.api)
        with sdk.engine_errors():
            yield self._sdk_client


def _until_end(answer: Answer, seconds: float) -> bytes:
    """The answer, if it ends within `seconds`; otherwise b""."""
    until, output = time.monotonic() + seconds, bytearray()
    with suppress(UnreachableError):
        while len(output) < LARGEST and time.monotonic() < until:
            if not (chunk := answer.read_some()):
                return bytes(output)
            output += chunk
    return b""


def _follow(answer: Answer, progress: Progress) -> None:
    """Forwards the messages of a progress stream; raises `EngineError` for an error message."""
    with answer:
        for message in json_stream(answer):
            said = str(message.get("stream") or "")
            if "error" in message or "errorDetail" in message or said.startswith(_NOT_UNPACKED):
                detail = message.get("errorDetail") or {}
                raise EngineError(str(detail.get("message") or message.get("error") or said.strip()), status=0)
            progress(message)


def _split_reference(ref: str) -> tuple[str, str]:
    """Repository and digest, or repository and tag. Without either, the engine would pull all tags."""
    name, _, digest = ref.partition("@")
    head, colon, tail = name.rpartition(":")
    repository, tag = (head, tail) if colon and "/" not in tail else (name, "latest")
    return repository, digest or tag
