"""Destroying what a project made on a host: everything in order, nothing of others, no data."""

from __future__ import annotations

from msgspec.structs import replace

from deployer.model.observed import Observed, Ownership
from deployer.model.plan import HostPlan, Plan, PlayPlan, count
from deployer.model.removals import outnumbering
from deployer.planning.policy import Policy
from deployer.planning.reconcile import destroy
from deployer.reporting.human import plan_text
from deployer.reporting.lines import render
from tests.planning.build import EMPTY, applied, changed, changes, joined, plan, play, refusals, steps, stub
from tests.planning.hosts import Host

SHOP = """
networks: {front: {}}
volumes: {data: {}}
containers:
  db: {image: db:1, networks: [front], volumes: ['data:/data']}
  web: {image: web:1, networks: [front], depends_on: [db]}
"""


def destroyed(host: Observed, text: str = SHOP) -> HostPlan:
    return destroy(play(text), host, Policy())


def test_destroy_removes_dependants_first() -> None:
    assert steps(destroyed(applied(SHOP))) == [
        "#1 container.web, StopContainer web-1, destroyed",
        "[1] -> #2 container.web, RemoveContainer web-1, destroyed, at last",
        "[1] -> #3 container.db, StopContainer db-1, destroyed",
        "[3] -> #4 container.db, RemoveContainer db-1, destroyed, at last",
        "[1,2,3,4] -> #5 network.front, RemoveNetwork front-1, destroyed, at last",
    ]


def test_destroy_removes_undeclared_resources() -> None:
    assert changes(destroyed(applied(SHOP), "")) == [
        "- network.front (destroyed)",
        "- container.db (destroyed)",
        "- container.web (destroyed)",
    ]


def test_destroy_removes_leftovers_of_interrupted_runs() -> None:
    aside = changed(applied(SHOP), "web", rename="web.deployer-old", id="web-0", state="exited")
    host = joined(applied(SHOP), replace(aside, containers=tuple(c for c in aside.containers if c.id == "web-0")))
    assert "RemoveContainer web-0" in str(destroyed(host))


def test_kept_containers_are_listed_and_are_no_more_than_the_file_declares() -> None:
    kept = (
        stub("web.failed", state="exited", owner=Ownership("shop", "container.web")),
        stub("web.previous", state="exited", owner=Ownership("shop", "container.web")),
        stub("old.previous", state="exited", owner=Ownership("shop", "container.old")),
    )
    found = destroyed(replace(applied(SHOP), kept=kept))
    assert changes(found) == [
        "- network.front (destroyed)",
        "- container.web (destroyed)",
        "- container.web.failed (destroyed)",
        "- container.web.previous (destroyed)",
        "- container.db (destroyed)",
        "- container.old.previous (destroyed)",
    ]
    assert count(found.changes).remove == 6
    assert outnumbering(Plan((PlayPlan("shop", "shop", (found,)),))) == ()
    all_of_it = destroyed(replace(applied(SHOP), kept=kept), "")
    (removals,) = outnumbering(Plan((PlayPlan("shop", "shop", (all_of_it,)),)))
    assert (removals.undeclared, removals.declared) == (6, 0)


def test_copies_of_the_projects_objects_stay_and_are_named() -> None:
    copy = stub("debug", owner=Ownership(copied="shop/container.web"))
    other = stub("theirs", owner=Ownership(copied="other/container.web"))
    host = replace(applied(SHOP), others=(copy, other))
    note = "debug has the labels of container.web, but not its name: it is not removed"
    for found in (destroyed(host, ""), plan("", host, prune=True)):
        assert note in found.notes
        assert not any("theirs" in each for each in found.notes)
        assert "debug-1" not in str(found)
    assert plan(SHOP, host).notes == ()


def test_a_renamed_container_is_named_where_its_resource_is_created() -> None:
    host = Host()
    host.converge(SHOP)
    host.engine.rename_container("web", "other")
    note = "other has the labels of container.web, but not its name: "
    found = host.plan(SHOP)
    assert changes(found) == ["+ container.web"]
    advice = "container.web is created beside it; to keep it, rename it to web; otherwise remove it"
    assert found.notes == (note + advice,)
    assert host.plan(SHOP, prune=True).notes == (note + advice,)
    host.converge(SHOP)
    assert f"{note}it is not removed" in host.destroy(SHOP).notes
    assert host.containers == {"other": "running"}


def test_a_network_with_a_container_of_others_on_it_stays() -> None:
    host = replace(applied(SHOP), others=(stub("theirs", networks=frozenset({"front"})),))
    assert refusals(destroyed(host)) == ["network.front: cannot be removed while containers are attached: theirs"]


def test_a_network_with_a_protected_container_on_it_stays() -> None:
    text = SHOP.replace("db:1", "db:1, protect: true")
    assert refusals(destroyed(applied(SHOP), text)) == [
        "container.db: is protected",
        "network.front: cannot be removed while containers are attached: db",
    ]


def test_destroy_of_an_empty_host_is_empty() -> None:
    found = destroyed(applied(EMPTY))
    assert (found.changes, found.steps, found.notes) == ((), (), ())


def test_it_can_be_made_again_with_its_data() -> None:
    host = Host()
    host.converge(SHOP)
    volume = host.engine.inspect_volume("data")
    assert host.destroy(SHOP).notes == ("volumes are kept: data",)
    assert host.containers == {}
    assert host.engine.inspect_network("front") is None
    host.converge(SHOP)
    assert host.engine.inspect_volume("data") == volume


def test_a_removal_of_what_is_not_declared_names_no_place() -> None:
    found = plan("containers: {}", applied(SHOP), prune=True)
    shown = render(plan_text(Plan((PlayPlan("shop", "shop", (found,)),))), colour=False)
    assert "  -    container web  remove: no longer declared\n" in shown.replace("network front  ", "")
