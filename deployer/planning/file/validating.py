"""New files that a command must accept before anything else in the plan is done."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from deployer.fields.validation import NEW
from deployer.model.container_names import VALIDATES
from deployer.model.desired import Address, File, Imaged, Kind
from deployer.model.operations import MakeLink, NewFile, PutFile, RemoveContainer, StopContainer, ValidateFiles
from deployer.model.ownership import PROJECT
from deployer.model.plan import Action, ResourceChange
from deployer.model.secrets import redacted
from deployer.model.settings import FileSettings, FromImage, Validation
from deployer.planning.container.leftovers import CAUSE
from deployer.planning.context import Context
from deployer.planning.image import plan as images
from deployer.values import command, image

_NAMED: Final = 3
"""Files that a note names."""

Pair: TypeAlias = tuple[str, str]
"""A path in a container, and the one on the host that is there."""


class _Check(Struct, frozen=True):
    """A command: for one file if it names that in a container, or for all files that require the same. `image`: "" on
    the host."""

    how: Validation
    image: str
    path: str = ""


class _Changes(Struct, frozen=True):
    """What comes, and the paths of what goes."""

    new: Sequence[NewFile]
    gone: Sequence[str]

    @property
    def paths(self) -> list[str]:
        return [*(operation.path for operation in self.new), *self.gone]


def validate(ctx: Context, new: Sequence[NewFile], gone: Sequence[str]) -> None:
    """A command on the host is only noted: it runs when its file is written. Others run now, if anything changes that
    they see."""
    changes = _Changes(new, gone)
    steps = []
    for check, paths in _checks(ctx, changes).items():
        _note(ctx, check, paths)
        if check.image:
            user = _user(ctx, check.image, ctx.address(Kind.FILE, paths[0]))
            operation, own = _operation(ctx, check, paths, user, changes), frozenset(paths)
            first = next(path for path in changes.paths if path in own or _is_mounted(path, check.how))
            after, address = ctx.draft.when_ready(Kind.IMAGE, check.image), ctx.address(Kind.FILE, first)
            steps.append(ctx.draft.step(operation, address, "before anything changes", after=after))
    ctx.draft.gate(*steps)


def remove_left(ctx: Context) -> None:
    """Containers of killed runs, before others get their names."""
    last: list[int] = []
    for stub in ctx.observed.others:
        if stub.validates != ctx.desired.project:
            continue
        address = ctx.address(Kind.CONTAINER, stub.name)
        ctx.draft.changes.append(ResourceChange(address, Action.REMOVE, reason=CAUSE))
        after = (ctx.draft.step(StopContainer(stub.id), address, CAUSE),) if stub.running else ()
        last.append(ctx.draft.step(RemoveContainer(stub.id, anonymous=True), address, CAUSE, after=after))
    ctx.draft.gate(*last)


def _checks(ctx: Context, changes: _Changes) -> dict[_Check, list[str]]:
    """With the files that require it, by path."""
    found: dict[_Check, list[str]] = {}
    changed, mounted = frozenset(changes.paths), dict[Validation, bool]()
    for resource in ctx.wanted(FileSettings) if changed else ():
        how, reference = resource.settings.validate, resource.settings.image
        if how is None:
            continue
        if how not in mounted:
            mounted[how] = any(_is_mounted(path, how) for path in changed)
        if resource.name in changed or mounted[how]:
            path = resource.name if reference and any(NEW in word for word in how.command) else ""
            found.setdefault(_Check(how, reference, path), []).append(resource.name)
    return found


def _is_mounted(path: str, how: Validation) -> bool:
    return any(_is_in(path, source) for _, source in how.volumes)


def _user(ctx: Context, reference: str, address: Address) -> Imaged:
    """What in the play needs the image, and so says how it is pulled; the file itself, if nothing else does. The pull
    is planned."""
    users = sorted(ctx.wanted(FromImage), key=lambda found: found.kind is Kind.FILE)
    user: Imaged = replace(next(found for found in users if found.image == reference), address=address)
    images.ensure(ctx, images.wanted(ctx, user), user, user.origin)
    return user


def _note(ctx: Context, check: _Check, paths: list[str]) -> None:
    names = ", ".join(ctx.address(Kind.FILE, path).label for path in paths[:_NAMED])
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    shown = _shown(ctx, check.how.command, check.image)
    seen = "".join(f", with {source} as {target}" for target, source in check.how.volumes)
    ctx.draft.note(f"{names}{more}: must be accepted by {shown}{seen}")


def _shown(ctx: Context, words: tuple[str, ...], reference: str) -> str:
    where = f"in {image.familiar(reference)}" if reference else "on the host"
    return f"{command.show(tuple(redacted(words, ctx.desired.secrets)))} {where}"


def _operation(ctx: Context, check: _Check, paths: list[str], user: Imaged, changes: _Changes) -> ValidateFiles:
    volumes, new, own = check.how.volumes, {each.path: each for each in changes.new}, frozenset(paths)
    alone = {target: new[source] for target, source in volumes if isinstance(new.get(source), PutFile | MakeLink)}
    outside = (path for path in paths if not any(_is_in(path, source) for _, source in volumes))
    alone |= {path: new[path] for path in outside if path in new}
    apart = {target for target, source in volumes if source in changes.gone} | alone.keys()
    copied = tuple(pair for pair in volumes if pair[0] not in apart and _differs(pair, (*new, *changes.gone), alone))
    files = alone | {target: new[path] for path in new for target in _targets(path, copied, volumes)}
    named = next(_targets(check.path, volumes, volumes), check.path)
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
        secret=any(_is_secret(found, volumes, own) for found in ctx.wanted(FileSettings)),
    )


def _differs(pair: Pair, changed: Iterable[str], alone: Iterable[str]) -> bool:
    """Whether anything changes in the directory, or comes into its place in the container."""
    target, source = pair
    return any(_is_in(path, source) for path in changed) or any(_is_in(path, target) for path in alone)


def _name(project: str, path: str) -> str:
    """The same in the next run, which removes what a killed one left."""
    return f"{VALIDATES}{hashlib.sha256(f'{project} {path}'.encode()).hexdigest()[:24]}"


def _targets(path: str, copied: Iterable[Pair], volumes: Sequence[Pair]) -> Iterator[str]:
    """Where a file is in the container, unless something else is mounted over that."""
    for target, source in copied:
        if _is_in(path, source):
            found = f"{target}/{path.removeprefix(source.rstrip('/')).lstrip('/')}".rstrip("/")
            if not any(_is_in(found, other) and _is_in(other, target) for other, _ in volumes if other != target):
                yield found


def _is_in(path: str, folder: str) -> bool:
    """Or the folder itself."""
    return f"{path}/".startswith(f"{folder.rstrip('/')}/")


def _is_secret(found: File, volumes: Iterable[Pair], paths: Container[str]) -> bool:
    """Whether the command may show parts of a secret file."""
    return found.settings.secret and (found.name in paths or any(_is_in(found.name, source) for _, source in volumes))
