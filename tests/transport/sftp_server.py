"""Files over SFTP for `ssh_server`: this machine's own, by paramiko's server side."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paramiko
from paramiko.sftp import SFTP_OK


def _told(work: Callable[[], Any]) -> Any:
    """What work returns, or the status of its failure."""
    try:
        return work()
    except OSError as error:
        return paramiko.SFTPServer.convert_errno(error.errno or 0)


def _done(work: Callable[[], object]) -> int:
    return int(_told(lambda: (work(), SFTP_OK)[1]))


def _attributes(found: os.stat_result, name: str = "") -> paramiko.SFTPAttributes:
    return paramiko.SFTPAttributes.from_stat(found, name)


class _Handle(paramiko.SFTPHandle):
    def __init__(self, descriptor: int, flags: int) -> None:
        super().__init__(flags)
        self.readfile = self.writefile = os.fdopen(descriptor, "rb" if flags & os.O_ACCMODE == os.O_RDONLY else "wb")

    def stat(self) -> paramiko.SFTPAttributes | int:
        return _attributes(os.fstat(self.readfile.fileno()))

    def chattr(self, attr: paramiko.SFTPAttributes) -> int:
        return _done(lambda: os.fchmod(self.readfile.fileno(), attr.st_mode or 0))


class LocalSftp(paramiko.SFTPServerInterface):
    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        found: list[paramiko.SFTPAttributes] | int = _told(
            lambda: [_attributes(found.lstat(), found.name) for found in Path(path).iterdir()]
        )
        return found

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        found: paramiko.SFTPAttributes | int = _told(lambda: _attributes(Path(path).stat()))
        return found

    def lstat(self, path: str) -> paramiko.SFTPAttributes | int:
        found: paramiko.SFTPAttributes | int = _told(lambda: _attributes(Path(path).lstat()))
        return found

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle | int:
        found: paramiko.SFTPHandle | int = _told(lambda: _Handle(os.open(path, flags, 0o644), flags))
        return found

    def chattr(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        return _done(lambda: Path(path).chmod(attr.st_mode or 0))

    def remove(self, path: str) -> int:
        return _done(lambda: Path(path).unlink())

    def mkdir(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        return _done(lambda: Path(path).mkdir())

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        return _done(lambda: Path(oldpath).replace(newpath))
