"""Executes a plan step by step, in parallel where the graph allows. It makes no decisions.

A step runs when every step it needs has succeeded. If a step fails, the plan's `on_failure` defines what happens:
either dependent steps are skipped and the steps of its group are undone, while other groups continue; or no further
step starts and everything on the host is undone. Undoing runs from the last step to the first. If the run is stopped,
no further step starts, and unfinished groups are undone.

`change` runs the steps that can be rolled back, `roll_back` undoes them, and `commit` runs the rest. `fetch` gets
images before anything else begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from deployer.applying.health import WaitInterruptedError
from deployer.applying.operations import Done
from deployer.applying.performing import Performer, Tools
from deployer.errors import DeployerError, EngineError, FileError, InternalError, UnreachableError, boundary
from deployer.interfaces import Events
from deployer.model.desired import OnFailure
from deployer.model.operations import (
    AwaitCompleted,
    AwaitHealthy,
    BuildImage,
    CreateContainer,
    Made,
    MakeLink,
    Operation,
    PullImage,
    PutFile,
    RemoveFile,
    RemoveNetwork,
    RenameContainer,
    SendImage,
    StartContainer,
    SwitchFiles,
)
from deployer.model.outcome import Cut, HostStarted, Status, StepEnded, StepResult, StepStarted
from deployer.model.plan import Group, HostPlan, Phase, Step

WIDTH = 7
"""Parallel steps on one host: the channels of a connection, minus one for renewing the lock."""

WAITS = 57
"""Additional steps that only wait and poll the engine."""

GOES_ON = "runs on; the next run waits for its end"
"""The message for a job that was running when the operator stopped the run."""

Failures: TypeAlias = list[tuple[Operation, str]]
"""Operations that failed, with their errors."""


class Execution(Struct, frozen=True):
    """The results of the steps, in order, without those of a phase that has not started. `unreachable`: why the
    connection was lost. `made`: ids of containers, by the step that created them."""

    results: tuple[StepResult, ...]
    unreachable: UnreachableError | None = None
    made: Mapping[int, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return all(result.status is Status.DONE for result in self.results)


def may_commit(plan: HostPlan, done: Execution) -> bool:
    """Whether the second phase may run: nothing was rolled back, and the host is reachable. Its steps that need failed
    steps are skipped in any case."""
    failed = any(result.status is Status.FAILED for result in done.results)
    return done.unreachable is None and (plan.on_failure is OnFailure.STOP or not failed)


def fetch(plan: HostPlan, tools: Tools) -> Execution:
    """Run the steps that get images and need no other step. They change nothing that runs, and are not undone."""
    tools.events.emit(HostStarted(plan))
    gets = (PullImage, SendImage, BuildImage)
    steps = (step for step in plan.steps if isinstance(step.operation, gets) and not step.needs)
    with ThreadPoolExecutor(max_workers=WIDTH, thread_name_prefix=f"apply-{plan.host}") as pool:
        run = _Run(plan, tools, pool)
        run.forward(steps)
        return run.execution


def change(plan: HostPlan, tools: Tools, fetched: Execution | None = None) -> Execution:
    """Run the first phase, without what was fetched; on failure, undo what the plan's `on_failure` says."""
    if fetched is None:
        tools.events.emit(HostStarted(plan))
    known = {result.step.number for result in fetched.results} if fetched is not None else ()
    with ThreadPoolExecutor(max_workers=WIDTH + WAITS, thread_name_prefix=f"apply-{plan.host}") as pool:
        run = _Run(plan, tools, pool, fetched)
        run.forward(step for step in plan.steps if step.phase is Phase.CHANGE and step.number not in known)
        if plan.on_failure is OnFailure.STOP or not run.failed:
            run.undo_halfway()
        else:
            run.undo_all()
        return run.execution


def commit(plan: HostPlan, tools: Tools, done: Execution) -> Execution:
    """Run the second phase. It ignores a stop."""
    with ThreadPoolExecutor(max_workers=WIDTH, thread_name_prefix=f"apply-{plan.host}") as pool:
        run = _Run(plan, tools, pool, done)
        run.forward(step for step in plan.steps if step.phase is Phase.COMMIT)
        return run.execution


def abandon(plan: HostPlan, tools: Tools, done: Execution) -> Execution:
    """Skip all steps of the second phase."""
    known = {result.step.number: result for result in done.results}
    results = [known.get(step.number, StepResult(step, Status.SKIPPED)) for step in plan.steps]
    for result in results:
        if result.step.number not in known:
            tell(tools.events, StepEnded(plan.host, result))
    return replace(done, results=tuple(results))


def tell(events: Events, event: object) -> None:
    """An event that cannot be shown does not end the run."""
    with suppress(InternalError), boundary():
        events.emit(event)


