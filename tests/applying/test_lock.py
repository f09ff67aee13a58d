"""A lock taken, renewed, lost and released on a simulated host."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployer.applying.lock import HostLock, LockLostError
from deployer.errors import DeployerError, UnreachableError
from tests.applying.clocked import LEASE, ClockedHost, FakeClock, Turns, lock_on, new_host

ONE = ["deployer.lock.shop.1"]


@pytest.fixture
def host() -> ClockedHost:
    return new_host(FakeClock())


def test_a_free_lock_costs_two_requests_and_one_to_release(host: ClockedHost) -> None:
    lock = lock_on(host, "a")
    assert lock.try_take() is None
    assert (host.requests, host.names) == (2, ONE)
    lock.release()
    assert (host.requests, host.names) == (3, [])
    lock.release()
    assert host.requests == 3


def test_the_second_run_learns_the_holder_and_leaves_nothing(host: ClockedHost) -> None:
    first, second = lock_on(host, "a"), lock_on(host.another(), "b")
    assert first.try_take() is None
    holder = second.try_take()
    assert holder is not None and holder.claim.who == "a@here"
    assert host.names == ONE
    first.renew()
    first.renew()
    holder = lock_on(host.another(), "c").try_take()
    assert holder is not None and holder.claim.who == "a@here"
    assert host.names == ["deployer.lock.shop.3"]
    first.release()
    assert second.try_take() is None


def test_another_project_is_another_lock(host: ClockedHost) -> None:
    from tests.applying.clocked import claim

    other = HostLock(host, claim("b").__class__("blog", "b", "b@here", "", ""), host.clock, lambda: 0)  # type: ignore[arg-type]
    assert lock_on(host, "a").try_take() is None
    assert other.try_take() is None
    assert host.names == ["deployer.lock.blog.1", "deployer.lock.shop.1"]


def test_a_dead_holder_is_overtaken_after_its_lease_and_not_before(host: ClockedHost) -> None:
    assert lock_on(host, "a").try_take() is None
    host.clock.sleep(LEASE + 1)
    assert lock_on(host.another(), "b").try_take() is not None
    host.clock.sleep(2)
    late = lock_on(host.another(), "b")
    assert late.try_take() is None
    assert host.names == ["deployer.lock.shop.2"]


def test_a_living_holder_keeps_it_for_as_long_as_it_renews(host: ClockedHost) -> None:
    first = lock_on(host, "a")
    assert first.try_take() is None
    for _ in range(20):
        host.clock.sleep(LEASE / 3)
        first.renew()
        assert lock_on(host.another(), "b").try_take() is not None
        first.check()
    assert len(host.names) == 1


def test_the_slow_one_stops_before_its_next_write(host: ClockedHost) -> None:
    slow = lock_on(host, "a")
    assert slow.try_take() is None
    host.clock.sleep(LEASE + 3)
    fast = lock_on(host.another(), "b")
    assert fast.try_take() is None
    for _ in range(2):
        with pytest.raises(LockLostError, match="the lock of shop was lost: b@here took it over"):
            slow.check()
    slow.release()
    fast.check()
    assert host.names == ["deployer.lock.shop.2"]


def test_one_that_was_silent_but_not_overtaken_continues(host: ClockedHost) -> None:
    lock = lock_on(host, "a")
    assert lock.try_take() is None
    host.clock.sleep(10 * LEASE)
    before = host.requests
    lock.check()
    assert host.requests == before + 3
    lock.check()
    assert host.requests == before + 3


def test_a_lock_released_by_hand_is_lost(host: ClockedHost) -> None:
    lock = lock_on(host, "a")
    assert lock.try_take() is None
    host.remove_volume(ONE[0])
    lock.check()
    with pytest.raises(LockLostError, match="released by hand"):
        lock.renew()
    with pytest.raises(LockLostError):
        lock.check()
    assert host.names == []


def test_a_link_lost_for_less_than_the_lease_loses_nothing(host: ClockedHost) -> None:
    lock = lock_on(host, "a")
    assert lock.try_take() is None
    host.down = True
    host.clock.sleep(LEASE / 2)
    with pytest.raises(UnreachableError):
        lock.renew()
    host.down = False
    lock.renew()
    assert host.names == ["deployer.lock.shop.2"]


def test_an_entry_whose_answer_was_lost_counts_from_when_it_was_asked_for(host: ClockedHost) -> None:
    lock = lock_on(host, "a")
    assert lock.try_take() is None
    host.lose_answer = True
    host.clock.sleep(10)
    with pytest.raises(UnreachableError):
        lock.renew()
    host.down = host.lose_answer = False
    host.clock.sleep(15)
    lock.renew()
    assert lock.due() == LEASE / 3 - 15
    lock.release()
    assert host.names == []


def test_an_answer_lost_on_the_way_in_leaves_what_is_released_later(host: ClockedHost) -> None:
    lock = lock_on(host, "a")
    host.lose_answer = True
    with pytest.raises(UnreachableError):
        lock.try_take()
    host.down = host.lose_answer = False
    assert lock.try_take() is None
    lock.release()
    assert host.names == []


def test_on_a_host_without_a_clock_a_dead_holder_is_watched_for_a_lease(host: ClockedHost) -> None:
    host.tells_time = False
    assert lock_on(host, "a").try_take() is None
    host.clock.sleep(10 * LEASE)
    second = lock_on(host, "b")
    assert second.try_take() is not None
    host.clock.sleep(LEASE + 1)
    assert second.try_take() is not None
    host.clock.sleep(2)
    assert second.try_take() is None


def test_when_the_clock_of_the_host_jumps_the_overtaken_one_notices_at_its_next_renewal(host: ClockedHost) -> None:
    first, second = lock_on(host, "a"), lock_on(host.another(), "b")
    assert first.try_take() is None
    host.clock.jump = 3600
    assert second.try_take() is None
    with pytest.raises(LockLostError):
        first.renew()
    second.check()


def worker(lock: HostLock, clock: FakeClock, log: list[str], name: str) -> Callable[[], None]:
    def work() -> None:
        if lock.try_take() is not None:
            return
        log.append(name)
        try:
            for _ in range(3):
                lock.renew()
                lock.check()
        except DeployerError:
            log.append(f"{name} lost")
        lock.release()

    return work


MOVES = st.tuples(st.sampled_from([0, 1, 2, -1]), st.integers(1, 12))
"""A run makes so many requests; -1: time passes, for 12 up to a little more than the lease and its margin."""


def test_a_slow_answer_does_not_expire_a_holder(host: ClockedHost) -> None:
    """Found by the test below: what an answer shows may have begun while it was on its way."""
    first, late = lock_on(host, "a"), host.another()
    host.tells_time = late.tells_time = False
    requests = iter(range(100))

    def second_request_is_slow() -> None:
        if next(requests) == 1:
            host.clock.sleep(LEASE + 3)
            first.renew()

    late.before = second_request_is_slow
    assert first.try_take() is None
    second = lock_on(late, "b")
    assert second.try_take() is not None
    assert second.try_take() is not None


@settings(max_examples=250)
@given(st.integers(2, 3), st.booleans(), st.lists(MOVES, min_size=3, max_size=20))
def test_never_do_two_hold_it_however_their_requests_interleave(
    runs: int, left: bool, schedule: list[tuple[int, int]]
) -> None:
    """`left`: a run died before."""
    clock = FakeClock()
    host = new_host(clock)
    if left:
        assert lock_on(host, "dead").try_take() is None
        clock.sleep(LEASE + 3)
    hosts = [host.another() for _ in range(runs)]
    made = [lock_on(found, f"run{number}", 0.0) for number, found in enumerate(hosts)]
    log: list[str] = []
    turns = Turns(hosts, [worker(lock, clock, log, str(number)) for number, lock in enumerate(made)])
    for who, count in schedule:
        if who < 0:
            clock.sleep((LEASE + 3) * count / 12)
        for _ in range(count if 0 <= who < runs else 0):
            turns.step(who)
            assert sum(lock.sure for lock in made) <= 1
    turns.finish()
    # A run that was overtaken in the middle of a renewal may leave an entry, which goes silent.
    clock.sleep(LEASE + 3)
    assert lock_on(host.another(), "next").try_take() is None
    assert len(host.names) == 1


@settings(max_examples=100)
@given(st.integers(2, 3), st.booleans(), st.lists(st.integers(0, 2), max_size=40))
def test_while_no_time_passes_nobody_loses_it_and_nothing_is_left(runs: int, left: bool, schedule: list[int]) -> None:
    clock = FakeClock()
    host = new_host(clock)
    if left:
        assert lock_on(host, "dead").try_take() is None
        clock.sleep(LEASE + 3)
    hosts = [host.another() for _ in range(runs)]
    made = [lock_on(found, f"run{number}", 0.0) for number, found in enumerate(hosts)]
    log: list[str] = []
    turns = Turns(hosts, [worker(lock, clock, log, str(number)) for number, lock in enumerate(made)])
    for move in schedule:
        if move < runs:
            turns.step(move)
    turns.finish()
    assert not [found for found in log if found.endswith("lost")]
    assert [name for name in host.names if "dead" not in name] == []
