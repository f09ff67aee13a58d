"""The content of the files that a play declares for one host."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

from msgspec import Struct, field
from msgspec.structs import replace

from deployer.config.contents import KEEP_ONE, NO_KEY
from deployer.config.files import read_file
from deployer.config.templates.templar import Templar
from deployer.config.vault import VaultError, VaultSecrets, is_encrypted
from deployer.diagnostics import Origin, Problems
from deployer.fields.container.files import LONGEST
from deployer.fields.file import TREES, WAYS
from deployer.interfaces import FileKind
from deployer.model.desired import AnyResource, File, has_settings
from deployer.model.secrets import Sealing, holds_secret
from deployer.model.settings import FileSettings, Source

_FOLDERS: Final = {"src": "files", "template": "templates"}
_PIECE: Final = 1024 * 1024


FileSources = dict[str, tuple[Source, bytes | None, bool]]
"""What is known of files on this machine, by path: the source, the content where it is held, and whether it is
secret."""


class FileSite(Struct, frozen=True):
    """What reading files needs. `read`: what was read so far, for all hosts of a run."""

    folder: Path
    vault: VaultSecrets
    problems: Problems
    read: FileSources = field(default_factory=dict)


class UnreadableError(Exception):
    """What is wrong, and what to do about it."""

    def __init__(self, summary: str, hint: str = "") -> None:
        super().__init__(summary)
        self.hint = hint


def with_source(resource: AnyResource, templar: Templar, site: FileSite, found: dict[str, bytes]) -> AnyResource:
    """A file with what is in it; `found` receives content by its digest. Errors are reported."""
    if not has_settings(resource, FileSettings) or resource.absent:
        return resource
    settings = resource.settings
    way = next((name for name in WAYS if getattr(settings, name) not in (None, "")), "content")
    given = str(getattr(settings, way) or "")
    place = resource.place((way,))
    try:
        if way in TREES:
            return _directory(resource, _find(site.folder, "files", given, is_directory=way == "directory"))
        source, data, secret = _read(way, given, templar, site)
    except UnreadableError as error:
        site.problems.add(place, str(error), address=f"files.{resource.name}.{way}", hint=error.hint)
        return resource
    secret = secret or any(path[0] == way for path in resource.secret_paths)
    if data is not None:
        found[source.sha256] = data
    origin = "" if way == "content" else f"{way} {given}"
    return replace(resource, settings=replace(settings, content=None, source=source, secret=secret, origin=origin))


def _directory(resource: File, path: Path) -> File:
    """`mode` is that of the files in it."""
    settings = resource.settings
    return replace(
        resource,
        settings=replace(
            settings,
            kind=FileKind.DIRECTORY,
            directory=str(path),
            mode=settings.directory_mode,
            files_mode=settings.mode,
            origin=f"archive {settings.archive}" if settings.archive else f"directory {settings.directory}",
        ),
    )


def check_secret(resource: File, contents: Mapping[str, bytes], sealing: Sealing, problems: Problems) -> File:
    """The file as secret if its content holds a secret: changes of it are found with the controller's key."""
    settings = resource.settings
    data = contents.get(settings.source.sha256, b"") if settings.source is not None else b""
    text = data.decode("utf-8", "surrogateescape")
    if not settings.secret and not holds_secret(text, sealing.secrets):
        return resource
    if not sealing.key:
        problems.add(resource.origin, NO_KEY, address=f"files.{resource.name}", hint=KEEP_ONE)
    return replace(resource, settings=replace(settings, secret=True))


def _read(way: str, given: str, templar: Templar, site: FileSite) -> tuple[Source, bytes | None, bool]:
    if way == "content":
        return _held(given.encode("utf-8", "surrogateescape"), secret=False)
    path = _find(site.folder, _FOLDERS[way], given)
    if way == "template":
        return _rendered(path, templar, site)
    found = source_of(path, site)
    if found[1] is not None:
        templar.reads(str(path))
    return found


def source_of(path: Path, site: FileSite) -> tuple[Source, bytes | None, bool]:
    """The source, the content where it is held, and whether it is secret."""
    if str(path) not in site.read:
        site.read[str(path)] = _file(path, site.vault)
    return site.read[str(path)]


def _held(data: bytes, *, secret: bool) -> tuple[Source, bytes, bool]:
    return Source(hashlib.sha256(data).hexdigest(), len(data)), data, secret


def _find(folder: Path, beside: str, given: str, *, is_directory: bool = False) -> Path:
    path = Path(os.path.expanduser(given))  # noqa: PTH111
    choices = list(dict.fromkeys((folder / beside / path, folder / path)))
    found = next((choice for choice in choices if choice.exists()), None)
    if found is None:
        what = "directory" if is_directory else "file"
        raise UnreadableError(f"there is no {what} {' or '.join(map(str, choices))}")
    if is_directory and not found.is_dir():
        raise UnreadableError(f"{found} is not a directory", "write src")
    if not is_directory and not found.is_file():
        raise UnreadableError(f"{found} is not a file", "write directory" if found.is_dir() else "")
    return found


def _file(path: Path, vault: VaultSecrets) -> tuple[Source, bytes | None, bool]:
    """A long file is not held: it is read again when it is written."""
    try:
        with path.open("rb") as content:
            digest, size, head = read_through(content)
        if is_encrypted(head):
            return _held(vault.decrypt_bytes(read_file(path)), secret=True)
    except VaultError as error:
        raise UnreadableError(f"{path}: {error.message}", error.hint) from error
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror}") from error
    held = head if size <= LONGEST else None
    return Source(digest, size, str(path)), held, False


def read_through(file: IO[bytes]) -> tuple[str, int, bytes]:
    """The digest and the size of a file of any size, and its first piece."""
    digest, size, head = hashlib.sha256(), 0, b""
    while piece := file.read(_PIECE):
        digest.update(piece)
        head, size = head or piece, size + len(piece)
    return digest.hexdigest(), size, head


def _rendered(path: Path, templar: Templar, site: FileSite) -> tuple[Source, bytes, bool]:
    templar.reads(str(path))
    try:
        data = read_file(path)
        vaulted = is_encrypted(data)
        text = (site.vault.decrypt_bytes(data) if vaulted else data).decode("utf-8")
    except VaultError as error:
        raise UnreadableError(f"{path}: {error.message}", error.hint) from error
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{path} is not UTF-8 text", "write src for other content") from error
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror}") from error
    made = templar.template_text(text, Origin(str(path), 1, 1), site.problems)
    if made is None:
        return _held(b"", secret=True)
    return _held(str(made.value).encode("utf-8", "surrogateescape"), secret=vaulted or made.secret)
