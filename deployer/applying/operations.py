"""Executes the operations of a plan, each with one engine call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import singledispatch
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct, field

from deployer.applying import building, health
from deployer.applying.building import Builds, Told
from deployer.applying.commands import is_revived, run_command
from deployer.applying.files import link_files, switch_files, with_places, write_files
from deployer.applying.host_files import change_file
from deployer.applying.probing import ask
from deployer.applying.pulling import Layers, hint_of, registry_errors
from deployer.applying.validating import validate_files
from deployer.engine import files_container
from deployer.engine.host_files import with_files_of
from deployer.errors import EngineError, NotOfferedError, ResourceError
from deployer.fields.container.health import CRASHING, DECLARE_CHECK, WITHOUT_COMMAND
from deployer.interfaces import Clock, Engine, Host, RegistryAuth
from deployer.model import volume_names
from deployer.model.operations import (
    AwaitCompleted,
    AwaitHealthy,
    BuildImage,
    ConnectNetwork,
    CreateContainer,
    CreateFilesContainer,
    CreateNetwork,
    CreateVolume,
    DisconnectNetwork,
    Drain,
    LinkFiles,
    Made,
    OnFile,
    Operation,
    PauseContainer,
    PullImage,
    PushImage,
    RemoveContainer,
    RemoveFilesContainer,
    RemoveImage,
    RemoveManifest,
    RemoveNetwork,
    RemoveVolume,
    RenameContainer,
    RestartContainer,
    RunCommand,
    SendImage,
    SignalContainer,
    StartContainer,
    StopContainer,
    SwitchFiles,
    TagImage,
    Target,
    UnpauseContainer,
    UpdateContainer,
    ValidateFiles,
    WriteFiles,
    WriteManifest,
    WriteRecord,
)
from deployer.model.outcome import BuildProgress, PullProgress
from deployer.values import image

if TYPE_CHECKING:
    from deployer.engine.image_transfer import Sent

_CONFLICT = 409
_PULL_AGAIN = "docker pull on the host may show why; another process may have removed it"
_AT_ONCE = 2.0
"""Seconds from the start in which the output of a container with auto_remove is read, in case it ends."""

_REMOVAL_TIME, _REMOVAL_PAUSE = 60.0, 0.1
"""Timeout and polling interval, in seconds, of a removal that the engine has started."""

Send: TypeAlias = "Callable[[str, Engine, str, str, Told], Sent]"
"""Sends to a host, over its engine, the image of a reference from a source, and tells the bytes sent and those to
send."""


def no_source(_host: str, _engine: Engine, reference: str, source: str, _tell: Told) -> Sent:
    raise EngineError(f"{reference} cannot be sent from {source}", status=0)


def no_host() -> Host:
    raise NotOfferedError("files cannot be changed here")


class Worker(Struct, frozen=True):
    """What an operation needs. `made` holds the ids of containers that earlier steps created, by step; `permit` raises
    if the host must not be changed any more; `pulling` is held while a reference is pulled. `said`: by id, the output
    of containers that the engine removes when they end, if they ended at once. `machine`: the host. `restarts`: by id,
    how often those whose process was told something had been restarted before."""

    engine: Engine
    clock: Clock
    auth: Callable[[str], RegistryAuth | None]
    made: Mapping[int, str]
    report: Callable[[PullProgress | BuildProgress], None]
    host: str
    stopped: Callable[[], bool]
    permit: Callable[[], None] = lambda: None
    pulling: Callable[[str], AbstractContextManager[object]] = lambda _reference: nullcontext()
    send: Send = no_source
    builds: Builds = field(default_factory=Builds)
    said: dict[str, str] = field(default_factory=dict)
    machine: Callable[[], Host] = no_host
    restarts: dict[str, int] = field(default_factory=dict)

    def id_of(self, target: Target) -> str:
        if isinstance(target, Made):
            return self.made[target.step]
        return target


class Done(Struct, frozen=True):
    """`made`: the id of a created container. `warnings`: the engine's warnings."""

    made: str = ""
    warnings: tuple[str, ...] = ()


def perform(worker: Worker, operation: Operation) -> Done:
    """Raises `EngineError`, `ResourceError` or `UnreachableError`."""
    worker.permit()
    try:
        return _perform(operation, worker) or Done()
    except EngineError as error:
        raise EngineError(error.message, status=error.status, hint=error.hint or hint_of(error.message)) from error


@singledispatch
def _perform(operation: Operation, worker: Worker) -> Done | None:
    raise NotImplementedError(f"{operation}")


