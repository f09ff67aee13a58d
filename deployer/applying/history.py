"""Writes records of what was applied to a host, and reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from deployer.engine.pulled_images import list_images, updated
from deployer.errors import EngineError
from deployer.interfaces import Engine, Json
from deployer.model import history
from deployer.model.history import Record
from deployer.model.operations import Operation, PullImage, RemoveImage

_ATTEMPTS: Final = 20


def write(engine: Engine, record: Record, volumes: Sequence[Json] | None, done: Iterable[Operation] = ()) -> int:
    """Returns the record's number. `volumes`: those of the host if they are known, so that nothing is asked again;
    `done`: what the run did. Raises `EngineError`, `UnreachableError`."""
    known = engine.list_volumes() if volumes is None else volumes
    record = replace(record, pulled=_pulled(engine, record.project, known, tuple(done)))
    numbers = history.numbers(known, record.project)
    first = max(numbers, default=0) + 1
    for number in range(first, first + _ATTEMPTS):
        labels = replace(record, number=number).labels
        made = engine.create_volume({"Name": history.volume_name(record.project, number), "Labels": labels})
        if (made.get("Labels") or {}) == labels:
            _forget(engine, record.project, [*numbers, number])
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


def _forget(engine: Engine, project: str, numbers: Sequence[int]) -> None:
    """All but the last; volumes that no longer exist or are in use are skipped."""
    for number in numbers[: -history.KEPT]:
        try:
            engine.remove_volume(history.volume_name(project, number))
        except EngineError:
            continue
