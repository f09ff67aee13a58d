"""Containers that keep running when a file that they mount changes: they do what `on_change` says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from msgspec.structs import replace

from deployer.fields.options import Reaction
from deployer.model.desired import Container, Kind
from deployer.model.files import Manifest, labels_of, name_of
from deployer.model.observed import ObservedContainer
from deployer.model.operations import RemoveManifest, WriteManifest
from deployer.model.plan import Action, Group, Refusal, ResourceChange, Work
from deployer.model.secrets import redact
from deployer.model.settings import ContainerSettings, OnChange
from deployer.planning.container.reload import react, strongest
from deployer.planning.container.replace import Track
from deployer.planning.context import Context, Steps, is_ours
from deployer.planning.file.mounted import is_alone, reaction, said, seen

Seen: TypeAlias = Sequence[tuple[str, str]]
"""Targets, and paths of changed files in them."""

_OLD = (Reaction.SIGNAL, Reaction.EXEC)


def react_to_files(ctx: Context) -> None:
    """After the containers are planned: one that is created or started anyway reads the new files."""
    if not ctx.files.changed:
        return
    after: Steps = ()
    for resource in ctx.wanted(ContainerSettings):
        live = ctx.observed.container(resource.name)
        anew = resource.name in ctx.containers.renewed or resource.name in ctx.containers.restarted
        found = tuple(seen(resource, ctx.files.changed))
        if found and live is not None and live.running and is_ours(ctx, resource, live) and not anew:
            after += _react(ctx, resource, live, found)
    _settle(ctx, after)


def _react(ctx: Context, resource: Container, live: ObservedContainer, found: Seen) -> Steps:
    hows = {pair: reaction(ctx, resource, *pair) for pair in found}
    wanted = [how for how in hows.values() if how.reaction is not Reaction.NONE]
    if not wanted:
        _note(ctx, resource, found)
        return ()
    if _is_refused(ctx, resource, hows):
        return ()
    paths = list(dict.fromkeys(path for _, path in found))
    cause = _what_happened(ctx, paths)
    track = Track(ctx, resource, cause, Group(Work.RELOAD, (resource.name,)))
    ready = ctx.draft.when_ready(Kind.CONTAINER, resource.name)
    after = (*ready, *(step for path in paths for step in ctx.draft.when_ready(Kind.FILE, path)))
    back = tuple(operation for path in paths for operation in ctx.files.changed[path].back)
    steps = react(track, live, wanted, back, after)
    words = redact(" and ".join(map(str, strongest(wanted))), ctx.desired.secrets)
    change = ResourceChange(resource.address, Action.UPDATE, reason=f"{words}: {cause}", origin=resource.origin)
    ctx.draft.change(change)
    ctx.draft.ready(Kind.CONTAINER, resource.name, *steps)
    return steps


def _what_happened(ctx: Context, paths: Sequence[str]) -> str:
    """`/etc/a, /etc/b changed and /etc/c removed`."""
    words = {"changed": False, "removed": True}
    found = {word: [path for path in paths if ctx.files.changed[path].removed is gone] for word, gone in words.items()}
    return " and ".join(f"{', '.join(some)} {word}" for word, some in found.items() if some)


def _is_refused(ctx: Context, resource: Container, hows: dict[tuple[str, str], OnChange]) -> bool:
    """A file that is mounted by itself is the old one until the container starts again."""
    for (target, path), how in hows.items():
        if how.reaction in _OLD and is_alone(resource, target, path):
            summary = f"mounts the file {path}, and would read the old one after {how.reaction}"
            hint = "mount its directory, or write on_change: restart"
            ctx.draft.refuse(Refusal(resource.address, summary, hint, resource.place(("volumes", target))))
            return True
    return False


def _note(ctx: Context, resource: Container, found: Seen) -> None:
    """Where nobody said that nothing is to be done."""
    silent = [pair for pair in found if said(ctx, resource, *pair) is None]
    for verb, gone in (("changes", False), ("is removed", True)):
        pairs = [pair for pair in silent if ctx.files.changed[pair[1]].removed is gone]
        if not pairs:
            continue
        paths = ", ".join(dict.fromkeys(path for _, path in pairs))
        alone = any(is_alone(resource, *pair) for pair in pairs)
        what = "reads the old one until it is started again" if alone else "is not told"
        label = resource.address.label
        ctx.draft.note(f"{label}: mounts {paths}, which {verb}, and {what}; on_change says what it does")


def _settle(ctx: Context, after: Steps) -> None:
    """The manifest says that nothing is owed any more, and nothing of what went."""
    known = ctx.observed.manifests.get(ctx.desired.project, Manifest())
    step, manifest = ctx.files.written[-1] if ctx.files.written else (0, known)
    if not any(entry.owed for entry in manifest.entries.values()) or not ctx.draft.changes:
        return
    project, address = ctx.desired.project, ctx.address(Kind.FILE, min(ctx.files.changed))
    changed, seen = ctx.files.changed, ctx.observed.files
    gone = {path for path, each in changed.items() if each.removed and (each.back or path not in seen)}
    entries = {path: replace(entry, owed=False) for path, entry in manifest.entries.items() if path not in gone}
    settled = WriteManifest(name_of(project, manifest.number + 1), labels_of(project, entries))
    after = (*after, *ctx.draft.finishing(gone), *((step,) if step else ()))
    done = ctx.draft.at_last(settled, address, "nothing is owed", after=after)
    for number in (*manifest.older, manifest.number):
        ctx.draft.at_last(RemoveManifest(name_of(project, number)), address, "replaced", after=(done,))
