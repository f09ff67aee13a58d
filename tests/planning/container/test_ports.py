"""Host ports that others hold."""

import pytest
from msgspec.structs import replace

from deployer.model.observed import Observed, Ownership, Stub
from deployer.planning.policy import Policy
from deployer.planning.reconcile import reconcile
from tests.planning.build import EMPTY, applied, play

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


def test_ones_own_port_is_no_obstacle() -> None:
    assert not reconcile(play(WEB.replace("web:1", "web:2")), applied(WEB), Policy()).refusals
