"""Files of a host of which only the engine can be reached, through two containers that mount its root.

One stays on the host and is never started: files are read through it. The other runs the scripts that write them, with
the host's own programs, to which links in it lead; it ends and goes soon after the last one. It cannot be the same: an
engine that serves archives of a running container which mounts `/` doubles its mounts each time (20.10).
"""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from typing import Any, Final

from deployer.engine.host_files import MissingContainerError
from deployer.engine.logs import Frames
from deployer.engine.mounted_files import MountedFiles
from deployer.engine.shell_files import ShellFiles
from deployer.engine.volume_data import EMPTY, chunks, load_empty, remove_empty
from deployer.errors import NOT_FOUND, EngineError, NotOfferedError, UnreachableError
from deployer.interfaces import Body, CommandResult, Engine, ExecQuery, Stream
from deployer.model.container_names import FILES
from deployer.model.files import ObservedFile

_ROOT: Final = "/host"
_PROGRAMS: Final = ("bin", "sbin", "lib", "lib32", "lib64", "usr", "nix", "gnu")
"""Directories of a host with its programs, and what these need."""

_RUNNING: Final = f"{FILES}.running"
_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin"
_WAIT: Final = "while sleep 5; do set -- /proc/[0-9]*; [ $# -gt 1 ] || exit 0; done"
"""Until it is the only process of the container."""

_CONFLICT: Final = 409
_ATTEMPTS: Final = 100
_PAUSE: Final = 0.1
"""Seconds between attempts, while another thread or run starts the container, or it ends just then."""

_LARGEST: Final = 1024 * 1024
"""Bytes of output that are kept of a script."""


class EngineFiles(ShellFiles):
    """As `host_files.Store`; only the writing methods run scripts. Raises `NotOfferedError` for an engine that mounts
    no files of a Linux host."""

    def __init__(self, engine: Engine) -> None:
        info = engine.describe()
        if info.os != "linux" or info.kind != "docker" or info.simulated:
            raise NotOfferedError(f"files cannot be written through {info.kind} on {info.os}")
        super().__init__(_ContainerShell(engine))
        self._engine = engine
        self._files = MountedFiles(engine, FILES, _ROOT)

    def look(self, paths: Sequence[str], trees: Sequence[str] = ()) -> Mapping[str, ObservedFile]:
        if self._engine.inspect_container(FILES) is None:
            raise MissingContainerError(f"container {FILES} does not exist", hint="apply creates it")
        return self._files.look(paths, trees)

    def text(self, path: str) -> str | None:
        return self._files.text(path)


class _ContainerShell:
    """Runs scripts in the host's root, by programs of the host."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def run(self, script: str) -> CommandResult:
        return self.perform(script)

    def perform(self, script: str, content: Body = ()) -> CommandResult:
        key, stream = self._begin(script)
        with closing(stream):
            # A script that has failed takes no more input, and has said why.
            with suppress(UnreachableError):
                for piece in chunks(content):
                    stream.write(piece)
                stream.end_writing()
            output = _read(stream)
        while (code := self._engine.exec_exit_code(key)) is None:
            """The engine learns of the end a moment after the output has ended."""
        return CommandResult(code, *output)

    def _begin(self, script: str) -> tuple[str, Stream]:
        query = ExecQuery(("chroot", _ROOT, "/bin/sh", "-c", script), stdin=True, user="0:0")
        for left in reversed(range(_ATTEMPTS)):
            try:
                key = self._engine.create_exec(_RUNNING, query)
                return key, self._engine.start_exec(key, None)
            except EngineError as error:
                if not left or error.status not in (NOT_FOUND, _CONFLICT):
                    raise
                if left == _ATTEMPTS // 2:
                    # A killed run left it before it was started.
                    _remove(self._engine, _RUNNING)
                if error.not_found:
                    _start(self._engine)
            time.sleep(_PAUSE)
        raise AssertionError


def _start(engine: Engine) -> None:
    """Unless another one does."""
    load_empty(engine)
    body = _body(AutoRemove=True) | {"Entrypoint": ["sh", "-c", _WAIT], "Env": [_PATH]}
    try:
        made, _ = engine.create_container(_RUNNING, body, "")
    except EngineError as error:
        if error.status == _CONFLICT:
            return
        raise
    try:
        engine.put_archive(made, "/", [_links(_PROGRAMS)])
        engine.start_container(made)
    except EngineError as error:
        _remove(engine, made)
        hint = "files are written with the host's own sh and chroot; SSH with a shell or SFTP needs neither"
        raise EngineError(f"files cannot be written: {error.message}", status=0, hint=hint) from error


def _read(stream: Stream) -> tuple[str, str]:
    """Output and errors."""
    frames, said = Frames(), {1: bytearray(), 2: bytearray()}
    while data := stream.read():
        for number, payload in frames.feed(data):
            if number in said and len(said[number]) < _LARGEST:
                said[number] += payload
    return said[1].decode(errors="replace"), said[2].decode(errors="replace")


def create(engine: Engine) -> None:
    """What reads, unless it exists."""
    if engine.inspect_container(FILES) is None:
        load_empty(engine)
        engine.create_container(FILES, {**_body(), "Entrypoint": ["never-started"]}, "")


def remove(engine: Engine) -> None:
    for name in (FILES, _RUNNING):
        _remove(engine, name)
    remove_empty(engine)


def _remove(engine: Engine, ref: str) -> None:
    try:
        engine.remove_container(ref, force=True, anonymous_volumes=True)
    except EngineError as error:
        if error.status not in (NOT_FOUND, _CONFLICT):
            raise


def _body(**settings: object) -> dict[str, Any]:
    mount = {"Type": "bind", "Source": "/", "Target": _ROOT, "BindOptions": {"Propagation": "rslave"}}
    host = {
        "Mounts": [mount],
        "NetworkMode": "none",
        "UsernsMode": "host",
        "SecurityOpt": ["label=disable"],
        "Init": False,
        "LogConfig": {"Type": "none"},
    }
    return {
        "Image": EMPTY,
        "User": "0:0",
        "WorkingDir": "/",
        "StopSignal": "SIGKILL",
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": {FILES: "through it deployer reads and writes files of this host"},
        "HostConfig": {**host, **settings},
    }


def _links(names: Iterable[str]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name in names:
            link = tarfile.TarInfo(name)
            link.type, link.mode, link.linkname = tarfile.SYMTYPE, 0o777, f"{_ROOT.lstrip('/')}/{name}"
            tar.addfile(link)
    return target.getvalue()
