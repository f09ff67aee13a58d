"""Records of what was applied to a host: one per play of a run, stored on the host as a volume with labels. Pure.

The number in the name `deployer.history.<project>.<number>` only increases, so the newest record shows whether anyone
has applied something since a host was last read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, astuple, replace

from deployer.model.desired import Address, Kind
from deployer.model.observed import Replaced
from deployer.model.operations import ConnectNetwork
from deployer.model.outcome import HostOutcome, Status
from deployer.model.ownership import decoded, is_shallow, mistyped
from deployer.model.plan import Action, Before, Counts, HostPlan, OwedEndpoint, count
from deployer.model.volume_names import ENDPOINTS, STARTED, labels_of, read_record

KEPT: Final = 20
"""Records of one project on one host."""

_LISTS: Final = ("changes", "pulled", "declared", "before")
_PARSED: Final = (*_LISTS, "counts", "fields")
_LONGEST: Final = 100
_MOST: Final = 4000
"""Characters that a record keeps, of one value and of all: every plan reads the records of its hosts."""
_LABELS: Final = {
    name: f"deployer.history.{name}"
    for name in ("project", "time", "who", "command", "commit", "result", "version", "run", *_PARSED)
}

_MOVED: Final = "deployer.history.moved"
_REPLACE: Final = (Action.REPLACE_STOP_FIRST, Action.REPLACE_START_FIRST)
_WAITED: Final = "="
"""The symbol of a container that a run only waited for."""


class Result(StrEnum):
    """`STARTED`: the run has not ended, or it was killed."""

    STARTED = "started"
    OK = "ok"
    FAILED = "failed"
    ROLLED_BACK = "rolled back"
    INTERRUPTED = "interrupted"


class Ending(StrEnum):
    """Why a change does not count as done."""

    DIFFERS = "did not converge"
    FAILED = "failed"
    UNDONE = "rolled back"
    SKIPPED = "not done"


class RecordedChange(Struct, frozen=True):
    """A change as records hold it: `-/+ container.web`, `+ container.db (failed)`. `action` None: the run only waited
    for the container."""

    action: Action | None
    label: str
    ending: Ending | None = None

    def __str__(self) -> str:
        return f"{self.action or _WAITED} {self.label}" + (f" ({self.ending})" if self.ending else "")


def parse_change(text: str) -> RecordedChange:
    """An unknown ending, from another release, counts as failed."""
    symbol, _, rest = text.partition(" ")
    label, _, word = rest.removesuffix(")").partition(" (")
    ending = (Ending(word) if word in set(Ending) else Ending.FAILED) if word else None
    return RecordedChange(Action(symbol) if symbol in set(Action) else None, label, ending)


class RecordedMove(Struct, frozen=True):
    """Containers, with their ids on the source, and volumes that were moved. `running`: ids of those that ran there,
    with their restart policies."""

    source: str
    target: str
    containers: tuple[tuple[str, str], ...] = ()
    volumes: tuple[str, ...] = ()
    running: tuple[tuple[str, str], ...] = ()


class Record(Struct, frozen=True):
    """`time` is UTC; `commit` that of the playbook's folder, "" without one, with "+dirty" when files differed from it.
    `changes` are texts of `RecordedChange`. `pulled`: names and ids of images that the project pulled, in this run or
    before, and that are still there; `declared`: references it declares. `before`: the containers that the run was to
    change, as they were; None in records of releases that did not write it. `fields`: for the first of `changes`, each
    field with its old and its new value, shortened and without secrets, "" for no value. `endpoints`: those that the
    run took from containers, or found taken, and may not have given back. `run`: what the records of all plays of one
    run have in common; "" in records of releases that did not write it. `moved`: what came from another host, or went
    there."""

    project: str
    time: str
    who: str
    command: str
    commit: str
    result: str
    version: str
    counts: Counts
    changes: tuple[str, ...] = ()
    number: int = 0
    pulled: tuple[tuple[str, str], ...] = ()
    declared: tuple[str, ...] = ()
    before: tuple[Before, ...] | None = ()
    fields: tuple[tuple[tuple[str, str, str], ...], ...] = ()
    endpoints: tuple[OwedEndpoint, ...] = ()
    run: str = ""
    moved: RecordedMove | None = None

    @property
    def labels(self) -> dict[str, str]:
        plain = {label: str(getattr(self, name)) for name, label in _LABELS.items() if name not in _PARSED}
        parsed = {_LABELS[name]: msgspec.json.encode(getattr(self, name)).decode() for name in _PARSED}
        owed = {ENDPOINTS: msgspec.json.encode(self.endpoints).decode()} if self.endpoints else {}
        moved = {_MOVED: msgspec.json.encode(self.moved).decode()} if self.moved is not None else {}
        return plain | parsed | owed | moved


def counts_document(counts: Counts) -> dict[str, int]:
    return asdict(counts)


def read_records(volumes: Iterable[Mapping[str, Any]], project: str = "") -> tuple[Record, ...]:
    """Newest first; of all projects unless one is named. The start record of a completed run is left out."""
    named = sorted(volumes, key=lambda volume: str(volume.get("Name") or "").endswith(STARTED), reverse=True)
    records = {(record.project, record.number): record for volume in named if (record := _read(volume)) is not None}
    chosen = [record for record in records.values() if project in ("", record.project)]
    return tuple(sorted(chosen, key=lambda record: (record.time, record.number), reverse=True))


def last_records(volumes: Iterable[Mapping[str, Any]]) -> dict[str, Record]:
    """The newest record of each project."""
    records = sorted(read_records(volumes), key=lambda record: record.number)
    return {record.project: record for record in records}


def _read(volume: Mapping[str, Any]) -> Record | None:
    """Records of another release, or edited manually, are read as far as possible."""
    key = read_record(str(volume.get("Name") or ""))
    if key is None:
        return None
    middle, number = key
    labels = labels_of(volume)
    said = {name: str(labels.get(label) or "") for name, label in _LABELS.items()}
    changes, pulled, declared = (decoded(said[name], list[Any]) or [] for name in ("changes", "pulled", "declared"))
    return Record(
        project=said["project"] or middle,
        time=said["time"],
        who=said["who"],
        command=said["command"],
        commit=said["commit"],
        result=said["result"],
        version=said["version"],
        counts=decoded(said["counts"], Counts) or Counts(),
        changes=tuple(change for change in changes if isinstance(change, str)),
        number=number,
        pulled=tuple(pair for found in pulled if (pair := _pair(found))),
        declared=tuple(text for text in declared if isinstance(text, str)),
        before=_before(said["before"]),
        fields=decoded(said["fields"], tuple[tuple[tuple[str, str, str], ...], ...]) or (),
        endpoints=_endpoints(labels.get(ENDPOINTS)),
        run=said["run"],
        moved=decoded(labels.get(_MOVED), RecordedMove),
    )


def _endpoints(text: object) -> tuple[OwedEndpoint, ...]:
    return tuple(each for each in decoded(text, tuple[OwedEndpoint, ...]) or () if is_shallow(each.endpoint))


def _before(text: str) -> tuple[Before, ...] | None:
    found = decoded(text, tuple[Before, ...])
    return found if found is not None and all(map(_is_readable, found)) else None


def _is_readable(before: Before) -> bool:
    declared = {name: value for name, value in before.fields.items() if value is not None}
    return is_shallow(before.fields) and not mistyped(declared, Kind.CONTAINER)


def _pair(found: object) -> tuple[str, str] | None:
    match found:
        case [str() as name, str() as image]:
            return name, image
        case _:
            return None


def runs_of(records: Iterable[Record]) -> tuple[Record, ...]:
    """The records of all plays of one run as one, under the last number. `records`: newest first, as they stay."""
    runs: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        runs.setdefault((record.project, record.run or f"#{record.number}"), []).append(record)
    return tuple(_joined(found) for found in runs.values())


def _joined(records: Sequence[Record]) -> Record:
    last, plays = records[0], sorted(records, key=lambda found: found.number)
    if len(plays) == 1:
        return last
    fields = ((*each.fields, *((),) * (len(each.changes) - len(each.fields))) for each in plays)
    return replace(
        last,
        result=next((each.result for each in records if each.result != Result.OK), last.result),
        counts=Counts(*(sum(numbers) for numbers in zip(*(astuple(each.counts) for each in plays), strict=True))),
        changes=tuple(change for each in plays for change in each.changes),
        fields=tuple(each for of_play in fields for each in of_play),
        moved=next((each.moved for each in records if each.moved is not None), None),
        before=None
        if any(each.before is None for each in plays)
        else tuple(b for each in plays for b in each.before or ()),
    )


def replaced_last(records: Iterable[Record]) -> Replaced:
    """By the most recent run with replacements, without those rolled back; what it was to replace if it was killed. Its
    number is that of its first play."""
    known = tuple(records)
    for last in known:
        if not _replaced(last):
            continue
        plays = [each for each in known if each.run == last.run] if last.run else [last]
        return Replaced(
            min(each.number for each in plays), {name: i for each in plays for name, i in _replaced(each).items()}
        )
    return Replaced()


def _replaced(record: Record) -> dict[str, str]:
    """The containers that a run replaced, and the ids of those that were replaced, "" where it is not known."""
    ids = {before.name: before.id for before in record.before or ()}
    changes = map(parse_change, record.changes)
    done = (found.label.partition(".") for found in changes if found.action in _REPLACE and not found.ending)
    return {name: ids.get(name, "") for kind, _, name in done if kind == Kind.CONTAINER}


def is_proven(records: Iterable[Record], name: str) -> bool:
    """Whether the last run that changed a container saw it working. `records`: all of its project, newest first. One
    that no record mentions was created by a run that ended before it was recorded, unless records were removed."""
    last, named = 0, [f"{kind}.{name}" for kind in Kind if kind.is_container]
    for record in sorted(records, key=lambda found: found.number, reverse=True):
        last = record.number
        for found in map(parse_change, record.changes):
            came_back = found.ending and found.action in _REPLACE
            if found.label in named and record.result == Result.STARTED:
                return False
            if found.label in named and found.ending not in (Ending.UNDONE, Ending.SKIPPED) and not came_back:
                return not found.ending and found.action is not Action.REMOVE
    return last > 1


def owed_after(outcome: HostOutcome) -> tuple[OwedEndpoint, ...]:
    """Endpoints that a run that has ended did not give containers back."""
    done = [result.step.operation for result in outcome.results if result.status is Status.DONE]
    given = {(each.container, each.network) for each in done if isinstance(each, ConnectNetwork)}
    return tuple(each for each in outcome.plan.endpoints if (each.container, each.network) not in given)


def result_of(outcome: HostOutcome) -> Result:
    statuses = {result.status for result in outcome.results}
    if outcome.interrupted or outcome.blocked is not None:
        return Result.INTERRUPTED
    if outcome.failed or outcome.remaining or outcome.unreachable is not None:
        left = any(result.status is Status.DONE and result.step.undo for result in outcome.results)
        return Result.ROLLED_BACK if Status.UNDONE in statuses and not left else Result.FAILED
    return Result.ROLLED_BACK if Status.UNDONE in statuses else Result.OK


def changes_of(outcome: HostOutcome) -> tuple[tuple[str, ...], Counts]:
    """Each change with its result, and the number of completed changes."""
    endings = {Status.FAILED: Ending.FAILED, Status.UNDONE: Ending.UNDONE, Status.SKIPPED: Ending.SKIPPED}
    found = {remaining.address: Ending.DIFFERS for remaining in outcome.remaining}
    made = {change.address for change in outcome.done}
    for status in (Status.SKIPPED, Status.UNDONE, Status.FAILED):
        ended = (r.step.address for r in outcome.results if r.status is status)
        found |= {address: endings[status] for address in ended if address not in made}
    changed: list[tuple[Action | None, Address]] = [(change.action, change.address) for change in outcome.plan.changes]
    waited_for = (r.step.address for r in outcome.results if r.step.operation.waits)
    checked = dict.fromkeys(address for address in waited_for if address not in {each for _, each in changed})
    changed += [(None, address) for address in checked]
    texts = (str(RecordedChange(action, address.label, found.get(address))) for action, address in changed)
    return tuple(texts), count(outcome.done)


def fields_of(outcome: HostOutcome) -> tuple[tuple[tuple[str, str, str], ...], ...]:
    """What each change of the plan changes. Of a record that is full, no more."""
    found: list[tuple[tuple[str, str, str], ...]] = []
    room = _MOST
    for change in outcome.plan.changes:
        fields = tuple((diff.name, _short(diff.old), _short(diff.new)) for diff in change.diffs)
        room -= sum(len(text) for field in fields for text in field)
        if room < 0:
            break
        found.append(fields)
    return tuple(found)


def recorded_move(plan: HostPlan) -> RecordedMove | None:
    moved = plan.moved
    if moved is None:
        return None
    volumes = tuple(volume.name for volume in moved.volumes)
    return RecordedMove(moved.source, plan.host, moved.containers, volumes, moved.running)


def left_record(record: Record) -> Record:
    """For the source of a move, from the record of its target."""
    names = [name for name, _ in record.moved.containers] if record.moved is not None else []
    changes = tuple(str(RecordedChange(Action.STOP, f"{Kind.CONTAINER}.{name}")) for name in names)
    counts = Counts(update=len(changes))
    return replace(record, counts=counts, changes=changes, fields=(), before=(), endpoints=(), declared=())


def moved_away(volumes: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The ids of containers that moves left."""
    found = (record.moved for record in read_records(volumes) if record.result == Result.OK)
    return frozenset(key for moved in found if moved is not None for _, key in moved.containers)


def unfinished_move(volumes: Iterable[Mapping[str, Any]], project: str) -> RecordedMove | None:
    """What the last run moved here, if it was killed."""
    last = last_records(volumes).get(project)
    return last.moved if last is not None and last.result == Result.STARTED else None


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
