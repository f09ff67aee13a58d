"""Runs a container once, from what a playbook declares, and removes it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

from msgspec import Struct
from msgspec.structs import replace

from deployer import __version__
from deployer.applying.operations import Worker, perform
from deployer.diagnostics import did_you_mean
from deployer.errors import DeployerError, EngineError, ResourceError, UnreachableError, boundary
from deployer.interfaces import Engine, Stream
from deployer.model.desired import Desired, Workload
from deployer.model.operations import ConnectNetwork, Operation, PullImage
from deployer.planning.container.one_shot import OneShot, Wanted, one_shot
from deployer.planning.context import Context
from deployer.planning.policy import Policy
from deployer.usecases.exec import Ended, Write, in_parallel, lines_of
from deployer.usecases.fleet import Fleet
from deployer.usecases.inspect_hosts import Row
from deployer.usecases.load import Loaded, Request, load
from deployer.usecases.plan import credentials, needs_to_reconcile, observe_once
from deployer.usecases.system import System
from deployer.values import image

_APPLY: str = "apply the playbook first"


class Job(Struct, frozen=True):
    """A declared container, on one host that declares it."""

    desired: Desired
    resource: Workload

    @property
    def row(self) -> Row:
        return Row(self.desired.host, "", self.resource.name, image.familiar(self.resource.image), "", "")


class Prepared(Struct, frozen=True):
    fleet: Fleet
    system: System
    loaded: Loaded
    jobs: tuple[Job, ...]


class Running(Struct, frozen=True):
    """A container that was started, with its input and output."""

    engine: Engine
    host: str
    id: str
    name: str
    stream: Stream


@contextmanager
def prepare(request: Request, system: System, name: str) -> Iterator[Prepared]:
    """The hosts that declare the container; none is contacted yet. Raises `DeployerError` without any."""
    loaded = load(replace(request, limit=request.pattern), system.asking)
    system.warn(loaded.warnings)
    jobs = tuple(Job(wish, found) for wish in loaded.desired for found in wish.containers if found.name == name)
    if not jobs:
        known = sorted({resource.name for wish in loaded.desired for resource in wish.containers})
        hint = did_you_mean(name, known) or f"declared: {', '.join(known) or 'no containers'}"
        raise DeployerError(f"the playbook declares no container '{name}' on these hosts", hint=hint)
    specs = {job.desired.host: loaded.hosts[job.desired.host] for job in jobs}
    with Fleet(specs, request.forks, system.awaiting) as fleet:
        yield Prepared(fleet, system, loaded, jobs)


@contextmanager
def running(prepared: Prepared, job: Job, wanted: Wanted, *, keep: bool) -> Iterator[Running]:
    """The container is removed at the end unless it is kept, with its anonymous volumes. Raises `DeployerError`."""
    desired, resource = job.desired, job.resource
    engine = _engine(prepared.fleet, desired.host)
    observed = observe_once(engine, desired.host, needs_to_reconcile(prepared.loaded, desired.host), ())
    own = f"{resource.name}.run-{secrets.token_hex(4)}"
    plan = one_shot(Context(desired, observed, Policy(version=__version__)), resource, own, wanted)
    _check(engine, desired, resource, plan)
    yield from _run(desired.host, _worker(engine, prepared.system, prepared.loaded, desired.host), plan, keep=keep)


def on_hosts(prepared: Prepared, wanted: Wanted, write: Write, tell: Callable[[Running], object] | None) -> list[Ended]:
    """On all hosts at once, without input; lines come as they are written. `tell` gets the containers, which are kept
    then. Interrupted, it removes them all."""
    alive: dict[Row, Running] = {}
    stopped = threading.Event()

    def one(job: Job) -> Ended:
        try:
            with boundary(), running(prepared, job, wanted, keep=tell is not None) as found:
                alive[job.row] = found
                if stopped.is_set():
                    return Ended(job.row, error="interrupted")
                for number, text in lines_of(found.stream):
                    write(job.row, number, text)
                code = found.engine.wait_container(found.id)
                if tell is not None:
                    tell(found)
                return Ended(job.row, code)
        except DeployerError as error:
            return Ended(job.row, None, error.message, error.hint, isinstance(error, UnreachableError))

    def abandon() -> None:
        stopped.set()
        for found in list(alive.values()):
            with suppress(DeployerError):
                found.engine.remove_container(found.id, force=True, anonymous_volumes=True)

    return in_parallel(prepared.jobs, prepared.fleet.forks, one, abandon)


def _engine(fleet: Fleet, host: str) -> Engine:
    try:
        return fleet.host(host).engine()
    except UnreachableError as error:
        raise UnreachableError(f"{host}: {error.message}", hint=error.hint) from error


def _check(engine: Engine, desired: Desired, resource: Workload, plan: OneShot) -> None:
    """The engine would create a missing volume, which no playbook would own then."""
    missing = [volume for volume in plan.volumes if engine.inspect_volume(volume) is None]
    if missing:
        raise ResourceError(f"{desired.host} has no volume {', '.join(missing)}", hint=_APPLY)
    made = resource.image in desired.builds or resource.image in desired.sources
    if made and engine.inspect_image(resource.image) is None:
        raise ResourceError(f"{desired.host} has no image {image.familiar(resource.image)}", hint=_APPLY)


def _worker(engine: Engine, system: System, loaded: Loaded, host: str) -> Worker:
    return Worker(
        engine=engine,
        clock=system.clock,
        auth=credentials(loaded.of_host(host)),
        made={},
        report=lambda _event: None,
        host=host,
        stopped=lambda: False,
    )


def _run(host: str, worker: Worker, plan: OneShot, *, keep: bool) -> Iterator[Running]:
    engine, create = worker.engine, plan.create
    reference = str(create.body["Image"])
    if engine.inspect_image(image.pulled_name(reference)) is None:
        perform(worker, PullImage(reference, create.platform))
    made = ""
    try:
        for operation in plan.files:
            perform(worker, operation)
        made = _performed(worker, create)
        for network, endpoint in plan.endpoints.items():
            _performed(worker, ConnectNetwork(network, made, endpoint))
        with closing(engine.attach_container(made)) as stream:
            engine.start_container(made)
            yield Running(engine, host, made, create.name, stream)
    finally:
        if made and not keep:
            with suppress(DeployerError):
                engine.remove_container(made, force=True, anonymous_volumes=True)
        for operation in plan.files if not keep else ():
            with suppress(DeployerError):
                engine.remove_volume(operation.name)


def _performed(worker: Worker, operation: Operation) -> str:
    try:
        return perform(worker, operation).made
    except EngineError as error:
        hint = error.hint or (_APPLY if error.not_found else "")
        raise EngineError(error.message, status=error.status, hint=hint) from error
