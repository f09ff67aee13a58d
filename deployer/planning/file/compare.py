"""How a file on a host differs from its declaration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from deployer.diagnostics import Origin
from deployer.fields.container.files import KEYED, text_of
from deployer.fields.field import Change
from deployer.fields.file import WAYS
from deployer.interfaces import FileKind
from deployer.model.desired import File
from deployer.model.files import LINK, ObservedFile, Written, digest_of, identity, is_written
from deployer.model.plan import FieldDiff
from deployer.model.secrets import MASK, redact
from deployer.planning.context import Context
from deployer.values import size

NEW, NEW_SECRET, NEW_DIRECTORY = 0o644, 0o600, 0o755
"""Modes of new files and directories."""

BY_HAND: Final = "changed on the host since the last apply"
NOT_OURS: Final = "not written by this project"

_EFFECT: Final = Change.UPDATE


def mode_of(resource: File, live: ObservedFile | None) -> int:
    """The mode that the file has after the run."""
    settings = resource.settings
    if settings.mode is not None:
        return settings.mode
    if live is not None and live.kind is settings.kind:
        return live.mode
    if settings.kind is FileKind.DIRECTORY:
        return NEW_DIRECTORY
    return NEW_SECRET if settings.secret else NEW


def owner_of(resource: File, live: ObservedFile | None) -> tuple[str, str]:
    """Owner and group that are to be set; "" for those of the user who writes it."""
    is_kept = live is not None and live.kind is resource.settings.kind
    there = (str(live.uid), str(live.gid)) if live is not None and is_kept else ("", "")
    return resource.settings.owner or there[0], resource.settings.group or there[1]


def written(ctx: Context, path: str) -> Written | None:
    """What this project wrote there."""
    found = ctx.observed.manifests.get(ctx.desired.project)
    return found.entries.get(path) if found is not None else None


def is_as_written(ctx: Context, live: ObservedFile) -> bool | None:
    """Whether the content is what the project wrote; None if that cannot be told here."""
    return is_written(written(ctx, live.path), live.identity, ctx.desired.sealing)


def is_secret(ctx: Context, resource: File) -> bool:
    """Also if it was secret when it was written."""
    entry = written(ctx, resource.name)
    return resource.settings.secret or (entry is not None and entry.digest.startswith(KEYED))


def differences(ctx: Context, resource: File, live: ObservedFile) -> tuple[FieldDiff, ...]:
    return tuple(_differences(ctx, resource, live))


def _differences(ctx: Context, resource: File, live: ObservedFile) -> Iterator[FieldDiff]:
    settings = resource.settings
    if live.kind is not settings.kind:
        old, new = (f"link to {target}" if target else str(kind) for kind, target in _types(resource, live))
        yield FieldDiff(("type",), old, new, _EFFECT, _place_of_content(resource))
    elif is_same(resource, live):
        pass
    elif settings.kind is FileKind.LINK:
        yield FieldDiff(("target",), live.target, settings.target, _EFFECT, _place_of_content(resource))
    else:
        yield _content(ctx, resource, live)
    if settings.kind is not FileKind.LINK:
        yield from _access(resource, live)


def _types(resource: File, live: ObservedFile) -> tuple[tuple[FileKind, str], ...]:
    return (live.kind, live.target), (resource.settings.kind, resource.settings.target)


def identity_of(resource: File) -> str:
    """What is there after the run."""
    settings = resource.settings
    return identity(settings.kind, settings.source.sha256 if settings.source is not None else "", settings.target)


def is_same(resource: File, live: ObservedFile) -> bool:
    return live.identity == identity_of(resource)


def _content(ctx: Context, resource: File, live: ObservedFile) -> FieldDiff:
    source = resource.settings.source
    assert source is not None
    place = _place_of_content(resource)
    if is_secret(ctx, resource):
        return FieldDiff(("content",), MASK, MASK, _EFFECT, place, sensitive=True)
    data = ctx.desired.contents.get(source.sha256)
    old, new = live.text, text_of(data) if data is not None else None
    if old is None or new is None or old.rstrip("\n") == new.rstrip("\n"):
        old, new = shown(live.size, live.sha256), shown(source.size, source.sha256)
    else:
        old, new = (redact(text.removesuffix("\n"), ctx.desired.secrets) for text in (old, new))
    return FieldDiff(("content",), old or "(empty)", new or "(empty)", _EFFECT, place)


def _place_of_content(resource: File) -> Origin:
    way = next((name for name in WAYS if (name,) in resource.origins), "")
    return resource.place((way,))


def shown(length: int, sha256: str) -> str:
    return f"{size.show_rounded(length)} (sha256 {sha256[:12]})"


def _access(resource: File, live: ObservedFile) -> Iterator[FieldDiff]:
    settings = resource.settings
    if settings.mode is not None and settings.mode != live.mode:
        yield FieldDiff(("mode",), f"{live.mode:04o}", f"{settings.mode:04o}", _EFFECT, resource.place(("mode",)))
    for name, wanted, number, known in (
        ("owner", settings.owner, live.uid, live.user),
        ("group", settings.group, live.gid, live.group),
    ):
        is_same = not wanted or wanted in (str(number), known) or (wanted == "root" and number == 0 and not known)
        if not is_same:
            yield FieldDiff((name,), known or str(number), wanted, _EFFECT, resource.place((name,)))


def short(ctx: Context, resource: File, identity: str) -> str:
    if is_secret(ctx, resource):
        return MASK
    return identity if identity.startswith(LINK) else f"sha256 {identity[:12]}" if identity else "missing"


def declared(resource: File) -> tuple[FieldDiff, ...]:
    """What is declared of a new one."""
    settings, source = resource.settings, resource.settings.source
    place = _place_of_content(resource)
    if settings.kind is FileKind.LINK:
        return (FieldDiff(("target",), "", settings.target, _EFFECT, place),)
    found = []
    if source is not None:
        length = MASK if settings.secret else size.show_rounded(source.size)
        what = f"{settings.origin}, {length}" if settings.origin else length
        found.append(FieldDiff(("content",), "", what, _EFFECT, place))
    place_of_mode = resource.place(("mode",)) if settings.mode is not None else None
    default = "" if place_of_mode else "default"
    found.append(FieldDiff(("mode",), "", f"{mode_of(resource, None):04o}", _EFFECT, place_of_mode, default))
    for name in ("owner", "group"):
        if value := getattr(settings, name):
            found.append(FieldDiff((name,), "", value, _EFFECT, resource.place((name,))))
    return tuple(found)


def record(ctx: Context, resource: File, live: ObservedFile | None) -> Written:
    """What the manifest says of a file that is as declared after the run."""
    settings, sealing, new = resource.settings, ctx.desired.sealing, identity_of(resource)
    before = live.identity if live is not None and live.identity != new else ""
    return Written(
        digest_of(new, sealing, secret=settings.secret),
        digest_of(before, sealing, secret=is_secret(ctx, resource)),
        f"{mode_of(resource, live):04o}" if settings.kind is not FileKind.LINK else "",
        settings.owner,
        settings.group,
    )
