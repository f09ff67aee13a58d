"""The hosts of a run: one connection each, in parallel. One host's failure never stops another's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from deployer.engine.connect import Connections
from deployer.errors import DeployerError, InternalError, UnreachableError, boundary
from deployer.interfaces import Awaiting, Engine, Host
from deployer.model.plan import Unreachable
from deployer.reach.connection import ConnectionSpec
from deployer.transport.streams import NoMoreStreamsError

_CONNECTIONS: Final = 16
"""Further connections to one host."""

Result = TypeVar("Result")
Row = TypeVar("Row")


def split(answers: Mapping[str, Iterable[Row] | Unreachable]) -> tuple[tuple[Row, ...], tuple[Unreachable, ...]]:
    """What all hosts answered, as one sequence, and the hosts that were lost."""
    rows = (row for answer in answers.values() if not isinstance(answer, Unreachable) for row in answer)
    return tuple(rows), tuple(answer for answer in answers.values() if isinstance(answer, Unreachable))


class Fleet:
    """Opens each host when it is first needed and keeps it until the run ends."""

    def __init__(
        self, specs: Mapping[str, ConnectionSpec], forks: int, awaiting: Awaiting = lambda _hosts, _left: None
    ) -> None:
        """`awaiting` receives the hosts that are still being read."""
        self._awaiting = awaiting
        self._specs = specs
        self._forks = max(1, forks)
        self._connections = Connections()
        self._open: dict[str, Host] = {}
        self._others: list[Host] = []
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._further: dict[str, list[Engine]] = {}

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(self._specs)

    @property
    def forks(self) -> int:
        return self._forks

    def spec(self, host: str) -> ConnectionSpec:
        return self._specs[host]

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def host(self, name: str) -> Host:
        """Raises `UnreachableError`."""
        found = self._open.get(name)
        if found is None:
            found = self._connections.open(self._specs[name])
            with self._lock:
                self._open[name] = found
        return found

    def another(self, name: str) -> Engine:
        """On its own connection, for what must not wait for other requests; raises `UnreachableError`."""
        found = self._connections.open(self._specs[name])
        with self._lock:
            self._others.append(found)
        return found.engine()

    def with_room(self, name: str, work: Callable[[Engine], Result]) -> Result:
        """Work that needs a stream for itself, over a further connection where the host's first ones have no room for
        it; raises what it raises."""
        for engine in self._engines(name):
            with suppress(NoMoreStreamsError):
                return work(engine)
        raise UnreachableError(f"{name} accepts no further connection")

    def _engines(self, name: str) -> Iterator[Engine]:
        yield self.host(name).engine()
        for number in range(_CONNECTIONS):
            with self._opening:
                further = self._further.setdefault(name, [])
                if number == len(further):
                    further.append(self.another(name))
            yield further[number]

    def read(
        self,
        hosts: Iterable[str],
        work: Callable[[str, Engine], Result],
        meanwhile: Callable[[], None] = lambda: None,
        then: Callable[[str, Result], object] = lambda _host, _result: None,
    ) -> dict[str, Result | Unreachable]:
        """As `each`, for work that only reads, before anything is changed."""
        return self.each(hosts, work, meanwhile, then, self._awaiting)

    def each(
        self,
        hosts: Iterable[str],
        work: Callable[[str, Engine], Result],
        meanwhile: Callable[[], None] = lambda: None,
        then: Callable[[str, Result], object] = lambda _host, _result: None,
        awaiting: Awaiting = lambda _hosts, _left: None,
    ) -> dict[str, Result | Unreachable]:
        """The result of every host, in the given order; `Unreachable` for hosts that could not be reached or read, or
        where `work` or `then` raised an exception. Meanwhile this thread runs `meanwhile`, and `then` with each result
        as it arrives."""
        hosts = tuple(hosts)
        if not hosts:
            return {}
        pool = ThreadPoolExecutor(min(self._forks, len(hosts)), thread_name_prefix="host")
        try:
            working = {pool.submit(self._one, host, work): host for host in hosts}
            left = dict.fromkeys(hosts)
            awaiting(len(hosts), left)
            meanwhile()
            found: dict[str, Result | Unreachable] = {}
            for ended in as_completed(working):
                host, result = working[ended], ended.result()
                if not isinstance(result, Unreachable):
                    result = guarded(host, partial(_both, host, result, then))
                found[host] = result
                del left[host]
                awaiting(len(hosts), left)
            return {host: found[host] for host in hosts}
        finally:
            awaiting(len(hosts), ())
            # After an interrupt, do not wait for hosts that do not answer.
            pool.shutdown(wait=False, cancel_futures=True)

    def _one(self, host: str, work: Callable[[str, Engine], Result]) -> Result | Unreachable:
        return guarded(host, lambda: work(host, self.host(host).engine()))

    def close(self) -> None:
        for host in (*self._open.values(), *self._others):
            host.close()
        self._open.clear()
        self._others.clear()
        self._further.clear()
        self._connections.close()


def guarded(host: str, work: Callable[[], Result]) -> Result | Unreachable:
    """The boundary of one host: any exception ends the work on this host only."""
    try:
        with boundary():
            return work()
    except (UnreachableError, InternalError) as error:
        return Unreachable(host, error.message, error.hint)
    except DeployerError as error:
        return Unreachable(host, f"cannot be read: {error.message}", error.hint)


def _both(host: str, result: Result, then: Callable[[str, Result], object]) -> Result:
    then(host, result)
    return result
