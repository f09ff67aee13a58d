"""Plans changes of files under a running container, and what it does then, as `on_change` says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from deployer.fields.container.files import DELIVERED, Delivered
from deployer.fields.field import Change
from deployer.fields.options import Reaction, RunState
from deployer.model.desired import Container, has_settings
from deployer.model.file_reactions import reaction
from deployer.model.observed import ObservedContainer
from deployer.model.operations import (
    Operation,
    RestartContainer,
    RunCommand,
    SignalContainer,
    SwitchFiles,
    WrittenFile,
)
from deployer.model.plan import FieldDiff, Group, Work
from deployer.model.secrets import redact
from deployer.model.settings import ContainerSettings, OnChange
from deployer.planning.container.files import is_lost, labels, written
from deployer.planning.container.health import watched
from deployer.planning.container.recording import record_rewriting
from deployer.planning.container.replace import Track
from deployer.planning.context import Context, Steps
from deployer.values import file_mount

_STRENGTH = list(Reaction)


def rewrite(
    ctx: Context, resource: Container, live: ObservedContainer, diffs: tuple[FieldDiff, ...], after: Steps
) -> Steps:
    """New versions of the files beside the old ones, then the reactions, then the wait until the container works. If
    it does not, the old versions count again, and the reactions are repeated."""
    kinds = [kind for kind in DELIVERED if _changed(kind, diffs)]
    if not kinds or any(is_lost(ctx, resource, kind) for kind in kinds):
        return after
    track = Track(ctx, resource, _what_changed(resource, diffs), Group(Work.RELOAD, (resource.name,)))
    being = {kind.name: file_mount.unsure(live.values[kind.name], _changed(kind, diffs)) for kind in kinds}
    record, forgotten = record_rewriting(ctx, resource, live, being)
    after = track.add(record, after, forgotten)
    back = tuple(_switch(ctx, resource, live, kind) for kind in kinds)
    for kind, undo in zip(kinds, back, strict=True):
        new = _new_version(ctx, resource, live, kind)
        differ = undo.links != new.links
        after = track.add(new, after, undo, *((_emptied(new, *new.links.values()),) if differ else ()))
    return react(track, live, _reactions(resource, diffs), back, after)


def empty_old(
    ctx: Context, resource: Container, live: ObservedContainer, diffs: tuple[FieldDiff, ...], after: Steps
) -> None:
    """What the old versions held is gone when the record names the new ones."""
    for kind in (kind for kind in DELIVERED if _changed(kind, diffs)):
        old = _switch(ctx, resource, live, kind)
        version = live.changing[kind.name].version
        if version != file_mount.version(kind.name, resource.values[kind.name]):
            cause = _what_changed(resource, diffs)
            ctx.draft.at_last(_emptied(old, version), resource.address, cause, after=after)


def why(ctx: Context, resource: Container, live: ObservedContainer, diffs: tuple[FieldDiff, ...]) -> str:
    """`exec nginx -s reload: config nginx.conf changed`; "" if no files change under the container."""
    words = " and ".join(str(how) for how in strongest(_reactions(resource, diffs))) if live.running else ""
    changed = _what_changed(resource, diffs)
    contents = (str(entry.get("content")) for field in live.changing for entry in live.values[field].values())
    if changed and any(each.startswith(file_mount.UNSURE) for each in contents):
        changed += ", continues after an interrupted run"
    return ": ".join(filter(None, (redact(words, ctx.desired.secrets), changed))) if changed else ""


def _what_changed(resource: Container, diffs: tuple[FieldDiff, ...]) -> str:
    """`config nginx.conf changed`."""
    kinds = {kind: _changed(kind, diffs) for kind in DELIVERED}
    found = (f"{kind.one} {resource.values[kind.name][target]['source']}" for kind in kinds for target in kinds[kind])
    names = ", ".join(dict.fromkeys(found))
    return f"{names} changed" if names else ""


def strongest(found: Iterable[OnChange]) -> tuple[OnChange, ...]:
    """What is done if several files changed: to restart includes every command and signal, which are each done once."""
    known = sorted(set(found))
    top = max((_STRENGTH.index(how.reaction) for how in known), default=0)
    if _STRENGTH[top] in (Reaction.RESTART, Reaction.RECREATE):
        return tuple(how for how in known if how.reaction is _STRENGTH[top])[:1]
    return tuple(how for how in known if how.reaction is not Reaction.NONE)


def react(
    track: Track, live: ObservedContainer, reactions: Iterable[OnChange], back: tuple[Operation, ...], after: Steps
) -> Steps:
    """The reactions, and the wait until the container works. `back`: restores the files before a reaction is
    repeated."""
    ctx, resource = track.ctx, track.resource
    assert has_settings(resource, ContainerSettings)
    if not live.running or resource.settings.state is RunState.STOPPED:
        return after
    for how in (wanted := strongest(reactions)):
        again = _operation(resource, live, how, revives=True)
        after = track.add(_operation(resource, live, how), after, *back, again)
    if not wanted:
        return after
    if any(how.reaction is Reaction.RESTART for how in wanted):
        ctx.containers.restarted.add(resource.name)
    return track.add(replace(watched(ctx, resource, live.id), again=True), after)


def _operation(resource: Container, live: ObservedContainer, how: OnChange, *, revives: bool = False) -> Operation:
    update = resource.settings.update
    if how.reaction is Reaction.RESTART or live.state == "restarting":
        return RestartContainer(live.id, update.stop_grace_period)
    if how.reaction is Reaction.SIGNAL:
        return SignalContainer(live.id, how.signal, revives)
    return RunCommand(live.id, how.command, update.health_timeout, revives)


def _changed(kind: Delivered, diffs: Iterable[FieldDiff]) -> list[str]:
    """Targets of the files that change."""
    found = (each for each in diffs if each.effect is Change.REWRITE and each.path[0] == kind.name)
    return sorted({each.path[1] for each in found})


def _reactions(resource: Container, diffs: tuple[FieldDiff, ...]) -> Iterator[OnChange]:
    for kind in DELIVERED:
        yield from (reaction(resource, kind.name, target) for target in _changed(kind, diffs))


def _new_version(ctx: Context, resource: Container, live: ObservedContainer, kind: Delivered) -> SwitchFiles:
    """Those that count, if a run was killed before it replaced them, are still there."""
    version = file_mount.version(kind.name, resource.values[kind.name])
    if version == live.changing[kind.name].version:
        return _switch(ctx, resource, live, kind)
    new = written(ctx, resource, kind, live.changing[kind.name].volume, version=version)
    switched = _switch(ctx, resource, live, kind)
    return replace(switched, files=new.files, links={file_mount.CURRENT: version})


def _switch(ctx: Context, resource: Container, live: ObservedContainer, kind: Delivered) -> SwitchFiles:
    """Lets the version that counts now count again. The image of the container is there, whatever is declared."""
    place = live.changing[kind.name]
    return SwitchFiles(place.volume, live.image_id, "", labels(ctx, resource), (), {file_mount.CURRENT: place.version})


def _emptied(operation: SwitchFiles, version: str) -> SwitchFiles:
    """An empty file in the place of a version that does not count: archives cannot remove it."""
    return replace(operation, files=(WrittenFile(version, 0o444, 0, 0, b""),), links={})
