"""The plan: what would be done on every host, as a value.

Two views of one thing. `changes` is what people read: a resource, an action, the fields that differ, and why. `steps`
is what the executor does: a graph of operations, each one engine call, each naming its cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias

from msgspec import Struct

from deployer.diagnostics import Origin
from deployer.fields.field import Change as Effect
from deployer.interfaces import Guarded
from deployer.model.desired import Address, OnFailure, RunOnce
from deployer.values import duration


class Action(StrEnum):
    """What happens to a resource; the value is its symbol in a plan."""

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
    """One field that differs. `old` and `new` are texts ready to be shown, without secrets. `origin`: where the new
    value was written; without one, `source` says where it comes from."""

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
    """`reason` says in words why this action: "host port 8080 is fixed", "not running"."""

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


class PullImage(Struct, frozen=True):
    reference: str
    platform: str = ""


class RemoveImage(Struct, frozen=True):
    reference: str


class CreateNetwork(Guarded, frozen=True):
    hidden: ClassVar[tuple[str, ...]] = ("body",)
    name: str
    body: Mapping[str, Any]


class RemoveNetwork(Struct, frozen=True):
    """By id, or by name for one that a step of the same plan made."""

    network: str


class ConnectNetwork(Guarded, frozen=True):
    hidden: ClassVar[tuple[str, ...]] = ("endpoint",)
    network: str
    container: Target
    endpoint: Mapping[str, Any]


class DisconnectNetwork(Struct, frozen=True):
    network: str
    container: Target


class CreateVolume(Guarded, frozen=True):
    hidden: ClassVar[tuple[str, ...]] = ("body",)
    name: str
    body: Mapping[str, Any]


class RemoveVolume(Struct, frozen=True):
    name: str


class CreateContainer(Guarded, frozen=True):
    hidden: ClassVar[tuple[str, ...]] = ("body",)
    name: str
    body: Mapping[str, Any]
    platform: str = ""


class UpdateContainer(Guarded, frozen=True):
    hidden: ClassVar[tuple[str, ...]] = ("body",)
    container: Target
    body: Mapping[str, Any]


class StartContainer(Struct, frozen=True):
    container: Target


class StopContainer(Struct, frozen=True):
    """`timeout` in seconds; None for the container's own."""

    container: Target
    timeout: int | None = None


class RenameContainer(Struct, frozen=True):
    container: Target
    name: str


class RemoveContainer(Struct, frozen=True):
    """Its anonymous volumes stay."""

    container: Target


class AwaitHealthy(Struct, frozen=True):
    """With a healthcheck: healthy within `timeout` seconds, and still so after `watch`. Without: running, never
    restarted, for `monitor`."""

    container: Target
    timeout: float
    monitor: float
    watch: float = 0.0


class AwaitCompleted(Struct, frozen=True):
    """Waits until it exits, at most `timeout` seconds where there is one. Any code but 0 is a failure, unless nobody
    asks how it ended."""

    container: Target
    timeout: float | None = None
    whatever_code: bool = False


Operation: TypeAlias = (
    PullImage
    | RemoveImage
    | CreateNetwork
    | RemoveNetwork
    | ConnectNetwork
    | DisconnectNetwork
    | CreateVolume
    | RemoveVolume
    | CreateContainer
    | UpdateContainer
    | StartContainer
    | StopContainer
    | RenameContainer
    | RemoveContainer
    | AwaitHealthy
    | AwaitCompleted
)


class Phase(StrEnum):
    """`COMMIT`: what cannot be taken back, and is done only when nothing before it will be any more."""

    CHANGE = "change"
    COMMIT = "commit"


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
    group: str = ""
    undo: tuple[Operation, ...] = ()
    keep: tuple[Operation, ...] = ()
    phase: Phase = Phase.CHANGE
    lasting: bool = False

    def __str__(self) -> str:
        needs = f"[{','.join(map(str, self.needs))}] -> " if self.needs else ""
        group = f" [{self.group}]" if self.group else ""
        at_last = ", at last" if self.phase is Phase.COMMIT else ""
        return f"{needs}#{self.number} {self.address.label}, {describe(self.operation)}, {self.cause}{at_last}{group}"


class Refusal(Struct, frozen=True):
    """Something that will not be done, why, and what to do about it."""

    address: Address
    summary: str
    hint: str = ""
    origin: Origin | None = None
    diffs: tuple[FieldDiff, ...] = ()


class HostPlan(Struct, frozen=True):
    """One play on one host. `notes` are things worth knowing that change nothing. `images`: declared references,
    complete."""

    host: str
    project: str
    changes: tuple[ResourceChange, ...] = ()
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    simulated: bool = False
    on_failure: OnFailure = OnFailure.ROLLBACK_HOST
    images: frozenset[str] = frozenset()

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


def describe(operation: Operation) -> str:
    """`StopContainer web (10s)`: the call and what it is called on, never a body."""
    match operation:
        case PullImage(reference, platform):
            return f"PullImage {reference}" + (f" for {platform}" if platform else "")
        case CreateContainer(name) | CreateNetwork(name) | CreateVolume(name) | RemoveVolume(name):
            subject = name
        case RemoveImage(subject) | RemoveNetwork(subject):
            pass
        case ConnectNetwork(network, container) | DisconnectNetwork(network, container):
            subject = f"{network} {_target(container)}"
        case RenameContainer(container, name):
            subject = f"{_target(container)} to {name}"
        case StopContainer(container, int(grace)):
            subject = f"{_target(container)} ({duration.show_seconds(grace)})"
        case (
            UpdateContainer(container)
            | StartContainer(container)
            | StopContainer(container)
            | RemoveContainer(container)
            | AwaitHealthy(container)
            | AwaitCompleted(container)
        ):
            subject = _target(container)
    return f"{type(operation).__name__} {subject}"


def _target(container: Target) -> str:
    return f"made by #{container.step}" if isinstance(container, Made) else container[:12]
