"""Where backups are kept, opened: a folder here or on a host, or a part of a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from msgspec.structs import replace

from deployer.engine.backup_folders import FolderStore
from deployer.engine.shell_backups import ShellStore
from deployer.errors import NotOfferedError, ResourceError, UnreachableError
from deployer.interfaces import Host, Store
from deployer.model.settings import S3Access
from deployer.reach.connection import ConnectionSpec
from deployer.transport.local_files import LocalFiles
from deployer.usecases.backup_file import Backup, Ranged, read
from deployer.usecases.inspect_hosts import fleet_of
from deployer.usecases.load import Request
from deployer.usecases.system import System
from deployer.usecases.volume_copying import Into
from deployer.values.backup_target import Target, Where


@contextmanager
def store_of(target: Target, request: Request, system: System, access: S3Access | None = None) -> Iterator[Store]:
    """`target`: a folder, or the beginning of keys; with the name of its host. Raises `DeployerError`."""
    if target.where is Where.S3:
        from deployer.transport.s3 import open_bucket

        yield open_bucket(target, access or S3Access(), system.asking.learn)
    elif target.where is Where.HOST:
        with fleet_of(replace(request, pattern="", limit=""), system, target.at) as fleet:
            try:
                store = _on_host(fleet.host(target.at), fleet.spec(target.at), target)
            except UnreachableError as error:
                raise UnreachableError(f"{target.at}: {error.message}", hint=error.hint) from error
            yield store
    else:
        folder = target.path or "."
        yield FolderStore(LocalFiles(), folder, "" if folder == "." else str(Path(folder, "x"))[:-1])


def _on_host(host: Host, spec: ConnectionSpec, target: Target) -> Store:
    """By its shell, or where it offers none, or lacks a program, by what transfers its files."""
    shown = f"{str(target).rstrip('/')}/"
    with suppress(NotOfferedError):
        docker = "docker" if spec.become else spec.docker
        by_shell = ShellStore(host.shell(), target.path, shown, docker)
        if by_shell.serves():
            return by_shell
    return FolderStore(host.files(), target.path, shown)


def into(store: Store, name: str, target: Target, host: str) -> Into:
    """`host`: of the volume."""
    if isinstance(store, ShellStore) and target.at == host:
        return Into(partial(store.put, name), partial(store.take, name))
    return Into(partial(store.put, name))


@contextmanager
def opened_in(store: Store, name: str, size: int | None = None) -> Iterator[Backup]:
    """`size`: of the file, where it is known. Raises `DeployerError` for what is no complete backup."""
    place = store.place(name)
    found = store.size(name) if size is None else size
    if found is None:
        raise ResourceError(f"{place} does not exist", hint="deployer backup list lists backups")
    with Ranged(partial(store.fetch, name), found) as file:
        yield read(cast(BinaryIO, file), place)
