"""What the containers of several hosts use, and what runs in them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from deployer.engine import answers
from deployer.engine.answers import Stats
from deployer.errors import DeployerError, EngineError, boundary
from deployer.interfaces import Engine
from deployer.model.plan import Unreachable
from deployer.usecases.containers import Choice, choose, running
from deployer.usecases.fleet import Fleet, split
from deployer.usecases.inspect_hosts import Row, read_rows

_AT_ONCE: Final = 8
"""Containers of one host that are read at once."""

_LONGEST_PAUSE: Final = 10.0
"""Seconds between two attempts to reach a lost host."""

_Lost: TypeAlias = tuple[Unreachable, ...]
Found = TypeVar("Found")


class StatsRow(Struct, frozen=True):
    """One container. `cpu`: percent of one CPU; `memory`: bytes, without the page cache that can be dropped; what it
    `received` and `sent` over its networks, `read` from and has `written` to disks: bytes since its start."""

    host: str
    name: str
    cpu: float
    memory: int
    memory_limit: int
    received: int
    sent: int
    read: int
    written: int
    processes: int
    project: str = ""
    simulated: bool = False


class ProcessRow(Struct, frozen=True):
    """A process of a container, as `ps` on the host names it."""

    host: str
    container: str
    pid: str
    user: str
    time: str
    command: str
    simulated: bool = False


class Watch:
    """Reads what containers use again and again: each host in a thread of its own, which ends with the process, so that
    one that does not answer stops no other."""

    def __init__(self, fleet: Fleet, choice: Choice, interval: float) -> None:
        self._fleet = fleet
        self._choice = choice
        self._interval = interval
        self._stopped = threading.Event()
        self._changed = threading.Condition()
        self._latest: dict[str, Sequence[StatsRow] | Unreachable] = {}

    def rounds(self) -> Iterator[tuple[tuple[StatsRow, ...], _Lost]]:
        """The latest numbers of all hosts, first when all have answered."""
        for host in self._fleet.hosts:
            threading.Thread(target=self._follow, args=(host,), name="stats", daemon=True).start()
        with self._changed:
            self._changed.wait_for(lambda: len(self._latest) == len(self._fleet.hosts))
        while True:
            with self._changed:
                latest = dict(self._latest)
            yield split({host: latest[host] for host in self._fleet.hosts})
            self._stopped.wait(self._interval)

    def close(self) -> None:
        self._stopped.set()

    def _follow(self, host: str) -> None:
        before: Mapping[str, Stats] | None = None
        pause = self._interval
        while not self._stopped.is_set():
            try:
                with boundary():
                    samples = self._read(host)
            except DeployerError as error:
                self._put(host, Unreachable(host, error.message, error.hint))
                before, pause = None, min(_LONGEST_PAUSE, pause * 2)
            else:
                if before is not None:
                    self._put(host, [_row(row, found, before.get(row.id)) for row, found in samples])
                before, pause = {row.id: found for row, found in samples}, self._interval
            self._stopped.wait(pause)

    def _put(self, host: str, found: Sequence[StatsRow] | Unreachable) -> None:
        with self._changed:
            self._latest[host] = found
            self._changed.notify_all()

    def _read(self, host: str) -> list[tuple[Row, Stats]]:
        engine = self._fleet.host(host).engine()

        def one(row: Row) -> tuple[Row, Stats]:
            return row, answers.read(engine.container_stats(row.id), Stats, "/containers/{id}/stats")

        rows = [row for row in read_rows(host, engine, "") if self._choice.matches(row)]
        return [(row, found) for row, found in _each(rows, one) if found.is_there]


def _each(rows: Sequence[Row], work: Callable[[Row], Found]) -> list[Found]:
    """Of the containers that run. One that ends meanwhile is left out."""

    def guarded(row: Row) -> list[Found]:
        with suppress(EngineError):
            return [work(row)]
        return []

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="containers") as pool:
        found = pool.map(guarded, (row for row in rows if row.state in ("running", "paused")))
        return [each for some in found for each in some]


def _row(row: Row, now: Stats, before: Stats | None) -> StatsRow:
    cpu = now.cpu.percent_since(before.cpu) if before is not None else 0.0
    return StatsRow(
        host=row.host,
        name=row.name,
        cpu=round(cpu, 2),
        memory=now.memory.used,
        memory_limit=now.memory.limit,
        received=sum(found.received for found in (now.networks or {}).values()),
        sent=sum(found.sent for found in (now.networks or {}).values()),
        read=now.disks.total("read"),
        written=now.disks.total("write"),
        processes=now.processes.current,
        project=row.project,
        simulated=row.simulated,
    )


def processes(fleet: Fleet, choice: Choice) -> tuple[tuple[ProcessRow, ...], _Lost]:
    """Of the containers that run; raises `DeployerError` without any."""
    chosen = choose(fleet, choice)
    meant = replace(chosen, rows=running(chosen, ()))
    rows = meant.by_host

    def read(host: str, engine: Engine) -> list[ProcessRow]:
        return [found for each in _each(rows[host], lambda row: _processes(engine, row)) for found in each]

    found, lost = split(fleet.each(rows, read))
    return found, (*chosen.unreachable, *lost)


def _processes(engine: Engine, row: Row) -> list[ProcessRow]:
    found = answers.read(engine.container_processes(row.id), answers.Processes, "/containers/{id}/top")
    if found.titles is None or "PID" not in found.titles:
        raise DeployerError(f"the engine of {row.host} lists no processes")
    entries: list[dict[str, Any]] = [dict(zip(found.titles, each, strict=False)) for each in found.processes or ()]
    return [
        ProcessRow(
            host=row.host,
            container=row.name,
            pid=each["PID"],
            user=each.get("UID") or each.get("USER") or "",
            time=each.get("TIME") or "",
            command=each.get("CMD") or each.get("COMMAND") or "",
            simulated=row.simulated,
        )
        for each in entries
    ]
