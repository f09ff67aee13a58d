"""Where backups are kept, opened: a folder here or on a host, or a part of a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from msgspec.structs import replace

from deployer.engine.backup_folders import FolderStore
from deployer.errors import ResourceError, UnreachableError
from deployer.interfaces import Store
from deployer.model.settings import S3Access
from deployer.transport.local_files import LocalFiles
from deployer.usecases.backup_file import Backup, Ranged, read
from deployer.usecases.inspect_hosts import fleet_of
from deployer.usecases.load import Request
from deployer.usecases.system import System
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
                files = fleet.host(target.at).files()
            except UnreachableError as error:
                raise UnreachableError(f"{target.at}: {error.message}", hint=error.hint) from error
            yield FolderStore(files, target.path, f"{str(target).rstrip('/')}/")
    else:
        folder = target.path or "."
        yield FolderStore(LocalFiles(), folder, "" if folder == "." else str(Path(folder, "x"))[:-1])


@contextmanager
def opened_in(store: Store, name: str, size: int | None = None) -> Iterator[Backup]:
    """`size`: of the file, where it is known. Raises `DeployerError` for what is no complete backup."""
    place = store.place(name)
    found = store.size(name) if size is None else size
    if found is None:
        raise ResourceError(f"{place} does not exist", hint="deployer backup list lists backups")
    with Ranged(partial(store.fetch, name), found) as file:
        yield read(cast(BinaryIO, file), place)
