"""Going back to what was replaced: which containers, in which steps, and when not."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import pytest
from msgspec.structs import replace

from deployer.diagnostics import Origin
from deployer.model.desired import Desired
from deployer.model.observed import Observed, ObservedContainer, Ownership, RecordedRun, Replaced
from deployer.model.operations import UpdateContainer
from deployer.model.plan import Before, HostPlan, Phase
from deployer.planning.earlier import after
from deployer.planning.policy import Policy
from deployer.planning.rollback import check, roll_back
from deployer.planning.rollback_to import roll_back_to
from tests.planning.build import applied, changed, changes, play, refusals, steps, stub, without

WEB = "containers: {web: {image: web:1, command: new, ports: ['8080:80']}}"
OLD = "containers: {web: {image: web:0, command: old, ports: ['9090:80']}}"


def before(text: str, name: str = "web", **facts: Any) -> ObservedContainer:
    """What was replaced: stopped, under the name of a previous one, with the id `NAME-0`."""
    found = applied(text).container(name)
    assert found is not None
    return replace(found, id=f"{name}-0", name=f"{name}.previous", state="exited", **facts)


def host(now: str = WEB, then: str = OLD, *names: str) -> Observed:
    found = applied(now)
    old = [_in_previous(before(then, name), names) for name in names or ("web",)]
    images = {**applied(then).images, **found.images}
    return replace(found, containers=(*found.containers, *old), images=images)


def _in_previous(found: ObservedContainer, names: Set[str] | tuple[str, ...]) -> ObservedContainer:
    """In the namespaces of the previous leader, if that was replaced too."""
    mode = str(found.values.get("network_mode"))
    moved = {f"container:{name}-1": f"container:{name}-0" for name in names}
    return replace(found, values={**found.values, "network_mode": moved.get(mode, mode)})


def back(seen: Observed, names: Set[str] = frozenset({"web"}), wish: str | Desired = WEB) -> HostPlan:
    return roll_back(wish if isinstance(wish, Desired) else play(wish), seen, Policy(), names)


def test_the_previous_one_takes_the_place_of_the_one_of_now() -> None:
    found = back(host())
    assert steps(found) == [
        "#1 container.web, StopContainer web-1, rolled back [roll back]",
        "[1] -> #2 container.web, RenameContainer web-1 to web.deployer-old, rolled back [roll back]",
        "[2] -> #3 container.web, RenameContainer web-0 to web, rolled back [roll back]",
        "[3] -> #4 container.web, StartContainer web-0, rolled back [roll back]",
        "[4] -> #5 container.web, AwaitHealthy web-0, rolled back [roll back]",
        "[5] -> #6 container.web, RenameContainer web-1 to web.previous, rolled back, at last",
    ]
    assert changes(found) == [
        "-/+ container.web (back to web.previous (differs in command, ports); stopped while it starts): "
        "image web:1 → web:0"
    ]
    assert [len(step.undo) for step in found.steps] == [1, 1, 1, 1, 0, 0]


def test_what_the_last_run_replaced_comes_back() -> None:
    seen = replace(host(), replaced={"shop": Replaced(7, {"web": "web-0", "gone": "gone-0"})})
    assert steps(back(seen, frozenset())) == steps(back(host()))
    elsewhere = replace(seen, replaced={"blog": Replaced(7, {"web": "web-0"})})
    assert steps(back(elsewhere, frozenset())) == []


def test_never_the_container_of_an_older_run() -> None:
    removed = replace(host(), replaced={"shop": Replaced(7, {"web": "web-x"})})
    found = back(removed, frozenset())
    assert steps(found) == []
    (refusal,) = found.refusals
    assert refusal.summary == "the previous container no longer exists"
    assert refusal.hint == "deployer rollback --to 6 recreates it from the record of that run"
    killed = back(replace(host(), replaced={"shop": Replaced(7, {"web": "web-1"})}), frozenset())
    assert (steps(killed), killed.refusals) == ([], ())
    assert killed.notes == ("container.web: the last run ended before it replaced it",)


def test_what_a_killed_run_set_aside_comes_before_what_is_kept() -> None:
    seen = host()
    aside = replace(before(OLD), id="web-x", name="web.deployer-old")
    seen = replace(seen, containers=(*seen.containers, aside))
    for names, last in (({"web"}, {}), (frozenset(), {"web": "web-x"})):
        found = back(replace(seen, replaced={"shop": Replaced(7, last)}), frozenset(names))
        assert "RenameContainer web-x to web" in str(found)
        assert [str(step.operation) for step in found.steps if step.phase is Phase.COMMIT] == [
            "RemoveContainer web-0",
            "RenameContainer web-1 to web.previous",
        ]


def recorded(*befores: Before) -> dict[str, tuple[RecordedRun, ...]]:
    return {"shop": (RecordedRun(9, befores), RecordedRun(8, ()))}


def test_going_back_to_a_run_restores_the_declaration_it_left() -> None:
    old = Before("web", "-/+", "web-x", image="image web:1", fields={"command": ["old"], "tty": True, "ports": None})
    found = roll_back_to(play(WEB), replace(applied(WEB), runs=recorded(old)), Policy(), frozenset(), 8)
    assert changes(found) == [
        "-/+ container.web (stop-first: host port 8080 is fixed; stopped while the new one starts): "
        "command new → old, tty false → true, ports 8080:80/tcp → none"
    ]
    assert {each.origin for each in found.changes[0].diffs if each.origin} == {Origin("run 8")}


@pytest.mark.parametrize(
    ("before", "refusal"),
    [
        (
            Before("web", "-/+", image="image web:1", fields={"environment": {"PASSWORD": {"$secret": "0" * 32}}}),
            "container.web: a secret in environment was another one after run 8, and records do not contain secrets",
        ),
        (
            Before("web", "-/+", image="image gone:1", fields={"image": "docker.io/library/gone:1"}),
            "container.web: its image after run 8 is no longer on the host, and it is not known to be in a registry",
        ),
    ],
)
def test_what_cannot_be_recreated_is_refused(before: Before, refusal: str) -> None:
    found = roll_back_to(play(WEB), replace(applied(WEB), runs=recorded(before)), Policy(), frozenset(), 8)
    assert (refusals(found), found.steps) == ([refusal], ())


def test_what_did_not_exist_after_a_run_is_left_as_it_is() -> None:
    runs = recorded(Before("web", "+"))
    found = roll_back_to(play(WEB), replace(applied(WEB), runs=runs), Policy(), frozenset(), 8)
    assert (found.steps, found.notes) == ((), ("container.web: did not exist after run 8, so it is not changed",))


def test_going_back_is_on_record() -> None:
    (found,) = back(host()).before
    assert found == Before(
        "web", "-/+", "web-1", digest="sha256:web:1",
        fields={"command": ["new"], "image": "docker.io/library/web:1", "ports": ["8080:80/tcp"]},
    )  # fmt: skip


def test_only_the_named_containers_are_rolled_back() -> None:
    assert steps(back(host(), frozenset())) == []


def test_it_gets_its_restart_policy_back() -> None:
    always = OLD.replace("command: old", "command: old, restart: always")
    now = host()
    put_away = before(always)
    put_away = replace(put_away, values={**put_away.values, "restart": "no"})
    found = back(replace(now, containers=(*now.containers[:1], put_away)))
    (update,) = [step for step in found.steps if isinstance(step.operation, UpdateContainer)]
    assert isinstance(update.operation, UpdateContainer)
    assert update.operation.body == {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}}
    assert [undo.body for undo in update.undo if isinstance(undo, UpdateContainer)] == [
        {"RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}}
    ]


NET = "networks: {front: {}}\n" + WEB.replace("command: new", "command: new, networks: [front]")
OLD_NET = "networks: {front: {}}\n" + OLD.replace("command: old", "command: old, networks: {front: {aliases: [www]}}")


def test_it_is_connected_to_a_network_that_was_recreated() -> None:
    seen = host(NET, OLD_NET)
    renewed = replace(seen, networks=tuple(replace(net, id=f"{net.name}-9") for net in seen.networks))
    found = steps(back(renewed, wish=NET))
    assert "[3] -> #4 container.web, ConnectNetwork front web-0, rolled back [roll back]" in found
    assert not any("ConnectNetwork" in line for line in steps(back(seen, wish=NET)))


def test_not_to_one_whose_network_is_gone() -> None:
    assert refusals(back(without(host(NET, OLD_NET), "front"), wish=NET)) == [
        "container.web: its previous container needs network front, which no longer exists"
    ]


PAIR = "containers: {app: {image: app:1, command: new}, side: {image: app:1, network_mode: 'container:app'}}"
OLD_PAIR = PAIR.replace("new", "old")


@pytest.mark.parametrize("name", ["app", "side"])
def test_followers_are_rolled_back_with_their_leader(name: str) -> None:
    found = back(host(PAIR, OLD_PAIR, "app", "side"), frozenset({name}), PAIR)
    lines = steps(found)
    assert lines[:4:2] == [
        "#1 container.side, StopContainer side-1, rolled back [roll back]",
        "#3 container.app, StopContainer app-1, rolled back [roll back]",
    ]
    started = [line for line in lines if "StartContainer" in line]
    assert [line.split("StartContainer ")[1][:5] for line in started] == ["app-0", "side-"]
    assert lines[-2].endswith("RenameContainer app-1 to app.previous, rolled back, at last")


@pytest.mark.parametrize("name", ["side", ""])
def test_a_leader_stays_if_the_previous_follower_shares_its_namespaces(name: str) -> None:
    seen = replace(host(PAIR, OLD_PAIR, "side"), replaced={"shop": Replaced(7, {"side": "side-0"})})
    found = back(seen, frozenset({name} - {""}), PAIR)
    assert refusals(found) == []
    assert [change.address.name for change in found.changes] == ["side"]


def test_a_follower_by_its_mounts_leaves_the_container_whose_network_it_shares() -> None:
    text = "containers: {db: {image: a:1}, web: {image: a:1, command: new}, side: {image: a:1, %s}}"
    now = text % "network_mode: 'container:db', volumes_from: [web]"
    found = back(host(now, now.replace("new", "old"), "web", "side"), wish=now)
    assert refusals(found) == []
    assert [change.address.name for change in found.changes] == ["web", "side"]
    alone = back(host(now, now, "side"), frozenset({"side"}), now)
    assert (refusals(alone), [change.address.name for change in alone.changes]) == ([], ["side"])


@pytest.mark.parametrize("names", [{"app"}, {"side"}, {"app", "side"}, set[str]()])
def test_followers_that_other_plays_declare_are_rolled_back_with_their_leader(names: set[str]) -> None:
    whole = play(PAIR)
    app, side = sorted(whole.resources, key=lambda found: found.name)[-2:]
    first, second = replace(whole, resources=(app,), followers=(side,)), replace(whole, resources=(side,))
    seen = replace(
        host(PAIR, OLD_PAIR, "app", "side"), replaced={"shop": Replaced(7, {"app": "app-0", "side": "side-0"})}
    )
    found = back(seen, names, first)
    assert steps(found) == steps(back(seen, names, whole))
    rest = back(after(seen, found), names, second)
    assert (refusals(found), steps(rest), refusals(rest)) == ([], [], [])
    alone = replace(host(PAIR, OLD_PAIR, "side"), replaced={"shop": Replaced(7, {"side": "side-0"})})
    if "app" not in names:
        assert steps(back(alone, names, first)) == []
        assert [change.address.name for change in back(alone, names, second).changes] == ["side"]


def test_exchanged_ports_are_free_before_either_starts() -> None:
    now = "containers: {aa: {image: x:1, ports: ['1:80']}, bb: {image: x:1, ports: ['2:80']}}"
    then = "containers: {aa: {image: x:1, ports: ['2:80']}, bb: {image: x:1, ports: ['1:80']}}"
    found = steps(back(host(now, then, "aa", "bb"), frozenset({"aa", "bb"}), now))
    assert found[:5] == [
        "#1 container.bb, StopContainer bb-1, rolled back [roll back]",
        "[1] -> #2 container.bb, RenameContainer bb-1 to bb.deployer-old, rolled back [roll back]",
        "#3 container.aa, StopContainer aa-1, rolled back [roll back]",
        "[3] -> #4 container.aa, RenameContainer aa-1 to aa.deployer-old, rolled back [roll back]",
        "[1,4] -> #5 container.aa, RenameContainer aa-0 to aa, rolled back [roll back]",
    ]


def test_one_that_removes_itself_is_not_stopped_for_the_previous_one() -> None:
    found = back(changed(host(), "web", values={"auto_remove": True}))
    assert refusals(found) == [
        "container.web: must be replaced, but the engine removes it as soon as it stops (auto_remove), so "
        "it could not be rolled back"
    ]


def test_one_that_was_removed_by_hand_comes_back() -> None:
    found = back(without(host(), "web"))
    assert changes(found) == ["+ container.web (back to web.previous)"]
    assert steps(found)[0] == "#1 container.web, RenameContainer web-0 to web, rolled back [roll back]"


def test_a_stopped_container_is_not_started_by_rollback() -> None:
    stopped = WEB.replace("command: new", "command: new, state: stopped")
    lines = steps(back(host(), wish=stopped))
    assert not any("StartContainer" in line for line in lines)


@pytest.mark.parametrize(
    ("seen", "wish", "summary"),
    [
        (applied(WEB), WEB, "has no previous container"),
        (
            replace(host(), containers=(*applied(WEB).containers, replace(before(OLD), owner=Ownership()))),
            WEB,
            "has no previous container",
        ),
        (
            changed(host(), "web", owner=Ownership("other", "container.web")),
            WEB,
            "its name is taken by a container that is not this project's",
        ),
        (
            host(),
            WEB.replace("command: new", "command: new, protect: true"),
            "must be replaced, but is protected",
        ),
    ],
)
def test_rollback_without_a_previous_container_is_refused(seen: Observed, wish: str, summary: str) -> None:
    found = back(seen, wish=wish)
    assert (refusals(found), steps(found)) == ([f"container.web: {summary}"], [])


def test_afterwards_everything_that_should_run_runs() -> None:
    assert changes(check(play(WEB), applied(WEB), Policy())) == []
    down = changed(applied(WEB), "web", state="restarting")
    assert changes(check(play(WEB), down, Policy())) == []
    assert changes(check(play(WEB), changed(applied(WEB), "web", state="exited"), Policy())) == [
        "> container.web (is exited)"
    ]
    assert changes(check(play(WEB), without(applied(WEB), "web"), Policy())) == ["> container.web (is gone)"]


def test_one_whose_network_is_shared_by_a_container_of_others_stays() -> None:
    shared = replace(host(), others=(stub("theirs", shares="web-1"), stub("other", shares="web-0")))
    assert refusals(back(shared)) == [
        "container.web: must be replaced, but theirs shares its network and is not part of this run"
    ]
