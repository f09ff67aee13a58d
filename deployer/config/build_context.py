"""Reads a build context: which files belong to it, and digests of them. No image is built and no host contacted here.

Between runs, digests are kept by size, times and inode in the state directory, so that a run without changes does not
read every file again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field

from deployer.config.files import read_text, state_folder
from deployer.model.build import Build, ContextFile, manifest
from deployer.values.ignore_file import Ignored, Matches, parse

_BUILDS_KEPT: Final = 5
"""Earlier contexts of which the files are kept."""

Stamp = tuple[int, int, int, int]
"""Size, both times in nanoseconds, and inode."""


class _State(Struct):
    """What is kept of one context. `digests`: by path, the stamp of a file and the digest of its content; `built`: by
    digest, the files of contexts that were built."""

    digests: dict[str, tuple[Stamp, str]] = field(default_factory=dict)
    built: dict[str, dict[str, str]] = field(default_factory=dict)


class Context(Struct, frozen=True):
    files: tuple[ContextFile, ...]
    built: Mapping[str, Mapping[str, str]]


def read_ignored(context: Path, dockerfile: Path | None) -> tuple[Path, Ignored]:
    """`<Dockerfile>.dockerignore` beside the Dockerfile goes before `.dockerignore` in the context. Raises OSError, and
    ValueError for a pattern that is none; both with the name of the file."""
    own = dockerfile.with_name(f"{dockerfile.name}.dockerignore") if dockerfile is not None else None
    file = own if own is not None and own.exists() else context / ".dockerignore"
    if not file.exists():
        return file, Ignored()
    try:
        return file, parse(read_text(file))
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: it is not UTF-8") from error
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def read_context(folder: Path, ignored: Ignored) -> Context:
    """Raises OSError with the name of a file that cannot be read."""
    state = _read_state(folder)
    walk = _Walk(folder, ignored, state.digests)
    files = tuple(walk.below("", ()))
    if walk.digests != state.digests:
        _write_state(folder, _State(walk.digests, state.built))
    return Context(files, state.built)


def remember_built(build: Build) -> None:
    """Keep the files of a context that was built, so that later plans can name those that changed."""
    folder = Path(build.context)
    state = _read_state(folder)
    digest = build.context_digest
    others = [(name, found) for name, found in state.built.items() if name != digest]
    built = dict([*others, (digest, manifest(build.files))][-_BUILDS_KEPT:])
    _write_state(folder, _State(state.digests, built))


class _Walk:
    """`known`: digests by path, with stamps. `digests`: those of the files that were found."""

    def __init__(self, root: Path, ignored: Ignored, known: Mapping[str, tuple[Stamp, str]]) -> None:
        self.digests: dict[str, tuple[Stamp, str]] = {}
        self._root = root
        self._ignored = ignored
        self._known = known

    def below(self, folder: str, above: Matches) -> Iterator[ContextFile]:
        """In the order of paths compared part by part, a folder before its content."""
        with os.scandir(self._root / folder) as entries:
            found = sorted(entries, key=lambda entry: os.fsencode(entry.name))
        for entry in found:
            path = f"{folder}/{entry.name}" if folder else entry.name
            left_out, matches = self._ignored.check(path, above)
            if entry.is_dir(follow_symlinks=False):
                yield from self._folder(entry, path, matches, left_out=left_out)
            elif not left_out:
                yield from self._file(entry, path)

    def _folder(self, entry: os.DirEntry[str], path: str, matches: Matches, *, left_out: bool) -> Iterator[ContextFile]:
        """A folder that is left out is part of the context if something in it is not."""
        if left_out and not self._ignored.readmits_below(path):
            return
        own = ContextFile(path, entry.stat(follow_symlinks=False).st_mode)
        inside = self.below(path, matches)
        first = next(inside, None) if left_out else None
        if left_out and first is None:
            return
        yield own
        if first is not None:
            yield first
        yield from inside

    def _file(self, entry: os.DirEntry[str], path: str) -> Iterator[ContextFile]:
        """Sockets, pipes and devices are not sent."""
        info = entry.stat(follow_symlinks=False)
        if stat.S_ISLNK(info.st_mode):
            yield ContextFile(path, info.st_mode, 0, str(Path(entry.path).readlink()))
        elif stat.S_ISREG(info.st_mode):
            yield ContextFile(path, info.st_mode, info.st_size, self._digest(entry, path, info))

    def _digest(self, entry: os.DirEntry[str], path: str, info: os.stat_result) -> str:
        stamp = (info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino)
        known = self._known.get(path)
        if known is not None and known[0] == stamp:
            digest = known[1]
        else:
            with Path(entry.path).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.digests[path] = (stamp, digest)
        return digest


def _state_file(folder: Path) -> Path | None:
    state = state_folder()
    name = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
    return None if state is None else state / "builds" / f"{name}.json"


def _read_state(folder: Path) -> _State:
    """Empty where nothing, or nothing that can be read, is kept."""
    file = _state_file(folder)
    try:
        return msgspec.json.decode(file.read_bytes(), type=_State) if file is not None else _State()
    except (OSError, ValueError, RecursionError):
        return _State()


def _write_state(folder: Path, state: _State) -> None:
    """Whole or not at all. Without it, the next run reads every file again."""
    file = _state_file(folder)
    if file is None:
        return
    with contextlib.suppress(OSError, ValueError):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(descriptor, "wb") as written:
            written.write(msgspec.json.encode(state))
        Path(name).replace(file)
