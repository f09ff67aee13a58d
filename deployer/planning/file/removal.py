"""Files that go: those declared absent, what a synced directory does not have, what no play declares any more, and with
a project all of it. What nobody of this project wrote goes only where the play says so.

A file that running containers notice goes before they react, and comes back if they do not work then; what was there is
kept beside it until the run is over. All others go at last.
"""

from __future__ import annotations

import posixpath
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from deployer.interfaces import FileKind
from deployer.model.desired import File, Kind
from deployer.model.files import Manifest, ObservedFile, above, is_excluded, name_of
from deployer.model.operations import FinishFile, RemoveFile, RemoveManifest, RestoreFile
from deployer.model.plan import Action, Refusal, ResourceChange
from deployer.model.settings import ContainerSettings, FileSettings
from deployer.planning.context import ChangedFile, Context, RemovedFile, Steps
from deployer.planning.file import compare, container, mounted, refused
from deployer.planning.refusals import refuse_protected
from deployer.planning.undeclared import DESTROYED, REASON, declared_or_placeholder, is_declared

_LEFT: Final = (".deployer-old", ".deployer-new")


def going(ctx: Context) -> list[RemovedFile]:
    """What a run removes. What a container mounts by itself is refused: it would not start again."""
    found = {each.name: each for each in _absent(ctx)}
    for resource in ctx.wanted(FileSettings):
        if resource.settings.delete:
            found |= {each.name: each for each in _surplus(ctx, resource)}
    if ctx.policy.prune or ctx.desired.prune:
        for each in _written(ctx, REASON, found):
            found[each.name] = each
    return [each for each in found.values() if not _is_mounted(ctx, each)]


def _absent(ctx: Context) -> Iterator[RemovedFile]:
    """Whoever wrote it; what is no file is refused."""
    for resource in ctx.unwanted(FileSettings):
        live = ctx.observed.files.get(resource.name)
        if live is None or refused.is_refused(ctx, resource, live) or refuse_protected(ctx, resource):
            continue
        if live.kind is not FileKind.FILE:
            summary, hint = f"is {refused.KINDS[live.kind]} on the host", "remove it on the host"
            ctx.draft.refuse(Refusal(resource.address, summary, hint, resource.origin))
            continue
        theirs = compare.BY_HAND if compare.written(ctx, live.path) else compare.NOT_OURS
        yield RemovedFile(resource, live, "absent" if compare.is_as_written(ctx, live) else f"absent; {theirs}")


def _surplus(ctx: Context, resource: File) -> Iterator[RemovedFile]:
    """What is below a directory and not declared, and directories with nothing that stays. Copies of files go with
    these."""
    found = ctx.observed.files.get(resource.name)
    kept: list[str] = []
    below = found.below if found is not None else ()
    for path in reversed([path for path in below if _origin(path) == path]):
        live, inside = ctx.observed.files.get(path), path.removeprefix(f"{resource.name}/")
        stays = is_declared(ctx, Kind.FILE, path) or is_excluded(inside, resource.settings.exclude)
        other = declared_or_placeholder(ctx, Kind.FILE, path, FileSettings)
        if live is not None and live.kind is FileKind.OTHER and not stays:
            ctx.draft.note(f"{other.address.label}: is no regular file, so it is kept")
            stays = True
        if live is None or stays or any(each.startswith(f"{path}/") for each in kept):
            kept.append(path)
            continue
        by = "" if compare.written(ctx, path) else f"; {compare.NOT_OURS}"
        reason = f"not in {resource.settings.origin}{by}"
        yield RemovedFile(replace(other, origin=resource.origin), live, reason)


def _written(ctx: Context, reason: str, also: Mapping[str, RemovedFile]) -> Iterator[RemovedFile]:
    """Of what the project wrote, what is as it was written, without what is declared. `also`: what goes anyway."""
    entries = ctx.observed.manifests.get(ctx.desired.project, Manifest()).entries
    gone = {path for path, each in also.items() if not each.resource.settings.backup}
    used = _used(ctx) if reason is REASON else set()
    for path in sorted(entries, reverse=True):
        live, entry = ctx.observed.files.get(path), entries[path]
        if live is None or path in also or (entry.above and path in used):
            continue
        resource = declared_or_placeholder(ctx, Kind.FILE, path, FileSettings)
        if reason is REASON and is_declared(ctx, Kind.FILE, path):
            used.update(above(path))
        elif why := _why_kept(ctx, live, gone):
            used.update(above(path))
            if not entry.above:
                ctx.draft.note(f"{resource.address.label}: {reason}, but {why}: it is kept")
        elif not refuse_protected(ctx, resource):
            gone |= set() if resource.settings.backup else {path}
            yield RemovedFile(resource, live, reason)


