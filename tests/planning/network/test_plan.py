"""Networks: attached to and left while containers stay, recreated with every endpoint given back, refused otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from deployer.model.observed import Observed
from deployer.model.operations import ConnectNetwork, CreateNetwork, RemoveNetwork
from deployer.model.plan import Action, HostPlan
from tests.planning.build import EMPTY, applied, changed, changes, joined, nothing, plan, play, refusals, steps, stub
from tests.planning.hosts import Host
from tests.planning.test_properties import POPULATED

NETWORKS = "networks: {front: {}, back: {}}\n"


def web(networks: str) -> str:
    return NETWORKS + f"containers: {{web: {{image: web:1, networks: {networks}}}}}"


def test_a_further_network_is_connected() -> None:
    found = plan(web("[front, back]"), applied(web("[front]")))
    assert changes(found) == ["~ container.web (in place): networks.back - → attached"]
    assert steps(found) == [
        "#1 container.web, ConnectNetwork back web-1, changed [reconnect web]",
        "[1] -> #2 container.web, WriteRecord web-1, changed",
    ]


def test_a_removed_network_is_disconnected() -> None:
    found = plan(web("[front]"), applied(web("[front, back]")))
    assert changes(found) == ["~ container.web (in place): networks.back attached → -"]
    assert steps(found) == [
        "#1 container.web, DisconnectNetwork back web-1, changed [reconnect web]",
        "[1] -> #2 container.web, WriteRecord web-1, changed",
    ]


def test_another_alias_or_address_is_a_new_connection() -> None:
    old, new = web("{front: {aliases: [a]}}"), web("{front: {aliases: [b], ipv4_address: 10.0.0.9}}")
    found = plan(new, applied(old))
    assert changes(found) == [
        "~ container.web (in place): networks.front.aliases a → b, networks.front.ipv4_address - → 10.0.0.9"
    ]
    assert steps(found) == [
        "#1 container.web, DisconnectNetwork front web-1, changed [reconnect web]",
        "[1] -> #2 container.web, ConnectNetwork front web-1, changed [reconnect web]",
        "[2] -> #3 container.web, WriteRecord web-1, changed",
    ]
    assert endpoints(found) == [{"IPAMConfig": {"IPv4Address": "10.0.0.9"}, "Aliases": ["b"]}]
    undone = found.steps[0].undo[0]
    assert isinstance(undone, ConnectNetwork)
    assert undone.endpoint == {"Aliases": ["a"]}


def endpoints(found: HostPlan) -> list[Any]:
    return [step.operation.endpoint for step in found.steps if isinstance(step.operation, ConnectNetwork)]


def test_a_network_is_made_before_a_container_is_connected_to_it() -> None:
    wish = "networks: {front: {}, new: {}}\ncontainers: {web: {image: web:1, networks: [front, new]}}"
    assert steps(plan(wish, applied(web("[front]")))) == [
        "#1 network.new, CreateNetwork new, missing",
        "[1] -> #2 container.web, ConnectNetwork new web-1, changed [reconnect web]",
        "[2] -> #3 container.web, WriteRecord web-1, changed",
    ]


def test_an_endpoint_on_a_network_that_was_removed_and_made_again_is_renewed() -> None:
    host = changed(applied(web("[front]")), "web", attached={"front": "front-0"})
    found = plan(web("[front]"), host)
    assert changes(found) == ["~ container.web (in place): networks.front a removed network → attached"]
    assert steps(found) == [
        "#1 container.web, DisconnectNetwork front web-1, changed [reconnect web]",
        "[1] -> #2 container.web, ConnectNetwork front web-1, changed [reconnect web]",
    ]


def test_an_endpoint_of_a_connection_that_failed() -> None:
    """A running container is connected once more; only another container is without it."""
    wish = "networks: {front: {}, new: {}}\ncontainers: {web: {image: web:1, networks: [%s]}}"
    host = changed(applied(wish % "front, new"), "web", attached={"front": "front-1", "new": ""})
    found = plan(wish % "front, new", host)
    assert changes(found) == ["~ container.web (in place): networks.new a connection that failed → attached"]
    assert steps(found) == ["#1 container.web, ConnectNetwork new web-1, changed [reconnect web]"]
    (change,) = changes(plan(wish % "front", host))
    assert change == "+/- container.web (start-first: no downtime): networks.new attached → -"


def test_a_stopped_container_keeps_a_removed_network_until_it_is_reconnected() -> None:
    wish = web("[front]").replace("image", "state: created, image")
    found = plan(wish, changed(applied(web("[front]")), "web", state="exited", attached={"front": "front-0"}))
    assert changes(found) == ["~ container.web (in place): networks.front a removed network → attached"]
    assert steps(found) == ["#1 container.web, ConnectNetwork front web-1, changed [reconnect web]"]


def test_a_container_that_never_ran_looks_its_network_up_when_it_starts() -> None:
    wish = web("[front]").replace("image", "state: created, image")
    assert nothing(plan(wish, changed(applied(web("[front]")), "web", state="created", attached={"front": ""})))


SHOP = """
networks: {front: {ipam: {config: [{subnet: 10.0.0.0/24}]}}}
containers:
  cache: {image: web:1, networks: {front: {ipv4_address: 10.0.0.9, aliases: [redis]}}}
  idle: {image: web:1, state: stopped, networks: [front]}
  web: {image: web:1, networks: [front]}
