"""What containers see of the files that change, and what they do then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deployer.fields.field import Change
from deployer.fields.options import Reaction
from deployer.model.desired import Container, Kind, Workload, has_settings
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
    file = ctx.desired.find(Kind.FILE, path)
    if own is not None or file is None or not has_settings(file, FileSettings):
        return own
    return file.settings.on_change


def reaction(ctx: Context, resource: Container, target: str, path: str) -> OnChange:
    return said(ctx, resource, target, path) or UNNOTICED


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
