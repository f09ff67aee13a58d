"""Files: created and replaced. What nobody of this project wrote is shown before it is replaced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from deployer.interfaces import FileKind
from deployer.model.desired import Address, File, Kind
from deployer.model.drift import Drift, Verdict
from deployer.model.files import (
    Manifest,
    ObservedFile,
    Written,
    above,
    labels_of,
    name_of,
)
from deployer.model.operations import (
    FinishFile,
    MakeDirectory,
    MakeLink,
    NewFile,
    Operation,
    PutFile,
    RemoveFile,
    RemoveManifest,
    RestoreFile,
    SetFile,
    WriteManifest,
)
from deployer.model.plan import Action, FieldDiff, ResourceChange
from deployer.model.settings import FileSettings
from deployer.planning.context import ChangedFile, Context, RemovedFile, Steps
from deployer.planning.file import compare, container, mounted, refused, removal
from deployer.planning.file.validating import validate
from deployer.planning.refusals import refuse_protected
from deployer.planning.undeclared import is_declared

_LEFT: Final = "left behind"
_ABOVE: Final = Written(str(FileKind.DIRECTORY), above=True)


class Wish(Struct, frozen=True):
    """A file that is to be changed."""

    resource: File
    live: ObservedFile | None
    change: ResourceChange

    @property
    def is_written(self) -> bool:
        """Not if only what an interrupted run left is removed."""
        return self.live is None or bool(self.change.diffs)

    @property
    def is_new(self) -> bool:
        """Not if only its mode or its owner is changed."""
        return self.live is None or not compare.is_same(self.resource, self.live)


def make(ctx: Context) -> None:
    """Create, replace and change files, after the manifest says so."""
    wishes = [wish for resource in ctx.wanted(FileSettings) if (wish := _wish(ctx, resource)) is not None]
    written = [wish for wish in wishes if wish.is_written]
    going = removal.going(ctx)
    noticed = [each for each in going if each.live.kind is not FileKind.DIRECTORY and mounted.may_react(ctx, each.name)]
    ctx.files.going.extend(each for each in going if each not in noticed)
    new = [_new(ctx, wish.resource, wish.live) for wish in written if wish.is_new]
    validate(ctx, new, [each.name for each in going])
    after = container.create(ctx)
    if after and not wishes and (change := container.update(ctx)):
        ctx.draft.changes.append(change)
    after = (*after, *_manifest(ctx, written, noticed)) if written or noticed else ()
    _note_changed(ctx, written)
    removal.note_changed(ctx, going, noticed)
    removal.remove_noticed(ctx, noticed, after)
    for wish in wishes:
        ctx.draft.changes.append(wish.change)
        if wish.is_written:
            ctx.draft.ready(Kind.FILE, wish.resource.name, _step(ctx, wish, after))
        else:
            _finish(ctx, wish.resource, _LEFT)


def _note_changed(ctx: Context, wishes: list[Wish]) -> None:
    """Content that changes now, or changed in a run that was killed before containers reacted."""
    for wish in wishes:
        resource, live, new = wish.resource, wish.live, compare.identity_of(wish.resource)
        if resource.settings.kind is FileKind.DIRECTORY or not wish.is_new:
            continue
        back = (RestoreFile(resource.name, new, existed=live is not None),)
        old = compare.short(ctx, resource, live.identity if live is not None else "")
        ctx.files.changed[resource.name] = ChangedFile(old, compare.short(ctx, resource, new), back)
    for resource in ctx.wanted(FileSettings):
        entry = compare.written(ctx, resource.name)
        if entry is not None and entry.owed and resource.name not in ctx.files.changed:
            ctx.files.changed[resource.name] = ChangedFile("before an interrupted run", "now")


def _wish(ctx: Context, resource: File) -> Wish | None:
    """None if it is as declared, or refused."""
    live = ctx.observed.files.get(resource.name)
    if live is None:
        if refused.has_no_place(ctx, resource) or refused.is_impossible(ctx, resource):
            return None
        if ctx.observed.unread and compare.written(ctx, resource.name) is not None:
            return None
        new = compare.declared(resource)
        return Wish(
            resource, None, ResourceChange(resource.address, Action.CREATE, origin=resource.origin, declared=new)
        )
    if refused.is_refused(ctx, resource, live):
        return None
    diffs = compare.differences(ctx, resource, live)
    if not diffs:
        _note_foreign(ctx, resource)
        return _cleaned(resource, live) if live.left else None
    if refuse_protected(ctx, resource, "differs", diffs):
        return None
    if not compare.is_same(resource, live) and refused.is_impossible(ctx, resource):
        return None
    return Wish(
        resource, live, ResourceChange(resource.address, Action.UPDATE, diffs, _reason(ctx, live), resource.origin)
    )


def _note_foreign(ctx: Context, resource: File) -> None:
    if compare.written(ctx, resource.name) is None and resource.settings.kind is not FileKind.DIRECTORY:
        ctx.draft.note(f"{resource.address.label}: {compare.NOT_OURS}; used as it is")


def _cleaned(resource: File, live: ObservedFile) -> Wish:
    """What an interrupted run left beside a file goes, or becomes its backup."""
    becomes = "becomes its backup" if resource.settings.backup else "is removed"
    reason = f"an interrupted run left a copy beside it, which {becomes}"
    return Wish(resource, live, ResourceChange(resource.address, Action.UPDATE, (), reason, resource.origin))


def _reason(ctx: Context, live: ObservedFile) -> str:
    if compare.written(ctx, live.path) is None:
        return compare.NOT_OURS
    return compare.BY_HAND if compare.is_as_written(ctx, live) is False else ""


def _manifest(ctx: Context, wishes: list[Wish], noticed: list[RemovedFile]) -> Steps:
    """Of everything that this project wrote and still has, and of what it is going to write. What containers notice
    is on record before it is removed."""
    before = ctx.observed.manifests.get(ctx.desired.project, Manifest())
    entries = {path: entry for path, entry in before.entries.items() if entry.owed or not _is_gone(ctx, path)}
    for resource in ctx.wanted(FileSettings):
        live = ctx.observed.files.get(resource.name)
        if live is not None and resource.name in entries and compare.is_same(resource, live):
            owed = entries[resource.name].owed
            entries[resource.name] = replace(compare.record(ctx, resource, live), owed=owed)
    for wish in wishes:
        if wish.live is not None and wish.live.kind is FileKind.DIRECTORY and wish.resource.name not in entries:
            continue
        owed = mounted.may_react(ctx, wish.resource.name)
        entries[wish.resource.name] = replace(compare.record(ctx, wish.resource, wish.live), owed=owed)
        if wish.live is None:
            entries |= dict.fromkeys(_made_above(ctx, wish.resource.name), _ABOVE)
    entries |= {each.name: replace(entries.get(each.name, Written()), owed=True) for each in noticed}
    if entries == before.entries:
        return ()
    first = wishes[0].resource if wishes else noticed[0].resource
    return (_write_manifest(ctx, first.address, before, entries),)


def _is_gone(ctx: Context, path: str) -> bool:
    return not ctx.observed.unread and path not in ctx.observed.files and ctx.desired.find(Kind.FILE, path) is None


def _made_above(ctx: Context, path: str) -> Iterator[str]:
    """The directories that the file's own step makes, the nearest first, if that is known."""
    if ctx.observed.unread:
        return
    missing = [folder for folder in above(path) if folder not in ctx.observed.files]
    known = next((folder for folder in above(path) if folder in ctx.observed.files), path)
    yield from (folder for folder in missing if folder.startswith(known) and not is_declared(ctx, Kind.FILE, folder))


