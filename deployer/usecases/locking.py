"""The locks of several projects at once, for commands without a playbook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeAlias

from deployer.applying.locking import Locks, Run
from deployer.applying.performing import Stop
from deployer.interfaces import Clock, Events
from deployer.model.outcome import Blocked
from deployer.model.plan import Unreachable
from deployer.usecases.fleet import Fleet

Barred: TypeAlias = dict[str, tuple[str, "Blocked | Unreachable"]]
"""Hosts that must not be changed, with the project and why."""


@contextmanager
def locked(
    fleet: Fleet, projects: Mapping[str, Sequence[str]], run: Run, clock: Clock, events: Events, stop: Stop
) -> Iterator[tuple[dict[str, Locks], Barred]]:
    """The locks by project. `projects`: each with its hosts."""
    taken, blocked = dict[str, Locks](), Barred()
    with ExitStack() as stack:
        for project, hosts in sorted(projects.items()) if run.lock else ():
            locks = taken[project] = Locks(run, fleet.each, clock, events, stop, own=fleet.another)
            stack.callback(locks.release)
            locks.take(dict.fromkeys(hosts, project))
            for host in hosts:
                if (bar := locks.bar(host)) is not None:
                    blocked[host] = project, bar
        yield taken, blocked
