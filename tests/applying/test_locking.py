"""The locks of one play's hosts: who is waited for, in which order, and what is let go meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar

import pytest

from deployer.applying.lock import LockLostError
from deployer.applying.locking import Locks, Run
from deployer.errors import DeployerError, UnreachableError
from deployer.interfaces import Engine
from deployer.model.outcome import Blocked, Notice, Obstacle, Waiting
from deployer.model.plan import Unreachable
from tests.applying.clocked import ClockedHost, FakeClock, lock_on, new_host

Result = TypeVar("Result")
SHOP = {"web1": "shop", "web2": "shop", "web3": "shop"}


class Events:
    def __init__(self) -> None:
        self.seen: list[object] = []

    def emit(self, event: object) -> None:
        self.seen.append(event)

    @property
    def waited_for(self) -> list[str]:
        return [f"{event.host}: {event.holder.who}" for event in self.seen if isinstance(event, Waiting)]


class Flag:
    set = False

    def is_set(self) -> bool:
        return self.set


class Site:
    """Three hosts under one clock; `each` works on one after the other. While a run waits, `meanwhile` is called."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.hosts = {name: new_host(self.clock) for name in SHOP}
        self.events = Events()
        self.stop = Flag()
        self.meanwhile: Callable[[], None] = lambda: None
        self._tokens = itertools.count()

    def each(self, hosts: Iterable[str], work: Callable[[str, Engine], Result]) -> dict[str, Result | Unreachable]:
        return {host: self._one(host, work) for host in tuple(hosts)}

    def _one(self, host: str, work: Callable[[str, Engine], Result]) -> Result | Unreachable:
        try:
            return work(host, self.hosts[host])  # type: ignore[arg-type]
        except DeployerError as error:
            return Unreachable(host, error.message)

    def now(self) -> float:
        return self.clock.now()

    def sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        self.meanwhile()

    def locks(self, wait: float = 0.0) -> Locks:
        run = Run("me@here", "apply shop.yml", lambda: datetime(2026, 1, 2, 12, tzinfo=UTC), wait=wait, lease=3000.0)
        token = lambda: f"me{next(self._tokens)}"  # noqa: E731
        return Locks(run, self.each, self, self.events, self.stop, lambda: 0.0, token)

    def held(self) -> dict[str, list[str]]:
        return {name: host.names for name, host in self.hosts.items() if host.names}

    def taken_by(self, who: str, *hosts: str) -> Callable[[], None]:
        """Another run has these; returns what lets go of them."""
        others = [lock_on(self.hosts[host].another(), who) for host in hosts]
        assert [lock.try_take() for lock in others] == [None] * len(others)

        def let_go() -> None:
            for lock in others:
                lock.release()

        return let_go


@pytest.fixture
def site() -> Site:
    return Site()


def test_all_are_taken_and_released(site: Site) -> None:
    locks = site.locks()
    locks.take(SHOP)
    assert [locks.bar(host) for host in SHOP] == [None] * 3
    assert list(site.held()) == ["web1", "web2", "web3"]
    assert [volume["Name"] for volume in locks.volumes("web1") or ()] == ["deployer.lock.shop.1"]
    locks.check("web1")
    locks.release()
    assert site.held() == {}
    assert locks.volumes("web1") is None
    assert site.events.seen == []


def test_without_waiting_only_the_held_host_is_barred(site: Site) -> None:
    site.taken_by("you", "web2")
    locks = site.locks()
    locks.take(SHOP)
    bars = [locks.bar(host) for host in SHOP]
    assert bars[0] is bars[2] is None
    assert isinstance(bars[1], Blocked)
    assert (bars[1].obstacle, bars[1].holder and bars[1].holder.who) == (Obstacle.LOCKED, "you@here")
    assert site.events.seen == []
    locks.release()
    assert list(site.held()) == ["web2"]


def test_who_waits_keeps_what_sorts_before_and_lets_go_of_what_sorts_after(site: Site) -> None:
    let_go = site.taken_by("you", "web2")
    seen: list[list[str]] = []

    def meanwhile() -> None:
        seen.append(list(site.held()))
        if len(seen) == 3:
            let_go()

    site.meanwhile = meanwhile
    locks = site.locks(wait=60)
    locks.take(SHOP)
    assert seen == [["web1", "web2"]] * 3
    assert [locks.bar(host) for host in SHOP] == [None] * 3
    assert site.events.waited_for == ["web2: you@here"]
    assert locks.waited == {"web2"}
    locks.release()


def test_hosts_are_waited_for_in_their_order(site: Site) -> None:
    first, second = site.taken_by("you", "web3"), site.taken_by("she", "web1")
    calls = iter([lambda: None, first, lambda: None, second])
    site.meanwhile = lambda: next(calls, lambda: None)()
    locks = site.locks(wait=60)
    locks.take(dict(reversed(SHOP.items())))
    assert site.events.waited_for == ["web1: she@here"]
    assert len(site.held()) == 3
    locks.release()