def _used(ctx: Context) -> set[str]:
    """What containers mount, and all directories above that and above declared files."""
    files = (each.name for each in ctx.desired.of(FileSettings) if not each.absent)
    mounts = set(mounted.sources(ctx))
    return mounts | {folder for path in (*files, *mounts) for folder in above(path)}


def _why_kept(ctx: Context, live: ObservedFile, gone: Container[str]) -> str:
    """Why something that the project wrote stays; "" if it does not."""
    if live.kind is FileKind.DIRECTORY and any(_origin(path) not in gone for path in live.below):
        return "other files are in it"
    is_ours = compare.is_as_written(ctx, live)
    return "" if is_ours else "another controller wrote it" if is_ours is None else compare.BY_HAND


def _origin(path: str) -> str:
    """The file whose copy an interrupted run left there, or the path itself."""
    folder, name = posixpath.split(path)
    left = name.startswith(".") and name.endswith(_LEFT)
    return posixpath.join(folder, name[1 : -len(_LEFT[0])]) if left else path


def _is_mounted(ctx: Context, found: RemovedFile) -> bool:
    """Whether a declared container mounts it by itself, which is refused."""
    for resource in ctx.desired.of(ContainerSettings):
        for target in mounted.targets(resource, found.name):
            if not resource.absent:
                summary = f"mounts {found.name}, which is removed ({found.reason})"
                place = resource.place(("volumes", target))
                ctx.draft.refuse(Refusal(resource.address, summary, "remove the mount, or keep the file", place))
                return True
    return False


def note_changed(ctx: Context, found: Sequence[RemovedFile], noticed: Sequence[RemovedFile]) -> None:
    """What containers miss from now on, or since a run that was killed before they reacted."""
    for each in found:
        if each.live.kind is not FileKind.DIRECTORY:
            back = (RestoreFile(each.name, "", existed=True),) if each in noticed else ()
            old = compare.short(ctx, each.resource, each.live.identity)
            ctx.files.changed[each.name] = ChangedFile(old, "removed", back, removed=True)
    if ctx.observed.unread:
        return
    for path, entry in ctx.observed.manifests.get(ctx.desired.project, Manifest()).entries.items():
        if entry.owed and path not in ctx.observed.files and path not in ctx.files.changed:
            ctx.files.changed[path] = ChangedFile("before an interrupted run", "removed", removed=True)
            ctx.draft.at_last(FinishFile(path), ctx.address(Kind.FILE, path), "left behind")


def remove_noticed(ctx: Context, found: Sequence[RemovedFile], after: Steps) -> None:
    """Before containers react."""
    for each in found:
        address, backup = each.resource.address, each.resource.settings.backup
        operation = RemoveFile(each.name, each.live.identity, backup, keep=True)
        undo = (RestoreFile(each.name, "", existed=True),)
        step = ctx.draft.step(operation, address, each.reason, after=after, undo=undo)
        ctx.draft.at_last(FinishFile(each.name, backup), address, each.reason, after=(step,))
        ctx.draft.ready(Kind.FILE, each.name, step)
        _show(ctx, each)


def remove(ctx: Context) -> None:
    """All others."""
    for each in ctx.files.going:
        _remove(ctx, each)


def destroy(ctx: Context) -> None:
    if container.refuse_unread(ctx):
        return
    manifest = ctx.observed.manifests.get(ctx.desired.project, Manifest())
    gone: set[str] = set()
    for each in _written(ctx, DESTROYED, {}):
        gone.add(each.name)
        _remove(ctx, each)
    if any(_is_kept(ctx, path) for path in manifest.entries.keys() - gone):
        return
    container.remove(ctx)
    if not manifest.entries:
        return
    address = ctx.address(Kind.FILE, min(gone or manifest.entries))
    for number in (*manifest.older, manifest.number):
        name = name_of(ctx.desired.project, number)
        ctx.draft.at_last(RemoveManifest(name), address, DESTROYED, after=ctx.draft.removals())


def _is_kept(ctx: Context, path: str) -> bool:
    live = ctx.observed.files.get(path)
    return live is not None and live.kind is not FileKind.DIRECTORY


def _remove(ctx: Context, found: RemovedFile) -> None:
    _show(ctx, found)
    operation = RemoveFile(found.name, found.live.identity, found.resource.settings.backup)
    after = (*ctx.draft.removals(), *ctx.draft.removals_below(found.name))
    ctx.draft.at_last(operation, found.resource.address, found.reason, after=after)


def _show(ctx: Context, found: RemovedFile) -> None:
    address, origin = found.resource.address, found.resource.origin
    ctx.draft.changes.append(ResourceChange(address, Action.REMOVE, reason=found.reason, origin=origin))
