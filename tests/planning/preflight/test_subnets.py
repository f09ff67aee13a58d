"""Subnets of networks that are made."""

import pytest
from msgspec.structs import replace

from deployer.model.observed import Observed, ObservedNetwork
from deployer.model.preflight import Route
from tests.planning.build import applied, engine
from tests.planning.preflight.looking import NOTHING, asked, judged, refused

BACK = """
networks:
  back:
    ipam:
      config:
        - subnet: 10.9.0.0/24
"""


def with_network(subnet: str, driver: str = "bridge") -> Observed:
    values = {"driver": driver, "ipam": {"driver": "default", "config": {subnet: {}}}}
    return replace(NOTHING, networks=(*NOTHING.networks, ObservedNetwork("lan-1", "lan", values)))


@pytest.mark.parametrize("subnet", ["10.9.0.0/24", "10.9.0.128/25", "10.0.0.0/8"])
def test_another_network_has_it(subnet: str) -> None:
    found = judged(BACK, with_network(subnet))
    assert refused(found) == [f"shop.yml:5 network.back: subnet 10.9.0.0/24 overlaps with network lan ({subnet})"]
    assert found.refusals[0].hint == "choose another subnet"


def test_beside_it_there_is_room() -> None:
    assert judged(BACK, with_network("10.9.1.0/24")).refusals == ()
    assert judged("networks: {back: {}}", with_network("10.9.0.0/24")).refusals == ()


def test_a_macvlan_overlaps_with_a_bridge_but_maybe_not_with_another() -> None:
    assert len(judged(BACK, with_network("10.9.0.0/24", "macvlan")).refusals) == 1
    macvlan = BACK.replace("back:\n", "back:\n    driver: macvlan\n")
    assert len(judged(macvlan, with_network("10.9.0.0/24")).refusals) == 1
    assert judged(macvlan, with_network("10.9.0.0/24", "macvlan")).refusals == ()
    assert judged(BACK, with_network("10.9.0.0/24", "overlay")).refusals == ()


def test_a_network_that_goes_away_at_the_end_is_still_in_the_way() -> None:
    text = BACK + "  lan: {state: absent}\n"
    lan = applied(BACK.replace("back", "lan"))
    found = judged(text, lan)
    assert refused(found) == ["shop.yml:5 network.back: subnet 10.9.0.0/24 overlaps with network lan (10.9.0.0/24)"]
    assert found.refusals[0].hint == (
        "lan is removed only at the end of a run: remove it in an earlier run, or choose another subnet"
    )


def test_a_network_that_is_recreated_has_its_own_subnet() -> None:
    wider = BACK.replace("/24", "/25")
    assert judged(wider, applied(BACK)).refusals == ()


def full(count: int, parts: str = "172.{}.0.0/16", first: int = 17) -> Observed:
    """A host with networks that have this number of the engine's subnets."""
    made = (with_network(parts.format(number)).networks[-1] for number in range(first, first + count))
    return replace(NOTHING, networks=(*NOTHING.networks, *made, *with_network("192.168.0.0/16").networks[-1:]))


def test_subnets_that_run_out() -> None:
    said = "no default subnet is left: other networks have all of the engine's"
    two = "networks: {back: {}, front: {}}"
    assert judged(two, full(13)).refusals == ()
    assert refused(judged(two, full(14))) == [f"shop.yml:1 network.front: {said}"]
    none_left = judged(two, full(15))
    assert refused(none_left) == [f"shop.yml:1 network.{name}: {said}" for name in ("back", "front")]
    assert "docker network prune" in none_left.refusals[0].hint


@pytest.mark.parametrize(
    ("text", "refusals"),
    [
        ("networks: {back: {driver: macvlan}}", 1),
        ("networks: {back: {enable_ipv6: true, ipam: {config: [{subnet: 'fd00:1::/64'}]}}}", 1),
        ("networks: {back: {ipam: {config: [{subnet: 10.9.0.0/24}]}}}", 0),
        ("networks: {back: {driver: overlay}}", 0),
        ("networks: {back: {ipam: {driver: dhcp}}}", 0),
    ],
)
def test_which_networks_need_one(text: str, refusals: int) -> None:
    assert len(judged(text, full(15)).refusals) == refusals


def test_the_configuration_of_the_engine_may_name_other_subnets() -> None:
    text = "networks: {back: {}}"
    assert judged(text, full(15), pools=(("10.8.0.0/14", 24),)).refusals == ()
    assert len(judged(text, with_network("10.8.0.0/16"), pools=(("10.8.0.0/23", 24),)).refusals) == 1
    given = "networks: {back: {}, own: {ipam: {config: [{subnet: 10.8.0.0/24}]}}}"
    assert [each.address.name for each in judged(given, pools=(("10.8.0.0/24", 24),)).refusals] == ["back"]


def test_a_route_of_the_host_is_noted() -> None:
    found = judged(BACK, routes=(Route("192.168.0.0/16", "eth0"), Route("10.0.0.0/8", "tun0")))
    note = (
        "network.back: subnet 10.9.0.0/24 overlaps with the host's route to 10.0.0.0/8 (tun0); "
        "these addresses may become unreachable"
    )
    assert (found.refusals, found.notes) == ((), (note,))


def test_routes_only_matter_where_a_network_is_made() -> None:
    assert asked(BACK).routes
    assert not asked(BACK, applied(BACK))


@pytest.mark.parametrize(
    ("driver", "options", "words"),
    [
        ("bridge", {"com.docker.network.bridge.name": "docker0"}, "bridge docker0"),
        ("ipvlan", {"parent": "eth0"}, "ipvlan parent eth0"),
        ("macvlan", {"parent": "eth0"}, "macvlan parent eth0"),
    ],
)
def test_another_network_has_the_interface(driver: str, options: dict[str, str], words: str) -> None:
    taken = ObservedNetwork("lan-1", "lan", {"driver": driver, "driver_opts": options})
    host = replace(NOTHING, networks=(*NOTHING.networks, taken))
    wish = f"networks: {{back: {{driver: {driver}, driver_opts: {options}}}}}"
    assert refused(judged(wish, host)) == [f"shop.yml:1 network.back: {words} is used by network lan"]
    newer = judged(wish, replace(host, engine=engine("1.51")))
    assert len(newer.refusals) == (driver != "macvlan")
    renewed = applied(wish.replace("back: {", "back: {internal: true, "))
    assert judged(wish, renewed).refusals == ()