def _write_manifest(ctx: Context, address: Address, before: Manifest, entries: dict[str, Written]) -> int:
    project = ctx.desired.project
    name = name_of(project, before.number + 1)
    operation = WriteManifest(name, labels_of(project, entries))
    step = ctx.draft.step(operation, address, "what is written is on record", undo=(RemoveManifest(name),))
    ctx.files.written.append((step, Manifest(before.number + 1, entries)))
    for number in (*before.older, before.number) if before.number else ():
        ctx.draft.at_last(RemoveManifest(name_of(project, number)), address, "replaced", after=(step,))
    return step


def _step(ctx: Context, wish: Wish, after: Steps) -> int:
    resource, live, change = wish.resource, wish.live, wish.change
    path, new = resource.name, compare.identity_of(resource)
    cause = change.reason or ("missing" if live is None else ", ".join(found.name for found in change.diffs))
    after = (*after, *_when_above(ctx, path))
    made = tuple(RemoveFile(folder, _ABOVE.digest) for folder in (_made_above(ctx, path) if live is None else ()))
    if live is not None and not wish.is_new:
        operation: Operation = SetFile(path, compare.mode_of(resource, live), *compare.owner_of(resource, live))
        undo: Operation = SetFile(path, live.mode, str(live.uid), str(live.gid))
        if live.left:
            _finish(ctx, resource, _LEFT)
        return ctx.draft.step(operation, resource.address, cause, after=after, undo=(undo,))
    if resource.settings.kind is FileKind.DIRECTORY:
        operation = _new(ctx, resource, None)
        return ctx.draft.step(operation, resource.address, cause, after=after, undo=(RemoveFile(path, new), *made))
    if live is not None and live.left and resource.settings.backup:
        after = (*after, ctx.draft.step(FinishFile(path, backup=True), resource.address, _LEFT))
    operation = _new(ctx, resource, live)
    restore = RestoreFile(path, new, existed=live is not None)
    step = ctx.draft.step(operation, resource.address, cause, after=after, undo=(restore, *made))
    if live is not None:
        _finish(ctx, resource, "replaced", after=(step,))
    return step


