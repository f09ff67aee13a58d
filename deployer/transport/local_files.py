"""Files of this machine."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from deployer.errors import FileError
from deployer.interfaces import Body, FileInfo, FileKind
from deployer.transport.streams import CHUNK, BodyError, pieces


class LocalFiles:
    def stat(self, path: str) -> FileInfo | None:
        try:
            with _explaining(path):
                return _info(Path(path).name, os.lstat(path))
        except FileError as error:
            if error.not_found:
                return None
            raise

    def list(self, path: str) -> Sequence[FileInfo]:
        with _explaining(path), os.scandir(path) as found:
            return sorted(
                (_info(each.name, each.stat(follow_symlinks=False)) for each in found), key=lambda info: info.name
            )

    @contextmanager
    def read(self, path: str, start: int = 0) -> Iterator[Iterator[bytes]]:
        with ExitStack() as stack:
            with _explaining(path):
                file = stack.enter_context(Path(path).open("rb"))
                file.seek(start)
            yield iter(lambda: file.read(CHUNK), b"")

    def write(self, path: str, content: Body, *, mode: int) -> None:
        """Only its owner can read it until it is whole."""
        temporary = Path(path).with_name(f".{Path(path).name}.{secrets.token_hex(6)}")
        try:
            with _explaining(path):
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    for chunk in pieces(content):
                        file.write(chunk)
                    file.flush()
                    os.fchmod(descriptor, mode)
                    os.fsync(descriptor)
                temporary.replace(path)
        except BaseException as error:
            with suppress(OSError):
                temporary.unlink()
            if isinstance(error, BodyError) and error.__cause__ is not None:
                raise error.__cause__ from None
            raise

    def make_directory(self, path: str, *, mode: int) -> None:
        with _explaining(path):
            Path(path).mkdir()
            Path(path).chmod(mode)

    def remove_directory(self, path: str) -> None:
        with _explaining(path):
            Path(path).rmdir()

    def rename(self, path: str, to: str) -> None:
        with _explaining(path):
            Path(path).replace(to)

    def set_attributes(self, path: str, *, mode: int, uid: int, gid: int) -> None:
        with _explaining(path):
            os.chown(path, uid, gid)
            Path(path).chmod(mode)

    def remove(self, path: str) -> None:
        with _explaining(path):
            Path(path).unlink(missing_ok=True)


def file_kind(mode: int) -> FileKind:
    """Of a mode as stat(2) gives it."""
    kinds = {stat.S_IFREG: FileKind.FILE, stat.S_IFDIR: FileKind.DIRECTORY, stat.S_IFLNK: FileKind.LINK}
    return kinds.get(stat.S_IFMT(mode), FileKind.OTHER)


@contextmanager
def _explaining(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise FileError(f"{path} on this machine: {error.strerror or error}", not_found=missing) from error


def _info(name: str, found: os.stat_result) -> FileInfo:
    return FileInfo(
        name=name,
        kind=file_kind(found.st_mode),
        size=found.st_size,
        mode=stat.S_IMODE(found.st_mode),
        uid=found.st_uid,
        gid=found.st_gid,
        modified=int(found.st_mtime),
    )
