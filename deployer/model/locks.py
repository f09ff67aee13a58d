"""The lock of a project on one host: its volumes, and the decisions of each run. Pure.

An entry of a lock is a volume `deployer.lock.<project>.<number>`; its labels name the holder. `POST /volumes/create`
atomically creates it or returns the existing one, on every engine. Nothing else is required of a host, not even a
shell. The time of creation is the host's, and is compared with the host's clock.

**To take it**, a run creates an entry and reads all entries. It removes expired ones and reads again. It has the lock
when a later read shows its own entry alone. If another entry is alive, it removes its own and tries later.
**To renew it**, the holder creates a new entry, checks that the previous one still exists, and removes that.
**It is lost** when the previous entry is missing. The run then writes nothing more.

Why two runs cannot hold it:
(1) Two runs take it at the same time. Each creates its entry before it reads, so at least one sees the other, and only
a run that sees no other entry has the lock. If both see each other, both pause; usually both request the same number,
and the host gives it to one.
(2) A run takes over from an expired holder. Its last read does not show the holder's entry, which was removed before.
A holder that renews after the removal finds its entry missing. One that renewed before has a new entry, which the read
shows.
(3) A holder writes only while its newest entry is younger than two thirds of the lease, counted from the request for
the entry; otherwise it renews first. The last third covers a write that the network delays: without an acknowledgement
for that long, the kernel closes the connection and drops what it has not delivered (`transport.sockets`). Others remove
the entry only when it is older than the lease and `MARGIN`. So the two periods do not overlap while the clocks of host
and controller run at the same speed. If a host's clock jumps, (2) stops the slower run at its next renewal.

If a host reports no time, an entry that has not changed for lease and margin has expired. An entry of a process of this
machine that has ended has expired at once.
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
"""Seconds without renewal after which a lock expires."""

MARGIN: Final = 2.0
"""Seconds that an entry may seem older than it is: engines cut the time of a volume to whole seconds."""

RENEWALS: Final = 3
"""Renewals per lease."""

_LABELS: Final = {
    name: f"deployer.lock.{name}" for name in ("project", "token", "who", "since", "command", "lease", "process")
}


class Claim(Struct, frozen=True):
    """A run that requests or holds a lock. `token` identifies the run; `since` is the controller's time, for people
    only; `process` identifies the process on its machine."""

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
    """One volume of a lock. `made`: the time of creation by the host's clock, None if unknown."""

    name: str
    number: int
    claim: Claim
    made: datetime | None = None

    @property
    def token(self) -> str:
        return self.claim.token


class View(Struct, frozen=True):
    """All entries of one lock, from one read. `now`: the host's clock, read after the entries; None if it was not read
    or is unknown. `watched`: seconds since an entry was first seen, by name and token. `dead`: processes that are known
    to have ended."""

    entries: tuple[Entry, ...]
    now: datetime | None = None
    watched: Mapping[tuple[str, str], float] | None = None
    dead: frozenset[str] = frozenset()

    def is_expired(self, entry: Entry) -> bool:
        """Whether the holder has not renewed the entry for so long that the lock is free."""
        limit = entry.claim.lease + MARGIN
        if entry.claim.process in self.dead:
            return True
        if self.now is not None and entry.made is not None and (self.now - entry.made).total_seconds() > limit:
            return True
        return (self.watched or {}).get((entry.name, entry.token), 0.0) > limit


class Enter(Struct, frozen=True):
    """Create an entry of this number, then read again."""

    number: int


class Clear(Struct, frozen=True):
    """Remove these expired entries, then read again."""

    entries: tuple[Entry, ...]


class Taken(Struct, frozen=True):
    """This run has the lock, by this entry."""

    entry: Entry


class Held(Struct, frozen=True):
    """Another run has the lock or is taking it. `mine`: entries of this run, to be removed."""

    by: Entry
    mine: tuple[Entry, ...] = ()


Decision: TypeAlias = "Enter | Clear | Taken | Held"


def decide(token: str, view: View) -> Decision:
    """The next step of a run that requests the lock."""
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
    """A held lock. `asked`: when the newest entry was requested, by the holder's clock; the lease starts then."""

    entry: Entry
    asked: float

    def due(self, now: float) -> float:
        """Seconds until the next renewal."""
        return self.asked + self.entry.claim.lease / RENEWALS - now

    def sure(self, now: float) -> bool:
        """Whether no run can take the lock before a write that starts now is delivered or dropped."""
        return now < self.asked + self.entry.claim.lease * (RENEWALS - 1) / RENEWALS


def watch(
    before: Mapping[tuple[str, str], float], entries: Iterable[Entry], now: float
) -> dict[tuple[str, str], float]:
    """When each entry was first seen. An active holder keeps replacing its entry."""
    return {(entry.name, entry.token): before.get((entry.name, entry.token), now) for entry in entries}


def volume_name(project: str, number: int) -> str:
    """Of an entry."""
    return f"{PREFIX}{slug(project)}.{number}"


def read_entries(volumes: Iterable[Mapping[str, Any]], project: str | None = None) -> tuple[Entry, ...]:
    """The entries of one project, or of all, by number. The name decides: labels may be wrong."""
    entries = (read_entry(volume) for volume in volumes)
    found = [
        entry
        for entry in entries
        if entry is not None and (project is None or entry.name == volume_name(project, entry.number))
    ]
    return tuple(sorted(found, key=lambda entry: (entry.claim.project, entry.number)))


def read_entry(volume: Mapping[str, Any]) -> Entry | None:
    """None for a volume that does not belong to a lock."""
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