def _finish(ctx: Context, resource: File, cause: str, after: Steps = ()) -> None:
    operation = FinishFile(resource.name, resource.settings.backup)
    ctx.draft.at_last(operation, resource.address, cause, after=after)


def _new(ctx: Context, resource: File, live: ObservedFile | None) -> NewFile:
    settings, source = resource.settings, resource.settings.source
    if settings.kind is FileKind.DIRECTORY:
        return MakeDirectory(resource.name, compare.mode_of(resource, live), *compare.owner_of(resource, live))
    before = live.identity if live is not None else ""
    if source is None:
        return MakeLink(resource.name, settings.target, before)
    return PutFile(
        resource.name,
        source.sha256,
        source.size,
        compare.mode_of(resource, live),
        *compare.owner_of(resource, live),
        content=ctx.desired.contents.get(source.sha256),
        source=source.path,
        member=source.member,
        validate=settings.validate.command if settings.validate is not None and not settings.image else (),
        before=before,
        secret=settings.secret,
    )


def _when_above(ctx: Context, path: str) -> Steps:
    """The steps that make the nearest directory above that this play makes."""
    return next((found for folder in above(path) if (found := ctx.draft.when_ready(Kind.FILE, folder))), ())


def drift(ctx: Context, resource: File) -> Iterator[Drift]:
    live = ctx.observed.files.get(resource.name)
    if ctx.observed.unread:
        yield Drift(resource.address, Verdict.UNREAD, detail=container.MISSING)
        return
    if live is None:
        yield Drift(resource.address, Verdict.GONE)
        return
    diffs = compare.differences(ctx, resource, live)
    if not diffs:
        return
    if compare.written(ctx, resource.name) is None:
        yield Drift(resource.address, Verdict.FOREIGN, diffs)
        return
    by_hand = tuple(found for found in diffs if _is_by_hand(ctx, live, found))
    in_file = tuple(found for found in diffs if found not in by_hand)
    for verdict, found in ((Verdict.BY_HAND, by_hand), (Verdict.IN_FILE, in_file)):
        if found:
            yield Drift(resource.address, verdict, found)


def _is_by_hand(ctx: Context, live: ObservedFile, diff: FieldDiff) -> bool:
    entry = compare.written(ctx, live.path) or Written()
    if diff.name == "mode":
        return entry.mode != diff.old
    if diff.name in ("owner", "group"):
        recorded = entry.owner if diff.name == "owner" else entry.group
        return bool(recorded) and recorded == diff.new
    return compare.is_as_written(ctx, live) is False


def undeclared(ctx: Context) -> Iterator[Drift]:
    """Files that the project wrote and no play declares any more."""
    for path, entry in sorted(ctx.observed.manifests.get(ctx.desired.project, Manifest()).entries.items()):
        if path in ctx.observed.files and not entry.above and not is_declared(ctx, Kind.FILE, path):
            yield Drift(ctx.address(Kind.FILE, path), Verdict.UNDECLARED)