@_perform.register
def _(operation: PullImage, worker: Worker) -> None:
    """An engine may report a pull that failed as a success (engine 29 with containerd's store)."""
    reference = operation.reference
    auth = worker.auth(reference)

    def tell(current: int, total: int) -> None:
        worker.report(PullProgress(worker.host, reference, current, total))

    with registry_errors(reference, auth, worker.engine), worker.pulling(reference):
        worker.engine.pull_image(reference, operation.platform, auth, Layers(tell))
    if worker.engine.inspect_image(image.pulled_name(reference)) is None:
        raise EngineError(f"{reference} is not on the host after the pull", status=0, hint=_PULL_AGAIN)


@_perform.register
def _(operation: SendImage, worker: Worker) -> Done:
    def tell(current: int, total: int, reading: str) -> None:
        worker.report(PullProgress(worker.host, operation.reference, current, total, reading))

    with worker.pulling(operation.reference):
        sent = worker.send(worker.host, worker.engine, operation.reference, operation.source, tell)
    return Done(warnings=(sent.note,) if sent.note else ())


@_perform.register
def _(operation: BuildImage, worker: Worker) -> None:
    def report(doing: str, sent: int) -> None:
        worker.report(BuildProgress(worker.host, operation.reference, doing, sent))

    site = building.Site(worker.host, worker.engine, worker.auth, report, worker.send, worker.builds)
    building.build(site, operation)


@_perform.register
def _(operation: TagImage, worker: Worker) -> None:
    worker.engine.tag_image(operation.reference, operation.target)


@_perform.register
def _(operation: PushImage, worker: Worker) -> None:
    auth = worker.auth(operation.reference)
    with registry_errors(operation.reference, auth, worker.engine):
        worker.engine.push_image(operation.reference, auth, lambda _message: None)


@_perform.register
def _(operation: RemoveImage, worker: Worker) -> None:
    _unless_gone(lambda: worker.engine.remove_image(operation.reference))


@_perform.register
def _(operation: CreateNetwork, worker: Worker) -> None:
    worker.engine.create_network(operation.body)


@_perform.register
def _(operation: RemoveNetwork, worker: Worker) -> None:
    _unless_gone(lambda: worker.engine.remove_network(operation.network))


@_perform.register
def _(operation: ConnectNetwork, worker: Worker) -> None:
    worker.engine.connect_network(operation.network, worker.id_of(operation.container), operation.endpoint)


@_perform.register
def _(operation: DisconnectNetwork, worker: Worker) -> None:
    container = worker.id_of(operation.container)
    _unless_gone(lambda: worker.engine.disconnect_network(operation.network, container, force=False))


@_perform.register
def _(operation: CreateVolume, worker: Worker) -> None:
    worker.engine.create_volume(operation.body)


@_perform.register
def _(operation: RemoveVolume | RemoveManifest, worker: Worker) -> None:
    _unless_gone(lambda: worker.engine.remove_volume(operation.name))


@_perform.register
def _(operation: WriteFiles, worker: Worker) -> None:
    write_files(worker.engine, operation)


@_perform.register
def _(operation: WriteManifest, worker: Worker) -> None:
    made = worker.engine.create_volume({"Name": operation.name, "Labels": operation.labels})
    if made.get("Labels") != operation.labels:
        raise EngineError(f"another run wrote volume {operation.name}", status=0)


@_perform.register
def _(operation: ValidateFiles, worker: Worker) -> None:
    validate_files(worker.engine, worker.clock, operation, worker.stopped)


@_perform.register
def _(operation: CreateFilesContainer | RemoveFilesContainer, worker: Worker) -> None:
    change = files_container.create if isinstance(operation, CreateFilesContainer) else files_container.remove
    change(worker.engine)


@_perform.register
def _(operation: OnFile, worker: Worker) -> None:
    with_files_of(worker.machine(), lambda store: change_file(store, operation))


@_perform.register
def _(operation: SwitchFiles, worker: Worker) -> None:
    switch_files(worker.engine, operation)


@_perform.register
def _(operation: LinkFiles, worker: Worker) -> None:
    link_files(worker.engine, worker.id_of(operation.container), operation.links)


@_perform.register
def _(operation: CreateContainer, worker: Worker) -> Done:
    if not (operation.body.get("Healthcheck") or {}).get("Test"):
        _check_image(worker, str(operation.body["Image"]))
    body = with_places(worker.engine, operation.body)
    made, warnings = worker.engine.create_container(operation.name, body, operation.platform)
    if (operation.body.get("HostConfig") or {}).get("AutoRemove"):
        worker.said[made] = ""
    return Done(made, tuple(warnings))


