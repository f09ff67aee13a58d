"""Reads the files that plays declare, or wrote before, from a host: one script for all, and the content of those whose
differences are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec.structs import replace

from deployer.engine.host_files import MissingContainerError, Store, with_files_of
from deployer.fields.container.files import LONGEST
from deployer.interfaces import FileKind, Host
from deployer.model.desired import Desired
from deployer.model.files import Manifest, ObservedFile, above
from deployer.model.observed import Observed
from deployer.model.settings import FileSettings


def with_files(
    observed: Observed, host: Callable[[], Host], plays: Sequence[Desired], *, removes_all: bool
) -> Observed:
    """Raises `FileError`, `NotOfferedError`, `UnreachableError`."""
    paths = {found.name for play in plays for found in play.of(FileSettings)}
    folders = sorted({folder for path in paths for folder in above(path)})
    projects = {play.project for play in plays}
    paths |= {path for name in projects & observed.manifests.keys() for path in observed.manifests[name].entries}
    if not paths:
        return observed
    trees = {found.name for play in plays for found in play.of(FileSettings) if found.settings.delete}
    trees |= {path for play in plays for path in _maybe_removed(observed, play, removes_all=removes_all)}

    def look(store: Store) -> Observed:
        files = dict(store.look(sorted(paths), sorted(trees), folders))
        if further := {path for tree in trees if tree in files for path in files[tree].below} - paths:
            files |= store.look(sorted(further))
        files |= {path: replace(files[path], text=store.text(path)) for path in _compared(plays, files)}
        return replace(observed, files=files, runs_commands=store.runs_commands)

    try:
        return with_files_of(host(), look)
    except MissingContainerError:
        return replace(observed, unread=True)


def _maybe_removed(observed: Observed, play: Desired, *, removes_all: bool) -> Iterator[str]:
    """Directories that the project made and that go if nothing is in them."""
    manifest = observed.manifests.get(play.project, Manifest())
    declared = () if removes_all else [found.name for found in play.of(FileSettings) if not found.absent]
    for path, entry in manifest.entries.items():
        if entry.digest == FileKind.DIRECTORY and not any(f"{each}/".startswith(f"{path}/") for each in declared):
            yield path


def _compared(plays: Iterable[Desired], files: dict[str, ObservedFile]) -> list[str]:
    """Those with other text than is declared, and without secrets."""
    found = []
    for play in plays:
        for resource in play.of(FileSettings):
            source, live = resource.settings.source, files.get(resource.name)
            if source is None or live is None or live.kind is not FileKind.FILE or live.size > LONGEST:
                continue
            is_shown = source.sha256 in play.contents and not resource.settings.secret
            if live.sha256 != source.sha256 and is_shown:
                found.append(resource.name)
    return found
