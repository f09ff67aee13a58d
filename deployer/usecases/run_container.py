"""Runs a container once, from what a playbook declares, and removes it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from msgspec import Struct
from msgspec.structs import replace

from deployer import __version__
from deployer.applying.operations import Worker, perform
from deployer.diagnostics import did_you_mean
from deployer.errors import DeployerError, EngineError, ResourceError, UnreachableError
from deployer.interfaces import Engine, Stream
from deployer.model.desired import Desired, Workload
from deployer.model.operations import ConnectNetwork, Operation, PullImage
from deployer.planning.container.one_shot import OneShot, Wanted, one_shot
from deployer.planning.context import Context
from deployer.planning.policy import Policy
from deployer.usecases.fleet import Fleet
from deployer.usecases.load import Loaded, Request, load
from deployer.usecases.plan import credentials, needs_to_reconcile, observe_once
from deployer.usecases.system import System
from deployer.values import image

_APPLY: str = "apply the playbook first"


class Running(Struct, frozen=True):
    """A container that was started, with its input and output."""

    engine: Engine
    host: str
    id: str
    name: str
    stream: Stream


@contextmanager
def running(request: Request, system: System, name: str, wanted: Wanted, *, keep: bool) -> Iterator[Running]:
    """The container is removed at the end unless it is kept, with its anonymous volumes. Raises `DeployerError`."""
    loaded = load(replace(request, limit=request.pattern), system.asking)
    system.warn(loaded.warnings)
    desired, resource = _only(loaded, name)
    with Fleet({desired.host: loaded.hosts[desired.host]}, 1, system.awaiting) as fleet:
        engine = _engine(fleet, desired.host)
        observed = observe_once(engine, desired.host, needs_to_reconcile(loaded, desired.host), ())
        own = f"{name}.run-{secrets.token_hex(4)}"
        plan = one_shot(Context(desired, observed, Policy(version=__version__)), resource, own, wanted)
        _check(engine, desired, resource, plan)
        yield from _run(desired.host, _worker(engine, system, loaded, desired.host), plan, keep=keep)


def _engine(fleet: Fleet, host: str) -> Engine:
    try:
        return fleet.host(host).engine()
    except UnreachableError as error:
        raise UnreachableError(f"{host}: {error.message}", hint=error.hint) from error


def _only(loaded: Loaded, name: str) -> tuple[Desired, Workload]:
    """The one host that declares the container; raises `DeployerError`."""
    wishes = tuple(loaded.desired)
    found = [(wish, resource) for wish in wishes for resource in wish.containers if resource.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        hosts = ", ".join(wish.host for wish, _ in found)
        raise DeployerError(f"one host is needed, '{name}' is declared on: {hosts}", hint="name one of them")
    known = sorted({resource.name for wish in wishes for resource in wish.containers})
    hint = did_you_mean(name, known) or f"declared: {', '.join(known) or 'no containers'}"
    raise DeployerError(f"the playbook declares no container '{name}' on these hosts", hint=hint)


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
