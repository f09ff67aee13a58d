"""New files that a command must accept before anything else in the plan is done."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from deployer.fields.validation import NEW
from deployer.model.desired import File, Imaged, Kind
from deployer.model.operations import MakeLink, NewFile, PutFile, ValidateFiles
from deployer.model.ownership import PROJECT
from deployer.model.secrets import redacted
from deployer.model.settings import FileSettings, FromImage, Validation
from deployer.planning.context import Context
from deployer.planning.image import plan as images
from deployer.values import command, image

_NAMED: Final = 3
"""Files that a note names."""

Pair: TypeAlias = tuple[str, str]
"""A path in a container, and the one on the host that is there."""


class _Check(Struct, frozen=True):
    """One run of a command: for one file if the command names it, or for all that require the same. `image`: "" on the
    host."""

    how: Validation
    image: str
    path: str = ""


class _Changes(Struct, frozen=True):
    """What comes, and the paths of what goes."""

    new: Sequence[NewFile]
    gone: Sequence[str]


def validate(ctx: Context, new: Sequence[NewFile], gone: Sequence[str]) -> None:
    """A command on the host is only noted: it runs when its file is written. Others run now, if anything changes that
    they see."""
    checks: dict[_Check, list[File]] = {}
    changed = dict.fromkeys([*(operation.path for operation in new), *gone])
    for resource in ctx.wanted(FileSettings) if changed else ():
        how, reference = resource.settings.validate, resource.settings.image
        if how is not None and any(_is_seen(path, resource.name, how) for path in changed):
            path = resource.name if not reference or any(NEW in word for word in how.command) else ""
            checks.setdefault(_Check(how, reference, path), []).append(resource)
    steps = []
    for check, resources in checks.items():
        _note(ctx, check, resources)
        if check.image:
            user = _user(ctx, check.image, resources[0])
            operation = _operation(ctx, check, [found.name for found in resources], user, _Changes(new, gone))
            first = next(path for path in changed if any(_is_seen(path, found, check.how) for found in operation.paths))
            after, address = ctx.draft.when_ready(Kind.IMAGE, check.image), ctx.address(Kind.FILE, first)
            steps.append(ctx.draft.step(operation, address, "before anything changes", after=after))
    ctx.draft.gate(*steps)


def _is_seen(path: str, own: str, how: Validation) -> bool:
    return path == own or any(_is_in(path, source) for _, source in how.volumes)


def _user(ctx: Context, reference: str, resource: File) -> Imaged:
    """What else in the play needs the image, and so says how it is pulled; or the file itself. The pull is planned."""
    users = (found for found in ctx.wanted(FromImage) if found.image == reference and found.kind is not Kind.FILE)
    user: Imaged = replace(next(users, resource), address=resource.address)
    images.ensure(ctx, images.wanted(ctx, user), user, user.origin)
    return user


def _note(ctx: Context, check: _Check, resources: list[File]) -> None:
    names = [found.address.label for found in resources]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    shown = _shown(ctx, check.how.command, check.image)
    seen = "".join(f", with {source} as {target}" for target, source in check.how.volumes)
    ctx.draft.note(f"{', '.join(names[:_NAMED])}{more}: must be accepted by {shown}{seen}")


def _shown(ctx: Context, words: tuple[str, ...], reference: str) -> str:
    where = f"in {image.familiar(reference)}" if reference else "on the host"
    return f"{command.show(tuple(redacted(words, ctx.desired.secrets)))} {where}"


def _operation(ctx: Context, check: _Check, paths: list[str], user: Imaged, changes: _Changes) -> ValidateFiles:
    volumes, new = check.how.volumes, {operation.path: operation for operation in changes.new}
    alone = {target: new[source] for target, source in volumes if isinstance(new.get(source), PutFile | MakeLink)}
    outside = (path for path in paths if not any(_is_in(path, source) for _, source in volumes))
    alone |= {path: new[path] for path in outside if path in new}
    apart = {target for target, source in volumes if source in changes.gone} | alone.keys()
    copied = tuple(pair for pair in volumes if pair[0] not in apart and _differs(pair, (*new, *changes.gone), alone))
    files = alone | {target: new[path] for path in new for target in _targets(path, copied, volumes)}
    named = next((target for target in _targets(check.path, volumes, volumes)), check.path)
    words = tuple(word.replace(NEW, named) for word in check.how.command)
    return ValidateFiles(
        name=_name(ctx.desired.project, paths[0]),
        paths=tuple(paths),
        image=check.image,
        platform=user.settings.platform,
        command=words,
        shown=_shown(ctx, words, check.image),
        labels={PROJECT: ctx.desired.project},
        files=tuple(sorted(files.items())),
        gone=tuple(target for path in changes.gone for target in _targets(path, copied, volumes)),
        copied=copied,
        mounted=tuple(pair for pair in volumes if pair[0] not in apart and pair not in copied),
        extra_hosts=check.how.extra_hosts,
        timeout=check.how.timeout,
        secret=any(_is_secret(found, volumes, paths) for found in ctx.wanted(FileSettings)),
    )


def _differs(pair: Pair, changed: Iterable[str], alone: Iterable[str]) -> bool:
    """Whether anything changes in the directory, or comes into its place in the container."""
    target, source = pair
    return any(_is_in(path, source) for path in changed) or any(_is_in(path, target) for path in alone)


def _name(project: str, path: str) -> str:
    """The same in the next run, which removes what a killed one left."""
    return f"deployer.validate.{hashlib.sha256(f'{project} {path}'.encode()).hexdigest()[:24]}"


def _targets(path: str, copied: Iterable[Pair], volumes: Sequence[Pair]) -> Iterator[str]:
    """Where a file is in the container, unless something else is mounted over that."""
    for target, source in copied:
        if _is_in(path, source):
            found = posixpath.normpath(posixpath.join(target, posixpath.relpath(path, source)))
            if not any(_is_in(found, other) and _is_in(other, target) for other, _ in volumes if other != target):
                yield found


def _is_in(path: str, folder: str) -> bool:
    """Or the folder itself."""
    return f"{path}/".startswith(f"{folder.rstrip('/')}/")


def _is_secret(found: File, volumes: Iterable[Pair], paths: Sequence[str]) -> bool:
    """Whether the command may show parts of a secret file."""
    return found.settings.secret and (found.name in paths or any(_is_in(found.name, source) for _, source in volumes))
