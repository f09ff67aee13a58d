"""What `start`, `stop`, `restart`, … do with the containers of one host, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from graphlib import TopologicalSorter
from typing import Final

from msgspec import Struct

from deployer.model.container_names import is_beside
from deployer.model.desired import Kind


class Verb(StrEnum):
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    KILL = "kill"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    REMOVE = "rm"


class Rule(Struct, frozen=True):
    """`states`: of containers that the verb changes. `dependants_first`: instead of dependencies first."""

    states: frozenset[str]
    done: str
    dependants_first: bool = False


_LIVE: Final = frozenset({"running", "paused", "restarting"})
_ENDED: Final = frozenset({"created", "exited", "dead"})
RULES: Final[Mapping[Verb, Rule]] = {
    Verb.START: Rule(_ENDED, "started"),
    Verb.STOP: Rule(_LIVE, "stopped", dependants_first=True),
    Verb.RESTART: Rule(_LIVE | _ENDED, "restarted"),
    Verb.KILL: Rule(_LIVE, "signalled", dependants_first=True),
    Verb.PAUSE: Rule(frozenset({"running"}), "paused", dependants_first=True),
    Verb.UNPAUSE: Rule(frozenset({"paused"}), "unpaused"),
    Verb.REMOVE: Rule(_ENDED | _LIVE, "removed", dependants_first=True),
}
_RUNS_AGAIN: Final = frozenset({Verb.START, Verb.RESTART, Verb.UNPAUSE})


class Member(Struct, frozen=True):
    """A container of a host. `needs`: containers it depends on, by name; `shares`: those of them whose namespaces it is
    in; `follows`: those after whose restart it is restarted, as `depends_on` with `restart: true` says."""

    name: str
    id: str
    state: str
    project: str = ""
    resource: str = ""
    needs: frozenset[str] = frozenset()
    shares: frozenset[str] = frozenset()
    follows: frozenset[str] = frozenset()

    @property
    def is_job(self) -> bool:
        return self.resource.startswith(f"{Kind.JOB}.")


class Asked(Struct, frozen=True):
    """`names`: as given, names or globs; `foreign`: also containers of no project; `stop`: `rm` stops what runs."""

    verb: Verb
    names: tuple[str, ...] = ()
    foreign: bool = False
    stop: bool = False


class Task(Struct, frozen=True):
    """One container to change. `reason`: why, where it was not asked for."""

    member: Member
    reason: str = ""


class Tasks(Struct, frozen=True):
    """Those of one host: each level after the one before it. `refusals`: why nothing of this may be done."""

    levels: tuple[tuple[Task, ...], ...] = ()
    refusals: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Task]:
        return (task for level in self.levels for task in level)


def tasks(asked: Asked, chosen: Collection[str], members: Sequence[Member]) -> Tasks:
    """`chosen`: names that the command line means; `members`: all containers of the host."""
    rule = RULES[asked.verb]
    meant = [member for member in members if member.name in chosen and _is_meant(asked, member)]
    refusals = [text for member in meant for text in _refusals(asked, member)]
    found = {member.name: Task(member) for member in meant if member.state in rule.states}
    if asked.verb is Verb.RESTART:
        found |= _followers(found, members)
    if asked.verb is Verb.REMOVE:
        refusals += _orphans(found, members)
    return Tasks(_levels(found, dependants_first=rule.dependants_first), tuple(refusals))


def _is_meant(asked: Asked, member: Member) -> bool:
    """Without names, jobs are left alone: to start one runs it again, and without its container the next apply would.
    What belongs to no project is meant only by its whole name, or on request."""
    if member.is_job and not asked.names:
        return False
    return bool(member.project) or asked.foreign or member.name in asked.names


def _refusals(asked: Asked, member: Member) -> Iterator[str]:
    if not member.project and not asked.foreign:
        yield f"{member.name} belongs to no project; --foreign includes it"
    elif member.project and is_beside(member.name) and asked.verb in _RUNS_AGAIN:
        yield f"{member.name} is kept for a rollback, and does not run beside its successor"
    if asked.verb is Verb.REMOVE and member.state in _LIVE and not asked.stop:
        yield f"{member.name} is {member.state}; --stop stops it first"


def _followers(found: Mapping[str, Task], members: Iterable[Member]) -> dict[str, Task]:
    """Running containers that are restarted too, and those that follow these."""
    added: dict[str, Task] = {}
    running = [member for member in members if member.state in _LIVE and member.name not in found]
    while True:
        restarted = found.keys() | added.keys()
        more = {
            member.name: Task(member, _why_too(member, restarted))
            for member in running
            if member.name not in added and (member.shares | member.follows) & restarted
        }
        if not more:
            return added
        added |= more


def _why_too(member: Member, restarted: Collection[str]) -> str:
    shared = sorted(member.shares & set(restarted))
    if shared:
        return f"shares a namespace of {shared[0]}"
    return f"depends on {min(member.follows & set(restarted))} with restart: true"


def _orphans(found: Mapping[str, Task], members: Iterable[Member]) -> list[str]:
    """A container whose namespaces are gone cannot be started again."""
    return [
        f"{member.name} shares a namespace of {name}; name it too"
        for member in members
        if member.name not in found
        for name in sorted(member.shares & found.keys())
    ]


def _levels(found: Mapping[str, Task], *, dependants_first: bool) -> tuple[tuple[Task, ...], ...]:
    """Containers of one level do not depend on each other, unless all of them depend on each other in a circle."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, task in sorted(found.items()):
        sorter.add(name, *sorted(task.member.needs & found.keys() - {name}))
    try:
        sorter.prepare()
    except ValueError:
        return (tuple(task for _, task in sorted(found.items())),)
    levels = []
    while ready := sorter.get_ready():
        levels.append(tuple(found[name] for name in sorted(ready)))
        sorter.done(*ready)
    return tuple(reversed(levels)) if dependants_first else tuple(levels)
