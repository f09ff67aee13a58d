"""The lock of a project on one host: what its volumes mean, and what follows from them. Pure.

A lock is a volume `deployer.lock.<project>.<number>` whose labels say whose it is. `POST /volumes/create` makes it or
gives back the one that is there, in one step, on any engine; nothing else is asked of a host, not even a shell. The
time it was made is the host's own, and is compared with the host's own clock.

**To take** it: make an entry; read all entries; remove those whose holders went silent, and read again; the lock is
taken when a reading made after that shows our entry alone. An entry of someone who lives: remove ours and try later.
**To renew**: make a new entry; see that the one before is still there; remove it.
**To lose**: whoever finds the entry before gone has lost the lock, and writes nothing more.

Why two cannot hold it. (1) Two that take it at once: each makes its entry before it reads, so at least one of them
sees the other, and only who sees nobody has it. That both see each other costs a pause, and never a mistake; mostly
both want the same number, and the host gives it to one. (2) One that takes over from a silent holder: its last
reading does not show the holder's entry, which was removed before. A holder that renews after the removal finds its
entry gone; one that renewed before it has made a new entry, which that reading shows. (3) A holder writes only while
its newest entry is younger than two thirds of the lease, by a clock that counts from when it asked for the entry; else
it renews first. The last third is for a write that the network holds back: without an acknowledgement for that long
the kernel gives the connection up, and what it has not delivered with it (`transport.sockets`). Others remove the entry
only when it is older than the lease and `MARGIN`. So the two do not overlap as long as host and controller agree on how
long a second is; and where a host's clock jumps, (2) ends the slower one at its next renewal.

A host that tells no time is watched instead: an entry that did not change for lease and margin is silent. So is, at
once, one of a process of this machine that is no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from msgspec import Struct

from deployer.model.volume_names import LOCKS, labels_of, slug

PREFIX: Final = LOCKS
LEASE: Final = 60.0
"""Seconds without a sign of life after which a lock is free."""

MARGIN: Final = 2.0
"""Seconds that an entry may seem older than it is: engines cut the time of a volume to whole seconds."""

RENEWALS: Final = 3
"""In one lease."""

_LABELS: Final = {
    name: f"deployer.lock.{name}" for name in ("project", "token", "who", "since", "command", "lease", "process")
}


class Claim(Struct, frozen=True):
    """Who wants or has a lock. `token` is this run's own; `since` is the controller's time, for people only;
    `process` names the process on its machine."""

    project: str
    token: str
    who: str
    since: str
    command: str
    lease: float = LEASE
    process: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """Of a volume of the lock."""
        return {label: _text(getattr(self, name)) for name, label in _LABELS.items()}


class Entry(Struct, frozen=True):
    """One volume of a lock. `made`: by the host's clock, None when it did not say."""

    name: str
    number: int
    claim: Claim
    made: datetime | None = None

    @property
    def token(self) -> str:
        return self.claim.token


class View(Struct, frozen=True):
    """All entries of one lock as the host showed them at once. `now`: the host's clock, read after the entries, None
    when it was not asked or has none. `watched`: for how long we have seen an entry, in seconds, by name and token.
    `dead`: processes that are known to have ended."""

    entries: tuple[Entry, ...]
    now: datetime | None = None
    watched: Mapping[tuple[str, str], float] | None = None
    dead: frozenset[str] = frozenset()

    def is_expired(self, entry: Entry) -> bool:
        """Whether its holder has not been heard of for so long that the lock is free."""
        limit = entry.claim.lease + MARGIN
        if entry.claim.process in self.dead:
            return True
        if self.now is not None and entry.made is not None and (self.now - entry.made).total_seconds() > limit:
            return True
        return (self.watched or {}).get((entry.name, entry.token), 0.0) > limit


class Enter(Struct, frozen=True):
    """Make an entry of this number, then look again."""

    number: int


class Clear(Struct, frozen=True):
    """Remove these, whose holders are silent, then look again."""

    entries: tuple[Entry, ...]


class Taken(Struct, frozen=True):
    """The lock is ours, by this entry."""

    entry: Entry


class Held(Struct, frozen=True):
    """Someone else has it, or is about to. `mine` are entries of ours, to be removed."""

    by: Entry
    mine: tuple[Entry, ...] = ()


Decision: TypeAlias = "Enter | Clear | Taken | Held"


def decide(token: str, view: View) -> Decision:
    """What one that wants the lock does next."""
    mine = tuple(entry for entry in view.entries if entry.token == token)
    others = [entry for entry in view.entries if entry.token != token]
    living = [entry for entry in others if not view.is_expired(entry)]
    if living:
        return Held(min(living, key=lambda entry: (entry.claim.since, entry.number)), mine)
    if not mine:
        return Enter(max((entry.number for entry in others), default=0) + 1)
    if others:
        return Clear(tuple(others))
    return Taken(max(mine, key=lambda entry: entry.number))


class Lease(Struct, frozen=True):
    """What a holder knows of its lock. `asked`: when it asked for its newest entry, by its own clock. `lease` runs
    from then on."""

    entry: Entry
    asked: float

    def due(self, now: float) -> float:
        """Seconds until it is to be renewed."""
        return self.asked + self.entry.claim.lease / RENEWALS - now

    def sure(self, now: float) -> bool:
        """Whether nobody can take it over before a write that begins now is delivered or given up."""
        return now < self.asked + self.entry.claim.lease * (RENEWALS - 1) / RENEWALS


def watch(
    before: Mapping[tuple[str, str], float], entries: Iterable[Entry], now: float
) -> dict[tuple[str, str], float]:
    """Since when each entry has been seen. A holder that lives replaces its entry, so that a new one is seen."""
    return {(entry.name, entry.token): before.get((entry.name, entry.token), now) for entry in entries}


def volume_name(project: str, number: int) -> str:
    """Of an entry."""
    return f"{PREFIX}{slug(project)}.{number}"


def read_entries(volumes: Iterable[Mapping[str, Any]], project: str | None = None) -> tuple[Entry, ...]:
    """Of one project, or of all, by number. The name decides, since nothing keeps a label from lying."""
    entries = (read_entry(volume) for volume in volumes)
    found = [
        entry
        for entry in entries
        if entry is not None and (project is None or entry.name == volume_name(project, entry.number))
    ]
    return tuple(sorted(found, key=lambda entry: (entry.claim.project, entry.number)))


def read_entry(volume: Mapping[str, Any]) -> Entry | None:
    """None for a volume that is no lock's."""
    name = str(volume.get("Name") or "")
    middle, _, number = name.removeprefix(PREFIX).rpartition(".")
    if not name.startswith(PREFIX) or not (number.isascii() and number.isdecimal()):
        return None
    labels = labels_of(volume)
    said = {key: str(labels.get(label) or "") for key, label in _LABELS.items()}
    claim = Claim(
        project=said["project"] or middle,
        token=said["token"],
        who=said["who"] or "someone unknown",
        since=said["since"],
        command=said["command"],
        lease=_seconds(said["lease"]),
        process=said["process"],
    )
    return Entry(name, int(number), claim, host_time(str(volume.get("CreatedAt") or "")))


def host_time(text: str) -> datetime | None:
    """A time as engines write it: RFC 3339, to the second or the nanosecond, in any zone."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(Z|[+-]\d\d:\d\d)", text)
    if found is None:
        return None
    whole, fraction, zone = found.groups()
    try:
        return datetime.fromisoformat(f"{whole}.{(fraction or '0'):0<6}{zone.replace('Z', '+00:00')}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        return LEASE
    return found if 0 < found < 86400 else LEASE


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