def roll_back(plan: HostPlan, tools: Tools, done: Execution) -> Execution:
    """Undo a first phase that succeeded."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        run = _Run(plan, tools, pool, done)
        run.undo_all()
        return abandon(plan, tools, run.execution)


class _Run:
    """The state of an execution: waiting, running and finished steps."""

    def __init__(self, plan: HostPlan, tools: Tools, pool: ThreadPoolExecutor, done: Execution | None = None) -> None:
        self._plan = plan
        self._tools = tools
        self._pool = pool
        self._made: dict[int, str] = dict(done.made) if done else {}
        self._results = {result.step.number: result for result in (done.results if done else ())}
        self._running: dict[Future[StepResult], Step] = {}
        self._lost: UnreachableError | None = None
        self._untouched: set[int] = set()
        self._performer = Performer(plan.host, tools, self._made)

    @property
    def execution(self) -> Execution:
        ended = (self._results.get(step.number) for step in self._plan.steps)
        return Execution(tuple(result for result in ended if result is not None), self._lost, self._made)

    @property
    def failed(self) -> bool:
        return any(result.status is Status.FAILED for result in self._results.values())

    def forward(self, steps: Iterable[Step]) -> None:
        """Run every one of these steps that can run."""
        waiting = list(steps)
        while waiting or self._running:
            waiting = self._begin(waiting)
            if not self._running:
                break
            ended, _ = wait(self._running, return_when=FIRST_COMPLETED)
            for future in ended:
                self._end(self._running.pop(future), future.result())
        for step in waiting:
            self._skip(step, *((GOES_ON,) if self._runs_on(step) else ()))

    def _begin(self, waiting: list[Step]) -> list[Step]:
        """Starts all steps that can start; returns the others."""
        later: list[Step] = []
        groups = self._broken_groups()
        for step in waiting:
            needed = [self._results.get(number) for number in step.needs]
            broken = step.group in groups
            if broken or any(result is not None and result.status is not Status.DONE for result in needed):
                self._skip(step)
            elif self._must_wait(step) or any(result is None for result in needed):
                later.append(step)
            else:
                self._running[self._pool.submit(self._do, step)] = step
        return later

    def _skip(self, step: Step, *warnings: str) -> None:
        self._results[step.number] = StepResult(step, Status.SKIPPED, warnings=warnings)
        self._tell(StepEnded(self._plan.host, self._results[step.number]))

    def _must_wait(self, step: Step) -> bool:
        """Whether the step may not start now. Steps wait here and not in the pool, so that a stop takes effect at
        once."""
        if self._lost is not None or self._is_full(step):
            return True
        if step.phase is Phase.COMMIT:
            return False
        if self._tools.stop.is_set():
            return True
        ends = self._plan.on_failure is not OnFailure.STOP and self.failed
        return ends and not (step.lasting or step.group in self._lasting_groups())

    def _is_full(self, step: Step) -> bool:
        waits = step.operation.waits
        alike = sum(running.operation.waits is waits for running in self._running.values())
        return alike >= (WAITS if waits else WIDTH)

    def _broken_groups(self) -> set[Group | None]:
        ended = (Status.FAILED, Status.UNDONE)
        return {result.step.group for result in self._results.values() if result.status in ended} - {None}

    def _do(self, step: Step) -> StepResult:
        clock = self._tools.clock
        self._tell(StepStarted(self._plan.host, step))
        began, performer = clock.now(), self._performer
        try:
            done = (performer.persist if step.operation.waits else performer.perform)(step.operation)
        except DeployerError as error:
            if isinstance(error, FileError) and error.untouched:
                self._untouched.add(step.number)
            cut = self._cut(error)
            if cut is Cut.STOPPED and step.lasting:
                return StepResult(step, Status.SKIPPED, clock.now() - began, warnings=(GOES_ON,))
            log = self._last_words(step) if not self._lost and not cut else ""
            return StepResult(step, Status.FAILED, clock.now() - began, error.message, error.hint, log, cut=cut)
        return self._success(step, done, clock.now() - began)

    def _cut(self, error: DeployerError) -> Cut:
        if isinstance(error, UnreachableError) and not self._performer.reconnected(error):
            self._lost = error
            return Cut.LOST
        return Cut.STOPPED if isinstance(error, WaitInterruptedError) else Cut.NOT

    def _tell(self, event: object) -> None:
        tell(self._tools.events, event)

    def _success(self, step: Step, done: Done, seconds: float) -> StepResult:
        if done.made:
            self._made[step.number] = done.made
        return StepResult(step, Status.DONE, seconds, warnings=done.warnings)

    def _last_words(self, step: Step) -> str:
        """The last log lines of a container that did not start."""
        match step.operation:
            case StartContainer(container) | AwaitHealthy(container) | AwaitCompleted(container):
                return self._performer.log(container)
            case _:
                return ""

    def _end(self, step: Step, result: StepResult) -> None:
        self._results[step.number] = result
        self._tell(StepEnded(self._plan.host, result))
        if self._plan.on_failure is not OnFailure.STOP:
            return
        broken = self._broken_groups()
        halfway = {running.group for running in self._running.values()}
        for group in sorted(broken - halfway, key=str):
            self._undo(result for result in self._results.values() if result.step.group == group)

    def undo_halfway(self) -> None:
        """After a stop: groups in which some steps ran and others never started."""
        for group in sorted({step.group for step in self._plan.steps} - {None}, key=str):
            found = [result for result in self._results.values() if result.step.group == group]
            statuses = {result.status for result in found}
            if Status.DONE in statuses and statuses != {Status.DONE}:
                self._undo(found)

    def undo_all(self) -> None:
        self._undo(self._results.values())

    def _lasting_groups(self) -> set[Group | None]:
        """Groups that are not undone: those of completed jobs, and of jobs that keep running after a stop."""
        found: set[Group | None] = set()
        for step in self._plan.steps:
            result = self._results.get(step.number)
            if not (step.lasting and step.group) or result is None:
                continue
            if result.status is Status.DONE or (result.status is Status.SKIPPED and self._runs_on(step)):
                found.add(step.group)
        return found

    def _runs_on(self, step: Step) -> bool:
        """Whether the operator stopped the run while a job was running."""
        needed = [self._results.get(need) for need in step.needs]
        begun = all(other is not None and other.status is Status.DONE for other in needed)
        return step.lasting and begun and self._tools.stop.is_set()

    def _undo(self, results: Iterable[StepResult]) -> None:
        """In reverse order. An operation that fails because of another that is not yet rolled back is tried again at
        the end: a container in another's namespaces starts only after that one."""
        lasting = self._lasting_groups()
        results = [result for result in results if result.step.group not in lasting]
        failed = {result.step.address for result in results if result.status is Status.FAILED}
        missed: list[tuple[StepResult, Failures]] = []
        for result in sorted(results, key=lambda found: found.step.number, reverse=True):
            step = result.step
            if self._lost:
                return
            if result.status is Status.FAILED and self._may_be_done(step):
                self._roll_back(step.undo)
            if result.status is not Status.DONE or not (step.undo or step.group):
                continue
            is_kept = bool(step.keep) and step.address in failed and not self._tools.stop.is_set()
            failures = self._roll_back(step.keep if is_kept else step.undo)
            if is_kept and not failures:
                result = replace(result, warnings=(*result.warnings, *self._kept_as(step)))
            if failures and not self._lost:
                missed.append((result, failures))
            else:
                self._report_undone(result, failures)
        for result, failures in reversed(missed):
            again = failures if self._lost else self._roll_back(tuple(operation for operation, _ in failures))
            self._report_undone(result, again)

    def _may_be_done(self, step: Step) -> bool:
        """Whether the operation may have taken effect despite an error or timeout, so that it must be undone. A network
        or volume of that name may be someone else's: it is not removed."""
        match operation := step.operation:
            case _ if step.number in self._untouched:
                return False
            case CreateContainer(name, body):
                return self._performer.has_made(step.number, name, body)
            case RemoveNetwork(network):
                return self._performer.is_gone(network)
            case AwaitHealthy() | AwaitCompleted():
                return False
            case PutFile() | MakeLink() | RemoveFile() | SwitchFiles():
                return True
            case _:
                return isinstance(getattr(operation, "container", None), str | Made)

    def _roll_back(self, operations: tuple[Operation, ...]) -> Failures:
        """The failures. A failed operation does not prevent the others; a lost connection does."""
        failures: Failures = []
        for operation in operations:
            try:
                self._performer.persist(operation)
            except UnreachableError as error:
                self._lost = error
                failures.append((operation, error.message))
                break
            except DeployerError as error:
                if not _is_of_no_matter(operation, error):
                    failures.append((operation, error.message))
        return failures

    def _kept_as(self, step: Step) -> tuple[str, ...]:
        """The name of the failed container, unless it no longer exists."""
        name = next((operation.name for operation in step.keep if isinstance(operation, RenameContainer)), "")
        is_it = self._performer.is_made(step.number, name)
        return (f"the failed container is kept, stopped, as {name}",) if is_it else ()

    def _report_undone(self, result: StepResult, failures: Failures) -> None:
        undone = replace(result, status=Status.UNDONE)
        if failures:
            text = f"could not be rolled back: {'; '.join(message for _, message in failures)}"
            hint = "the next run continues from here"
            cut = Cut.LOST if self._lost else Cut.NOT
            undone = replace(result, status=Status.FAILED, error=text, hint=hint, stuck=True, cut=cut)
        self._results[result.step.number] = undone
        self._tell(StepEnded(self._plan.host, undone))


def _is_of_no_matter(operation: Operation, error: DeployerError) -> bool:
    """A container of this run that no longer exists requires no rollback."""
    made = isinstance(getattr(operation, "container", None), Made)
    return made and isinstance(error, EngineError) and error.not_found
