"""The backups that playbooks declare for volumes: made, listed, and removed when there are more than are kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from deployer.errors import DeployerError, ExitCode, RefusedError, UnreachableError, boundary
from deployer.model.settings import BackupPolicy, VolumeSettings
from deployer.reach.connectors import ConnectionType
from deployer.usecases.backup_file import Backup, Total, opened
from deployer.usecases.fleet import Fleet
from deployer.usecases.load import Loaded, Request, load
from deployer.usecases.system import System
from deployer.usecases.volume_copying import StoppedError, Tools
from deployer.usecases.volume_sides import How, Place, read_side
from deployer.usecases.volumes import Prepared, backup, need_source

SUFFIX = ".tar.zst"


class Wanted(Struct, frozen=True):
    """A declared backup. `folder`: of this machine."""

    place: Place
    folder: Path
    policy: BackupPolicy
    simulated: bool = False

    @property
    def how(self) -> How:
        return How(self.policy.containers, self.policy.exact or bool(self.policy.image), self.policy.image)


class Made(Struct, frozen=True):
    """`file`: "" after a failure, which `problem` and `hint` explain. `removed`: older backups."""

    place: Place
    file: str = ""
    total: Total | None = None
    removed: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""
    code: ExitCode = ExitCode.OK
    simulated: bool = False


class Stored(Struct, frozen=True):
    """A backup in a folder. `size`: of the file; `problem`: why it cannot be used."""

    file: str
    host: str = ""
    volume: str = ""
    made: str = ""
    state: str = ""
    exact: bool = False
    data: int = 0
    size: int = 0
    problem: str = ""


def declared(request: Request, system: System) -> tuple[Loaded, tuple[Wanted, ...]]:
    """By host and volume. Raises `InputError`, `RefusedError` without any."""
    loaded = load(request, system.asking)
    system.warn(loaded.warnings)
    found = tuple(
        Wanted(
            Place(wish.host, each.name),
            _folder(each.origin.file, policy),
            policy,
            simulated=loaded.hosts[wish.host].kind is ConnectionType.SIMULATED,
        )
        for wish in loaded.desired
        for each in wish.of(VolumeSettings)
        if each.selected and not each.absent and (policy := each.settings.backup_policy) is not None
    )
    if not found:
        hint = "write it under volumes, such as backup: {to: backups}"
        raise RefusedError("no volume of these playbooks and hosts has the key 'backup'", hint=hint)
    return loaded, found


def _folder(file: str, policy: BackupPolicy) -> Path:
    return Path(file).parent / Path(policy.to).expanduser()


def run(
    loaded: Loaded,
    wanted: Iterable[Wanted],
    tools: Tools,
    write: Callable[[str, Callable[..., Total]], Total],
    tell: Callable[[Made], object],
) -> tuple[Made, ...]:
    """One after the other; what fails does not stop the others. `write` opens a file and passes it on. `tell` gets each
    as it ends."""
    found = []
    with Fleet(loaded.hosts, 1) as fleet:
        for each in wanted:
            made = _one(fleet, each, tools, write)
            tell(made)
            found.append(made)
            if made.code is ExitCode.INTERRUPTED:
                break
    return tuple(found)


def _one(fleet: Fleet, wanted: Wanted, tools: Tools, write: Callable[[str, Callable[..., Total]], Total]) -> Made:
    try:
        with boundary():
            side = read_side(fleet, wanted.place, wanted.policy.image, wanted.policy.containers)
            need_source(side, wanted.how)
            prepared = Prepared(fleet, wanted.how, (side,))
            path = str(wanted.folder / file_name(wanted.place, tools.run.now()))
            _make(wanted.folder)
            total = write(path, lambda target: backup(prepared, tools, target))
            return Made(wanted.place, path, total, tuple(_removed(wanted)), simulated=wanted.simulated)
    except DeployerError as error:
        failed = ExitCode.UNREACHABLE if isinstance(error, UnreachableError) else ExitCode.FAILED
        code = ExitCode.INTERRUPTED if isinstance(error, StoppedError) else failed
        return Made(wanted.place, problem=error.message, hint=error.hint, code=code)


def file_name(place: Place, now: datetime) -> str:
    return f"{place.host}-{place.volume}-{now:%Y%m%dT%H%M%SZ}{SUFFIX}"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DeployerError(f"{folder} cannot be made: {error.strerror or error}") from error


def _removed(wanted: Wanted) -> Iterator[str]:
    """Removes backups of this volume beyond those to keep, the oldest first. Files with other names are left alone."""
    if not wanted.policy.keep:
        return
    mine = [each for each in stored(wanted.folder) if not each.problem and _is_of(wanted.place, each)]
    for each in sorted(mine, key=lambda each: each.made)[: -wanted.policy.keep]:
        with suppress(OSError):
            Path(each.file).unlink()
            yield each.file


def _is_of(place: Place, found: Stored) -> bool:
    """A backup of this volume under the name that a run gave it."""
    start = re.escape(f"{place.host}-{place.volume}")
    named = re.fullmatch(rf"{start}-\d{{8}}T\d{{6}}Z{re.escape(SUFFIX)}", Path(found.file).name)
    return named is not None and (found.host, found.volume) == (place.host, place.volume)


def stored(folder: Path) -> list[Stored]:
    """The backups in a folder, by host, volume and time."""
    found = [_stored(path) for path in folder.glob(f"*{SUFFIX}")] if folder.is_dir() else []
    return sorted(found, key=lambda each: (each.host, each.volume, each.made, each.file))


def _stored(path: Path) -> Stored:
    try:
        with opened(str(path)) as found:
            return _described(path, found)
    except DeployerError as error:
        return Stored(str(path), problem=error.message.removeprefix(f"{path} "))


def _described(path: Path, found: Backup) -> Stored:
    header = found.header
    return Stored(
        str(path),
        header.host,
        header.volume,
        header.made,
        header.state,
        header.exact,
        found.total.size,
        path.stat().st_size,
    )
