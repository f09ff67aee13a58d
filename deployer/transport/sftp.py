"""Files of a host over SFTP, in one more session of its SSH connection."""

from __future__ import annotations

import errno
import posixpath
import secrets
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from deployer.errors import FileError, NotOfferedError
from deployer.interfaces import Body, FileInfo
from deployer.transport.lean import paramiko
from deployer.transport.link import ChannelRefusedError, Link, LinkLostError
from deployer.transport.local_files import file_kind
from deployer.transport.streams import CHUNK, BodyError, ConnectionLostError, pieces

_PATIENCE = 60.0
"""Seconds that the server may take over an answer."""


def open_sftp(link: Link, address: str) -> paramiko.SFTPClient:
    """Raises `NotOfferedError`, `UnreachableError`."""
    try:
        channel = link.open_session_channel()
        channel.settimeout(_PATIENCE)
        channel.invoke_subsystem("sftp")
        return paramiko.SFTPClient(channel)
    except LinkLostError as error:
        raise ConnectionLostError(f"the SSH connection to {address} was lost") from error
    except ChannelRefusedError as refused:
        raise NotOfferedError(
            f"{address} offers no files: the server allows socket forwarding only ({refused})"
        ) from refused
    except (paramiko.SSHException, paramiko.SFTPError, EOFError, OSError) as error:
        if not link.is_active():
            raise ConnectionLostError(f"the SSH connection to {address} was lost") from error
        raise NotOfferedError(
            f"{address} offers no files: the server starts no SFTP ({error or 'it ended at once'})",
            hint="sshd_config: Subsystem sftp internal-sftp, and no ForceCommand",
        ) from error


class SftpFiles:
    """Safe to use from several threads: one waits for the other, since paramiko drops answers to another thread.
    `address` names the host in messages."""

    def __init__(self, client: paramiko.SFTPClient, address: str) -> None:
        self._client = client
        self._address = address
        self._one_at_a_time = threading.RLock()

    @property
    def usable(self) -> bool:
        channel = self._client.get_channel()
        return channel is not None and not channel.closed

    def stat(self, path: str) -> FileInfo | None:
        try:
            with self._explaining(path):
                return _info(posixpath.basename(path), self._client.lstat(path))
        except FileError as error:
            if error.not_found:
                return None
            raise

    def list(self, path: str) -> Sequence[FileInfo]:
        with self._explaining(path):
            found = self._client.listdir_attr(path)
        return sorted((_info(each.filename, each) for each in found), key=lambda info: info.name)

    @contextmanager
    def read(self, path: str, start: int = 0) -> Iterator[Iterator[bytes]]:
        """A round trip for every 32 KiB: paramiko reads ahead in a thread that prints what breaks the connection."""
        with self._explaining(path):
            file = self._client.open(path, "rb")
            file.seek(start)
        try:
            yield self._chunks(file, path)
        finally:
            with suppress(OSError, EOFError, paramiko.SSHException), self._one_at_a_time:
                file.close()

    def _chunks(self, file: paramiko.SFTPFile, path: str) -> Iterator[bytes]:
        while True:
            with self._explaining(path):
                chunk = file.read(CHUNK)
            if not chunk:
                return
            yield chunk

    def write(self, path: str, content: Body, *, mode: int) -> None:
        folder, name = posixpath.split(path)
        temporary = posixpath.join(folder, f".{name}.{secrets.token_hex(6)}")
        try:
            with self._explaining(path):
                self._write(temporary, content, mode)
                self._client.posix_rename(temporary, path)
        except BaseException as error:
            with suppress(OSError, EOFError, paramiko.SSHException), self._one_at_a_time:
                self._client.remove(temporary)
            if isinstance(error, BodyError) and error.__cause__ is not None:
                raise error.__cause__ from None
            raise

    def _write(self, path: str, content: Body, mode: int) -> None:
        """Only its owner can read it until it is whole."""
        with self._client.open(path, "wxb") as file:
            file.chmod(0o600)
            file.set_pipelined(pipelined=True)
            for chunk in pieces(content):
                file.write(chunk)
            file.chmod(mode)

    def make_directory(self, path: str, *, mode: int) -> None:
        with self._explaining(path):
            self._client.mkdir(path, mode)
            self._client.chmod(path, mode)

    def remove_directory(self, path: str) -> None:
        with self._explaining(path):
            self._client.rmdir(path)

    def rename(self, path: str, to: str) -> None:
        with self._explaining(path):
            self._client.posix_rename(path, to)

    def set_attributes(self, path: str, *, mode: int, uid: int, gid: int) -> None:
        with self._explaining(path):
            self._client.chown(path, uid, gid)
            self._client.chmod(path, mode)

    def remove(self, path: str) -> None:
        try:
            with self._explaining(path):
                self._client.remove(path)
        except FileError as error:
            if not error.not_found:
                raise

    @contextmanager
    def _explaining(self, path: str) -> Iterator[None]:
        try:
            with self._one_at_a_time:
                yield
        except (OSError, EOFError, paramiko.SSHException, paramiko.SFTPError) as error:
            if isinstance(error, EOFError | TimeoutError) or not self.usable:
                with suppress(OSError, EOFError):
                    self._client.close()
                raise ConnectionLostError(
                    f"the SSH connection to {self._address} was lost during the transfer of {path}"
                ) from error
            reason = str(getattr(error, "strerror", None) or error)
            missing = isinstance(error, OSError) and error.errno == errno.ENOENT
            raise FileError(f"{path} on {self._address}: {reason}", not_found=missing) from error


def _info(name: str, found: paramiko.SFTPAttributes) -> FileInfo:
    mode = found.st_mode or 0
    return FileInfo(
        name=name,
        kind=file_kind(mode),
        size=found.st_size or 0,
        mode=stat.S_IMODE(mode),
        uid=found.st_uid or 0,
        gid=found.st_gid or 0,
        modified=int(found.st_mtime or 0),
    )
