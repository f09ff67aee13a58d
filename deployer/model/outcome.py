"""The outcome of a plan: events while it is applied, and one result per host."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from deployer.errors import ExitCode
from deployer.model.desired import Address
from deployer.model.locks import Claim
from deployer.model.plan import HostPlan, Phase, Plan, ResourceChange, Step, Unreachable


class Status(StrEnum):
    """The status of a step. `SKIPPED`: a dependency failed, or the run was interrupted. `UNDONE`: rolled back."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNDONE = "undone"


class Cut(StrEnum):
    """What ended a step that did not fail itself: the operator stopped the run, or the connection or the lock was
    lost."""

    NOT = ""
    STOPPED = "stopped"
    LOST = "lost"


class StepResult(Struct, frozen=True):
    """`error` and `hint` describe a failure; `log` has the last lines of a failed container. Seconds.
    `stuck`: it could not be rolled back. `cut`: it is `FAILED`, but through no fault of its own."""

    step: Step
    status: Status
    seconds: float = 0.0
    error: str = ""
    hint: str = ""
    log: str = ""
    warnings: tuple[str, ...] = ()
    stuck: bool = False
    cut: Cut = Cut.NOT


class HostStarted(Struct, frozen=True):
    """The plan is the one that is executed."""

    plan: HostPlan

    @property
    def host(self) -> str:
        return self.plan.host

    @property
    def steps(self) -> int:
        return len(self.plan.steps)


class StepStarted(Struct, frozen=True):
    host: str
    step: Step


class StepEnded(Struct, frozen=True):
    host: str
    result: StepResult


class PullProgress(Struct, frozen=True):
    """`current` of `total` bytes over all layers known so far. `reading`: the source that an image is read from before
    it is sent, while it is."""

    host: str
    reference: str
    current: int
    total: int
    reading: str = ""


class TransferEnded(Struct, frozen=True):
    """An image was sent or pulled, or could not be."""

    host: str


class BuildProgress(Struct, frozen=True):
    """`doing`: the instruction that began last, `[2/3] RUN npm ci`. `sent`: bytes of the context, 0 in an event of an
    instruction."""

    host: str
    reference: str
    doing: str
    sent: int = 0


class HostEnded(Struct, frozen=True):
    outcome: HostOutcome


class Waiting(Struct, frozen=True):
    """Waiting for another run that holds the host's lock."""

    host: str
    holder: Claim


class Notice(Struct, frozen=True):
    """Information for the operator that is not an error."""

    host: str
    text: str


Event: TypeAlias = "HostStarted | StepStarted | StepEnded | PullProgress | BuildProgress | HostEnded | Waiting | Notice"


class Obstacle(StrEnum):
    """`LOST`: the lock, in the middle. `CHANGED`: since the plan was made."""

    LOCKED = "locked"
    CHANGED = "changed"
    NOT_LOCKABLE = "not lockable"
    LOST = "lost"


class Blocked(Struct, frozen=True):
    """Why a host was not changed, or not changed further, although its plan refuses nothing. `holder`: who holds the
    lock. `detail`: what changed, why the lock could not be acquired, or the other host on which it is held."""

    obstacle: Obstacle
    holder: Claim | None = None
    detail: str = ""
    hint: str = ""


class HostOutcome(Struct, frozen=True):
    """One play on one host. `remaining`: what a second comparison after the steps still found, "did not converge".
    `unreachable`: the connection was lost, and why. `restored`: why everything was rolled back although it worked.
    `shown`: the plan as the operator saw it, where the host was read again before it was worked on and came out with
    less to do."""

    plan: HostPlan
    results: tuple[StepResult, ...] = ()
    remaining: tuple[ResourceChange, ...] = ()
    unreachable: Unreachable | None = None
    refused: bool = False
    interrupted: bool = False
    unchanged: int = 0
    blocked: Blocked | None = None
    shown: HostPlan | None = None
    restored: str = ""

    @property
    def host(self) -> str:
        return self.plan.host

    @property
    def failed(self) -> tuple[StepResult, ...]:
        """Without those that only the operator or a lost connection ended."""
        failed = (result for result in self.results if result.status is Status.FAILED)
        return tuple(result for result in failed if result.stuck or not result.cut)

    @property
    def rolled_back(self) -> tuple[Address, ...]:
        """Resources with steps that were rolled back."""
        undone = (result.step.address for result in self.results if result.status is Status.UNDONE)
        return tuple(dict.fromkeys(undone))

    @property
    def done(self) -> tuple[ResourceChange, ...]:
        """Changes that were made: every step of the first phase succeeded, or of the second, if there is no other."""
        if not self.results:
            return ()
        first = {result.step.address for result in self.results if result.step.phase is Phase.CHANGE}
        other = (result for result in self.results if result.status is not Status.DONE)
        bad = {
            result.step.address
            for result in other
            if result.step.phase is Phase.CHANGE or result.step.address not in first or result.status is Status.FAILED
        }
        return tuple(change for change in self.plan.changes if change.address not in bad)

    @property
    def exit_code(self) -> ExitCode:
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if self.unreachable is not None:
            return ExitCode.UNREACHABLE
        if self.blocked is not None:
            return ExitCode.REFUSED
        if self.failed or self.remaining or self.restored:
            return ExitCode.FAILED
        return ExitCode.REFUSED if self.refused else ExitCode.OK


class Outcome(Struct, frozen=True):
    """The whole run."""

    plan: Plan
    hosts: tuple[HostOutcome, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """The most severe of the hosts': interrupted, unreachable, failed, refused, ok."""
        codes = {outcome.exit_code for outcome in self.hosts}
        if self.plan.unreachable:
            codes.add(ExitCode.UNREACHABLE)
        gravest = (ExitCode.INTERRUPTED, ExitCode.UNREACHABLE, ExitCode.FAILED, ExitCode.REFUSED)
        return next((code for code in gravest if code in codes), ExitCode.OK)
