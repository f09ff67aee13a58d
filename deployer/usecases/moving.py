"""Moves containers with their volumes: copies the data, stops them on the source, and takes everything back if they do
not work on the target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

from msgspec.structs import replace

from deployer.applying.performing import Tools as PerformTools
from deployer.engine import volume_data
from deployer.engine.volume_data import Data, ExactData
from deployer.errors import DeployerError, EngineError, ExitCode, boundary
from deployer.interfaces import Engine
from deployer.model.operations import CreateVolume
from deployer.model.outcome import Blocked, HostOutcome, Notice, Obstacle, Status, StepResult
from deployer.model.plan import HostPlan
from deployer.planning.moves import Coming, created_volumes
from deployer.reporting.words import size
from deployer.usecases.fleet import Fleet
from deployer.usecases.load import Loaded
from deployer.usecases.moves import Move, has_content_error, read_move
from deployer.usecases.volume_copying import StoppedError, Watching, has_content, watched
from deployer.usecases.volume_sides import Line, Place, Said, Side, keep_stopped, quieted
from deployer.usecases.volumes import Prepared, discard, mounted


def watching_of(tools: PerformTools, permit: Callable[[], object]) -> Watching:
    def tell(said: Said) -> None:
        tools.events.emit(Notice(said.host, f"{said.text}; {said.hint}" if said.hint else said.text))

    def progress(place: str, done: int) -> None:
        host, _, volume = place.partition("/")
        tools.events.emit(Notice(host, f"volume {volume}: {size(done)} read"))

    return Watching(clock=tools.clock, stop=tools.stop, tell=tell, progress=progress, permit=permit)


class Moving:
    """One move while it is done: `check`, `carry`, then `end` or `give_up`."""

    def __init__(self, move: Move, fleet: Fleet, loaded: Loaded, tools: Watching, *, pruned: bool) -> None:
        """`pruned`: the run removes later what is left on the source."""
        self._move = move
        self._fleet = fleet
        self._loaded = loaded
        self._tools = tools
        self._pruned = pruned
        self._stack = ExitStack()
        self._stopped: list[dict[str, str]] = []
        self._filled: list[Side] = []
        self._carried = False

    def check(self, outcome: HostOutcome) -> HostOutcome | None:
        """Reads again what is moved. What is returned says why it cannot be."""
        try:
            with boundary():
                differing = self._read_again(outcome.plan)
        except DeployerError as error:
            return _ended(outcome, error)
        return replace(outcome, blocked=Blocked(Obstacle.CHANGED, detail=differing)) if differing else None

    def carry(self, outcome: HostOutcome) -> HostOutcome | None:
        """Has the volumes complete on the target, and the containers stopped on the source. After a failure everything
        is as before, and what is returned says why. `outcome` has the results so far."""
        try:
            with boundary():
                self._copy_all(outcome.plan)
        except DeployerError as error:
            self.give_up()
            return _ended(outcome, error)
        except BaseException:
            self.give_up()
            raise
        self._carried = True
        return None

    def end(self, outcome: HostOutcome) -> HostOutcome:
        """Leaves the containers stopped on the source if all is well on the target; otherwise gives up. What is
        returned says so."""
        if outcome.exit_code is not ExitCode.OK:
            self.give_up()
            return replace(outcome, results=tuple(map(self._undone, outcome.results)))
        for stopped in self._stopped:
            stopped.clear()
        self._stack.close()
        source = self._move.source
        for member in self._move.running if not self._pruned else ():
            text = f"container {member.name}: stopped, and kept until --prune-host {source}"
            self._tools.tell(Said(source, text))
        return outcome

    def give_up(self) -> None:
        """Removes what is on the target, and has the containers run again on the source."""
        self._take_back()
        self._stack.close()

    def _undone(self, result: StepResult) -> StepResult:
        names = {side.place.volume for side in self._filled}
        operation = result.step.operation
        if result.status is Status.DONE and isinstance(operation, CreateVolume) and operation.name in names:
            return replace(result, status=Status.UNDONE)
        return result

    def _read_again(self, plan: HostPlan) -> str:
        """What is not as planned, "" if nothing."""
        moved = self._move.moved
        coming = Coming(moved.source, frozenset(moved.arriving))
        self._move = read_move(self._fleet, self._loaded, self._move.how, plan, coming)
        return "" if self._move.moved.plain == moved.plain else f"{', '.join(moved.names)} on {moved.source}"

    def _copy_all(self, plan: HostPlan) -> None:
        move = self._move
        left = next((side.left for side in move.sources if side.stopped_before), {})
        one_by_one = tuple((member,) for member in move.running)
        live = {member.id for member in move.running}
        policies, killed = (
            {key: text for key, text in move.moved.running if (key in live) is now} for now in (True, False)
        )
        stopping = Side(Place(move.source, ""), None, levels=one_by_one, policies=policies)
        stopped_before = replace(stopping, levels=(), policies=killed, left=left)
        here = Line(self._fleet, move.source, self._tools.clock)
        bodies = {name: operation.body for name, operation in created_volumes(plan).items()}
        self._tools.permit()
        self._stopped.append(self._stack.enter_context(quieted(here, stopped_before, self._tools.tell)))
        with ExitStack() as helpers:
            pairs = zip(move.sources, move.targets, strict=True)
            copies = [self._opened(source, target, bodies, helpers) for source, target in pairs]
            if move.how.exact:
                self._copy(copies, changing=True)
            if self._tools.stop.is_set():
                raise StoppedError("interrupted")
            self._tools.permit()
            self._stopped.append(self._stack.enter_context(quieted(here, stopping, self._tools.tell)))
            self._copy(copies, changing=False)

    def _opened(
        self, source: Side, target: Side, bodies: Mapping[str, Mapping[str, Any]], stack: ExitStack
    ) -> tuple[Data, Data]:
        """Both volumes in containers. Raises `RefusedError` if the target has content."""
        prepared = Prepared(self._fleet, self._move.how, (source, target))
        self._tools.permit()
        self._create(source, target, bodies)
        self._filled += [target] if target.is_new else []
        _, there = mounted(prepared, target, self._tools, stack)
        if not target.is_new:
            if has_content(there):
                raise has_content_error(target.place)
            self._filled.append(target)
        _, data = mounted(prepared, source, self._tools, stack)
        return data, there

    def _create(self, source: Side, target: Side, bodies: Mapping[str, Mapping[str, Any]]) -> None:
        """The volume as it is planned, without what a run left in it that was killed."""
        name, engine = target.place.volume, self._fleet.host(target.place.host).engine()
        if target.found is None:
            engine.create_volume(bodies.get(name) or {"Name": name, "Labels": source.labels})
        elif target.is_new:
            volume_data.remove_helper(engine, name)
            engine.remove_volume(name)
            _create_again(target, engine)

    def _copy(self, copies: list[tuple[Data, Data]], *, changing: bool) -> None:
        for (data, there), side in zip(copies, self._move.sources, strict=True):
            if isinstance(data, ExactData) and isinstance(there, ExactData):
                with data.read_difference(changing=changing) as chunks:
                    there.write_difference(watched(chunks, str(side.place), self._tools))
            else:
                with data.read(changing=changing) as chunks:
                    there.write(watched(chunks, str(side.place), self._tools))
            what = "copied while it is in use" if changing else "copied"
            self._tools.tell(Said(side.place.host, f"volume {side.place.volume}: {what}"))

    def _take_back(self) -> None:
        """Removes what this run made on the target. The containers were not there before, and the volumes were
        empty. What a killed run made is stopped."""
        line = Line(self._fleet, self._move.target, self._tools.clock)
        for name in self._move.moved.arriving if self._carried else ():
            line.again(partial(_remove, name))
        for name in reversed(self._move.moved.begun if self._carried else ()):
            problem = line.again(partial(_stop, name))
            text = f"could not be stopped: {problem}" if problem else "stopped, and kept with its data"
            self._tools.tell(Said(line.host, f"container {name}: {text}", failed=bool(problem)))
        for side in self._filled:
            discard(line, side.place.volume, self._tools.tell)
            if side.found is not None and not side.is_new:
                line.again(partial(_create_again, side))


def _ended(outcome: HostOutcome, error: DeployerError) -> HostOutcome:
    """The first step of what is moved has failed, or was interrupted, and nothing else was done."""
    plan, moved = outcome.plan, outcome.plan.moved
    known = {result.step.number: result for result in outcome.results}
    results = [known.get(step.number, StepResult(step, Status.SKIPPED)) for step in plan.steps]
    if isinstance(error, StoppedError):
        return replace(outcome, results=tuple(results), interrupted=True)
    names = {*moved.arriving, *(volume.name for volume in moved.volumes)} if moved is not None else set()
    about = (n for n, step in enumerate(plan.steps) if step.address.name in names)
    number = next(about, 0)
    source = moved.source if moved is not None else ""
    text = f"cannot be moved from {source}: {error.message}"
    results[number] = replace(results[number], status=Status.FAILED, error=text, hint=error.hint)
    return replace(outcome, results=tuple(results))


def _remove(name: str, engine: Engine) -> None:
    with suppress(EngineError):
        engine.remove_container(name, force=True, anonymous_volumes=True)


def _create_again(side: Side, engine: Engine) -> None:
    engine.create_volume(
        {"Name": side.place.volume, "Driver": side.driver, "DriverOpts": side.options, "Labels": side.labels}
    )


def _stop(name: str, engine: Engine) -> None:
    if engine.inspect_container(name) is not None:
        keep_stopped(engine, name)
        engine.stop_container(name, None)
