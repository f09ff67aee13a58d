"""Changes files of a host; sends their content in pieces, and no other than was planned."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from deployer.engine.host_files import Store
from deployer.errors import ResourceError
from deployer.interfaces import Body
from deployer.model.operations import (
    FinishFile,
    MakeDirectory,
    MakeLink,
    OnFile,
    PutFile,
    RemoveFile,
    RestoreFile,
    SetFile,
)
from deployer.transport.streams import CHUNK


def change_file(store: Store, operation: OnFile) -> None:
    """Raises `FileError`, and `ResourceError` for a file on this machine that is not what was planned any more."""
    match operation:
        case PutFile():
            store.put(operation, content_of(operation))
        case MakeLink():
            store.link(operation)
        case MakeDirectory():
            store.make_directory(operation)
        case SetFile():
            store.set(operation)
        case RestoreFile():
            store.restore(operation)
        case FinishFile():
            store.finish(operation)
        case RemoveFile():
            store.remove(operation)


def content_of(operation: PutFile) -> Body:
    """Raises `ResourceError` for another content than was planned, while it is read."""
    return _checked(operation) if operation.content is None else io.BytesIO(operation.content)


def _checked(operation: PutFile) -> Iterator[bytes]:
    """The last piece is sent when it is known that all are right: without it, the host puts nothing in place."""
    digest, before = hashlib.sha256(), b""
    try:
        with _opened(operation) as file:
            while piece := file.read(CHUNK):
                digest.update(piece)
                if before:
                    yield before
                before = piece
    except (OSError, tarfile.TarError, KeyError) as error:
        said = getattr(error, "strerror", None) or error
        raise ResourceError(f"{operation.source} cannot be read: {said}") from error
    if digest.hexdigest() != operation.sha256:
        raise ResourceError(f"{operation.source} has changed since the plan was made", hint="create a new plan")
    yield before


@contextmanager
def _opened(operation: PutFile) -> Iterator[IO[bytes]]:
    if not operation.member:
        with Path(operation.source).open("rb") as file:
            yield file
        return
    with tarfile.open(operation.source) as archive:
        found = archive.extractfile(operation.member)
        if found is None:
            raise KeyError(f"{operation.member} is no file in it")
        with found:
            yield found
