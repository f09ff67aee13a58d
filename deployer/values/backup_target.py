"""Where backups are kept: `backups` is a folder of this machine, `host:/srv/backups` one of the volume's own host,
`store1:/srv/backups` one of another host, and `s3://bucket/prefix` a part of a bucket."""

from __future__ import annotations

import posixpath
import re
from enum import StrEnum
from typing import Final

from msgspec import Struct

OWN_HOST: Final = "host"
_SCHEME: Final = "s3://"
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://.*", re.DOTALL | re.IGNORECASE)
_HOST: Final = re.compile(r"(?P<host>[^/:\s]+):(?P<path>.*)", re.DOTALL)


class Where(StrEnum):
    HERE = "here"
    HOST = "host"
    S3 = "s3"


class Target(Struct, frozen=True):
    """`at`: the host, `host` for the volume's own, or the bucket; `path`: a folder, a file, or the beginning of the
    keys of a bucket."""

    where: Where
    path: str
    at: str = ""

    def __str__(self) -> str:
        if self.where is Where.S3:
            return f"{_SCHEME}{self.at}/{self.path}".rstrip("/")
        return f"{self.at}:{self.path}" if self.where is Where.HOST else self.path

    def on(self, host: str) -> Target:
        """With the name of the volume's own host."""
        return Target(self.where, self.path, host) if (self.where, self.at) == (Where.HOST, OWN_HOST) else self

    @property
    def split(self) -> tuple[Target, str]:
        """The folder, and the name in it."""
        folder, name = posixpath.split(self.path)
        return Target(self.where, folder, self.at), name


def parse(text: str) -> Target:
    """Raises ValueError. A path of this machine with a colon begins with `./` or `/`."""
    if text.startswith(_SCHEME):
        bucket, _, prefix = text.removeprefix(_SCHEME).partition("/")
        if not _BUCKET.fullmatch(bucket):
            raise ValueError(f"'{text}' names no bucket; write s3://BUCKET/PREFIX")
        return Target(Where.S3, prefix.strip("/"), bucket)
    if _URL.fullmatch(text):
        raise ValueError(f"'{text}' is of no known kind; write a folder, HOST:/FOLDER or s3://BUCKET/PREFIX")
    found = _HOST.fullmatch(text)
    if found is None:
        return Target(Where.HERE, text)
    if not found["path"].startswith("/"):
        raise ValueError(f"'{text}' has no absolute path after the host; a folder here with a colon begins with ./")
    return Target(Where.HOST, posixpath.normpath(found["path"]), found["host"])
