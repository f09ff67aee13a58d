"""Starts, stops, restarts, … containers of several hosts, under the locks of their projects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from msgspec import Struct

from deployer.applying import health
from deployer.applying.locking import Locks, Run
from deployer.applying.performing import Stop
from deployer.errors import DeployerError, ExitCode, ResourceError, UnreachableError, boundary
from deployer.interfaces import Clock, Engine, Events, Json
from deployer.model import dependencies
from deployer.model.desired import Desired
from deployer.model.operations import AwaitHealthy
from deployer.model.outcome import Blocked
from deployer.model.plan import Unreachable
from deployer.planning.lifecycle import RULES, Asked, Member, Task, Tasks, Verb, tasks
from deployer.usecases.containers import Chosen, choose, hosts_of
from deployer.usecases.fleet import Fleet, split
from deployer.usecases.inspect_hosts import Row
from deployer.usecases.load import Request
from deployer.usecases.locking import Barred, locked
from deployer.usecases.system import System

_MONITOR: Final = 1.0
"""Seconds that a container without a health check has to run."""

_AT_ONCE: Final = 8
"""Containers of one host that are changed at once."""


class How(Struct, frozen=True):
    """`timeout`: seconds until a container that does not stop is killed, None for its own; `signal`: of `kill`;
    `wait`: seconds to wait until what was started is healthy, or a job has ended; None not to wait."""

    timeout: int | None = None
    signal: str = ""
    wait: float | None = None


class Prepared(Struct, frozen=True):
    """`hosts`: what is to be done on each, for those with tasks or refusals."""

    fleet: Fleet
    asked: Asked
    chosen: Chosen
    hosts: Mapping[str, Tasks]
    simulated: frozenset[str] = frozenset()


class Changed(Struct, frozen=True):
    """One container. `error` and `hint` describe a failure; `skipped`: nothing was tried; `done`: the failure came
    after the change, while it was waited for."""

    host: str
    name: str
    project: str
    error: str = ""
    hint: str = ""
    skipped: bool = False
    done: bool = False
    seconds: float = 0.0


class Result(Struct, frozen=True):
    """`blocked`: hosts with the project whose lock could not be taken."""

    changed: tuple[Changed, ...] = ()
    unreachable: tuple[Unreachable, ...] = ()
    blocked: tuple[tuple[str, str, Blocked], ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        if self.unreachable:
            return ExitCode.UNREACHABLE
        if any(found.error for found in self.changed):
            return ExitCode.FAILED
        return ExitCode.REFUSED if self.blocked else ExitCode.OK


@contextmanager
def prepare(request: Request, system: System, asked: Asked) -> Iterator[Prepared]:
    """Reads the hosts and changes nothing; the connections end with the context. Raises `DeployerError`."""
    with hosts_of(request, system, asked.names) as (fleet, choice):
        chosen = choose(fleet, choice)
        declared = choice.declared or {}
        rows = chosen.by_host

        def read(host: str, engine: Engine) -> Tasks:
            everything = (*rows[host], *(row for row in chosen.others if row.host == host))
            members = read_members(engine, everything, declared.get(host, ()))
            return tasks(asked, {row.name for row in rows[host]}, members)

        found = fleet.read(rows, read)
        lost = tuple(answer for answer in found.values() if isinstance(answer, Unreachable))
        hosts = {host: answer for host, answer in found.items() if not isinstance(answer, Unreachable)}
        simulated = frozenset(row.host for row in chosen.rows if row.simulated)
        all_lost = (*chosen.unreachable, *lost)
        yield Prepared(fleet, asked, Chosen(chosen.rows, all_lost, chosen.others), hosts, simulated)


def read_members(engine: Engine, rows: tuple[Row, ...], declared: tuple[Desired, ...] = ()) -> list[Member]:
    """With what they depend on: as the engine has it, and as it is declared."""
    names = {row.id: row.name for row in rows}
    wishes = {(wish.project, found.name): found for wish in declared for found in wish.containers}
    members = []
    for row in rows:
        inspected = engine.inspect_container(row.id) or {}
        shares = frozenset(names.get(key, key) for key in _shared(inspected))
        wish = wishes.get((row.project, row.name))
        wanted = dependencies.depends_on(wish) if wish is not None else ()
        linked = frozenset(names.get(key, key) for key in _linked(inspected))
        members.append(
            Member(
                name=row.name,
                id=row.id,
                state=row.state,
                project=row.project,
                resource=row.resource,
                needs=shares | linked | {found.name for found in wanted},
                shares=shares,
                follows=frozenset(found.name for found in wanted if found.restart),
            )
        )
    return members


def _shared(inspected: Json) -> Iterator[str]:
    config: Mapping[str, Any] = inspected.get("HostConfig") or {}
    for key in ("NetworkMode", "IpcMode", "PidMode"):
        kind, _, container = str(config.get(key) or "").partition(":")
        if kind == "container" and container:
            yield container


def _linked(inspected: Json) -> Iterator[str]:
    """`/db:/web/alias` of links, `db:ro` of `volumes_from`."""
    config: Mapping[str, Any] = inspected.get("HostConfig") or {}
    for text in (*(config.get("Links") or ()), *(config.get("VolumesFrom") or ())):
        yield str(text).partition(":")[0].lstrip("/")


def apply(
    prepared: Prepared,
    how: How,
    system: System,
    events: Events,
    stop: Stop,
    run: Run,
    tell: Callable[[Changed], object],
) -> Result:
    """Takes the locks of all projects first. A failed container ends the work on its host. `tell` gets each container
    as it ends."""
    work = _Work(prepared, how, system.clock, stop, tell)
    with work.locked(run, events) as blocked:
        hosts = [host for host, found in prepared.hosts.items() if found.levels and host not in blocked]
        answers = prepared.fleet.each(hosts, work.host)
    changed, lost = split(answers)
    lost += tuple(
        Unreachable(host, bar.message, bar.hint) for host, (_, bar) in blocked.items() if isinstance(bar, Unreachable)
    )
    held = tuple((host, project, bar) for host, (project, bar) in blocked.items() if isinstance(bar, Blocked))
    return Result(changed, (*prepared.chosen.unreachable, *lost), held)


class _Work:
    def __init__(
        self, prepared: Prepared, how: How, clock: Clock, stop: Stop, tell: Callable[[Changed], object]
    ) -> None:
        self._prepared = prepared
        self._how = how
        self._clock = clock
        self._stop = stop
        self._tell = tell
        self._locks: dict[str, Locks] = {}

    @contextmanager
    def locked(self, run: Run, events: Events) -> Iterator[Barred]:
        """The hosts that must not be changed."""
        projects: dict[str, list[str]] = {}
        for host, found in self._prepared.hosts.items():
            for project in {task.member.project for task in found} - {""}:
                projects.setdefault(project, []).append(host)
        with locked(self._prepared.fleet, projects, run, self._clock, events, self._stop) as (self._locks, blocked):
            yield blocked

    def host(self, host: str, engine: Engine) -> tuple[Changed, ...]:
        found: list[Changed] = []
        for level in self._prepared.hosts[host].levels:
            if self._stop.is_set() or any(each.error for each in found):
                found += [Changed(host, task.member.name, task.member.project, skipped=True) for task in level]
                continue
            with ThreadPoolExecutor(min(_AT_ONCE, len(level)), thread_name_prefix=f"{host}-change") as pool:
                found += pool.map(partial(self._one, host, engine), level)
        return tuple(found)

    def _one(self, host: str, engine: Engine, task: Task) -> Changed:
        member, began = task.member, self._clock.now()
        error, hint, done = "", "", False
        try:
            with boundary():
                if member.project in self._locks:
                    self._locks[member.project].check(host)
                _perform(engine, self._prepared.asked.verb, member, self._how)
                done = True
                if self._how.wait is not None:
                    self._await(engine, member, self._how.wait)
        except UnreachableError:
            raise
        except DeployerError as failed:
            error, hint = failed.message, failed.hint
        seconds, done = self._clock.now() - began, done and bool(error)
        changed = Changed(host, member.name, member.project, error, hint, done=done, seconds=seconds)
        self._tell(changed)
        return changed

    def _await(self, engine: Engine, member: Member, seconds: float) -> None:
        """Raises `ResourceError`."""
        if not member.is_job:
            wanted = AwaitHealthy(member.id, seconds, _MONITOR)
            health.await_healthy(engine, self._clock, member.id, wanted, self._stop.is_set)
        elif code := health.await_completed(engine, self._clock, member.id, seconds, self._stop.is_set):
            raise ResourceError(f"exited with code {code}")


def _perform(engine: Engine, verb: Verb, member: Member, how: How) -> None:
    match verb:
        case Verb.START:
            engine.start_container(member.id)
        case Verb.STOP:
            engine.stop_container(member.id, how.timeout)
        case Verb.RESTART:
            engine.restart_container(member.id, how.timeout)
        case Verb.KILL:
            engine.kill_container(member.id, how.signal)
        case Verb.PAUSE:
            engine.pause_container(member.id)
        case Verb.UNPAUSE:
            engine.unpause_container(member.id)
        case Verb.REMOVE:
            if member.state in RULES[Verb.STOP].states:
                engine.stop_container(member.id, how.timeout)
            engine.remove_container(member.id, force=False, anonymous_volumes=False)
