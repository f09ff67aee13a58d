"""Puts the files of configs and secrets into volumes, and the places of these volumes into the bodies of containers."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any, Final

from deployer.errors import EngineError
from deployer.interfaces import Engine, Json
from deployer.model.operations import WriteFiles, WrittenFile
from deployer.values import file_mount

_FOLDER: Final = "/deployer"
_LOST: Final = "volume {} with the files of its configs or secrets does not exist any more"


def write_files(engine: Engine, operation: WriteFiles) -> None:
    """Through a container that mounts the volume and is never started: only the engine's socket is needed. What the
    engine could not write whole is removed."""
    name = operation.name
    engine.create_volume({"Name": name, "Labels": dict(operation.labels)})
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
        engine.put_archive(made, _FOLDER, _archive(operation.files))
    except EngineError:
        remove_writer(engine, made)
        with contextlib.suppress(EngineError):
            engine.remove_volume(name)
        raise
    remove_writer(engine, made)


def remove_writer(engine: Engine, ref: str) -> None:
    """Also one that an interrupted run left."""
    try:
        engine.remove_container(ref, force=True, anonymous_volumes=True)
    except EngineError as error:
        if not error.not_found:
            raise


def _archive(files: Iterable[WrittenFile]) -> io.BytesIO:
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
