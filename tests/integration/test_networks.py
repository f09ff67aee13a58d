"""Networks recreated with everything that was on them (T12), and attachments changed while containers run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.support import SLEEP, Json, Site, exists, ids, inspect, lines, states
from tests.lab.host import Host

pytestmark = pytest.mark.lab


def network(third: int, **keys: object) -> Json:
    return {"ipam": {"config": [{"subnet": f"10.20{third}.0.0/24"}]}, **keys}


def endpoint(host: Host, container: str, name: str = "front") -> Json:
    return dict(inspect(host, container)["NetworkSettings"]["Networks"][name])


def test_a_new_subnet_keeps_aliases_and_moves_everything(host: Host, tmp_path: Path) -> None:
    def play(third: int) -> Json:
        fixed = {"front": {"aliases": ["www"], "ipv4_address": f"10.20{third}.0.50"}, "back": None}
        return {
            "networks": {"front": network(third), "back": {}},
            "containers": {
                "fixed": {**SLEEP, "networks": fixed},
                "free": {**SLEEP, "networks": {"front": {"aliases": ["api"]}}},
                "stopped": {**SLEEP, "networks": {"front": {"aliases": ["old"]}}, "state": "stopped"},
                "created": {**SLEEP, "networks": ["front"], "state": "created"},
            },
        }

    site = Site(tmp_path, host).write(play(6))
    site.apply()
    host.docker("start", "stopped")
    site.converge()
    before = ids(host)
    site.write(play(7))
    assert site.plan().changes == lines(
        f"{host.name}/network.front -/+ ipam.config.10.206.0.0/24, ipam.config.10.207.0.0/24",
        f"{host.name}/container.fixed ~ networks.front.ipv4_address",
    )
    site.converge()
    assert ids(host) == before
    assert endpoint(host, "fixed")["IPAddress"] == "10.207.0.50"
    assert "www" in endpoint(host, "fixed")["Aliases"]
    assert endpoint(host, "free")["IPAddress"].startswith("10.207.0.")
    assert "api" in endpoint(host, "free")["Aliases"]
    host.docker("start", "stopped", "created")
    assert endpoint(host, "stopped")["IPAddress"].startswith("10.207.0.")
    assert "old" in endpoint(host, "stopped")["Aliases"]
    assert endpoint(host, "created")["IPAddress"].startswith("10.207.0.")
    assert endpoint(host, "fixed", "back")["IPAddress"]


def test_fixed_addresses_change_hands_while_the_containers_run(host: Host, tmp_path: Path) -> None:
    def play(**last: int) -> Json:
        given = {name: {"front": {"ipv4_address": f"10.206.0.{part}"} if part else {}} for name, part in last.items()}
        containers = {name: {**SLEEP, "networks": networks} for name, networks in given.items()}
        return {"networks": {"front": network(6)}, "containers": containers}

    site = Site(tmp_path, host).write(play(one=10, two=11))
    site.converge()
    before = ids(host)
    site.write(play(one=11, two=10)).converge()
    site.write(play(one=0, two=11)).converge()
    assert ids(host) == before
    assert endpoint(host, "two")["IPAddress"] == "10.206.0.11"
    chosen = int(endpoint(host, "one")["IPAddress"].rpartition(".")[2])
    site.write(play(one=0, two=11, three=chosen))
    found = site.plan()
    assert (found.code, len(found.refusals)) == (5, 1)
    assert f"address 10.206.0.{chosen} on front is used by container one" in found.out


def test_other_labels_keep_static_addresses(host: Host, tmp_path: Path) -> None:
    web = {**SLEEP, "networks": {"front": {"ipv4_address": "10.206.0.9", "aliases": ["www"]}}}
    site = Site(tmp_path, host).write({"networks": {"front": network(6)}, "containers": {"web": web}})
    site.converge()
    before = ids(host)
    site.write({"networks": {"front": network(6, labels={"a": "1"})}, "containers": {"web": web}}).converge()
    assert ids(host) == before
    assert endpoint(host, "web")["IPAddress"] == "10.206.0.9"
    assert "www" in endpoint(host, "web")["Aliases"]


def test_a_foreign_container_on_it_is_named_and_nothing_is_done(host: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host)
    web = {**SLEEP, "networks": ["front"]}
    site.write({"networks": {"front": {}}, "containers": {"web": web}}).converge()
    host.docker("run", "-d", "--name", "stranger", "--network", "front", "busybox:1", "sleep", "1000")
    before = (ids(host), host.api("GET", "/networks/front")["Id"])
    site.write({"networks": {"front": {"internal": True}}, "containers": {"web": web}})
    refused = site.apply()
    assert refused.code == 5
    (refusal,) = refused.refusals
    assert "stranger" in refusal
    assert refusal.startswith(f"{host.name}/network.front")
    assert (ids(host), host.api("GET", "/networks/front")["Id"]) == before
    host.docker("network", "disconnect", "front", "stranger")
    site.converge()


def test_a_renewal_that_fails_is_rolled_back(host: Host, tmp_path: Path) -> None:
    """The new subnet belongs to another network."""
    host.docker("network", "create", "--subnet", "10.208.0.0/24", "taken")
    web = {**SLEEP, "networks": {"front": {"aliases": ["www"]}}}
    site = Site(tmp_path, host).write({"networks": {"front": network(6)}, "containers": {"web": web}})
    site.converge()
    before = ids(host)
    failed = site.write({"networks": {"front": network(8)}, "containers": {"web": web}}).apply()
    assert failed.code in (3, 5)
    assert ids(host) == before
    assert endpoint(host, "web")["IPAddress"].startswith("10.206.0.")
    assert "www" in endpoint(host, "web")["Aliases"]
    site.write({"networks": {"front": network(6)}, "containers": {"web": web}})
    assert site.apply().code == 0
    assert site.plan().code == 0


def test_attachments_change_while_the_container_runs(host: Host, tmp_path: Path) -> None:
    networks = {"front": network(6), "back": network(7)}
    site = Site(tmp_path, host)

    def attach(attached: object) -> Site:
        return site.write({"networks": networks, "containers": {"web": {**SLEEP, "networks": attached}}})

    attach(["front"]).converge()
    before = ids(host)
    for attached in (
        {"front": {"aliases": ["a"]}, "back": None},
        {"front": {"aliases": ["b"]}, "back": {"ipv4_address": "10.207.0.7"}},
        {"back": {"ipv4_address": "10.207.0.8"}},
        ["front"],
    ):
        attach(attached).converge()
        assert set(inspect(host, "web")["NetworkSettings"]["Networks"]) == set(attached)
    assert ids(host) == before
    host.docker("restart", "-t", "0", "web")
    assert site.plan().changes == []


def test_a_network_that_was_removed_by_hand_comes_back_with_its_containers(host: Host, tmp_path: Path) -> None:
    """Also one that was made again meanwhile, so that the name is right and the network is not."""
    web = {**SLEEP, "networks": {"front": {"aliases": ["www"]}}}
    site = Site(tmp_path, host).write({"networks": {"front": network(6)}, "containers": {"web": web}})
    site.converge()
    before = ids(host)
    host.docker("network", "disconnect", "front", "web")
    host.docker("network", "rm", "front")
    site.converge()
    assert ids(host) == before
    assert "www" in endpoint(host, "web")["Aliases"]
    host.docker("stop", "-t", "0", "web")
    host.docker("network", "rm", "front")
    site.converge()
    assert endpoint(host, "web")["IPAddress"].startswith("10.206.0.")


def test_a_network_leaves_with_its_containers(host: Host, tmp_path: Path) -> None:
    web = {**SLEEP, "networks": ["front"]}
    site = Site(tmp_path, host).write({"networks": {"front": {}}, "containers": {"web": web, "db": SLEEP}})
    site.converge()
    site.write({"networks": {"front": {"state": "absent"}}, "containers": {"web": web, "db": SLEEP}})
    assert site.apply().code in (1, 5)
    site.write(
        {"networks": {"front": {"state": "absent"}}, "containers": {"web": {**web, "state": "absent"}, "db": SLEEP}}
    ).converge()
    assert states(host) == {"db": "running"}
    assert not exists(host, "networks", "front")


FRONT = {"subnet": "10.206.0.0/24"}
POOL = "ipam.config.10.206.0.0/24"
CHANGES: tuple[tuple[str, Json], ...] = (
    ("driver_opts.com.docker.network.driver.mtu", {"driver_opts": {"com.docker.network.driver.mtu": 1400}}),
    ("internal", {"internal": True}),
    ("attachable", {"attachable": True}),
    (
        "ipam.config.2001:db8:7::/64, enable_ipv6",
        {"enable_ipv6": True, "ipam": {"config": [FRONT, {"subnet": "2001:db8:7::/64"}]}},
    ),
    ("labels.a", {"labels": {"a": "1"}}),
    (POOL, {"ipam": {"config": [{**FRONT, "gateway": "10.206.0.9"}]}}),
    (POOL, {"ipam": {"config": [{**FRONT, "ip_range": "10.206.0.128/25"}]}}),
    (POOL, {"ipam": {"config": [{**FRONT, "aux_addresses": {"a": "10.206.0.5"}}]}}),
)


def test_each_field_of_a_network_changes_alone_and_is_rolled_back(host: Host, tmp_path: Path) -> None:
    base = network(6)
    site = Site(tmp_path, host)
    for path, change in CHANGES:
        site.write({"networks": {"front": base}}).converge()
        site.write({"networks": {"front": {**base, **change}}})
        assert site.plan().changes == [f"{host.name}/network.front -/+ {path}"]
        site.converge()
        site.write({"networks": {"front": base}})
        assert site.plan().changes == [f"{host.name}/network.front -/+ {path}"]


def test_addresses_that_are_declared_are_not_given_to_others(host: Host, tmp_path: Path) -> None:
    """Engines give the lowest address that nobody runs with: who has one declared starts first."""

    def play(version: int) -> Json:
        free = {**SLEEP, "networks": ["front"], "environment": {"VERSION": version}}
        fixed = {**free, "networks": {"front": {"ipv4_address": "10.206.0.2"}}}
        names = [f"a{n}" for n in range(3)]
        containers = {**dict.fromkeys(names, free), "fixed": fixed, "late": {**free, "depends_on": ["fixed"]}}
        return {"networks": {"front": network(6)}, "containers": containers}

    site = Site(tmp_path, host)
    for version in (1, 2):
        site.write(play(version)).converge()
        assert endpoint(host, "fixed")["IPAddress"] == "10.206.0.2"
    host.docker("stop", "-t", "0", *states(host))
    site.converge()


def test_a_configuration_and_a_network_that_takes_it(host: Host, tmp_path: Path) -> None:
    """Its labels are those of the configuration: it is nobody's all the same."""
    base = {**network(6), "config_only": True, "driver_opts": {"com.docker.network.driver.mtu": 1400}}
    site = Site(tmp_path, host).write({"networks": {"base": base}})
    site.converge()
    web = {**SLEEP, "networks": ["net"]}
    site.write({"networks": {"base": base, "net": {"config_from": "base"}}, "containers": {"web": web}})
    assert site.plan().refusals == [
        f"{host.name}/network.net: cannot be created: with config_from the engine supports no labels, which "
        "deployer requires"
    ]
    host.docker("network", "create", "--config-from", "base", "net")
    site.apply()
    again = site.plan()
    assert (again.code, again.changes, again.refusals) == (0, [], [])
    assert again.notes == ["network.net: not created by this project; used as it is"]
    assert endpoint(host, "web", "net")["IPAddress"] == "10.206.0.2"


