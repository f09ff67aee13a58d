"""Files: created, replaced and removed. What nobody of this project wrote is shown before it is replaced, and never
removed."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from deployer.interfaces import FileKind
from deployer.model.desired import File, Kind
from deployer.model.drift import Drift, Verdict
from deployer.model.files import Manifest, ObservedFile, Written, is_written, labels_of, name_of
from deployer.model.operations import (
    FinishFile,
    Operation,
    PutFile,
    RemoveFile,
    RemoveManifest,
    RestoreFile,
    SetFile,
    WriteManifest,
)
from deployer.model.plan import Action, FieldDiff, Refusal, ResourceChange
from deployer.model.settings import FileSettings
from deployer.planning.context import Context, Steps
from deployer.planning.file import compare
from deployer.planning.refusals import refuse_protected
from deployer.planning.undeclared import DESTROYED, REASON, declared_or_placeholder, is_declared

BY_HAND = "changed on the host since the last apply"
_NOT_OURS = "not written by this project"


class Wish(Struct, frozen=True):
    """A file that is to be changed."""

    resource: File
    live: ObservedFile | None
    change: ResourceChange

    @property
    def is_written(self) -> bool:
        """Not if only what an interrupted run left is removed."""
        return self.live is None or bool(self.change.diffs)


def make(ctx: Context) -> None:
    """Create, replace and change files, after the manifest says so."""
    wishes = [wish for resource in ctx.wanted(FileSettings) if (wish := _wish(ctx, resource)) is not None]
    written = [wish for wish in wishes if wish.is_written]
    after = _manifest(ctx, written) if written else ()
    for wish in wishes:
        ctx.draft.changes.append(wish.change)
        if wish.is_written:
            ctx.draft.ready(Kind.FILE, wish.resource.name, _step(ctx, wish, after))
        else:
            ctx.draft.at_last(FinishFile(wish.resource.name), wish.resource.address, "left behind")


def _wish(ctx: Context, resource: File) -> Wish | None:
    """None if it is as declared, or refused."""
    live = ctx.observed.files.get(resource.name)
    if live is None:
        if resource.settings.source is None:
            return None
        change = ResourceChange(
            resource.address, Action.CREATE, origin=resource.origin, declared=compare.declared(resource)
        )
        return Wish(resource, None, change)
    if _is_refused(ctx, resource, live):
        return None
    diffs = compare.differences(ctx, resource, live)
    if not diffs:
        _note_foreign(ctx, resource)
        return _cleaned(resource, live) if live.left else None
    if refuse_protected(ctx, resource, "differs", diffs):
        return None
    return Wish(
        resource, live, ResourceChange(resource.address, Action.UPDATE, diffs, _reason(ctx, live), resource.origin)
    )


def _note_foreign(ctx: Context, resource: File) -> None:
    if compare.written(ctx, resource.name) is None:
        ctx.draft.note(f"{resource.address.label}: {_NOT_OURS}; used as it is")


def _cleaned(resource: File, live: ObservedFile) -> Wish:
    """What an interrupted run left beside a file goes."""
    reason = "an interrupted run left a copy beside it, which is removed"
    return Wish(resource, live, ResourceChange(resource.address, Action.UPDATE, (), reason, resource.origin))


def _reason(ctx: Context, live: ObservedFile) -> str:
    if compare.written(ctx, live.path) is None:
        return f"{_NOT_OURS}, is replaced" if live.kind is not FileKind.FILE else _NOT_OURS
    is_by_hand = live.kind is not FileKind.FILE or compare.is_as_written(ctx, live) is False
    return BY_HAND if is_by_hand else ""


def _is_refused(ctx: Context, resource: File, live: ObservedFile) -> bool:
    if live.kind not in (FileKind.FILE, FileKind.LINK):
        what = "a directory" if live.kind is FileKind.DIRECTORY else "no regular file"
        hint = "remove it, or give the file another path"
        ctx.draft.refuse(Refusal(resource.address, f"is {what} on the host", hint, resource.origin))
        return True
    for project, manifest in sorted(ctx.observed.manifests.items()):
        is_theirs = is_written(manifest.entries.get(live.path), live.sha256, ctx.desired.sealing) is not False
        if project != ctx.desired.project and is_theirs:
            hint = f"declare it in one project, or remove it from {project} first"
            ctx.draft.refuse(Refusal(resource.address, f"belongs to project {project}", hint, resource.origin))
            return True
    return False


def _manifest(ctx: Context, wishes: list[Wish]) -> Steps:
    """Of everything that this project wrote and still has, and of what it is going to write."""
    before = ctx.observed.manifests.get(ctx.desired.project, Manifest())
    entries = dict(before.entries)
    for resource in ctx.wanted(FileSettings):
        live = ctx.observed.files.get(resource.name)
        if live is not None and resource.name in entries and compare.has_content(resource, live):
            entries[resource.name] = compare.record(ctx, resource, live)
    for wish in wishes:
        entries[wish.resource.name] = compare.record(ctx, wish.resource, wish.live)
    gone = [path for path in entries if path not in ctx.observed.files and ctx.desired.find(Kind.FILE, path) is None]
    kept = {path: entry for path, entry in entries.items() if path not in gone}
    if kept == before.entries:
        return ()
    return (_write_manifest(ctx, wishes[0].resource, before, kept),)


def _write_manifest(ctx: Context, first: File, before: Manifest, entries: dict[str, Written]) -> int:
    project, address = ctx.desired.project, first.address
    name = name_of(project, before.number + 1)
    operation = WriteManifest(name, labels_of(project, entries))
    step = ctx.draft.step(operation, address, "what is written is on record", undo=(RemoveManifest(name),))
    if before.number:
        ctx.draft.at_last(RemoveManifest(name_of(project, before.number)), address, "replaced", after=(step,))
    return step


def _step(ctx: Context, wish: Wish, after: Steps) -> int:
    resource, live, change = wish.resource, wish.live, wish.change
    settings, path = resource.settings, resource.name
    mode, (owner, group) = compare.mode_of(resource, live), compare.owner_of(resource, live)
    cause = change.reason or ("missing" if live is None else _names(change.diffs))
    if live is not None and compare.has_content(resource, live):
        operation: Operation = SetFile(path, mode, owner, group)
        undo: Operation = SetFile(path, live.mode, str(live.uid), str(live.gid))
        return ctx.draft.step(operation, resource.address, cause, after=after, undo=(undo,))
    assert settings.source is not None
    source = settings.source
    before = "" if live is None else live.sha256 if live.kind is FileKind.FILE else None
    operation = PutFile(
        path,
        source.sha256,
        source.size,
        mode,
        owner,
        group,
        content=ctx.desired.contents.get(source.sha256),
        source=source.path,
        validate=settings.validate,
        before=before,
    )
    restore = RestoreFile(path, source.sha256, existed=live is not None)
    step = ctx.draft.step(operation, resource.address, cause, after=after, undo=(restore,))
    if live is not None:
        ctx.draft.at_last(FinishFile(path, settings.backup), resource.address, "replaced", after=(step,))
    return step


def _names(diffs: tuple[FieldDiff, ...]) -> str:
    return ", ".join(found.name for found in diffs)


def remove_absent(ctx: Context) -> None:
    """A file that is declared absent goes whoever wrote it; what is no file is refused."""
    for resource in ctx.unwanted(FileSettings):
        live = ctx.observed.files.get(resource.name)
        if live is None or _is_refused(ctx, resource, live) or refuse_protected(ctx, resource):
            continue
        if live.kind is not FileKind.FILE:
            hint = "remove it on the host"
            ctx.draft.refuse(Refusal(resource.address, f"is a {live.kind} on the host", hint, resource.origin))
            continue
        ours = compare.is_as_written(ctx, live)
        reason = "absent" if ours else f"absent; {BY_HAND if compare.written(ctx, live.path) else _NOT_OURS}"
        _remove(ctx, resource, live, reason)


def prune(ctx: Context) -> None:
    for path in sorted(ctx.observed.manifests.get(ctx.desired.project, Manifest()).entries):
        if not is_declared(ctx, Kind.FILE, path):
            _remove_written(ctx, path, REASON)


def destroy(ctx: Context) -> None:
    entries = ctx.observed.manifests.get(ctx.desired.project, Manifest()).entries
    kept = [path for path in sorted(entries) if not _remove_written(ctx, path, DESTROYED)]
    manifest = ctx.observed.manifests.get(ctx.desired.project)
    if manifest is None or kept or not entries:
        return
    address = ctx.address(Kind.FILE, min(entries))
    name = name_of(ctx.desired.project, manifest.number)
    ctx.draft.at_last(RemoveManifest(name), address, DESTROYED, after=ctx.draft.removals())


def _remove_written(ctx: Context, path: str, reason: str) -> bool:
    """Whether it is gone then: one that is not as it was written is kept."""
    live = ctx.observed.files.get(path)
    if live is None:
        return True
    resource = declared_or_placeholder(ctx, Kind.FILE, path, FileSettings)
    if compare.is_as_written(ctx, live) and live.kind is FileKind.FILE:
        if refuse_protected(ctx, resource):
            return False
        _remove(ctx, resource, live, reason)
        return True
    why = "another controller wrote it" if compare.is_as_written(ctx, live) is None else BY_HAND
    ctx.draft.note(f"{resource.address.label}: {reason}, but {why}: it is kept")
    return False


def _remove(ctx: Context, resource: File, live: ObservedFile, reason: str) -> None:
    ctx.draft.changes.append(ResourceChange(resource.address, Action.REMOVE, reason=reason, origin=resource.origin))
    operation = RemoveFile(resource.name, live.sha256, resource.settings.backup)
    ctx.draft.at_last(operation, resource.address, reason, after=ctx.draft.removals())


def drift(ctx: Context, resource: File) -> Iterator[Drift]:
    live = ctx.observed.files.get(resource.name)
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
    for path in sorted(ctx.observed.manifests.get(ctx.desired.project, Manifest()).entries):
        if path in ctx.observed.files and not is_declared(ctx, Kind.FILE, path):
            yield Drift(ctx.address(Kind.FILE, path), Verdict.UNDECLARED)