"""


def shop(**options: Any) -> str:
    return SHOP.replace("front: {ipam", "front: {internal: true, ipam")


def test_a_network_that_differs_is_recreated_and_every_container_gets_its_place_back() -> None:
    found = plan(shop(), applied(SHOP))
    assert changes(found) == ["-/+ network.front (its containers are reconnected): internal false → true"]
    assert steps(found) == [
        "#1 network.front, DisconnectNetwork front cache-1, recreated [renew front]",
        "#2 network.front, DisconnectNetwork front idle-1, recreated [renew front]",
        "#3 network.front, DisconnectNetwork front web-1, recreated [renew front]",
        "[1,2,3] -> #4 network.front, RemoveNetwork front-1, recreated [renew front]",
        "[4] -> #5 network.front, CreateNetwork front, recreated [renew front]",
        "[5] -> #6 network.front, ConnectNetwork front cache-1, recreated [renew front]",
        "[5,6] -> #7 network.front, ConnectNetwork front idle-1, recreated [renew front]",
        "[5,6] -> #8 network.front, ConnectNetwork front web-1, recreated [renew front]",
    ]
    assert endpoints(found) == [{"IPAMConfig": {"IPv4Address": "10.0.0.9"}, "Aliases": ["redis"]}, {}, {}]


def test_a_network_recreated_can_be_undone() -> None:
    found = plan(shop(), applied(SHOP))
    back, recreated, removed = found.steps[0].undo[0], found.steps[3].undo[0], found.steps[4].undo[0]
    assert isinstance(back, ConnectNetwork)
    assert back.endpoint == {"IPAMConfig": {"IPv4Address": "10.0.0.9"}, "Aliases": ["redis"]}
    assert isinstance(recreated, CreateNetwork)
    assert recreated.body == {
        "Name": "front",
        "IPAM": {"Driver": "default", "Config": [{"Subnet": "10.0.0.0/24"}]},
        "Labels": {"deployer.project": "shop", "deployer.resource": "network.front"},
    }
    assert type(removed).__name__ == "RemoveNetwork"


def test_containers_join_and_leave_a_network_that_is_recreated() -> None:
    old = SHOP.replace("web: {image: web:1, networks: [front]}", "web: {image: web:1}")
    new = shop().replace(
        "{image: web:1, networks: {front: {ipv4_address: 10.0.0.9, aliases: [redis]}}}", "{image: web:1}"
    )
    found = plan(new, applied(old))
    assert steps(found) == [
        "#1 network.front, DisconnectNetwork front cache-1, recreated [renew front]",
        "#2 network.front, DisconnectNetwork front idle-1, recreated [renew front]",
        "[1,2] -> #3 network.front, RemoveNetwork front-1, recreated [renew front]",
        "[3] -> #4 network.front, CreateNetwork front, recreated [renew front]",
        "[4] -> #5 network.front, ConnectNetwork front idle-1, recreated [renew front]",
        "[1] -> #6 container.cache, ConnectNetwork bridge cache-1, changed [reconnect cache]",
        "[6] -> #7 container.cache, WriteRecord cache-1, changed",
        "#8 container.web, DisconnectNetwork bridge web-1, changed [reconnect web]",
        "[4,8] -> #9 container.web, ConnectNetwork front web-1, changed [reconnect web]",
        "[9] -> #10 container.web, WriteRecord web-1, changed",
    ]


def test_an_excluded_container_is_reconnected_as_before() -> None:
    new = shop().replace("aliases: [redis]", "aliases: [other], tags: [x]").replace(", tags: [x]", "")
    new = new.replace("front: {internal", "front: {tags: [net], internal")
    found = plan(play(new, tags=("net",)), applied(SHOP))
    assert endpoints(found) == [{"IPAMConfig": {"IPv4Address": "10.0.0.9"}, "Aliases": ["redis"]}, {}, {}]


def test_a_network_with_containers_of_others_on_it_is_not_recreated() -> None:
    host = replace(applied(SHOP), others=(stub("theirs", networks=frozenset({"front"})),))
    assert refusals(plan(shop(), host)) == [
        "network.front: must be recreated, but containers of other owners are attached: theirs"
    ]
    other = applied(play("containers: {api: {image: web:1, networks: [front]}}", project="other"))
    assert refusals(plan(shop(), joined(applied(SHOP), other))) == [
        "network.front: must be recreated, but containers of other owners are attached: api"
    ]


def test_a_protected_network_is_not_recreated() -> None:
    wish = shop().replace("internal", "protect: true, internal")
    assert refusals(plan(wish, applied(SHOP))) == ["network.front: must be recreated, but is protected"]


def test_a_container_that_is_replaced_has_been_given_back_its_place_before() -> None:
    found = plan(shop().replace("web: {", "web: {tty: true, "), applied(SHOP))
    create = next(line for line in steps(found) if "CreateContainer" in line)
    assert create == "[5,8] -> #9 container.web, CreateContainer web.deployer-new, replaced [replace web]"


def test_a_container_that_goes_is_not_given_back_its_place() -> None:
    found = plan(shop().replace("{image: web:1, state: stopped, networks: [front]}", "{state: absent}"), applied(SHOP))
    assert [line for line in steps(found) if "idle-1" in line] == [
        "#2 network.front, DisconnectNetwork front idle-1, recreated [renew front]",
        "[2] -> #8 container.idle, RemoveContainer idle-1, absent, at last",
    ]


def test_a_container_is_started_after_it_was_given_back_its_place() -> None:
    found = plan(shop(), changed(applied(SHOP), "web", state="exited"))
    assert steps(found)[-2] == "[5,6,8] -> #9 container.web, StartContainer web-1, is exited with code 0"


def test_a_network_declared_absent_goes_after_its_containers() -> None:
    wish = "networks: {front: {state: absent}}\ncontainers: {web: {state: absent}}"
    host = applied("networks: {front: {}}\ncontainers: {web: {image: web:1, networks: [front]}}")
    assert steps(plan(wish, host)) == [
        "#1 container.web, StopContainer web-1, absent",
        "[1] -> #2 container.web, RemoveContainer web-1, absent, at last",
        "[1,2] -> #3 network.front, RemoveNetwork front-1, absent, at last",
    ]


def test_a_network_declared_absent_goes_after_its_containers_left_it() -> None:
    wish = "networks: {front: {}, back: {state: absent}}\ncontainers: {web: {image: web:1, networks: [front]}}"
    assert steps(plan(wish, applied(web("[front, back]")))) == [
        "#1 container.web, DisconnectNetwork back web-1, changed [reconnect web]",
        "[1] -> #2 container.web, WriteRecord web-1, changed",
        "[1] -> #3 network.back, RemoveNetwork back-1, absent, at last",
    ]


def test_a_network_declared_absent_goes_after_a_container_that_was_replaced() -> None:
    wish = (
        "networks: {front: {}, back: {state: absent}}\ncontainers: {web: {image: web:1, tty: true, networks: [front]}}"
    )
    found = plan(wish, applied(web("[front, back]")))
    assert steps(found)[-2:] == [
        "[6] -> #7 container.web, RenameContainer web-1 to web.previous, replaced by #1, at last",
        "[6] -> #8 network.back, RemoveNetwork back-1, absent, at last",
    ]


def test_a_network_declared_absent_is_kept_while_in_use() -> None:
    wish = "networks: {front: {state: absent}}"
    host = replace(applied(NETWORKS), others=(stub("theirs", networks=frozenset({"front"})),))
    assert refusals(plan(wish, host)) == ["network.front: cannot be removed while containers are attached: theirs"]
    assert refusals(plan(wish, applied(web("[front]")))) == [
        "network.front: cannot be removed while containers are attached: web"
    ]


def test_two_networks_of_one_name_are_refused() -> None:
    """W17."""
    host = applied(NETWORKS)
    twin = replace(next(each for each in host.networks if each.name == "front"), id="front-2")
    assert refusals(plan(NETWORKS, replace(host, networks=(*host.networks, twin)))) == [
        "network.front: 2 networks have the name front (front-1, front-2)"
    ]


def unmanaged(host: Observed) -> Observed:
    free = tuple(replace(found, owner=type(found.owner)()) for found in host.networks)
    return replace(host, networks=free)


def test_an_unmanaged_network_that_matches_is_used() -> None:
    found = plan(NETWORKS, unmanaged(applied("networks: {front: {labels: {a: b}}, back: {}}")))
    assert nothing(found)
    assert found.notes == (
        "network.back: not created by this project; used as it is",
        "network.front: not created by this project; used as it is",
    )


def test_an_unmanaged_network_that_differs_is_refused() -> None:
    found = plan("networks: {front: {internal: true}}", unmanaged(applied(NETWORKS)))
    assert refusals(found) == [
        "network.front: a network of that name exists that this project did not create, and it differs"
    ]
    assert [each.name for each in found.refusals[0].diffs] == ["internal"]


def test_a_network_of_another_project_is_refused_unless_it_is_external() -> None:
    host = applied(play(NETWORKS, project="other"))
    assert refusals(plan("networks: {front: {}}", host)) == ["network.front: belongs to project other"]
    assert refusals(plan("networks: {front: {state: absent}}", host)) == ["network.front: is not this project's"]
    assert nothing(plan("networks: {front: {external: true}}", host))


def test_an_external_network_has_to_exist() -> None:
    assert refusals(plan("networks: {far: {external: true}}", applied(NETWORKS))) == [
        "network.far: external network far does not exist"
    ]


def test_a_network_with_the_configuration_of_another_is_left_to_be_made_by_hand() -> None:
    """The engine refuses it the labels by which it would be known as ours."""
    wish = "networks: {base: {config_only: true}, net: {config_from: base}}"
    found = plan(wish, applied(NETWORKS))
    assert refusals(found) == [
        "network.net: cannot be created: with config_from the engine supports no labels, which deployer requires"
    ]
    assert found.refusals[0].hint == "create it by hand: docker network create --config-from base net"


MAC = "mac_address: '02:42:ac:11:00:0a'"


def test_only_a_new_container_keeps_its_mac_address_when_its_network_changes() -> None:
    """What is connected again gets one that the engine makes up."""
    old = f"networks: {{front: {{}}, back: {{}}}}\ncontainers: {{web: {{image: web:1, networks: [front], {MAC}}}}}"
    moved = plan(old.replace("[front]", "{front: {aliases: [x]}}"), applied(old))
    assert [change.action for change in moved.changes] == [Action.REPLACE_STOP_FIRST]
    more = plan(old.replace("[front]", "[front, back]"), applied(old))
    assert [str(change.action) for change in more.changes] == ["~"]


def test_so_it_is_when_its_network_is_recreated() -> None:
    old = f"networks: {{front: {{}}}}\ncontainers: {{web: {{image: web:1, networks: [front], {MAC}}}}}"
    found = plan(old.replace("front: {}", "front: {internal: true}"), applied(old))
    assert [change.address.label for change in found.changes] == ["network.front", "container.web"]
    assert found.changes[1].action.replaces
    plain = old.replace(f", {MAC}", "")
    found = plan(plain.replace("front: {}", "front: {internal: true}"), applied(plain))
    assert [change.address.label for change in found.changes] == ["network.front"]


def subnets(**networks: int) -> str:
    return (
        "networks: {"
        + ", ".join(f"{n}: {{ipam: {{config: [{{subnet: 10.90.{s}.0/24}}]}}}}" for n, s in networks.items())
        + "}"
    )


@pytest.mark.parametrize("version", ["20.10", "26.1", "28.5"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (subnets(bb=1), subnets(aa=1, bb=2)),
        (subnets(bb=1), subnets(bb=2, cc=1)),
        (subnets(aa=1, bb=2), subnets(aa=2, bb=1)),
        (subnets(aa=1, bb=2, cc=3), subnets(aa=2, bb=3, cc=1)),
    ],
    ids=["to one before", "to one after", "exchange", "circle"],
)
def test_subnets_change_hands_in_one_run(before: str, after: str, version: str) -> None:
    host = Host(POPULATED[version].copy())
    host.converge(before)
    found = host.plan(after)
    made = [step for step in found.steps if isinstance(step.operation, CreateNetwork)]
    gone = {step.number for step in found.steps if isinstance(step.operation, RemoveNetwork)}
    assert all(set(step.needs) & gone for step in made)
    host.converge(after)


def test_networks_wait_only_for_subnets_they_need() -> None:
    found = steps(plan(subnets(aa=3, bb=2), applied(subnets(bb=1))))
    assert found == [
        "#1 network.bb, RemoveNetwork bb-1, recreated [renew bb]",
        "[1] -> #2 network.bb, CreateNetwork bb, recreated [renew bb]",
        "#3 network.aa, CreateNetwork aa, missing",
    ]


def test_a_subnet_without_effect_is_noted() -> None:
    six = "networks: {six: {ipam: {config: [{subnet: 'fd00:1::/64'}]}}}"
    note = "network.six: the IPv6 subnet fd00:1::/64 has no effect; for IPv6, set enable_ipv6: true"
    assert plan(six, applied(EMPTY)).notes == (note,)
    assert plan(six.replace("ipam:", "enable_ipv6: true, ipam:"), applied(EMPTY)).notes == ()
