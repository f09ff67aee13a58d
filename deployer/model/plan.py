"""The plan of all hosts, as a value.

It has two views. `changes` is for people: a resource, an action, the fields that differ, and the reason. `steps` is for
the executor: a graph of operations, each with its cause and each one engine call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias

from msgspec import Struct

from deployer.diagnostics import Origin
from deployer.fields.field import Change as Effect
from deployer.interfaces import Guarded
from deployer.model.desired import Address, Kind, OnFailure, RunOnce
from deployer.values import duration


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
    """`reason` explains the action: "host port 8080 is fixed", "not running"."""

    address: Address
    action: Action
    diffs: tuple[FieldDiff, ...] = ()
    reason: str = ""
    origin: Origin | None = None


class Made(Struct, frozen=True):
    """The container that a step of the same plan creates."""

    step: int


Target: TypeAlias = "str | Made"
"""A container: its id, or the one a step creates."""


class Operation(Guarded, frozen=True, tag=True):
    """One call of an engine, or a wait; `applying.operations` executes it. `doing` and `done` say what happens while
    it is under way, and what has happened then."""

    doing: ClassVar[str]
    done: ClassVar[str]
    waits: ClassVar[bool] = False
    """Whether it changes nothing and only asks the engine now and then."""

    @property
    def subject(self) -> str:
        """What it is called on; never a body."""
        raise NotImplementedError

    @property
    def further(self) -> str:
        """What `doing` and `done` are followed by."""
        return ""

    def __str__(self) -> str:
        """`StopContainer web (10s)`."""
        return f"{type(self).__name__} {self.subject}"


class _OnImage(Operation, frozen=True):
    reference: str

    @property
    def subject(self) -> str:
        return self.reference


class PullImage(_OnImage, frozen=True):
    doing, done = "pulling", "pulled"
    platform: str = ""

    @property
    def subject(self) -> str:
        return self.reference + (f" for {self.platform}" if self.platform else "")


class RemoveImage(_OnImage, frozen=True):
    doing, done = "removing", "removed"


class _OnName(Operation, frozen=True):
    name: str

    @property
    def subject(self) -> str:
        return self.name


class _Create(_OnName, frozen=True):
    doing, done, hidden = "creating", "created", ("body",)
    body: Mapping[str, Any]


class CreateNetwork(_Create, frozen=True):
    pass


class CreateVolume(_Create, frozen=True):
    pass


class CreateContainer(_Create, frozen=True):
    platform: str = ""


class RemoveNetwork(Operation, frozen=True):
    """By id, or by name if a step of the same plan creates it."""

    doing, done = "removing", "removed"
    network: str

    @property
    def subject(self) -> str:
        return self.network


class RemoveVolume(_OnName, frozen=True):
    doing, done = "removing", "removed"


class _OnEndpoint(Operation, frozen=True):
    preposition: ClassVar[str]
    network: str
    container: Target

    @property
    def subject(self) -> str:
        return f"{self.network} {_target(self.container)}"

    @property
    def further(self) -> str:
        return f" {self.preposition} {self.network}"


class ConnectNetwork(_OnEndpoint, frozen=True):
    doing, done, preposition, hidden = "connecting", "connected", "to", ("endpoint",)
    endpoint: Mapping[str, Any]


class DisconnectNetwork(_OnEndpoint, frozen=True):
    doing, done, preposition = "disconnecting", "disconnected", "from"


class OnContainer(Operation, frozen=True):
    """What is called on one container alone."""

    container: Target

    @property
    def subject(self) -> str:
        return _target(self.container)


class UpdateContainer(OnContainer, frozen=True):
    doing, done, hidden = "updating", "updated", ("body",)
    body: Mapping[str, Any]


class StartContainer(OnContainer, frozen=True):
    doing, done = "starting", "started"


class StopContainer(OnContainer, frozen=True):
    """`timeout` in seconds; None for the container's own."""

    doing, done = "stopping", "stopped"
    timeout: int | None = None

    @property
    def subject(self) -> str:
        grace = "" if self.timeout is None else f" ({duration.show_seconds(self.timeout)})"
        return _target(self.container) + grace


class PauseContainer(OnContainer, frozen=True):
    doing, done = "pausing", "paused"


class UnpauseContainer(OnContainer, frozen=True):
    doing, done = "unpausing", "unpaused"


class RenameContainer(OnContainer, frozen=True):
    doing, done = "renaming", "renamed"
    name: str

    @property
    def subject(self) -> str:
        return f"{_target(self.container)} to {self.name}"

    @property
    def further(self) -> str:
        return f" to {self.name}"


class RemoveContainer(OnContainer, frozen=True):
    """Anonymous volumes of the container stay."""

    doing, done = "removing", "removed"


class AwaitHealthy(OnContainer, frozen=True):
    """With a healthcheck: healthy within `timeout` seconds, and still so after `watch`. Without: running, never
    restarted, for `monitor`. In the first `grace` seconds it may be unhealthy or restarted; `monitor` then counts from
    the last restart."""

    doing, done, waits = "waiting until healthy", "healthy", True
    timeout: float
    monitor: float
    watch: float = 0.0
    grace: float = 0.0


class AwaitCompleted(OnContainer, frozen=True):
    """Waits until it exits, at most `timeout` seconds if set. An exit code other than 0 is a failure, unless the result
    does not matter."""

    doing, done, waits = "waiting until it ends", "ended", True
    timeout: float | None = None
    whatever_code: bool = False


def _target(container: Target) -> str:
    return f"made by #{container.step}" if isinstance(container, Made) else container[:12]


class Phase(StrEnum):
    """`COMMIT`: what cannot be rolled back, and is done only when nothing before it will be any more."""

    CHANGE = "change"
    COMMIT = "commit"


class Part(StrEnum):
    """Which of the containers that bear one address a step is about."""

    ONLY = ""
    NEW = "new container"
    OLD = "old container"
    PREVIOUS_RUN = "previous run"


class Work(StrEnum):
    """What a group of steps does to its resources."""

    RECONNECT = "reconnect"
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


class HostPlan(Struct, frozen=True):
    """One play on one host. `notes` are things worth knowing that change nothing. `images`: declared references,
    complete. `declared`: what the play declares there, by slot."""

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
