"""Performs operations on one host. If the connection is lost, waits until the host answers again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol, TypeVar

from msgspec import Struct, field

from deployer.applying.building import Builds
from deployer.applying.health import WaitInterruptedError
from deployer.applying.lock import LockLostError
from deployer.applying.operations import Done, Send, Worker, no_host, no_source, perform
from deployer.errors import DeployerError, UnreachableError, boundary
from deployer.interfaces import Clock, Engine, Events, Host, RegistryAuth
from deployer.model.operations import BuildImage, Operation, PullImage, SendImage, Target

Found = TypeVar("Found")

LOG_LINES = 20

REGAIN = 30.0
"""Seconds to wait for a host whose connection was lost; less than the lease of a lock."""


_TRANSFERS: Final = (PullImage, SendImage, BuildImage)
"""Operations that a stop ends at once. They change nothing that runs, and may be silent for half an hour."""

_LOOKING: Final = 0.1
"""Seconds between two looks at the stop."""


class Stop(Protocol):
    """Whether the operator stopped the run."""

    def is_set(self) -> bool: ...


class Tools(Struct, frozen=True):
    """What executing needs besides the plan. `permit` is called before every operation and raises `UnreachableError`
    if this run may no longer change the host; `pulling` is held while a reference is pulled."""

    engine: Engine
    clock: Clock
    events: Events
    auth: Callable[[str], RegistryAuth | None]
    stop: Stop
    permit: Callable[[], None] = lambda: None
    pulling: Callable[[str], AbstractContextManager[object]] = lambda _reference: nullcontext()
    send: Send = no_source
    builds: Builds = field(default_factory=Builds)
    machine: Callable[[], Host] = no_host


def _until_stopped(work: Callable[[], Done], stop: Stop) -> Done:
    """The work is done by a thread of its own, which a stop leaves alone: its request ends with the connection, and the
    engine then gives it up. Raises what the work raises, and `WaitInterruptedError`."""
    found: Future[Done] = Future()

    def run() -> None:
        try:
            found.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised by the thread that waits
            found.set_exception(error)

    threading.Thread(target=run, name="transfer", daemon=True).start()
    while not wait((found,), _LOOKING).done:
        if stop.is_set():
            raise WaitInterruptedError("interrupted before its end")
    return found.result()


class Performer:
    """Safe to use from several threads. `made`: ids of containers, by the step that created them."""

    def __init__(self, host: str, tools: Tools, made: dict[int, str]) -> None:
        self._tools = tools
        self._made = made
        self._regaining = threading.Lock()
        self._worker = Worker(
            engine=tools.engine,
            clock=tools.clock,
            auth=tools.auth,
            made=made,
            report=tools.events.emit,
            host=host,
            stopped=tools.stop.is_set,
            permit=tools.permit,
            pulling=tools.pulling,
            send=tools.send,
            builds=tools.builds,
            machine=tools.machine,
        )

    def perform(self, operation: Operation) -> Done:
        """Raises `DeployerError`, also for any other exception."""
        with boundary():
            if isinstance(operation, _TRANSFERS):
                return _until_stopped(lambda: perform(self._worker, operation), self._tools.stop)
            return perform(self._worker, operation)

    def persist(self, operation: Operation) -> Done:
        """Repeats an operation, which must allow it, if the connection was lost and the host answers again."""
        try:
            return self.perform(operation)
        except UnreachableError as error:
            if not self.reconnected(error):
                raise
        return self.perform(operation)

    def reconnected(self, error: UnreachableError) -> bool:
        """Whether the host answers again and this run may still change it. Waits for the answer, unless the operator
        stopped the run."""
        if isinstance(error, LockLostError):
            return False
        clock, until = self._tools.clock, self._tools.clock.now() + REGAIN
        with self._regaining:
            while True:
                try:
                    with boundary():
                        self._tools.engine.info()
                        self._tools.permit()
                except LockLostError:
                    return False
                except DeployerError:
                    if clock.now() >= until or self._tools.stop.is_set():
                        return False
                    clock.sleep(1.0)
                else:
                    return True

    def log(self, container: Target) -> str:
        """The last lines; "" if they cannot be read."""
        key = self._worker.id_of(container)
        if said := self._worker.said.get(key):
            return "".join(said.splitlines(keepends=True)[-LOG_LINES:])
        return self._read(lambda: self._tools.engine.container_logs(key, tail=LOG_LINES), otherwise="")

    def has_made(self, number: int, name: str, body: Mapping[str, Any]) -> bool:
        """Whether a container with these labels exists although its creation was not confirmed; stores its id."""

        def look() -> bool:
            found = self._tools.engine.inspect_container(name)
            if found is None or not body["Labels"].items() <= found["Config"]["Labels"].items():
                return False
            self._made[number] = str(found["Id"])
            return True

        return self._read(look, otherwise=False)

    def is_made(self, number: int, name: str) -> bool:
        """Whether the container of that name is the one that the step created."""

        def look() -> bool:
            found = self._tools.engine.inspect_container(name)
            return found is not None and found["Id"] == self._made.get(number)

        return self._read(look, otherwise=False)

    def is_gone(self, network: str) -> bool:
        return self._read(lambda: self._tools.engine.inspect_network(network) is None, otherwise=False)

    @staticmethod
    def _read(look: Callable[[], Found], *, otherwise: Found) -> Found:
        """The value read, or `otherwise` if the host cannot be read."""
        try:
            with boundary():
                return look()
        except DeployerError:
            return otherwise
