"""Locks and records on hosts, listed and released without a playbook."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from msgspec import Struct

from deployer.applying.processes import is_dead
from deployer.errors import EngineError
from deployer.interfaces import Engine
from deployer.model import history, locks
from deployer.model.history import Record
from deployer.model.locks import Claim, Entry, View
from deployer.model.plan import Unreachable
from deployer.usecases.fleet import Fleet, split
from deployer.usecases.inspect_hosts import fleet_of
from deployer.usecases.load import Request
from deployer.usecases.system import System

Found = TypeVar("Found")


class Lock(Struct, frozen=True):
    """The lock of one project on one host. `quiet`: seconds since its holder last renewed it, by the host's clock, None
    if unknown. `free`: whether it has expired, so that the next run may take it."""

    host: str
    claim: Claim
    quiet: float | None
    free: bool
    volumes: tuple[str, ...]


class Applied(Struct, frozen=True):
    """One run on one host: all its plays under the number of the last. `numbers`: those of all."""

    host: str
    record: Record
    numbers: tuple[int, ...]


class Notes(Struct, Generic[Found], frozen=True):
    """In the order of the inventory."""

    found: tuple[Found, ...] = ()
    unreachable: tuple[Unreachable, ...] = ()


def lock_status(request: Request, system: System, *, project: str = "") -> Notes[Lock]:
    """All locks of every host, or of one project."""
    return _of_all(request, system, lambda host, engine: _locks(host, engine, project))


def release(request: Request, system: System, given: Iterable[Lock]) -> tuple[Unreachable, ...]:
    """Removes these locks. A run that holds one stops before its next write."""
    chosen: dict[str, list[str]] = {}
    for lock in given:
        chosen.setdefault(lock.host, []).extend(lock.volumes)
    return _of_all(request, system, lambda host, engine: _remove(engine, chosen.get(host, ()))).unreachable


def records(request: Request, system: System, *, project: str = "") -> Notes[Applied]:
    """What was applied to every host, newest first."""
    notes = _of_all(request, system, lambda host, engine: _records(host, engine, project))
    newest_first = sorted(notes.found, key=lambda applied: applied.record.time, reverse=True)
    return Notes(tuple(newest_first), notes.unreachable)


def _of_all(request: Request, system: System, read: Callable[[str, Engine], tuple[Found, ...]]) -> Notes[Found]:
    with fleet_of(request, system) as fleet:
        return _joined(fleet, read)


def _joined(fleet: Fleet, read: Callable[[str, Engine], tuple[Found, ...]]) -> Notes[Found]:
    answers = fleet.read(fleet.hosts, read)
    return Notes(*split(answers))


def _locks(host: str, engine: Engine, project: str) -> tuple[Lock, ...]:
    entries = locks.read_entries(engine.list_volumes(), project or None)
    if not entries:
        return ()
    dead = frozenset(process for entry in entries if is_dead(process := entry.claim.process))
    view = View(entries, locks.host_time(str(engine.info().get("SystemTime") or "")), dead=dead)
    holders = dict.fromkeys((entry.claim.project, entry.token) for entry in entries)
    return tuple(
        _lock(host, [entry for entry in entries if (entry.claim.project, entry.token) == holder], view)
        for holder in holders
    )


def _lock(host: str, entries: list[Entry], view: View) -> Lock:
    """All entries of one holder; the latest renewal counts."""
    last = entries[-1]
    quiet = None if view.now is None or last.made is None else max(0.0, (view.now - last.made).total_seconds())
    names = tuple(entry.name for entry in entries)
    return Lock(host, last.claim, quiet, all(view.is_expired(entry) for entry in entries), names)


def _records(host: str, engine: Engine, project: str) -> tuple[Applied, ...]:
    known = history.read_records(engine.list_volumes(), project)
    return tuple(Applied(host, run, _numbers(run, known)) for run in history.runs_of(known))


def _numbers(run: Record, known: Iterable[Record]) -> tuple[int, ...]:
    of_run = (each.number for each in known if run.run and (each.project, each.run) == (run.project, run.run))
    return tuple(of_run) or (run.number,)


def _remove(engine: Engine, names: Iterable[str]) -> tuple[str, ...]:
    for name in names:
        try:
            engine.remove_volume(name)
        except EngineError as error:
            if not error.not_found:
                raise
    return tuple(names)
