"""Writes records of what was applied to a host, and reads them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from deployer.engine.pulled_images import list_images, updated
from deployer.errors import EngineError
from deployer.interfaces import Engine, Json
from deployer.model import history, ownership, volume_names
from deployer.model.history import Record
from deployer.model.operations import Operation, PullImage, RemoveImage

_ATTEMPTS: Final = 20


def write(engine: Engine, record: Record, volumes: Sequence[Json] | None, done: Iterable[Operation] = ()) -> int:
    """Returns the record's number. `volumes`: those of the host if they are known, so that nothing is asked again;
    `done`: what the run did. Raises `EngineError`, `UnreachableError`."""
    known = engine.list_volumes() if volumes is None else volumes
    record = replace(record, pulled=_pulled(engine, record.project, known, tuple(done)))
    numbers = volume_names.numbers(known, record.project)
    first = max(numbers, default=0) + 1
    for number in range(first, first + _ATTEMPTS):
        labels = replace(record, number=number).labels
        made = engine.create_volume({"Name": history.volume_name(record.project, number), "Labels": labels})
        if (made.get("Labels") or {}) == labels:
            _forget(engine, record.project, [*numbers, number])
            _forget_containers(engine, known)
            return number
    raise EngineError("other runs keep writing to the history", status=0)


def _pulled(
    engine: Engine, project: str, volumes: Iterable[Json], done: tuple[Operation, ...]
) -> tuple[tuple[str, str], ...]:
    """The last record, updated after a run that pulled or removed images."""
    last = history.last_records(volumes).get(project)
    before = last.pulled if last is not None else ()
    if not any(isinstance(each, PullImage | RemoveImage) for each in done):
        return before
    fetched = (each.reference for each in done if isinstance(each, PullImage))
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


def _remove(engine: Engine, name: str) -> None:
    """A volume that no longer exists, or is in use, is skipped."""
    with contextlib.suppress(EngineError):
        engine.remove_volume(name)


def _forget(engine: Engine, project: str, numbers: Sequence[int]) -> None:
    """All but the last."""
    for number in numbers[: -history.KEPT]:
        _remove(engine, history.volume_name(project, number))
