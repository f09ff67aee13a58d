"""What is in a directory that a play declares: each file, directory and link in it is a resource of its own."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from deployer.config.file_contents import FileSite, UnreadableError, source_of
from deployer.interfaces import FileKind
from deployer.model.desired import AnyResource, File, has_settings
from deployer.model.files import is_excluded
from deployer.model.kinds import KINDS
from deployer.model.settings import FileSettings


def members(resource: AnyResource, site: FileSite, contents: dict[str, bytes]) -> Iterator[File]:
    """By path; `contents` receives content by its digest. Errors are reported."""
    if not has_settings(resource, FileSettings) or resource.absent or resource.settings.kind is not FileKind.DIRECTORY:
        return
    root = Path(resource.settings.directory)
    way = "archive" if resource.settings.archive else "directory"
    try:
        if way == "archive":
            from deployer.config.archives import unpacked

            yield from unpacked(resource, site, contents)
            return
        for path in _walk(root, resource.settings.exclude):
            yield _member(resource, root, path, site, contents)
    except UnreadableError as error:
        where = f"files.{resource.name}.{way}"
        site.problems.add(resource.place((way,)), str(error), address=where, hint=error.hint)


def _walk(root: Path, exclude: tuple[str, ...]) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise UnreadableError(f"{error.filename} cannot be read: {error.strerror}")

    for folder, folders, files in os.walk(root, onerror=refuse):
        kept = [name for name in folders if not is_excluded(_inside(root, Path(folder, name)), exclude)]
        folders[:] = sorted(name for name in kept if not Path(folder, name).is_symlink())
        for name in sorted((*kept, *files)):
            if not is_excluded(_inside(root, Path(folder, name)), exclude):
                yield Path(folder, name)


def _inside(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _member(resource: File, root: Path, path: Path, site: FileSite, contents: dict[str, bytes]) -> File:
    settings = replace(resource.settings, directory="", delete=False, exclude=(), origin=f"src {path}")
    try:
        name = KINDS[resource.kind].naming.parse(f"{resource.name}/{_inside(root, path)}")
        facts = path.lstat()
    except ValueError as error:
        raise UnreadableError(str(error), "exclude it") from error
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror}") from error
    found = replace(resource, address=replace(resource.address, name=name))
    if stat.S_ISLNK(facts.st_mode):
        return replace(found, settings=replace(settings, kind=FileKind.LINK, target=str(path.readlink()), mode=None))
    if stat.S_ISDIR(facts.st_mode):
        return replace(found, settings=replace(settings, mode=settings.directory_mode))
    if not stat.S_ISREG(facts.st_mode):
        raise UnreadableError(f"{path} is no file, directory or link", "exclude it")
    source, data, secret = source_of(path, site)
    if data is not None:
        contents[source.sha256] = data
    mode = stat.S_IMODE(facts.st_mode) if settings.files_mode is None else settings.files_mode
    return replace(found, settings=replace(settings, kind=FileKind.FILE, source=source, secret=secret, mode=mode))
