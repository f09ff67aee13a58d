"""Puts the files of configs and secrets into volumes, and the places of these volumes into the bodies of containers."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from deployer.errors import EngineError
from deployer.interfaces import Engine, Json
from deployer.model.operations import SwitchFiles, WriteFiles, WrittenFile
from deployer.values import file_mount

_FOLDER: Final = "/deployer"
_LOST: Final = "volume {} with the files of its configs or secrets does not exist any more"


def write_files(engine: Engine, operation: WriteFiles) -> None:
    """Through a container that mounts the volume and is never started: only the engine's socket is needed. What the
    engine could not write whole is removed."""
    engine.create_volume({"Name": operation.name, "Labels": dict(operation.labels)})
    try:
        switch_files(engine, operation)
    except EngineError:
        with contextlib.suppress(EngineError):
            engine.remove_volume(operation.name)
        raise


def switch_files(engine: Engine, operation: WriteFiles | SwitchFiles) -> None:
    """The same in a volume that exists. The engine unpacks in order: links lead to files that are whole."""
    name = operation.name
    mount = {"Type": "volume", "Source": name, "Target": _FOLDER, "VolumeOptions": {"NoCopy": True}}
    body = {
        "Image": operation.image,
        "Entrypoint": ["never-started"],
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": dict(operation.labels),
        "HostConfig": {"Mounts": [mount], "NetworkMode": "none"},
    }
    remove_writer(engine, name)
    made, _ = engine.create_container(name, body, operation.platform)
    try:
        engine.put_archive(made, _FOLDER, _archive(operation.files, operation.links))
    except EngineError:
        _empty(engine, made, operation.files)
        raise
    finally:
        remove_writer(engine, made)


def _empty(engine: Engine, writer: str, files: Iterable[WrittenFile]) -> None:
    """What was written of a version takes no room: an empty file comes in the place of its folder."""
    versions = sorted({file.path.partition("/")[0] for file in files if file.path.startswith("..")})
    nothing = (WrittenFile(version, 0o444, 0, 0, b"") for version in versions)
    with contextlib.suppress(EngineError):
        engine.put_archive(writer, _FOLDER, _archive(nothing, {}))


def link_files(engine: Engine, container: str, links: Mapping[str, str]) -> None:
    """In the root file system of a container."""
    engine.put_archive(container, "/", _archive((), {path.lstrip("/"): target for path, target in links.items()}))


def remove_writer(engine: Engine, ref: str) -> None:
    """Also one that an interrupted run left."""
    try:
        engine.remove_container(ref, force=True, anonymous_volumes=True)
    except EngineError as error:
        if not error.not_found:
            raise


def _archive(files: Iterable[WrittenFile], links: Mapping[str, str]) -> io.BytesIO:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        folders: set[PurePosixPath] = set()
        for file in files:
            for folder in reversed(PurePosixPath(file.path).parents[:-1]):
                if folder not in folders:
                    folders.add(folder)
                    tar.addfile(_member(str(folder), tarfile.DIRTYPE, 0o755))
            member = _member(file.path, tarfile.REGTYPE, file.mode)
            member.uid, member.gid, member.size = file.uid, file.gid, len(file.content)
            tar.addfile(member, io.BytesIO(file.content))
        for path, leads_to in links.items():
            link = _member(path, tarfile.SYMTYPE, 0o777)
            link.linkname = leads_to
            tar.addfile(link)
    target.seek(0)
    return target


def _member(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.mode = kind, mode
    return found


def with_places(engine: Engine, body: Json) -> Json:
    """The body with the paths on the host of the files that it mounts one by one. Raises `EngineError` where their
    volume is gone: the engine would create an empty one."""
    config = body.get("HostConfig") or {}
    mounts = [dict(mount) for mount in config.get("Mounts") or ()]
    directories: dict[str, str] = {}
    for number, mount in enumerate(mounts):
        volume = file_mount.volume_in(str(mount.get("Source") or ""))
        if not volume:
            continue
        if volume not in directories:
            directories[volume] = _directory(engine, volume)
        if mount["Type"] == "bind":
            mounts[number] = file_mount.located(mount, directories[volume])
    return {**body, "HostConfig": {**config, "Mounts": mounts}} if directories else body


def _directory(engine: Engine, volume: str) -> str:
    found: Any = engine.inspect_volume(volume)
    if found is None:
        raise EngineError(_LOST.format(volume), status=0, hint="apply again: the new plan writes it")
    return str(found["Mountpoint"])