def test_subnets_change_hands_in_one_run(host: Host, tmp_path: Path) -> None:
    """An exchange, and one that goes to a new network."""

    def wish(**networks: int) -> Site:
        names = {name: network(third) for name, third in networks.items()}
        return Site(tmp_path, host).write({"networks": names, "containers": {"web": {**SLEEP, "networks": ["bb"]}}})

    def subnet(name: str) -> str:
        (found,) = host.api("GET", f"/networks/{name}")["IPAM"]["Config"]
        return str(found["Subnet"])

    wish(bb=1, cc=2).converge()
    before = ids(host)
    wish(bb=2, cc=1).converge()
    assert [subnet(name) for name in ("bb", "cc")] == ["10.202.0.0/24", "10.201.0.0/24"]
    wish(aa=2, bb=3, cc=1).converge()
    assert [subnet(name) for name in ("aa", "bb", "cc")] == ["10.202.0.0/24", "10.203.0.0/24", "10.201.0.0/24"]
    assert (ids(host), states(host)) == (before, {"web": "running"})


def test_containers_with_other_names_on_the_host_reach_each_other_by_key(host: Host, tmp_path: Path) -> None:
    db = {**SLEEP, "networks": ["front"], "volumes": ["data:/data"]}
    web = {**SLEEP, "networks": ["front", "own"], "container_name": "www", "depends_on": ["db"], "volumes_from": "db"}
    side = {**SLEEP, "network_mode": "service:web"}
    objects: Json = {"networks": {"front": {}, "own": {"name": "mine"}}, "volumes": {"data": {}}}
    site = Site(tmp_path, host).write(
        {"prefix": "shop-", **objects, "containers": {"db": db, "web": web, "side": side}}
    )
    site.converge()
    assert states(host) == {"shop-db": "running", "www": "running", "shop-side": "running"}
    for name in ("shop-db", "db"):
        host.docker("exec", "www", "ping", "-c1", "-W3", name)
    host.docker("exec", "shop-db", "ping", "-c1", "-W3", "web")
    assert [mount["Name"] for mount in inspect(host, "www")["Mounts"]] == ["shop-data"]
    assert exists(host, "networks", "mine")