def test_when_the_time_is_over_the_rest_is_tried_once_more(site: Site) -> None:
    site.taken_by("you", "web1", "web3")
    locks = site.locks(wait=5)
    began = site.now()
    locks.take(SHOP)
    assert 5 <= site.now() - began < 6
    assert [locks.bar(host) is None for host in SHOP] == [False, True, False]
    locks.release()


def test_a_stop_ends_the_waiting(site: Site) -> None:
    site.taken_by("you", "web1")
    site.meanwhile = lambda: setattr(site.stop, "set", True)
    locks = site.locks(wait=600)
    began = site.now()
    locks.take(SHOP)
    assert site.now() - began < 3
    locks.release()
    assert list(site.held()) == ["web1"]


def test_a_dead_run_is_waited_for_until_its_lease_has_run_out(site: Site) -> None:
    site.taken_by("you", "web1")
    locks = site.locks(wait=60)
    locks.take({"web1": "shop"})
    assert locks.bar("web1") is None
    locks.release()


def test_a_new_holder_is_reported(site: Site) -> None:
    let_go = site.taken_by("you", "web1")

    def meanwhile() -> None:
        site.meanwhile = lambda: None
        let_go()
        site.taken_by("she", "web1")

    site.meanwhile = meanwhile
    locks = site.locks(wait=5)
    locks.take({"web1": "shop"})
    assert site.events.waited_for == ["web1: you@here", "web1: she@here"]


def test_a_host_that_is_away_bars_itself(site: Site) -> None:
    site.hosts["web2"].down = True
    locks = site.locks()
    locks.take(SHOP)
    assert isinstance(locks.bar("web2"), Unreachable)
    assert locks.bar("web3") is None
    locks.release()


def test_a_host_that_makes_no_volumes_names_the_way_out(site: Site) -> None:
    host = site.hosts["web1"]

    def refuse(body: object) -> dict[str, object]:
        from deployer.errors import EngineError

        raise EngineError("no space left on device", status=500)

    host.create_volume = refuse  # type: ignore[method-assign]
    locks = site.locks()
    locks.take(SHOP)
    bar = locks.bar("web1")
    assert isinstance(bar, Blocked)
    assert (bar.obstacle, bar.detail) == (Obstacle.NOT_LOCKABLE, "no space left on device")
    assert "--no-lock" in bar.hint
    locks.release()


def test_a_lock_that_cannot_be_released_is_only_a_warning(site: Site) -> None:
    locks = site.locks()
    locks.take(SHOP)
    site.hosts["web1"].down = True
    locks.release()
    (notice,) = site.events.seen
    assert isinstance(notice, Notice)
    assert notice.host == "web1" and "it expires within 3002s" in notice.text
    assert list(site.held()) == ["web1"]


def test_a_write_is_not_permitted_once_the_lock_is_lost(site: Site) -> None:
    locks = site.locks()
    locks.take(SHOP)
    site.hosts["web1"].remove_volume("deployer.lock.shop.1")
    site.clock.sleep(3001)
    with pytest.raises(LockLostError):
        locks.check("web1")
    locks.check("web2")
    site.hosts["web3"].down = True
    with pytest.raises(UnreachableError):
        locks.check("web3")


def test_a_host_without_a_lock_may_be_written_to(site: Site) -> None:
    site.locks().check("web1")


def test_kept_alive_in_the_background() -> None:
    """With real time: a lease of 0.3 s is outlived by far."""
    import time

    from deployer.usecases.system import SystemClock

    clock = FakeClock()
    host = new_host(clock)

    def each(hosts: Iterable[str], work: Callable[[str, Engine], Result]) -> dict[str, Result | Unreachable]:
        return {name: work(name, host) for name in hosts}  # type: ignore[arg-type]

    run = Run("me@here", "apply", lambda: datetime(2026, 1, 2, tzinfo=UTC), lease=0.3)
    locks = Locks(run, each, SystemClock(), Events(), Flag())
    locks.take({"web1": "shop"})
    time.sleep(1.0)
    (name,) = host.names
    assert int(name.rpartition(".")[2]) > 3
    locks.check("web1")
    locks.release()
    time.sleep(0.3)
    assert host.names == []


def test_each_host_of_a_run_has_its_own_token(site: Site) -> None:
    """One machine under two names is not locked twice by the same run."""
    site.hosts["web2"] = ClockedHost.another(site.hosts["web1"])
    locks = site.locks()
    locks.take({"web1": "shop", "web2": "shop"})
    assert locks.bar("web1") is None
    assert isinstance(locks.bar("web2"), Blocked)
    locks.release()
