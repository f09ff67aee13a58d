"""Files: created, replaced and removed. What nobody of this project wrote is shown before it is replaced, and never
removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from deployer.interfaces import FileKind
from deployer.model.desired import File, Kind
from deployer.model.drift import Drift, Verdict
from deployer.model.files import (
    LINK,
    Manifest,
    ObservedFile,
    Written,
    above,
    is_excluded,
    is_written,
    labels_of,
    name_of,
)
from deployer.model.operations import (
    FinishFile,
    MakeDirectory,
    MakeLink,
    Operation,
    PutFile,
    RemoveFile,
    RemoveManifest,
    RestoreFile,
    SetFile,
    WriteManifest,
)
from deployer.model.plan import Action, FieldDiff, Refusal, ResourceChange
from deployer.model.secrets import MASK
from deployer.model.settings import FileSettings
from deployer.planning.context import ChangedFile, Context, Steps
from deployer.planning.file import compare, mounted
from deployer.planning.refusals import refuse_protected
from deployer.planning.undeclared import DESTROYED, REASON, declared_or_placeholder, is_declared

BY_HAND = "changed on the host since the last apply"
_NOT_OURS = "not written by this project"
_LEFT = "left behind"
_KINDS: Final = {
    FileKind.FILE: "a file",
    FileKind.DIRECTORY: "a directory",
    FileKind.LINK: "a link",
    FileKind.OTHER: "no regular file",
}


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
    _note_changed(ctx, written)
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
        if resource.settings.kind is FileKind.DIRECTORY or (live is not None and compare.is_same(resource, live)):
            continue
        back = (RestoreFile(resource.name, new, existed=live is not None),)
        texts = _short(ctx, resource, live.identity if live is not None else ""), _short(ctx, resource, new)
        ctx.files.changed[resource.name] = ChangedFile(*texts, back)
    for resource in ctx.wanted(FileSettings):
        entry = compare.written(ctx, resource.name)
        if entry is not None and entry.owed and resource.name not in ctx.files.changed:
            ctx.files.changed[resource.name] = ChangedFile("before an interrupted run", "now")


def _short(ctx: Context, resource: File, identity: str) -> str:
    if compare.is_secret(ctx, resource):
        return MASK
    return identity if identity.startswith(LINK) else f"sha256 {identity[:12]}" if identity else "missing"


def _wish(ctx: Context, resource: File) -> Wish | None:
    """None if it is as declared, or refused."""
    live = ctx.observed.files.get(resource.name)
    if live is None:
        change = ResourceChange(
            resource.address, Action.CREATE, origin=resource.origin, declared=compare.declared(resource)
        )
        return None if _has_no_place(ctx, resource) or _is_impossible(ctx, resource) else Wish(resource, None, change)
    if _is_refused(ctx, resource, live):
        return None
    diffs = compare.differences(ctx, resource, live)
    if not diffs:
        _note_foreign(ctx, resource)
        return _cleaned(resource, live) if live.left else None
    if refuse_protected(ctx, resource, "differs", diffs):
        return None
    if not compare.is_same(resource, live) and _is_impossible(ctx, resource):
        return None
    return Wish(
        resource, live, ResourceChange(resource.address, Action.UPDATE, diffs, _reason(ctx, live), resource.origin)
    )


def _note_foreign(ctx: Context, resource: File) -> None:
    if compare.written(ctx, resource.name) is None and resource.settings.kind is not FileKind.DIRECTORY:
        ctx.draft.note(f"{resource.address.label}: {_NOT_OURS}; used as it is")


def _cleaned(resource: File, live: ObservedFile) -> Wish:
    """What an interrupted run left beside a file goes, or becomes its backup."""
    becomes = "becomes its backup" if resource.settings.backup else "is removed"
    reason = f"an interrupted run left a copy beside it, which {becomes}"
    return Wish(resource, live, ResourceChange(resource.address, Action.UPDATE, (), reason, resource.origin))


def _reason(ctx: Context, live: ObservedFile) -> str:
    if compare.written(ctx, live.path) is None:
        return _NOT_OURS
    return BY_HAND if compare.is_as_written(ctx, live) is False else ""


def _has_no_place(ctx: Context, resource: File) -> bool:
    """Whether something above it is no directory, which is refused. What is declared there is refused by itself."""
    for folder in above(resource.name):
        live = ctx.observed.files.get(folder)
        if live is not None and live.kind in (FileKind.FILE, FileKind.OTHER):
            if not is_declared(ctx, Kind.FILE, folder):
                hint = f"remove {folder} on the host, or give the {resource.settings.kind} another path"
                summary = f"is below {folder}, which is {_KINDS[live.kind]} on the host"
                ctx.draft.refuse(Refusal(resource.address, summary, hint, resource.origin))
            return True
    return False


def _is_impossible(ctx: Context, resource: File) -> bool:
    """Whether what is declared requires a shell that the host does not offer, which is refused."""
    settings = resource.settings
    if ctx.observed.runs_commands or not (settings.validate or settings.kind is FileKind.LINK):
        return False
    what, hint = ("validated", "leave out 'validate'") if settings.validate else ("linked", "exclude it")
    place = resource.place(("validate",) if settings.validate else ())
    ctx.draft.refuse(Refusal(resource.address, f"cannot be {what}: the host offers no shell", hint, place))
    return True


def _is_refused(ctx: Context, resource: File, live: ObservedFile) -> bool:
    kind, replaceable = resource.settings.kind, (FileKind.FILE, FileKind.LINK)
    if live.kind is not kind and not (live.kind in replaceable and kind in replaceable):
        hint = f"remove it, or give the {kind} another path"
        ctx.draft.refuse(Refusal(resource.address, f"is {_KINDS[live.kind]} on the host", hint, resource.origin))
        return True
    if kind is FileKind.DIRECTORY:
        return False
    for project, manifest in sorted(ctx.observed.manifests.items()):
        is_theirs = is_written(manifest.entries.get(live.path), live.identity, ctx.desired.sealing) is not False
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
        if live is not None and resource.name in entries and compare.is_same(resource, live):
            owed = entries[resource.name].owed
            entries[resource.name] = replace(compare.record(ctx, resource, live), owed=owed)
    for wish in wishes:
        if wish.live is not None and wish.live.kind is FileKind.DIRECTORY and wish.resource.name not in entries:
            continue
        owed = mounted.may_react(ctx, wish.resource.name)
        entries[wish.resource.name] = replace(compare.record(ctx, wish.resource, wish.live), owed=owed)
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
    ctx.files.written.append((step, Manifest(before.number + 1, entries)))
    for number in (*before.older, before.number) if before.number else ():
        ctx.draft.at_last(RemoveManifest(name_of(project, number)), address, "replaced", after=(step,))
    return step


def _step(ctx: Context, wish: Wish, after: Steps) -> int:
    resource, live, change = wish.resource, wish.live, wish.change
    path, new = resource.name, compare.identity_of(resource)
    cause = change.reason or ("missing" if live is None else ", ".join(found.name for found in change.diffs))
    after = (*after, *_when_above(ctx, path))
    if live is not None and compare.is_same(resource, live):
        operation: Operation = SetFile(path, compare.mode_of(resource, live), *compare.owner_of(resource, live))
        undo: Operation = SetFile(path, live.mode, str(live.uid), str(live.gid))
        if live.left:
            _finish(ctx, resource, _LEFT)
        return ctx.draft.step(operation, resource.address, cause, after=after, undo=(undo,))
    if resource.settings.kind is FileKind.DIRECTORY:
        operation = MakeDirectory(path, compare.mode_of(resource, None), *compare.owner_of(resource, None))
        return ctx.draft.step(operation, resource.address, cause, after=after, undo=(RemoveFile(path, new),))
    if live is not None and live.left and resource.settings.backup:
        after = (*after, ctx.draft.step(FinishFile(path, backup=True), resource.address, _LEFT))
    operation = _put(ctx, resource, live)
    restore = RestoreFile(path, new, existed=live is not None)
    step = ctx.draft.step(operation, resource.address, cause, after=after, undo=(restore,))
    if live is not None:
        _finish(ctx, resource, "replaced", after=(step,))
    return step


def _finish(ctx: Context, resource: File, cause: str, after: Steps = ()) -> None:
    operation = FinishFile(resource.name, resource.settings.backup)
    ctx.draft.at_last(operation, resource.address, cause, after=after)


def _put(ctx: Context, resource: File, live: ObservedFile | None) -> Operation:
    settings, source = resource.settings, resource.settings.source
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
        validate=settings.validate,
        before=before,
        secret=settings.secret,
    )


def _when_above(ctx: Context, path: str) -> Steps:
    """The steps that make the nearest directory above that this play makes."""
    return next((found for folder in above(path) if (found := ctx.draft.when_ready(Kind.FILE, folder))), ())


def remove_absent(ctx: Context) -> None:
    """A file that is declared absent goes whoever wrote it; what is no file is refused."""
    for resource in ctx.unwanted(FileSettings):
        live = ctx.observed.files.get(resource.name)
        if live is None or _is_refused(ctx, resource, live) or refuse_protected(ctx, resource):
            continue
        if live.kind is not FileKind.FILE:
            hint = "remove it on the host"
            ctx.draft.refuse(Refusal(resource.address, f"is {_KINDS[live.kind]} on the host", hint, resource.origin))
            continue
        ours = compare.is_as_written(ctx, live)
        reason = "absent" if ours else f"absent; {BY_HAND if compare.written(ctx, live.path) else _NOT_OURS}"
        _remove(ctx, resource, live, reason)
    for resource in ctx.wanted(FileSettings):
        if resource.settings.delete:
            _empty(ctx, resource)


def _empty(ctx: Context, resource: File) -> None:
    """Removes what is below a directory and not declared, and directories with nothing that stays."""
    found = ctx.observed.files.get(resource.name)
    kept: list[str] = []
    for path in reversed(found.below if found is not None else ()):
        live, inside = ctx.observed.files.get(path), path.removeprefix(f"{resource.name}/")
        stays = is_declared(ctx, Kind.FILE, path) or is_excluded(inside, resource.settings.exclude)
        other = declared_or_placeholder(ctx, Kind.FILE, path, FileSettings)
        if live is not None and live.kind is FileKind.OTHER and not stays:
            ctx.draft.note(f"{other.address.label}: is no regular file, so it is kept")
            stays = True
        if live is None or stays or any(each.startswith(f"{path}/") for each in kept):
            kept.append(path)
            continue
        by = "" if compare.written(ctx, path) else f"; {_NOT_OURS}"
        _remove(ctx, replace(other, origin=resource.origin), live, f"not in {resource.settings.origin}{by}")


def prune(ctx: Context) -> None:
    for path in sorted(ctx.observed.manifests.get(ctx.desired.project, Manifest()).entries, reverse=True):
        if not is_declared(ctx, Kind.FILE, path):
            _remove_written(ctx, path, REASON)


def destroy(ctx: Context) -> None:
    entries = ctx.observed.manifests.get(ctx.desired.project, Manifest()).entries
    kept = [path for path in sorted(entries, reverse=True) if not _remove_written(ctx, path, DESTROYED)]
    manifest = ctx.observed.manifests.get(ctx.desired.project)
    if manifest is None or kept or not entries:
        return
    address = ctx.address(Kind.FILE, min(entries))
    for number in (*manifest.older, manifest.number):
        name = name_of(ctx.desired.project, number)
        ctx.draft.at_last(RemoveManifest(name), address, DESTROYED, after=ctx.draft.removals())


def _remove_written(ctx: Context, path: str, reason: str) -> bool:
    """Whether it is gone then: one that is not as it was written is kept."""
    live = ctx.observed.files.get(path)
    if live is None:
        return True
    resource = declared_or_placeholder(ctx, Kind.FILE, path, FileSettings)
    if any(change.address == resource.address for change in ctx.draft.changes):
        return True
    if compare.is_as_written(ctx, live):
        if refuse_protected(ctx, resource):
            return False
        _remove(ctx, resource, live, reason)
        return True
    why = "another controller wrote it" if compare.is_as_written(ctx, live) is None else BY_HAND
    ctx.draft.note(f"{resource.address.label}: {reason}, but {why}: it is kept")
    return False


def _remove(ctx: Context, resource: File, live: ObservedFile, reason: str) -> None:
    ctx.draft.changes.append(ResourceChange(resource.address, Action.REMOVE, reason=reason, origin=resource.origin))
    operation = RemoveFile(resource.name, live.identity, resource.settings.backup)
    below = ctx.draft.removals_below(resource.name)
    ctx.draft.at_last(operation, resource.address, reason, after=(*ctx.draft.removals(), *below))


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
