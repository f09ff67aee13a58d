"""Records of what was applied, written to and read from a host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from deployer.errors import EngineError
from deployer.interfaces import Engine, Json
from deployer.model import history
from deployer.model.history import Record

_ATTEMPTS: Final = 20


def write(engine: Engine, record: Record, volumes: Sequence[Json] | None) -> int:
    """Returns the record's number. `volumes`: those of the host if they are known, so that nothing is asked again.
    Raises `EngineError`, `UnreachableError`."""
    known = engine.list_volumes() if volumes is None else volumes
    numbers = history.numbers(known, record.project)
    first = max(numbers, default=0) + 1
    for number in range(first, first + _ATTEMPTS):
        labels = replace(record, number=number).labels
        made = engine.create_volume({"Name": history.volume_name(record.project, number), "Labels": labels})
        if (made.get("Labels") or {}) == labels:
            _forget(engine, record.project, [*numbers, number])
            return number
    raise EngineError("others write to the history all the time", status=0)


def _forget(engine: Engine, project: str, numbers: Sequence[int]) -> None:
    """All but the last; one that is gone already, or in use, is left alone."""
    for number in numbers[: -history.KEPT]:
        try:
            engine.remove_volume(history.volume_name(project, number))
        except EngineError:
            continue
