"""Files of backups as users name them: here, on a host, in a bucket, or standard input and output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from deployer.cli.command import Call
from deployer.errors import DeployerError, RefusedError

if TYPE_CHECKING:
    from deployer.model.settings import S3Access
    from deployer.usecases.backup_file import Backup
    from deployer.usecases.load import Request
    from deployer.usecases.system import System
    from deployer.usecases.volume_copying import Into
    from deployer.values.backup_target import Target

STDIO: Final = "-"


@contextmanager
def file_into(call: Call, out: str, own: str, request: Request, system: System) -> Iterator[Into]:
    """The file `out`, which may be on the host `own`. Raises `DeployerError`."""
    from deployer.usecases.backup_stores import into, store_of
    from deployer.usecases.volume_copying import Into

    target = _target(out, own)
    if target is None:
        _check_out(call, out)
        yield Into(partial(written, out))
        return
    folder, name = target.split
    if not name:
        raise click.UsageError(f"'{target}' names no file")
    with store_of(folder, request, system, _access(folder, request, system)) as store:
        if not call.params["force"] and store.size(name) is not None:
            raise RefusedError(f"{target} exists", hint="name another file with -o, or add --force")
        yield into(store, name, target, own)


def _access(target: Target, request: Request, system: System) -> S3Access | None:
    """Of a bucket, as playbooks name it."""
    from deployer.usecases.backups import access_to
    from deployer.values.backup_target import Where

    if not request.playbooks or target.where is not Where.S3:
        return None
    return access_to(target, request, system)


def _target(text: str, own: str) -> Target | None:
    """On a host or in a bucket; None for a path of this machine."""
    from deployer.values.backup_target import Where, parse

    try:
        found = parse(text).on(own)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return None if found.where is Where.HERE else found


def _check_out(call: Call, out: str) -> None:
    if out == STDIO:
        if call.console.json:
            raise click.UsageError("--json and '--out -' both write to standard output")
        if call.console.out_is_terminal and not call.params["check"]:
            raise RefusedError("a backup is not written to a terminal", hint="name a file with -o, or redirect it")
    elif Path(out).exists() and not call.params["force"]:
        raise RefusedError(f"{out} exists", hint="name another file with -o, or add --force")


def written(out: str, content: Iterable[bytes]) -> None:
    from deployer.usecases.backup_file import copy_to

    with _output(out) as target:
        copy_to(target, content)


@contextmanager
def _output(path: str) -> Iterator[BinaryIO]:
    """The whole file or nothing; only its owner may read it."""
    if path == STDIO:
        yield sys.stdout.buffer
        return
    partial = f"{path}.partial"
    try:
        file = os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b")
    except OSError as error:
        raise DeployerError(f"{partial} cannot be written: {error.strerror}", hint="name another file") from error
    try:
        with file:
            yield file
        Path(partial).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(partial).unlink()
        raise


@contextmanager
def opened_backup(file: str, own: str, request: Request, system: System) -> Iterator[Backup]:
    """A file, which may be on the host `own`, or standard input. Raises `DeployerError`."""
    from deployer.usecases.backup_file import opened
    from deployer.usecases.backup_stores import opened_in, store_of

    if (place := _target(file, own)) is not None:
        folder, name = place.split
        access = _access(folder, request, system)
        with store_of(folder, request, system, access) as store, opened_in(store, name) as found:
            yield found
        return
    with _input(file) as path, opened(path, "standard input" if file == STDIO else "") as found:
        yield found


@contextmanager
def _input(path: str) -> Iterator[str]:
    """Standard input becomes a file, since its checksum is verified before it is used."""
    import shutil
    import tempfile

    if path != STDIO:
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="deployer-", suffix=".tar.zst") as spool:
        shutil.copyfileobj(sys.stdin.buffer, spool)
        spool.flush()
        yield spool.name
