"""An engine that fails at a chosen write: for tests of what is left behind when something goes wrong in the middle."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

from deployer.errors import DeployerError, EngineError, UnreachableError
from deployer.interfaces import Engine

_READS: Final = (
    "list_",
    "inspect_",
    "describe",
    "info",
    "close",
    "container_logs",
    "wait_",
    "removed_",
    "get_",
    "save_",
)


@dataclass(slots=True)
class Faults:
    """Which write fails, and how. `done`: it takes effect before the error, as when the answer is lost.

    `writes` lists the writes that were asked for, so that a test can count them in a first, faultless run.
    """

    at: int = 0
    error: DeployerError = field(default_factory=lambda: EngineError("injected failure", status=500))
    done: bool = False
    for_ever: bool = False
    writes: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def strikes(self, write: str) -> bool:
        """Counts a write and says whether it is to fail; writes count from 1."""
        with self.lock:
            self.writes.append(write)
            number = len(self.writes)
        return number == self.at or (self.for_ever and 0 < self.at < number)


def connection_lost() -> UnreachableError:
    return UnreachableError("the connection was lost (injected)")


def with_faults(engine: Engine, faults: Faults) -> Engine:
    """`engine`, but for the writes that `faults` lets fail."""
    return cast("Engine", _FaultyEngine(engine, faults))


class _FaultyEngine:
    def __init__(self, engine: Engine, faults: Faults) -> None:
        self._engine = engine
        self._faults = faults

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self._engine, name)
        if name.startswith(_READS):
            gone = isinstance(self._faults.error, UnreachableError) and self._faults.for_ever
            return self._lost if gone and 0 < self._faults.at <= len(self._faults.writes) else method

        def write(*arguments: Any, **keywords: Any) -> Any:
            if not self._faults.strikes(name):
                return method(*arguments, **keywords)
            if self._faults.done:
                method(*arguments, **keywords)
            raise self._faults.error

        return write

    def _lost(self, *_: Any, **__: Any) -> Any:
        raise self._faults.error
