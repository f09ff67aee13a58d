"""Why a file cannot be written or removed."""

from __future__ import annotations

from typing import Final

from deployer.interfaces import FileKind
from deployer.model.desired import File, Kind
from deployer.model.files import ObservedFile, above, is_written
from deployer.model.plan import Refusal
from deployer.planning.context import Context
from deployer.planning.undeclared import is_declared

KINDS: Final = {
    FileKind.FILE: "a file",
    FileKind.DIRECTORY: "a directory",
    FileKind.LINK: "a link",
    FileKind.OTHER: "no regular file",
}


def has_no_place(ctx: Context, resource: File) -> bool:
    """Whether something above it is no directory, which is refused. What is declared there is refused by itself."""
    for folder in above(resource.name):
        live = ctx.observed.files.get(folder)
        if live is not None and live.kind in (FileKind.FILE, FileKind.OTHER):
            if not is_declared(ctx, Kind.FILE, folder):
                hint = f"remove {folder} on the host, or give the {resource.settings.kind} another path"
                summary = f"is below {folder}, which is {KINDS[live.kind]} on the host"
                ctx.draft.refuse(Refusal(resource.address, summary, hint, resource.origin))
            return True
    return False


def is_impossible(ctx: Context, resource: File) -> bool:
    """Whether what is declared requires a shell that the host does not offer, which is refused."""
    settings = resource.settings
    on_host = settings.validate is not None and not settings.image
    if ctx.observed.runs_commands or not (on_host or settings.kind is FileKind.LINK):
        return False
    what, hint = ("validated", "give 'validate' an image") if on_host else ("linked", "exclude it")
    place = resource.place(("validate",) if on_host else ())
    ctx.draft.refuse(Refusal(resource.address, f"cannot be {what}: the host offers no shell", hint, place))
    return True


def is_refused(ctx: Context, resource: File, live: ObservedFile) -> bool:
    kind, replaceable = resource.settings.kind, (FileKind.FILE, FileKind.LINK)
    if live.kind is not kind and not (live.kind in replaceable and kind in replaceable):
        hint = f"remove it, or give the {kind} another path"
        ctx.draft.refuse(Refusal(resource.address, f"is {KINDS[live.kind]} on the host", hint, resource.origin))
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
