"""The container through which files are read and written where a host offers neither a shell nor SFTP."""

from __future__ import annotations

from typing import Final

from deployer.model.container_names import FILES
from deployer.model.desired import File, Kind
from deployer.model.files import Manifest
from deployer.model.operations import CreateFilesContainer, RemoveFilesContainer
from deployer.model.plan import Action, Refusal, ResourceChange
from deployer.model.settings import FileSettings
from deployer.planning.context import Context, Steps
from deployer.planning.undeclared import DESTROYED, declared_or_placeholder

MISSING: Final = f"container {FILES}, through which files of this host are read, does not exist"
_NEW: Final = (
    f"the host offers neither a shell nor SFTP: container {FILES} is created and stays; its files are read and written "
    "through it. Until then what is there is not known; it is not replaced"
)
_AGAIN: Final = f"{MISSING}: it is created; files on record are compared by the next plan"


def create(ctx: Context) -> Steps:
    """The steps after which it exists."""
    first = _first(ctx)
    if not ctx.observed.unread or first is None:
        return ()
    ctx.draft.note(_AGAIN if _entries(ctx, ctx.desired.project) else _NEW)
    return (ctx.draft.step(CreateFilesContainer(FILES), first.address, "files are read through it"),)


def update(ctx: Context) -> ResourceChange | None:
    """What is listed where it is created and nothing else about files can be planned."""
    first = _first(ctx)
    reason = f"not read: {MISSING}"
    return ResourceChange(first.address, Action.UPDATE, reason=reason, origin=first.origin) if first else None


def _first(ctx: Context) -> File | None:
    """A file that stands for all that the plan is about."""
    names = {resource.name for resource in (*ctx.wanted(FileSettings), *ctx.unwanted(FileSettings))}
    if ctx.policy.prune or ctx.desired.prune:
        names |= set(_entries(ctx, ctx.desired.project))
    return declared_or_placeholder(ctx, Kind.FILE, min(names), FileSettings) if names else None


def refuse_unread(ctx: Context) -> bool:
    """Whether files on record cannot be removed, since they cannot be read."""
    entries = _entries(ctx, ctx.desired.project)
    if not ctx.observed.unread or not entries:
        return False
    hint = "deployer apply creates it, with --prune also where no file is declared any more"
    ctx.draft.refuse(Refusal(ctx.address(Kind.FILE, min(entries)), MISSING, hint))
    return True


def remove(ctx: Context) -> None:
    """With the last project of the host that has files."""
    others = any(_entries(ctx, project) for project in ctx.observed.manifests if project != ctx.desired.project)
    own = (*_entries(ctx, ctx.desired.project), *(resource.name for resource in ctx.desired.of(FileSettings)))
    if others or not own or FILES not in ctx.observed.ids:
        return
    address = ctx.address(Kind.FILE, min(own))
    if not any(change.address == address for change in ctx.draft.changes):
        reason = f"{DESTROYED}: container {FILES}"
        ctx.draft.changes.append(ResourceChange(address, Action.REMOVE, reason=reason))
    ctx.draft.at_last(RemoveFilesContainer(FILES), address, DESTROYED, after=ctx.draft.removals_below(""))


def _entries(ctx: Context, project: str) -> tuple[str, ...]:
    return tuple(ctx.observed.manifests.get(project, Manifest()).entries)
