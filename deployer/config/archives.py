"""What is in an archive that a play declares: each file, directory and link in it is a resource of its own."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from deployer.config.file_contents import FileSite, UnreadableError, read_through
from deployer.fields.container.files import LONGEST
from deployer.interfaces import FileKind
from deployer.model.desired import File
from deployer.model.files import is_excluded
from deployer.model.kinds import KINDS
from deployer.model.settings import Source


def unpacked(resource: File, site: FileSite, contents: dict[str, bytes]) -> Iterator[File]:
    """By path. Raises `UnreadableError`."""
    path, found = resource.settings.directory, dict[str, File]()
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = posixpath.normpath(member.name)
                if name == "." or is_excluded(name, resource.settings.exclude):
                    continue
                if name.startswith(("/", "..")):
                    raise UnreadableError(f"{path} contains '{member.name}', which is not below it", "exclude it")
                found[name] = _member(resource, name, archive, member, site, contents)
    except (tarfile.TarError, EOFError) as error:
        raise UnreadableError(f"{path} is no tar archive, or is damaged", "make one with tar -czf") from error
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror or error}") from error
    links = {name for name, each in found.items() if each.settings.kind is FileKind.LINK}
    for name in sorted(found):
        if through := next((link for link in links if name.startswith(f"{link}/")), ""):
            raise UnreadableError(f"{path} contains {name}, which is behind the link {through}", "exclude one of them")
        yield found[name]


def _member(
    resource: File,
    name: str,
    archive: tarfile.TarFile,
    member: tarfile.TarInfo,
    site: FileSite,
    contents: dict[str, bytes],
) -> File:
    settings = resource.settings
    own = replace(settings, directory="", delete=False, exclude=(), origin=f"{name} of {Path(settings.directory).name}")
    try:
        path = KINDS[resource.kind].naming.parse(f"{resource.name}/{name}")
    except ValueError as error:
        raise UnreadableError(str(error), "exclude it") from error
    found = replace(resource, address=replace(resource.address, name=path))
    if member.issym():
        return replace(found, settings=replace(own, kind=FileKind.LINK, target=member.linkname, mode=None))
    if member.isdir():
        return replace(found, settings=replace(own, mode=settings.directory_mode))
    if not (member.isfile() or member.islnk()):
        raise UnreadableError(f"{member.name} in {settings.directory} is no file, directory or link", "exclude it")
    key = f"{settings.directory}\0{member.name}"
    if key not in site.read:
        site.read[key] = (*_content(settings.directory, archive, member), False)
    source, data, _ = site.read[key]
    if data is not None:
        contents[source.sha256] = data
    mode = member.mode & 0o7777 if settings.files_mode is None else settings.files_mode
    return replace(found, settings=replace(own, kind=FileKind.FILE, source=source, mode=mode))


def _content(path: str, archive: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[Source, bytes | None]:
    """That of a long file is read again when it is written."""
    file = archive.extractfile(member)
    assert file is not None
    digest, size, head = read_through(file)
    return Source(digest, size, path, member.name), head if size <= LONGEST else None
