"""Containers in the namespaces of one that is replaced, started or stopped: in the same play, in another, in none."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from deployer.config.resolve import join_plays
from deployer.diagnostics import Problems
from deployer.model.desired import Desired
from deployer.model.observed import Observed
from deployer.model.operations import StartContainer, StopContainer
from deployer.model.outcome import Status
from deployer.model.plan import HostPlan
from deployer.planning.earlier import after
from deployer.planning.policy import Policy
from deployer.planning.reconcile import reconcile
from tests.planning.build import answer, applied, changed, changes, plan, play, refusals, steps, stub
from tests.planning.hosts import Host

VPN = "containers: {vpn: {image: vpn:1, environment: {MODE: a}, ports: ['80:80'], tags: [vpn]}}"
TOR = "containers: {tor: {image: tor:1, network_mode: 'container:vpn', environment: {X: x}, tags: [apps]}}"
BOTH = VPN[:-1] + ", " + TOR.removeprefix("containers: {")
NEW = "MODE: b"


def together(*texts: str, tags: tuple[str, ...] = ()) -> tuple[Desired, ...]:
    """Plays of one run."""
    return join_plays((play(text, tags=tags) for text in texts), Problems())


def run(plays: tuple[Desired, ...], host: Observed) -> list[HostPlan]:
    """Each planned after what those before it will have done."""
    made = []
    for desired in plays:
        made.append(reconcile(desired, host, Policy()))
        host = after(host, made[-1])
    return made


def following() -> Observed:
    """A host where the follower runs."""
    return applied(BOTH)


def new(text: str) -> str:
    return text.replace("MODE: a", NEW)


def test_the_follower_of_another_play_is_replaced_with_its_leader() -> None:
    first, second = run(together(new(VPN), TOR), following())
    same = plan(new(BOTH), applied(BOTH))
    assert (steps(first), changes(first)) == (steps(same), changes(same))
    assert (changes(second), steps(second)) == ([], [])


def test_also_when_its_own_play_comes_first_and_with_its_own_changes() -> None:
    first, second = run(together(TOR.replace("X: x", "X: y"), new(VPN)), following())
    assert [change.partition(" (")[0] for change in changes(first)] == ["-/+ container.tor"]
    assert [change.address.name for change in second.changes] == ["vpn", "tor"]
    assert changes(second)[1].endswith("environment.X x → y, network_mode container:vpn → container:the new vpn")


def test_it_is_restarted_where_its_leader_is_started() -> None:
    first, second = run(together(VPN, TOR), changed(following(), "vpn", state="exited"))
    assert changes(first) == [
        "> container.vpn (is exited with code 0)",
        "> container.tor (shares the network of vpn, which is started)",
    ]
    assert (changes(second), steps(second)) == ([], [])


def test_where_it_needs_what_only_its_own_play_makes_it_is_refused() -> None:
    tor = "networks: {n: {}}\n" + TOR.replace("network_mode: 'container:vpn'", "pid: 'container:vpn', networks: [n]")
    host = changed(following(), "tor", values={"pid": "container:vpn-1", "network_mode": "networks"})
    first, _second = run(together(new(VPN), tor), host)
    assert refusals(first) == ["container.tor: must be replaced with vpn, and needs network n first"]


OUTSIDE = "container.vpn: must be replaced, but {} shares its network and is not part of this run"


@pytest.mark.parametrize("texts", [(BOTH,), (VPN, TOR)])
def test_one_that_tags_leave_out_is_named_and_nothing_is_done(texts: tuple[str, ...]) -> None:
    first = run(together(*map(new, texts), tags=("vpn",)), following())[0]
    assert refusals(first) == [OUTSIDE.format("tor")]
    assert first.refusals[0].hint == "run without tags, or include its tags"


def test_so_are_one_of_another_playbook_and_one_of_somebody_else() -> None:
    first = plan(new(VPN), following())
    assert refusals(first) == [OUTSIDE.format("tor")]
    assert first.refusals[0].hint == "declare tor in this run too, or stop it first"
    foreign = replace(applied(VPN), others=(stub("theirs", shares="vpn-1"), stub("other", shares="web-1")))
    assert refusals(plan(new(VPN), foreign)) == [OUTSIDE.format("theirs")]
    stopped = replace(applied(VPN), others=(stub("theirs", shares="vpn-1", state="exited"),))
    assert refusals(plan(new(VPN), stopped)) == []


def test_where_the_leader_keeps_its_id_the_projects_own_are_restarted_and_others_noted() -> None:
    host = replace(changed(following(), "vpn", state="exited"), others=(stub("theirs", shares="vpn-1"),))
    found = plan(VPN, host)
    assert steps(found)[:3] == [
        "#1 container.vpn, StartContainer vpn-1, is exited with code 0",
        "[1] -> #2 container.tor, StopContainer tor-1, shares the network of vpn, which is started",
        "[2] -> #3 container.tor, StartContainer tor-1, shares the network of vpn, which is started",
    ]
    assert found.notes == ("container.theirs: shares the network of vpn, which is started; restart it after that",)


@pytest.mark.parametrize("state", ["stopped", "absent"])
def test_one_that_stops_says_who_loses_its_network(state: str) -> None:
    host = replace(applied(VPN), others=(stub("theirs", shares="vpn-1"),))
    found = plan(VPN.replace("image: vpn:1", f"image: vpn:1, state: {state}"), host)
    assert found.notes == ("container.theirs: loses the network of vpn, which stops",)


@pytest.mark.parametrize("field", ["network_mode", "pid", "ipc"])
def test_when_its_leader_is_restored_it_starts_again_after_it(field: str) -> None:
    wish = BOTH.replace("network_mode: 'container:vpn'", f"{field}: 'container:vpn'")
    wish = wish.replace("image: vpn:1", "image: vpn:1, ipc: shareable")
    host = Host()
    host.apply(wish)
    ids = {name: str((host.engine.inspect_container(name) or {})["Id"]) for name in ("vpn", "tor")}
    found = host.plan(new(wish).replace("ports:", "labels: {sim.behaviour: 'exit:3:1'}, ports:"))
    assert found.changes[1].reason == f"stop-first: {field} container is shared; stopped while the new one starts"
    done = host.execute_on(host.engine, found)
    assert Status.UNDONE in {result.status for result in done.results}
    assert {name: (host.engine.inspect_container(name) or {})["Id"] for name in ids} == ids
    assert {name: host.containers[name] for name in ids} == {"vpn": "running", "tor": "running"}
    started = {name: (host.engine.inspect_container(name) or {})["State"]["StartedAt"] for name in ids}
    assert started["tor"] > started["vpn"]
    undo = [step.undo[0] for step in found.steps if isinstance(step.operation, StopContainer) and step.group]
    assert undo == [StartContainer(ids["tor"]), StartContainer(ids["vpn"])]


def test_an_image_that_an_earlier_play_pulls_is_pulled_once() -> None:
    first, second = run(together(VPN, "containers: {api: {image: vpn:1}}"), applied("containers: {}"))
    assert [sum("PullImage" in line for line in steps(found)) for found in (first, second)] == [1, 0]
    assert changes(second) == ["+ container.api"]


def test_an_earlier_play_moves_the_tag_of_a_later_ones_image() -> None:
    plays = together("images: {'api:1': {pull: always}}", "containers: {api: {image: api:1}}")
    host = applied("containers: {api: {image: api:1}}")
    host = replace(host, registry={"docker.io/library/api:1": answer("sha256:moved")})
    first, second = run(plays, host)
    assert changes(first) == ["~ image.api:1 (pull, the tag moved): digest sha256:api:1 → sha256:moved"]
    assert [change.partition(" (")[0] for change in changes(second)] == ["+/- container.api"]
