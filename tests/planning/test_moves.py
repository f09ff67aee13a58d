"""Which containers come from another host: what is clear, and what is refused."""

from __future__ import annotations

from msgspec.structs import replace

from deployer.model.desired import Address, Kind, OnFailure
from deployer.model.operations import CreateContainer, CreateVolume
from deployer.model.plan import Action, HostPlan, Moved, MovedVolume, PlayPlan, Refusal, ResourceChange, Step
from deployer.planning.moves import Coming, Elsewhere, Search, created_volumes, pair, refuse_removed, wanted, with_move
from deployer.planning.volume.plan import incomplete

CREATE, START = Action.CREATE, Action.START
DB, WEB = "db", "web"


def on(host: str, name: str = DB, *, running: bool = False, left: bool = False) -> Elsewhere:
    return Elsewhere(host, "shop", name, running, left)


def words(search: Search) -> dict[str, str]:
    """By host: `db from h1`, or why it is refused."""
    return {
        host: f"{', '.join(sorted(each.names))} from {each.source}" if isinstance(each, Coming) else said(each)
        for host, each in pair(search).items()
    }


def said(refusal: Refusal) -> str:
    return f"{refusal.address.label} {refusal.summary}; {refusal.hint}"


def test_what_one_other_host_has_comes_from_there() -> None:
    made = {DB: CREATE, WEB: CREATE}
    assert words(Search({"h2": made}, there=(on("h1"), on("h1", WEB), on("h1", "old")))) == {"h2": "db, web from h1"}
    assert words(Search({"h2": made}, there=(on("h1", WEB),))) == {"h2": "web from h1"}
    assert words(Search({"h2": made})) == {}
    # Each of two hosts gets what the other does not lack.
    two = Search({"h2": {DB: CREATE}, "h3": {WEB: CREATE}}, there=(on("h1"), on("h1", WEB)))
    assert words(two) == {"h2": "db from h1", "h3": "web from h1"}


def test_what_is_not_clear_is_refused() -> None:
    by_hand = "one by one: deployer move h1 {} PLAYBOOK"
    assert words(Search({"h2": {DB: CREATE}}, there=(on("h1"), on("h3")))) == {
        "h2": f"container.db is on several other hosts: h1, h3; {by_hand.format('h2')}"
    }
    assert words(Search({"h2": {DB: CREATE}, "h3": {DB: CREATE}}, there=(on("h1"),))) == {
        host: f"container.db is on h1, and several hosts of the play lack it: h2, h3; {by_hand.format(host)}"
        for host in ("h2", "h3")
    }
    assert words(Search({"h2": {DB: CREATE, WEB: CREATE}}, there=(on("h1"), on("h4", WEB)))) == {
        "h2": "container.db would come together with others from several hosts: db from h1, web from h4; "
        + by_hand.format("h2")
    }


def test_a_part_of_the_hosts_or_resources_is_refused() -> None:
    limited = Search({"h2": {DB: CREATE}}, there=(on("h1"),), excluded=frozenset({"h1"}))
    assert words(limited) == {"h2": "container.db is on h1, which --limit excludes; add h1 to --limit"}
    tagged = Search({"h2": {DB: CREATE}}, there=(on("h1"),), tagged=True)
    assert words(tagged) == {
        "h2": "container.db is on h1, and is moved only as a whole; leave out --tags and --skip-tags"
    }
    nothing = Search({"h2": {DB: CREATE}}, excluded=frozenset({"h1"}), tagged=True)
    assert words(nothing) == {}


def test_a_host_that_cannot_be_read_may_have_the_data() -> None:
    refused = "container.db may be on h1 with its data, which cannot be read; "
    refused += "if it is gone for good, leave it out with from: under move:, or remove it from the inventory"
    assert words(Search({"h2": {DB: CREATE}, "h3": {WEB: START}}, lost=("h1",))) == {"h2": refused}
    left = Search({"h2": {DB: START}}, left=frozenset({("h2", DB)}), lost=("h1",))
    assert words(left) == {"h2": refused}


def test_what_a_move_left_is_neither_moved_nor_started_over_what_is_newer() -> None:
    assert words(Search({"h2": {DB: CREATE}}, there=(on("h1", left=True),))) == {}
    stale = (
        "container.db is stopped here, and is on h1 too; to move it here, remove db and its volumes on h2 first; "
        "to start the one that is here, remove db on h1: deployer rm"
    )
    back, started = frozenset({("h2", DB)}), {"h2": {DB: START}}
    assert words(Search(started, there=(on("h1", running=True),))) == {"h2": stale}
    assert words(Search(started, left=back, there=(on("h1"),))) == {"h2": stale}
    assert words(Search(started, left=back, there=(on("h1", left=True),))) == {}
    assert words(Search(started, there=(on("h1"),))) == {}


MOVED = Moved("h1", (("db", "1"), ("proxy", "2")), ("db",), (MovedVolume("data", 7),))


def change(host: str, kind: Kind, name: str, action: Action = CREATE) -> ResourceChange:
    return ResourceChange(Address(host, kind, name), action)


def plan() -> HostPlan:
    changes = (
        change("h2", Kind.NETWORK, "data"),
        change("h2", Kind.VOLUME, "data"),
        change("h2", Kind.CONTAINER, DB),
        change("h2", Kind.CONTAINER, WEB),
    )
    volume = Step(1, CreateVolume("data", {"Name": "data"}), changes[1].address, "missing")
    made = CreateContainer("db", {})
    return HostPlan(
        "h2", "shop", changes, (volume, Step(2, made, changes[2].address, "missing", keep=(made,))),
        on_failure=OnFailure.STOP,
    )  # fmt: skip


def test_the_plan_says_what_comes_and_is_all_or_nothing() -> None:
    found = with_move(plan(), MOVED)
    assert [each.reason for each in found.changes] == ["", "copied from h1", "moved from h1", ""]
    assert (found.on_failure, found.steps[1].keep, found.concerned) == (OnFailure.ROLLBACK_HOST, (), ("h2", "h1"))
    assert created_volumes(found) == {"data": plan().steps[0].operation}
    assert (with_move(plan(), None), plan().concerned) == (plan(), ("h2",))
    assert wanted(found) == {DB: CREATE, WEB: CREATE}
    # What a killed move left in a volume is filled again by this one.
    notes = tuple(f"{incomplete(Address('h2', Kind.VOLUME, name))}, fill it" for name in ("data", "data.2"))
    assert with_move(replace(plan(), notes=notes), MOVED).notes == notes[1:]
    assert MOVED.plain == Moved("h1", MOVED.containers, ("db",), (MovedVolume("data"),))


def test_an_earlier_play_may_not_change_what_is_moved() -> None:
    moving = PlayPlan("Move", "shop", (with_move(plan(), MOVED),))
    removing = PlayPlan(
        "Clean", "shop", (HostPlan("h1", "shop", (change("h1", Kind.CONTAINER, "proxy", Action.REMOVE),)),)
    )
    assert refuse_removed((moving, removing)) == (moving, removing)
    _, refused = refuse_removed((removing, moving))
    (host,) = refused.hosts
    assert (host.moved, [each.summary for each in host.refusals]) == (
        None,
        ["is moved from h1, where play 'Clean' changes it before"],
    )
