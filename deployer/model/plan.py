"""The plan of all hosts, as a value.

It has two views. `changes` is for people: a resource, an action, the fields that differ, and the reason. `steps` is for
the executor: a graph of operations, each with its cause and each one engine call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from deployer.diagnostics import Origin
from deployer.fields.field import Change as Effect
from deployer.model.desired import Address, Kind, OnFailure, RunOnce
from deployer.model.operations import Operation


class Action(StrEnum):
    """The action on a resource; the value is its symbol in a plan."""

    CREATE = "+"
    UPDATE = "~"
    REPLACE_STOP_FIRST = "-/+"
    REPLACE_START_FIRST = "+/-"
    REMOVE = "-"
    START = ">"
    STOP = "#"
    RUN = ">>"

    @property
    def replaces(self) -> bool:
        return self in (Action.REPLACE_STOP_FIRST, Action.REPLACE_START_FIRST)


class FieldDiff(Struct, frozen=True):
    """One field that differs. `old` and `new` are printable texts without secrets. `origin`: where the new value was
    written; without an origin, `source` describes where it comes from."""

    path: tuple[str, ...]
    old: str
    new: str
    effect: Effect
    origin: Origin | None = None
    source: str = ""
    sensitive: bool = False

    @property
    def name(self) -> str:
        return ".".join(self.path)


class ResourceChange(Struct, frozen=True):
    """`reason` explains the action: "host port 8080 is fixed", "not running". `declared`: the fields of a new object,
    each as a difference from nothing."""

    address: Address
    action: Action
    diffs: tuple[FieldDiff, ...] = ()
    reason: str = ""
    origin: Origin | None = None
    declared: tuple[FieldDiff, ...] = ()


class Phase(StrEnum):
    """`COMMIT`: steps that cannot be rolled back. They run only after everything before them is final."""

    CHANGE = "change"
    COMMIT = "commit"


class Part(StrEnum):
    """Which of the containers with one address a step concerns."""

    ONLY = ""
    NEW = "new container"
    OLD = "old container"
    PREVIOUS_RUN = "previous run"


class Work(StrEnum):
    """What a group of steps does to its resources."""

    RECONNECT = "reconnect"
    RELOAD = "reload"
    RENEW = "renew"
    REPLACE = "replace"
    ROLL_BACK = "roll back"
    RUN = "run"


class Group(Struct, frozen=True):
    """Steps that are undone together. `names`: of the resources they are about, () for all that the plan changes."""

    work: Work
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.work} {', '.join(self.names)}".rstrip()


class Step(Struct, frozen=True):
    """One operation. `needs` are numbers of steps that must have succeeded; no step of the phase `CHANGE` needs one of
    `COMMIT`. Steps of one `group` are undone together when one of them fails, last first, each by its `undo` operations
    in order; by those of `keep`, where there are any, when its own resource is what failed. Once its `lasting` step is
    done, a group stays as it is: a job that has run has run."""

    number: int
    operation: Operation
    address: Address
    cause: str
    needs: tuple[int, ...] = ()
    group: Group | None = None
    undo: tuple[Operation, ...] = ()
    keep: tuple[Operation, ...] = ()
    phase: Phase = Phase.CHANGE
    lasting: bool = False
    part: Part = Part.ONLY

    def __str__(self) -> str:
        needs = f"[{','.join(map(str, self.needs))}] -> " if self.needs else ""
        group = f" [{self.group}]" if self.group else ""
        at_last = ", at last" if self.phase is Phase.COMMIT else ""
        return f"{needs}#{self.number} {self.address.label}, {self.operation}, {self.cause}{at_last}{group}"


class Refusal(Struct, frozen=True):
    """A refused change: why, and what to do about it."""

    address: Address
    summary: str
    hint: str = ""
    origin: Origin | None = None
    diffs: tuple[FieldDiff, ...] = ()


class Before(Struct, frozen=True, omit_defaults=True):
    """A container before a change of it. `action`: the symbol of the change; `id`: the first 12 digits of the id of
    a container that goes; `digest`: of its image in a registry, or else `image`, the image's id. `fields`: of the
    fields whose declaration the change changes, what was recorded before, None for what was not declared; secrets as
    digests."""

    name: str
    action: str
    id: str = ""
    image: str = ""
    digest: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


class OwedEndpoint(Struct, frozen=True):
    """An endpoint of a container, by its id, on a network, by its name; `endpoint` is the body that connects it."""

    container: str
    network: str
    endpoint: Mapping[str, Any]


class MovedVolume(Struct, frozen=True):
    """`size`: bytes on the source, None if the engine does not say."""

    name: str
    size: int | None = None


class Moved(Struct, frozen=True):
    """Containers that come from another host. `containers`: what is stopped there, dependencies first, with the ids;
    `arriving`: those of them that this host gets. `exact`: volumes are copied with GNU tar, first while they are in
    use. `uncopied`: what they use there besides. `running`: ids of what runs there, or ran before a run that was
    killed, with their restart policies. `begun`: what that run created on this host."""

    source: str
    containers: tuple[tuple[str, str], ...]
    arriving: tuple[str, ...]
    volumes: tuple[MovedVolume, ...] = ()
    exact: bool = False
    uncopied: tuple[str, ...] = ()
    running: tuple[tuple[str, str], ...] = ()
    begun: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.containers)

    @property
    def plain(self) -> Moved:
        """Without sizes, which change all the time."""
        return replace(self, volumes=tuple(MovedVolume(volume.name) for volume in self.volumes))


class HostPlan(Struct, frozen=True):
    """One play on one host. `notes` are things worth knowing that change nothing. `images`: declared references,
    complete. `declared`: what the play declares there, by slot. `before`: the containers that it changes, as they
    are. `endpoints`: those that containers have to get if it is interrupted. `moved`: what comes from another host."""

    host: str
    project: str
    changes: tuple[ResourceChange, ...] = ()
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    simulated: bool = False
    on_failure: OnFailure = OnFailure.ROLLBACK_HOST
    images: frozenset[str] = frozenset()
    declared: frozenset[tuple[Kind, str]] = frozenset()
    before: tuple[Before, ...] = ()
    endpoints: tuple[OwedEndpoint, ...] = ()
    moved: Moved | None = None

    @property
    def concerned(self) -> tuple[str, ...]:
        """The host, and the one from which its containers come."""
        return (self.host,) if self.moved is None else (self.host, self.moved.source)

    def __str__(self) -> str:
        """The steps, one a line: what tests of the planner compare."""
        return "\n".join(map(str, self.steps))


class Unreachable(Struct, frozen=True):
    host: str
    message: str
    hint: str = ""


class PlayPlan(Struct, frozen=True):
    """`batches`: hosts in the order they are worked on; a batch begins when the one before is done. `once`: jobs that
    the first host runs for all; when it fails, no other begins."""

    name: str
    project: str
    hosts: tuple[HostPlan, ...] = ()
    batches: tuple[tuple[str, ...], ...] = ()
    once: RunOnce | None = None


class Plan(Struct, frozen=True):
    plays: tuple[PlayPlan, ...] = ()
    unreachable: tuple[Unreachable, ...] = ()

    @property
    def hosts(self) -> Iterator[HostPlan]:
        return (host for play in self.plays for host in play.hosts)

    @property
    def changes(self) -> Iterator[ResourceChange]:
        return (change for host in self.hosts for change in host.changes)

    @property
    def refusals(self) -> Iterator[Refusal]:
        return (refusal for host in self.hosts for refusal in host.refusals)

    @property
    def empty(self) -> bool:
        return not any(self.changes)

    @property
    def counts(self) -> Counts:
        """Of the changes that will be made: a host with a refusal has none."""
        return count(change for host in self.hosts if not host.refusals for change in host.changes)


class Counts(Struct, frozen=True):
    create: int = 0
    update: int = 0
    replace: int = 0
    remove: int = 0
    run: int = 0

    @property
    def total(self) -> int:
        return self.create + self.update + self.replace + self.remove + self.run


def count(changes: Iterable[ResourceChange]) -> Counts:
    """Starting and stopping count as updates."""
    actions = [change.action for change in changes]
    return Counts(
        create=sum(action is Action.CREATE for action in actions),
        update=sum(action in (Action.UPDATE, Action.START, Action.STOP) for action in actions),
        replace=sum(action.replaces for action in actions),
        remove=sum(action is Action.REMOVE for action in actions),
        run=sum(action is Action.RUN for action in actions),
    )
