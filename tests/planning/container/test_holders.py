"""Host ports and addresses that others hold."""

import pytest
from msgspec.structs import replace

from deployer.model.observed import Observed, Ownership, Stub
from deployer.planning.policy import Policy
from deployer.planning.reconcile import reconcile
from tests.planning.build import EMPTY, applied, changed, play, without

WEB = """
containers:
  web: {image: "web:1", ports: ["8080:80", "127.0.0.1:53:53/udp", "9000-9002:90"]}
"""


def host(*ports: str) -> Observed:
    stub = Stub("other-1", "other", "image", "running", ports=frozenset(ports))
    return replace(applied(EMPTY), others=(stub,))


@pytest.mark.parametrize("held", ["8080:99/tcp", "10.0.0.1:8080:80/tcp", "[::]:8080:80/tcp", "127.0.0.1:53:1/udp"])
def test_a_port_that_another_container_holds_is_refused(held: str) -> None:
    plan = reconcile(play(WEB), host(held), Policy())
    [refusal] = plan.refusals
    number = held.rpartition(":")[0].rpartition(":")[2]
    assert refusal.summary == f"host port {number} is used by container other"


@pytest.mark.parametrize("held", ["8081:80/tcp", "8080:80/udp", "127.0.0.2:53:53/udp", "9000:90/tcp"])
def test_other_ports_protocols_and_addresses_are_free(held: str) -> None:
    assert not reconcile(play(WEB), host(held), Policy()).refusals


def test_a_container_of_another_project_holds_its_ports() -> None:
    other = applied(WEB)
    theirs = tuple(replace(found, name="old", owner=Ownership("else", "container.old")) for found in other.containers)
    [refusal, *_] = reconcile(play(WEB), replace(other, containers=theirs), Policy()).refusals
    assert refusal.summary == "host port 53 is used by container old"


def test_its_own_port_is_not_a_conflict() -> None:
    assert not reconcile(play(WEB.replace("web:1", "web:2")), applied(WEB), Policy()).refusals


LAN = "networks: {lan: {enable_ipv6: true, ipam: {config: [{subnet: 10.9.0.0/24}, {subnet: 'fd00:9::/64'}]}}}"
FIXED = f"""
{LAN}
containers:
  db: {{image: "db:1", networks: {{lan: {{ipv4_address: 10.9.0.2, mac_address: "02:42:0a:09:00:02"}}}}}}
"""
CHOSEN = ("lan", "ipv4_address", "10.9.0.2")


def said(text: str, observed: Observed) -> list[str]:
    found = reconcile(play(text), observed, Policy()).refusals
    return [f"{each.origin and each.origin.short} {each.summary}; {each.hint}" for each in found]


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (CHOSEN, "address 10.9.0.2 on lan"),
        (("lan", "mac_address", "02:42:0a:09:00:02"), "MAC address 02:42:0a:09:00:02 on lan"),
    ],
)
def test_an_address_that_another_container_holds_is_refused(held: tuple[str, str, str], words: str) -> None:
    stub = Stub("other-1", "other", "image", "running", holds=frozenset({held}))
    observed = replace(applied(LAN), others=(stub,))
    assert said(FIXED, observed) == [
        f"shop.yml:3 {words} is used by container other; choose another address, or stop that container"
    ]
    assert said(FIXED, replace(observed, others=(replace(stub, state="exited"),))) == []


def test_an_address_that_the_engine_gave_to_one_of_the_same_play_is_refused() -> None:
    """It keeps it for as long as it is attached."""
    wish = FIXED + "  web: {image: 'web:1', networks: [lan]}\n"
    observed = without(applied(wish), "db")
    observed = changed(observed, "web", holds=frozenset({CHOSEN}))
    assert said(wish, observed) == [
        "shop.yml:3 address 10.9.0.2 on lan is used by container web; it has it from the engine: give it a fixed "
        "address of its own, or choose another one"
    ]
    assert said(wish.replace("[lan]}", "{lan: {ipv4_address: 10.9.0.3}}}"), observed) == []
    assert said(wish.replace("web:1', networks: [lan]", "web:1'"), observed) == []
    assert said(wish.replace("[lan]}", "[lan], state: stopped}"), observed) == []


def test_an_address_of_a_container_that_is_no_longer_declared() -> None:
    observed = applied(FIXED.replace("db:", "old:"))
    assert said(FIXED, observed)[0] == (
        "shop.yml:3 address 10.9.0.2 on lan is used by container old; it is no longer declared: remove it with "
        "--prune, or choose another address"
    )
    assert not reconcile(play(FIXED), observed, Policy(prune=True)).refusals


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        ("ipv4_address: 10.9.1.5", "10.9.1.5 is not in the subnet 10.9.0.0/24 of network lan on the host"),
        (
            "ipv4_address: 10.9.0.1",
            "10.9.0.1 is the address of the gateway of subnet 10.9.0.0/24 of network lan on the host",
        ),
        ("ipv6_address: 'fd00:9::5'", "fd00:9::5 requires IPv6, which network lan on the host does not enable"),
    ],
)
def test_an_address_that_does_not_fit_into_a_network_of_others(endpoint: str, why: str) -> None:
    lan = "networks: {lan: {ipam: {config: [{subnet: 10.9.0.0/24}]}}}"
    container = f"{{image: 'db:1', networks: {{lan: {{{endpoint}}}}}}}"
    wish = f"networks: {{lan: {{external: true}}}}\ncontainers: {{db: {container}}}"
    assert said(wish, applied(lan)) == [f"shop.yml:2 {why}; choose another address"]


@pytest.mark.parametrize(
    ("networks", "noted"),
    [
        ("{lan: {internal: true}}", True),
        ("{lan: {driver: macvlan, driver_opts: {parent: eth0}}}", True),
        ("{lan: {}}", False),
        ("{lan: {external: true}}", True),
    ],
)
def test_ports_that_no_network_publishes_are_noted(networks: str, noted: object) -> None:
    """`external`: what is on the host counts."""
    wish = f"networks: {networks}\ncontainers: {{db: {{image: 'db:1', networks: [lan], ports: ['80:80']}}}}"
    found = reconcile(play(wish), applied("networks: {lan: {internal: true}}"), Policy())
    note = "container.db: its ports have no effect on lan: internal, macvlan and ipvlan networks publish none"
    assert [note] * bool(noted) == [each for each in found.notes if "ports" in each]
