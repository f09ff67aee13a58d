"""What follows from the entries of a lock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from deployer.model.locks import (
    MARGIN,
    Claim,
    Clear,
    Decision,
    Enter,
    Entry,
    Held,
    Lease,
    Taken,
    View,
    decide,
    host_time,
    read_entries,
    read_entry,
    volume_name,
    watch,
)
from deployer.model.volume_names import slug

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
LEASE = 30.0


def entry(number: int, token: str, age: float = 0) -> Entry:
    claim = Claim("shop", token, f"{token}@here", "2026-01-02T11:59:00Z", "apply shop.yml", LEASE)
    return Entry(volume_name("shop", number), number, claim, NOON - timedelta(seconds=age))


def decided(*entries: Entry) -> Decision:
    return decide("me", View(entries, NOON))


def test_a_free_lock_can_be_taken() -> None:
    assert decided() == Enter(1)


def test_ours_alone() -> None:
    assert decided(entry(1, "me")) == Taken(entry(1, "me"))
    assert decided(entry(1, "me"), entry(2, "me")) == Taken(entry(2, "me"))


def test_someone_who_lives() -> None:
    assert decided(entry(3, "you")) == Held(entry(3, "you"))
    assert decided(entry(1, "me"), entry(3, "you")) == Held(entry(3, "you"), (entry(1, "me"),))


def test_someone_who_went_silent_is_removed_only_beside_an_entry_of_ours() -> None:
    old = entry(3, "you", LEASE + MARGIN + 1)
    assert decided(old) == Enter(4)
    assert decided(old, entry(4, "me")) == Clear((old,))


@pytest.mark.parametrize(("age", "silent"), [(0, False), (LEASE, False), (LEASE + MARGIN, False), (LEASE + 3, True)])
def test_silence_is_longer_than_lease_and_margin_by_the_clock_of_the_host(age: float, silent: bool) -> None:
    assert View((), NOON).is_expired(entry(1, "you", age)) is silent


def test_a_host_without_a_clock_is_watched() -> None:
    found = entry(1, "you", 1000)
    assert not View((found,)).is_expired(found)
    assert not View((found,), None, {(found.name, "you"): LEASE + MARGIN}).is_expired(found)
    assert View((found,), None, {(found.name, "you"): LEASE + MARGIN + 0.1}).is_expired(found)
    assert not View((found,), None, {(found.name, "another"): 1000.0}).is_expired(found)


def test_a_process_that_is_known_to_be_no_more_is_silent_at_once() -> None:
    found = entry(1, "you")
    dead = replace(found, claim=replace(found.claim, process="here/7/1"))
    assert View((), NOON, dead=frozenset({"here/7/1"})).is_expired(dead)
    assert not View((), NOON, dead=frozenset({"here/7/2"})).is_expired(dead)
    assert not View((), NOON).is_expired(found)


def test_a_clock_that_was_set_back_does_not_keep_a_lock_for_ever() -> None:
    found = entry(1, "you", -3600)
    assert not View((found,), NOON).is_expired(found)
    assert View((found,), NOON, {(found.name, "you"): LEASE + MARGIN + 0.1}).is_expired(found)


def test_every_view_of_three_runs_has_one_answer_and_only_a_lonely_one_takes() -> None:
    """Exhaustive: each of three entries is absent, ours, or of one of two others who live or not."""
    kinds = [None, ("me", 0.0), ("you", 0.0), ("you", 99.0), ("she", 0.0), ("she", 99.0)]
    for chosen in product(kinds, repeat=3):
        entries = [entry(n, *kind) for n, kind in enumerate(chosen, 1) if kind is not None]
        mine = [found for found in entries if found.token == "me"]
        others = [found for found in entries if found.token != "me"]
        living = [found for found in others if found.made == NOON]
        match decided(*entries):
            case Taken(found):
                assert found in mine and not others
            case Held(by, ours):
                assert by in living and list(ours) == mine
            case Clear(gone):
                assert mine and not living and list(gone) == others
            case Enter(number):
                assert not mine and not living and number not in {found.number for found in entries}


def test_watching_begins_when_an_entry_is_first_seen_and_again_when_it_changes() -> None:
    seen = watch({}, [entry(1, "you")], 10.0)
    assert watch(seen, [entry(1, "you")], 20.0) == {("deployer.lock.shop.1", "you"): 10.0}
    assert watch(seen, [entry(2, "you")], 20.0) == {("deployer.lock.shop.2", "you"): 20.0}
    assert watch(seen, [], 20.0) == {}


def test_a_holder_renews_three_times_a_lease_and_is_sure_for_two_thirds() -> None:
    tenure = Lease(entry(1, "me"), 100.0)
    assert (tenure.due(100.0), tenure.due(109.0), tenure.due(115.0)) == (10.0, 1.0, -5.0)
    assert (tenure.sure(119.9), tenure.sure(120.0)) == (True, False)


@given(st.text(min_size=1), st.text(min_size=1))
def test_names_are_valid_for_the_engine_and_unique_per_project(one: str, other: str) -> None:
    import re

    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", volume_name(one, 7))
    assert len(volume_name(one, 7)) < 255
    assert (slug(one) == slug(other)) == (one == other)


@given(st.sampled_from(["shop", "shop.1", "a b", "ü"]), st.integers(1, 10**6))
def test_records_read_back_as_written(project: str, number: int) -> None:
    claim = Claim(project, "t", "you@there", "2026-01-02T12:00:00Z", "apply shop.yml", 3.5, "here/7/1")
    volume = {"Name": volume_name(project, number), "Labels": claim.labels, "CreatedAt": "2026-01-02T12:00:00Z"}
    assert read_entries([volume, {"Name": "data", "Labels": None}], project) == (
        Entry(volume_name(project, number), number, claim, NOON),
    )
    assert read_entries([volume], "other") == ()


def test_a_volume_made_by_hand_counts_for_its_name() -> None:
    found = read_entry({"Name": "deployer.lock.shop.1", "Labels": {"deployer.lock.lease": "soon"}})
    assert found is not None
    assert (found.claim.project, found.claim.who, found.claim.lease) == ("shop", "someone unknown", 60.0)
    lying = {"Name": "deployer.lock.shop.1", "Labels": replace(found.claim, project="other").labels}
    assert [entry.number for entry in read_entries([lying], "shop")] == [1]
    assert read_entry({"Name": "deployer.lock.shop"}) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T12:00:00Z", NOON),
        ("2026-01-02T14:00:00+02:00", NOON),
        ("2026-01-02T12:00:00.123456789Z", NOON + timedelta(microseconds=123456)),
        ("2026-01-02T12:00:00.5-00:00", NOON + timedelta(milliseconds=500)),
        ("", None),
        ("2026-13-02T12:00:00Z", None),
    ],
)
def test_times_of_engines(text: str, expected: datetime | None) -> None:
    assert host_time(text) == expected
