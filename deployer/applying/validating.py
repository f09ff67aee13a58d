"""Runs what must accept new files in a container that sees them before the host has them.

A directory in which something is new is copied into an anonymous volume of the container, through another one that
mounts it and is never started; what is new is written over the copy. So only the engine's socket is needed, and the
files of the host are only read.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

from deployer.applying.files import remove_writer
from deployer.applying.health import WaitInterruptedError, await_completed
from deployer.applying.host_files import content_of
from deployer.errors import EngineError, ResourceError
from deployer.interfaces import Clock, Engine
from deployer.model.operations import MakeDirectory, MakeLink, NewFile, ValidateFiles
from deployer.values import size

_MOST: Final = 64 * 1024 * 1024
"""Bytes that the container's copies may have."""

_HELD: Final = 1024 * 1024
"""Bytes of a copy that are held in memory."""

_SOURCE: Final = "/source"
_MISSING: Final = "bind source path does not exist"
_LINES: Final = 20
"""The last lines of output that an error shows."""

_UNCHANGED: Final = "nothing was changed on the host"


def validate_files(engine: Engine, clock: Clock, operation: ValidateFiles, stopped: Callable[[], bool]) -> None:
    """Raises `ResourceError` with the last output of a command that does not accept the files. Only a run that is
    killed leaves a container, which the next one removes."""
    remove_writer(engine, operation.name)
    made, _ = engine.create_container(operation.name, _body(operation), operation.platform)
    try:
        with SpooledTemporaryFile(_HELD) as archive:
            _write(engine, operation, archive)
            archive.seek(0)
            engine.put_archive(made, "/", archive)
        _run(engine, clock, operation, made, stopped)
    finally:
        remove_writer(engine, made)


def _body(operation: ValidateFiles) -> dict[str, Any]:
    copies = [{"Type": "volume", "Target": target, "VolumeOptions": {"NoCopy": True}} for target, _ in operation.copied]
    mounts = [*copies, *(_bind(source, target) for target, source in operation.mounted)]
    log = {"Type": "json-file", "Config": {}}
    hosts = list(operation.extra_hosts)
    host = {"Mounts": mounts, "NetworkMode": "none", "ExtraHosts": hosts, "LogConfig": log}
    return _helper(operation, operation.command) | {"HostConfig": host}


def _helper(operation: ValidateFiles, words: Sequence[str]) -> dict[str, Any]:
    return {
        "Image": operation.image,
        "Entrypoint": [words[0]],
        "Cmd": list(words[1:]),
        "StopSignal": "SIGKILL",
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": dict(operation.labels),
    }


def _bind(source: str, target: str) -> dict[str, Any]:
    """The engine does not create its source."""
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": True}


def _run(engine: Engine, clock: Clock, operation: ValidateFiles, made: str, stopped: Callable[[], bool]) -> None:
    try:
        engine.start_container(made)
    except EngineError as error:
        raise ResourceError(f"{operation.shown} cannot be run: {error.message}", hint=_UNCHANGED) from error
    try:
        code = await_completed(engine, clock, made, operation.timeout, stopped)
        ended = f"ended with code {code}"
    except (EngineError, WaitInterruptedError):
        raise
    except ResourceError:
        code, ended = 1, f"did not end within {operation.timeout:g}s"
    if code:
        raise ResourceError(f"{operation.shown} {ended}{_said(engine, operation, made)}", hint=_UNCHANGED)


def _said(engine: Engine, operation: ValidateFiles, made: str) -> str:
    if operation.secret:
        return "; what it says is not shown, since the files are secret"
    lines = engine.container_logs(made, tail=_LINES).strip().splitlines()
    return ":\n" + "\n".join(lines) if lines else ""


def _write(engine: Engine, operation: ValidateFiles, archive: IO[bytes]) -> None:
    """What the container is to have, as an archive of its root."""
    new = dict(operation.files)
    taken = {*new, *operation.gone, *(target for target, _ in (*operation.copied, *operation.mounted))}
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for target, source in operation.copied:
            others = {path for path in taken if path.startswith(f"{target}/")}
            for member, content in _there(engine, operation, source):
                path = target + member.name.removeprefix(_SOURCE.lstrip("/"))
                if not any(f"{path}/".startswith(f"{other}/") for other in others):
                    _add(tar, path, member, content)
                _check_room(archive.tell(), source)
        for path, change in sorted(new.items()):
            member, content = _new(change)
            _check_room(archive.tell() + member.size, change.path)
            _add(tar, path, member, content)


def _add(tar: tarfile.TarFile, path: str, member: tarfile.TarInfo, content: IO[bytes] | None) -> None:
    member.name = path.lstrip("/")
    tar.addfile(member, content)


def _check_room(used: int, source: str) -> None:
    if used > _MOST:
        most = size.show(_MOST)
        summary = f"{source} is too large: the container that validates gets copies of at most {most}"
        raise ResourceError(summary, hint="mount only the directories that the command reads")


def _there(engine: Engine, operation: ValidateFiles, source: str) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """What is in a directory of the host; nothing of one that does not exist yet. Hard links are files of their own."""
    with SpooledTemporaryFile(_HELD) as archive:
        try:
            _fetch(engine, operation, source, archive)
        except EngineError as error:
            if error.not_found or _MISSING in error.message:
                return
            raise
        archive.seek(0)
        with tarfile.open(fileobj=archive) as tar:
            for found in tar:
                content, member = tar.extractfile(found) if found.isfile() or found.islnk() else None, copy(found)
                if member.islnk() and content is not None:
                    data = content.read()
                    member.type, member.size, content = tarfile.REGTYPE, len(data), io.BytesIO(data)
                yield member, content


def _fetch(engine: Engine, operation: ValidateFiles, source: str, archive: IO[bytes]) -> None:
    name = f"{operation.name}.copy"
    body = _helper(operation, ["never-started"]) | {
        "HostConfig": {"Mounts": [_bind(source, _SOURCE)], "NetworkMode": "none"}
    }
    remove_writer(engine, name)
    made, _ = engine.create_container(name, body, operation.platform)
    try:
        with engine.get_archive(made, _SOURCE) as pieces:
            for piece in pieces:
                _check_room(archive.tell() + len(piece), source)
                archive.write(piece)
    finally:
        remove_writer(engine, made)


def _new(operation: NewFile) -> tuple[tarfile.TarInfo, IO[bytes] | None]:
    """Owners that the image may not know are root."""
    member = tarfile.TarInfo()
    if isinstance(operation, MakeLink):
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, operation.target, 0o777
        return member, None
    member.mode = operation.mode
    member.uid, member.gid = (int(name) if name.isdecimal() else 0 for name in (operation.owner, operation.group))
    if isinstance(operation, MakeDirectory):
        member.type = tarfile.DIRTYPE
        return member, None
    member.size = operation.size
    content = content_of(operation)
    return member, io.BytesIO(content.read() if hasattr(content, "read") else b"".join(content))
