"""Looking changes nothing: whatever a plan has to say, the engine is asked nothing but GET and HEAD.

Every request goes through a proxy that writes it down (T4).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.recording_proxy import Recording, recording
from tests.integration.support import SLEEP, Json, Site, ids
from tests.lab.host import Host

pytestmark = pytest.mark.lab

SOCKET = "/run/recorded.sock"
BEFORE: Json = {
    "networks": {"front": {}},
    "volumes": {"data": {}},
    "containers": {
        "web": {**SLEEP, "networks": ["front"], "volumes": ["data:/data"]},
        "job": {**SLEEP, "image": "deployer/web:1", "command": None},
    },
}


def other(kind: str, name: str, **keys: Any) -> Json:
    """The playbook with something else in one resource."""
    return {**BEFORE, kind: {**BEFORE[kind], name: {**BEFORE[kind][name], **keys}}}


SITUATIONS: dict[str, tuple[Json, str]] = {
    "nothing": (BEFORE, ""),
    "create": ({**BEFORE, "containers": {**BEFORE["containers"], "new": SLEEP}}, "container.new +"),
    "replace": (other("containers", "web", environment={"A": "1"}), "container.web -/+ environment.A"),
    "update": (other("containers", "web", mem_limit="64m"), "container.web ~ mem_limit"),
    "stop": (other("containers", "web", state="stopped"), "container.web #"),
    "remove": (other("containers", "web", state="absent"), "container.web -"),
    "pull": (other("containers", "job", image="deployer/web:2"), "container.job +/- image"),
    "look-up": (other("containers", "job", pull_policy="always"), ""),
    "reconnect": (other("containers", "web", networks={"front": {"aliases": ["www"]}}), "networks.front.aliases"),
    "renew": (other("networks", "front", labels={"a": "1"}), "network.front -/+ labels.a"),
    "refused": (other("volumes", "data", labels={"a": "1"}), ""),
    "undeclared": ({"prune": True, "containers": {"job": BEFORE["containers"]["job"]}}, "container.web -"),
}


@pytest.fixture
def recorded(host_28: Host) -> Iterator[Recording]:
    with recording(host_28, host_28.root / SOCKET.lstrip("/")) as seen:
        yield seen


@pytest.fixture
def site(host_28: Host, recorded: Recording, tmp_path: Path) -> Site:
    """A host with the playbook applied, reached over SSH through the proxy."""
    site = Site(tmp_path, host_28).write(BEFORE)
    host_28.docker("rmi", "-f", "deployer/web:2", check=False)
    site.converge()
    site.write_inventory({host_28.name: {"deployer_docker_socket": SOCKET}})
    return site


LOOKS = (
    ("plan",),
    ("plan", "--json"),
    ("apply", "--check"),
    ("apply", "--check", "--diff", "--yes"),
    ("destroy", "--check"),
    ("drift",),
)
"""Every way to look."""


def test_no_look_writes_in_any_situation(site: Site, host_28: Host, recorded: Recording) -> None:
    before = ids(host_28)
    for name, (play, change) in SITUATIONS.items():
        site.write(play)
        planned = site.plan()
        assert change in " ".join(planned.changes), name
        if name == "nothing":
            assert planned.code == 0
        for look in LOOKS:
            site.run(*look, *site.arguments)
        assert recorded.writes == [], name
    assert len(recorded.requests) > 100
    assert ids(host_28) == before
    assert not host_28.docker("images", "-q", "deployer/web:2")


def test_an_apply_that_is_not_confirmed_writes_nothing(site: Site, recorded: Recording) -> None:
    site.write(SITUATIONS["replace"][0])
    refused = site.program("apply", *site.arguments)
    assert refused.code == 5
    assert "--yes" in refused.err
    assert recorded.writes == []


def test_nor_does_one_that_has_nothing_to_do(site: Site, recorded: Recording) -> None:
    done = site.apply()
    assert (done.code, done.results, recorded.writes) == (0, [], [])


def test_nor_does_one_on_a_fleet_with_an_unreachable_host(site: Site, host_28: Host, recorded: Recording) -> None:
    hosts: Json = {
        host_28.name: {"deployer_docker_socket": SOCKET},
        "gone": {"ansible_host": "127.0.0.1", "ansible_port": 1},
    }
    site.write_inventory(hosts)
    site.write(SITUATIONS["replace"][0])
    for look in LOOKS:
        assert site.run(*look, *site.arguments).code == 4
    assert recorded.writes == []


def test_the_proxy_does_see_writes(site: Site, recorded: Recording) -> None:
    site.write(SITUATIONS["update"][0])
    assert site.apply().code == 0
    assert any(write.endswith("/update") for write in recorded.writes)
