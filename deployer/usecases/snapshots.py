"""Snapshots of projects: all their volumes at one moment, the images that run, the playbooks, and the records of the
last runs. In a folder of this machine; restored on the same hosts or others."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from deployer.applying.locking import time_stamp
from deployer.config import image_lock
from deployer.engine import answers
from deployer.errors import DeployerError, RefusedError, ResourceError
from deployer.interfaces import Engine
from deployer.model import history
from deployer.model.decoding import decode
from deployer.model.settings import ContainerSettings, VolumeSettings
from deployer.usecases.backup_file import Backup, Total, opened
from deployer.usecases.fleet import Fleet
from deployer.usecases.inspect_hosts import fleet_of
from deployer.usecases.load import Loaded, Request, inventories, load
from deployer.usecases.references import files_of
from deployer.usecases.system import System
from deployer.usecases.volume_copying import Into, Tools, save, watched
from deployer.usecases.volume_sides import How, Place, Said, Side, quieted, read_side
from deployer.usecases.volumes import Prepared, check_target, lock_sides, mounted, need_image, need_source, target_of

FORMAT: Final = 1
MANIFEST: Final = "snapshot.json"
_FILES: Final = "files"
_LARGEST: Final = 64 * 1024 * 1024


class SavedVolume(Struct, frozen=True):
    """`file`: relative to the folder."""

    host: str
    volume: str
    file: str
    sha256: str
    size: int


class UsedImage(Struct, frozen=True):
    """Of a container: the reference it was made from, the id, and the digests in registries."""

    host: str
    container: str
    image: str
    id: str
    digests: tuple[str, ...] = ()


class LastRun(Struct, frozen=True):
    """The newest record of a project on a host."""

    host: str
    project: str
    number: int
    time: str
    who: str
    command: str
    commit: str


class Manifest(Struct, frozen=True, kw_only=True):
    """`files`: the playbooks, inventories and what they read, relative to `files/`."""

    format: int = FORMAT
    made: str
    who: str
    playbooks: tuple[str, ...]
    files: tuple[str, ...]
    volumes: tuple[SavedVolume, ...]
    images: tuple[UsedImage, ...]
    runs: tuple[LastRun, ...]


class Wanted(Struct, frozen=True):
    """What is to be saved: `prepared` has the volumes that are there."""

    loaded: Loaded
    prepared: Prepared
    request: Request


@contextmanager
def prepare(request: Request, system: System, how: How) -> Iterator[Wanted]:
    """Reads the hosts and changes nothing. Raises `DeployerError`, also for one host that cannot be reached: a snapshot
    is of all."""
    loaded = load(request, system.asking)
    system.warn(loaded.warnings)
    places = [
        Place(wish.host, each.name)
        for wish in loaded.desired
        for each in wish.of(VolumeSettings)
        if each.selected and not each.absent
    ]
    with Fleet(loaded.hosts, request.forks, system.awaiting) as fleet:
        sides = [read_side(fleet, place, how.image, how.quiet) for place in dict.fromkeys(places)]
        for side in sides:
            need_source(side, how)
        yield Wanted(loaded, Prepared(fleet, how, tuple(_once(sides))), request)


def _once(sides: list[Side]) -> Iterator[Side]:
    """A container that uses several volumes is stopped for the first of them."""
    seen: set[str] = set()
    for side in sides:
        levels = tuple(tuple(each for each in level if each.id not in seen) for level in side.levels)
        seen |= {member.id for member in side.members}
        yield replace(side, levels=tuple(filter(None, levels)))


def create(wanted: Wanted, tools: Tools, folder: Path, write: Callable[[str, Iterable[bytes]], object]) -> Manifest:
    """The whole folder or nothing. `write` writes a file. Raises `DeployerError`."""
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise DeployerError(f"{folder} cannot be made: {error.strerror or error}") from error
    try:
        manifest = _create(wanted, tools, folder, write)
        (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise ResourceError(f"{folder} cannot be written: {error.strerror or error}") from error
        raise
    return manifest


def _create(wanted: Wanted, tools: Tools, folder: Path, write: Callable[[str, Iterable[bytes]], object]) -> Manifest:
    prepared, saved = wanted.prepared, list[SavedVolume]()
    with ExitStack() as stack:
        tools = stack.enter_context(lock_sides(prepared, tools))
        opened_sides = [(side, *mounted(prepared, side, tools, stack)) for side in prepared.sides]
        for side, line, _ in opened_sides:
            stack.enter_context(quieted(line, side, tools.tell))
        images, runs = _images(wanted), _runs(wanted)
        for side, _, data in opened_sides:
            name = f"{side.place.host}/{side.place.volume}.tar.zst"
            (folder / name).parent.mkdir(mode=0o700, exist_ok=True)
            total = save(side, data, prepared.how, tools, Into(partial(write, str(folder / name))))
            saved.append(SavedVolume(side.place.host, side.place.volume, name, total.sha256, total.size))
            tools.tell(Said(side.place.host, f"volume {side.place.volume}: saved"))
    return Manifest(
        made=time_stamp(tools.run.now()),
        who=tools.run.who,
        playbooks=wanted.request.playbooks,
        files=tuple(_keep_files(wanted, folder / _FILES)),
        volumes=tuple(saved),
        images=images,
        runs=runs,
    )


def _images(wanted: Wanted) -> tuple[UsedImage, ...]:
    def of_host(host: str, engine: Engine) -> Iterator[UsedImage]:
        names = {each.name for wish in wanted.loaded.of_host(host) for each in wish.of(ContainerSettings)}
        listed = answers.read(engine.list_containers(), tuple[answers.ListedContainer, ...], "/containers/json")
        for entry in sorted(listed, key=lambda entry: entry.name):
            if entry.name in names:
                found = engine.inspect_image(entry.image_id) or {}
                yield UsedImage(host, entry.name, entry.image, entry.image_id, tuple(found.get("RepoDigests") or ()))

    fleet = wanted.prepared.fleet
    return tuple(each for host in fleet.hosts for each in of_host(host, fleet.host(host).engine()))


def _runs(wanted: Wanted) -> tuple[LastRun, ...]:
    fleet, found = wanted.prepared.fleet, list[LastRun]()
    for host in fleet.hosts:
        volumes = fleet.host(host).engine().list_volumes()
        for project in sorted({wish.project for wish in wanted.loaded.of_host(host)}):
            records = history.read_records(volumes, project)
            if records:
                last = max(records, key=lambda each: each.number)
                run = LastRun(host, project, last.number, last.time, last.who, last.command, last.commit)
                found.append(run)
    return tuple(found)


def _keep_files(wanted: Wanted, folder: Path) -> Iterator[str]:
    """Copies what the run has read; a file that is gone again, such as a pipe, is left out."""
    given = files_of(wanted.request, wanted.loaded) | set(inventories(wanted.request))
    given |= {image_lock.path_of(name) for name in given}
    for name in sorted({os.path.relpath(name) for name in given if Path(name).exists()}):
        kept = Path(*("up" if part == ".." else part for part in Path(name).parts))
        target = folder / kept
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if Path(name).is_dir():
            shutil.copytree(name, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy(name, target)
        yield str(kept)


def read(folder: Path) -> Manifest:
    """Raises `ResourceError` for a folder that has no snapshot."""
    try:
        with (folder / MANIFEST).open("rb") as file:
            found = decode(file.read(_LARGEST), Manifest)
    except (OSError, ValueError, RecursionError) as error:
        hint = "deployer snapshot create makes one"
        raise ResourceError(f"{folder} is no snapshot", hint=hint) from error
    if found.format != FORMAT:
        raise ResourceError(f"{folder} has format {found.format}, which is unknown", hint="a newer release wrote it")
    return found


def stored(folder: Path) -> list[tuple[str, Manifest]]:
    """The snapshots in a folder, by their names. Raises `ResourceError` without the folder."""
    if not folder.is_dir():
        hint = "deployer snapshot create makes snapshots there, or in the folder that --to names"
        raise ResourceError(f"there is no folder {folder}", hint=hint)
    found = sorted(path.parent for path in folder.glob(f"*/{MANIFEST}"))
    return [(str(path), read(path)) for path in found]


class Restoring(Struct, frozen=True):
    """`backups`: open files, one for each side of `prepared`."""

    prepared: Prepared
    backups: tuple[Backup, ...]


@contextmanager
def prepare_restore(
    request: Request, system: System, how: How, folder: Path, hosts: Mapping[str, str]
) -> Iterator[Restoring]:
    """`hosts`: those that take the place of others. Reads only. Raises `DeployerError`."""
    manifest = read(folder)
    unknown = sorted(set(hosts) - {saved.host for saved in manifest.volumes})
    if unknown:
        raise RefusedError(f"{folder} has no volume of host '{unknown[0]}'")
    places = [Place(hosts.get(saved.host, saved.host), saved.volume) for saved in manifest.volumes]
    if len(set(places)) < len(places):
        raise RefusedError("two volumes of the snapshot would be restored as one", hint="give each host its own")
    with ExitStack() as stack:
        backups = tuple(stack.enter_context(opened(str(folder / saved.file))) for saved in manifest.volumes)
        for saved, backup in zip(manifest.volumes, backups, strict=True):
            if backup.total != Total(saved.sha256, saved.size):
                text = f"{backup.name} is not what was saved: its checksum differs from the one in {folder / MANIFEST}"
                raise ResourceError(text, hint="use another snapshot")
        fleet = stack.enter_context(fleet_of(request, system, *dict.fromkeys(place.host for place in places)))
        sides = tuple(read_side(fleet, place, how.image, how.quiet) for place in places)
        for side, backup in zip(sides, backups, strict=True):
            need_image(side, how)
            check_target(side, backup.header.driver, backup.header.options)
        yield Restoring(Prepared(fleet, how, tuple(_once(list(sides)))), backups)


def restore(restoring: Restoring, tools: Tools) -> None:
    """All volumes or none. Raises `DeployerError`."""
    prepared = restoring.prepared
    for backup in restoring.backups:
        for _ in watched(backup.chunks(), backup.name, tools):
            """A damaged file replaces nothing."""
    pairs = list(zip(prepared.sides, restoring.backups, strict=True))
    with ExitStack() as stack:
        tools = stack.enter_context(lock_sides(prepared, tools))
        fills = [stack.enter_context(target_of(prepared, side, backup.header, tools)) for side, backup in pairs]
        for fill, (side, backup) in zip(fills, pairs, strict=True):
            fill(watched(backup.chunks(), str(side.place), tools))
            tools.tell(Said(side.place.host, f"volume {side.place.volume}: restored"))