def _check_image(worker: Worker, reference: str) -> None:
    """The plan cannot know the healthcheck of an image that was pulled later."""
    config = (worker.engine.inspect_image(reference) or {}).get("Config") or {}
    if (config.get("Healthcheck") or {}).get("Test") in CRASHING:
        raise EngineError(WITHOUT_COMMAND, status=0, hint=DECLARE_CHECK)


@_perform.register
def _(operation: UpdateContainer, worker: Worker) -> Done:
    return Done(warnings=tuple(worker.engine.update_container(worker.id_of(operation.container), operation.body)))


@_perform.register
def _(operation: WriteRecord, worker: Worker) -> None:
    name = volume_names.spec(worker.id_of(operation.container), operation.number)
    made = worker.engine.create_volume({"Name": name, "Labels": operation.labels})
    if made.get("Labels") != operation.labels:
        raise EngineError(f"another run wrote volume {name}", status=0)


@_perform.register
def _(operation: StartContainer, worker: Worker) -> None:
    container = worker.id_of(operation.container)
    if container in worker.said:
        worker.said[container] = worker.engine.start_attached(container, _AT_ONCE)
    else:
        worker.engine.start_container(container)


@_perform.register
def _(operation: StopContainer, worker: Worker) -> None:
    _unless_gone(lambda: worker.engine.stop_container(worker.id_of(operation.container), operation.timeout))


@_perform.register
def _(operation: PauseContainer, worker: Worker) -> None:
    worker.engine.pause_container(worker.id_of(operation.container))


@_perform.register
def _(operation: UnpauseContainer, worker: Worker) -> None:
    worker.engine.unpause_container(worker.id_of(operation.container))


@_perform.register
def _(operation: RestartContainer, worker: Worker) -> None:
    worker.engine.restart_container(worker.id_of(operation.container), operation.timeout)


@_perform.register
def _(operation: SignalContainer, worker: Worker) -> None:
    if container := _to_tell(worker, operation):
        worker.engine.kill_container(container, operation.signal)


@_perform.register
def _(operation: RunCommand, worker: Worker) -> None:
    if container := _to_tell(worker, operation):
        run_command(worker.engine, worker.clock, container, operation)


def _to_tell(worker: Worker, operation: SignalContainer | RunCommand) -> str:
    """The container, unless it was restarted instead."""
    container = worker.id_of(operation.container)
    if operation.revives and is_revived(worker.engine, container):
        return ""
    worker.restarts.setdefault(container, health.restarts_of(worker.engine, container))
    return container


@_perform.register
def _(operation: RenameContainer, worker: Worker) -> None:
    worker.engine.rename_container(worker.id_of(operation.container), operation.name)


@_perform.register
def _(operation: RemoveContainer, worker: Worker) -> None:
    _unless_gone(lambda: _remove_container(worker, worker.id_of(operation.container), anonymous=operation.anonymous))


@_perform.register
def _(operation: AwaitHealthy, worker: Worker) -> None:
    container = worker.id_of(operation.container)
    before = worker.restarts.get(container) if operation.again else None

    def asked() -> str:
        if operation.probe is None:
            return ""
        return ask(worker.engine, worker.machine, worker.clock, container, operation.probe)

    health.await_healthy(worker.engine, worker.clock, container, operation, worker.stopped, before, asked)


@_perform.register
def _(operation: Drain, worker: Worker) -> None:
    health.drain(worker.clock, operation.seconds, worker.stopped)


@_perform.register
def _(operation: AwaitCompleted, worker: Worker) -> None:
    container = worker.id_of(operation.container)
    code = health.await_completed(worker.engine, worker.clock, container, operation.timeout, worker.stopped)
    if code and not operation.whatever_code:
        raise ResourceError(f"exited with code {code}")


def _remove_container(worker: Worker, ref: str, *, anonymous: bool = False) -> None:
    """A stopped container with auto_remove is already being removed: wait until it no longer exists."""
    try:
        worker.engine.remove_container(ref, force=False, anonymous_volumes=anonymous)
    except EngineError as error:
        if error.status != _CONFLICT or "already in progress" not in error.message:
            raise
        began = worker.clock.now()
        while worker.engine.inspect_container(ref) is not None:
            if worker.clock.now() - began > _REMOVAL_TIME:
                raise
            worker.clock.sleep(_REMOVAL_PAUSE)


def _unless_gone(call: Callable[[], None]) -> None:
    """Removing an object that no longer exists succeeds."""
    try:
        call()
    except EngineError as error:
        if not error.not_found:
            raise
