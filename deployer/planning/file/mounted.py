"""What containers see of the files that change, and what they do then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deployer.fields.field import Change
from deployer.fields.options import Reaction
from deployer.model.desired import Container, Kind, Workload, has_settings
from deployer.model.files import above
from deployer.model.plan import FieldDiff
from deployer.model.settings import UNNOTICED, ContainerSettings, FileSettings, OnChange
from deployer.planning.context import Context


def seen(resource: Workload, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Targets of the binds, and the paths of files that are in them."""
    paths = sorted(paths)
    for target, own in sorted((resource.values.get("volumes") or {}).items()):
        if own["type"] == "bind":
            yield from ((target, path) for path in paths if f"{path}/".startswith(f"{own['source']}/"))


def said(ctx: Context, resource: Container, target: str, path: str) -> OnChange | None:
    """What the mount says, or else the file."""
    own = resource.settings.on_change.get("volumes", {}).get(target)
    return own if own is not None else _said_of(ctx, path)


def _said_of(ctx: Context, path: str) -> OnChange | None:
    """By the file, or by the directory that removes what it does not have."""
    for declared in (path, *above(path)):
        file = ctx.desired.find(Kind.FILE, declared)
        if file is not None and has_settings(file, FileSettings) and (declared == path or file.settings.delete):
            return file.settings.on_change
    return None


def reaction(ctx: Context, resource: Container, target: str, path: str) -> OnChange:
    return said(ctx, resource, target, path) or UNNOTICED


def sources(ctx: Context) -> Iterator[str]:
    """What declared containers mount of the host."""
    for resource in ctx.desired.of(ContainerSettings):
        volumes = (resource.values.get("volumes") or {}) if not resource.absent else {}
        yield from (own["source"] for own in volumes.values() if own["type"] == "bind")


def targets(resource: Workload, path: str) -> list[str]:
    """Where exactly this is mounted."""
    volumes = resource.values.get("volumes") or {}
    return [target for target, own in sorted(volumes.items()) if own["type"] == "bind" and own["source"] == path]


def is_alone(resource: Container, target: str, path: str) -> bool:
    """Whether the file itself is mounted: the container keeps the one it has until it starts again."""
    return bool(resource.values["volumes"][target]["source"] == path)


def may_react(ctx: Context, path: str) -> bool:
    """Whether any container does something when the content of the file changes."""
    return any(
        reaction(ctx, resource, target, path) != UNNOTICED
        for resource in ctx.wanted(ContainerSettings)
        for target, _ in seen(resource, (path,))
    )


def replacing(ctx: Context, resource: Workload) -> Iterator[FieldDiff]:
    """The changed files for which the container is replaced."""
    if not ctx.files.changed or not has_settings(resource, ContainerSettings):
        return
    for target, path in seen(resource, ctx.files.changed):
        if reaction(ctx, resource, target, path).reaction is Reaction.RECREATE:
            found, place = ctx.files.changed[path], resource.place(("volumes", target))
            yield FieldDiff(("file", path), found.old, found.new, Change.REPLACE, place)
