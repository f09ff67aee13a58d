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
from deployer.errors import NOT_FOUND, EngineError, FileError, NotOfferedError, UnreachableError
from deployer.interfaces import Body, CommandResult, Engine, ExecQuery, Stream
from deployer.model.container_names import FILES
from deployer.model.files import ObservedFile

_ROOT: Final = "/host"
_PROGRAMS: Final = ("bin", "sbin", "lib", "lib32", "lib64", "usr", "nix", "gnu")
"""Directories of a host with its programs, and what these need."""

_RUNNING: Final = f"{FILES}.running"
_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin"
_WAIT: Final = """while :; do
  rm -f /used
  sleep 5
  set -- /proc/[0-9]*
  [ -e /used ] || [ $# -gt 1 ] || exit 0
done
"""
"""Until no script has begun for a while, and none runs: the shell is the only process of the container."""

_BEGUN: Final = "[begun]"
_ENDED: Final = "[ended] "
_IN_HOST: Final = f': > /used; echo "{_BEGUN}" >&2; chroot {_ROOT} /bin/sh -c "$0"; echo "{_ENDED}$?" >&2'
"""A script that does not begin is one of a container that was just ending, of which the engine may have told nothing;
it may also have forgotten how a command ended."""

_CONFLICT: Final = 409
_ATTEMPTS: Final = 100
_PAUSE: Final = 0.1
"""Seconds between attempts, while another thread or run starts the container, or it ends just then."""

_LARGEST: Final = 1024 * 1024
"""Bytes of output that are kept of a script."""

_SHOWN: Final = 300


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

    def look(
        self, paths: Sequence[str], trees: Sequence[str] = (), folders: Sequence[str] = ()
    ) -> Mapping[str, ObservedFile]:
        if self._engine.inspect_container(FILES) is None:
            raise MissingContainerError(f"container {FILES} does not exist", hint="apply creates it")
        return self._files.look(paths, trees, folders)

    def text(self, path: str) -> str | None:
        return self._files.text(path)


class _ContainerShell:
    """Runs scripts in the host's root, by programs of the host."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def run(self, script: str) -> CommandResult:
        return self.perform(script)

    def perform(self, script: str, content: Body = ()) -> CommandResult:
        with closing(self._begin(script)) as command:
            # A script that has failed takes no more input, and has said why.
            with suppress(UnreachableError):
                for piece in chunks(content):
                    command.stream.write(piece)
                command.stream.end_writing()
            while command.read():
                """To its end."""
            errors = command.said(2).removeprefix(f"{_BEGUN}\n")
        said, ended, code = errors.rpartition(_ENDED)
        if not ended or not code.strip().isdigit():
            raise FileError(f"a script of container {_RUNNING} was interrupted: {errors.strip()[-_SHOWN:]}")
        return CommandResult(int(code), command.said(1), said)

    def _begin(self, script: str) -> _Command:
        query = ExecQuery(("sh", "-c", _IN_HOST, script), stdin=True, user="0:0")
        for left in reversed(range(_ATTEMPTS)):
            try:
                command = _Command(self._engine.start_exec(self._engine.create_exec(_RUNNING, query), None))
                if command.begins():
                    return command
                command.close()
            except EngineError as error:
                if not left or error.status not in (NOT_FOUND, _CONFLICT):
                    raise
                if left == _ATTEMPTS // 2:
                    # A killed run left it before it was started.
                    _remove(self._engine, _RUNNING)
                if error.not_found:
                    _start(self._engine)
            time.sleep(_PAUSE)
        raise FileError(f"container {_RUNNING} runs no scripts", hint="the host's own sh and chroot are needed")


class _Command:
    """A command in a container, and what it says."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._frames = Frames()
        self._said = {1: bytearray(), 2: bytearray()}

    def begins(self) -> bool:
        """Waits until it says so; False if it ends instead."""
        while not self.said(2).startswith(_BEGUN):
            if not self.read():
                return False
        return True

    def read(self) -> bool:
        data = self.stream.read()
        for number, payload in self._frames.feed(data):
            if number in self._said and len(self._said[number]) < _LARGEST:
                self._said[number] += payload
        return bool(data)

    def said(self, number: int) -> str:
        """On its output (1), or as errors (2)."""
        return self._said[number].decode(errors="replace")

    def close(self) -> None:
        self.stream.close()


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
