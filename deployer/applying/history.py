"""Writes records of runs on a host: at their start and at their end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from deployer.applying.files import remove_writer
from deployer.engine.pulled_images import list_images, updated
from deployer.errors import EngineError
from deployer.interfaces import Engine, Json
from deployer.model import history, ownership, volume_names
from deployer.model.history import Record, Result
from deployer.model.operations import BuildImage, Operation, PullImage, RemoveImage, SendImage
from deployer.values import file_mount

_ATTEMPTS: Final = 20


def start(engine: Engine, record: Record, volumes: Sequence[Json] | None) -> int:
    """Writes the record of a run before its first change. Returns its number."""
    known = engine.list_volumes() if volumes is None else volumes
    record = replace(record, pulled=_pulled(engine, record.project, known, ()))
    return _create(engine, record, max(volume_names.numbers(known, record.project), default=0) + 1)


def write(
    engine: Engine,
    record: Record,
    volumes: Sequence[Json] | None,
    done: Iterable[Operation] = (),
    *,
    started: int = 0,
) -> int:
    """Returns the record's number. `volumes`: those of the host if they are known, so that they are not read again;
    `done`: what the run did; `started`: the number of its first record. Raises `EngineError`, `UnreachableError`."""
    known = engine.list_volumes() if volumes is None else volumes
    record = replace(record, pulled=_pulled(engine, record.project, known, tuple(done)))
    number = _create(engine, record, started or max(volume_names.numbers(known, record.project), default=0) + 1)
    if started:
        _remove(engine, volume_names.record(record.project, started, started=True))
    _forget(engine, record.project, known, number)
    _forget_containers(engine, known)
    forget_files(engine, record.project, known)
    return number


def write_left(engine: Engine, record: Record, volumes: Sequence[Json] | None) -> int:
    """On the source of a move. What the project declares there stays as recorded. Raises as `write` does."""
    known = engine.list_volumes() if volumes is None else volumes
    last = history.last_records(known).get(record.project)
    left = history.left_record(record)
    return write(engine, replace(left, declared=last.declared if last is not None else ()), known)


def _create(engine: Engine, record: Record, first: int) -> int:
    """With the first free number from this one on."""
    for number in range(first, first + _ATTEMPTS):
        labels = replace(record, number=number).labels
        name = volume_names.record(record.project, number, started=record.result == Result.STARTED)
        made = engine.create_volume({"Name": name, "Labels": labels})
        if (made.get("Labels") or {}) == labels:
            return number
    raise EngineError("other runs keep writing to the history", status=0)


def _pulled(
    engine: Engine, project: str, volumes: Iterable[Json], done: tuple[Operation, ...]
) -> tuple[tuple[str, str], ...]:
    """The last record, updated after a run that pulled or removed images."""
    last = history.last_records(volumes).get(project)
    before = last.pulled if last is not None else ()
    if not any(isinstance(each, PullImage | SendImage | BuildImage | RemoveImage) for each in done):
        return before
    fetched = (each.reference for each in done if isinstance(each, PullImage | SendImage | BuildImage))
    return updated(before, fetched, list_images(engine))


def _forget_containers(engine: Engine, volumes: Iterable[Json]) -> None:
    """The records of containers that no longer exist, and those that later ones replaced."""
    specs = {name: key for volume in volumes if (key := volume_names.read_spec(name := str(volume["Name"])))}
    if not specs:
        return
    newest = ownership.later_records(volumes)
    alive = {str(entry["Id"]) for entry in engine.list_containers()}
    for name, (container, number) in specs.items():
        if container not in alive or (container in newest and number < newest[container].number):
            _remove(engine, name)


def forget_files(engine: Engine, project: str, volumes: Iterable[Json]) -> None:
    """The files of containers that no longer exist, and containers that wrote files and were left."""
    ours = [
        str(volume["Name"])
        for volume in volumes
        if str(volume["Name"]).startswith(file_mount.PREFIX)
        and volume_names.labels_of(volume).get(ownership.PROJECT) == project
    ]
    if not ours:
        return
    mounted: set[str] = set()
    for entry in engine.list_containers():
        names = {name.lstrip("/") for name in entry.get("Names") or ()}
        if names & set(ours):
            remove_writer(engine, str(entry["Id"]))
        else:
            mounted.update(str(mount.get("Name") or "") for mount in entry.get("Mounts") or ())
    for name in ours:
        if name not in mounted:
            _remove(engine, name)


def _remove(engine: Engine, name: str) -> None:
    """A volume that no longer exists, or is in use, is skipped."""
    with contextlib.suppress(EngineError):
        engine.remove_volume(name)


def _forget(engine: Engine, project: str, volumes: Iterable[Json], number: int) -> None:
    """All but the last, up to this one."""
    slug, names = volume_names.slug(project), (str(volume["Name"]) for volume in volumes)
    known = {name: key[1] for name in names if (key := volume_names.read_record(name)) and key[0] == slug}
    kept = sorted({*known.values(), number})[-history.KEPT :]
    for name, old in known.items():
        if old not in kept:
            _remove(engine, name)
