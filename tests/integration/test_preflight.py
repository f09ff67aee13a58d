"""What would fail on a real host is found before the first write, and the old container goes on."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from deployer.applying.pulling import hint_of
from tests.integration.support import SLEEP, Site, ids, states, volumes
from tests.lab import faults, secure_registry
from tests.lab.fixtures import each_engine
from tests.lab.host import Host
from tests.lab.secure_registry import SecureRegistry
from tests.lab.settings import CHECKOUT, REGISTRY_ADDRESS, REGISTRY_PORT

pytestmark = pytest.mark.lab

REGISTRY = f"{REGISTRY_ADDRESS}:{REGISTRY_PORT}"
LISTEN = "use IO::Socket::IP; my $s = IO::Socket::IP->new(Listen => 1, LocalHost => '{ip}', LocalPort => {port}, \
ReuseAddr => 1) or die; print \"up\\n\"; STDOUT->flush; sleep 600"


@contextlib.contextmanager
def process(host: Host, port: int, ip: str = "0.0.0.0") -> Iterator[None]:
    """One that listens on the host."""
    script = LISTEN.replace("{ip}", ip).replace("{port}", str(port))
    with subprocess.Popen(host.command("perl", "-e", script), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "up\n"
        try:
            yield
        finally:
            host.run("sh", "-c", f"pkill -f 'LocalPort => {port}'", check=False)
            running.kill()


def test_a_port_that_a_process_holds_is_refused_before_the_old_container_is_stopped(host: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host).containers(web={"ports": ["18080:80"]})
    site.converge()
    before = ids(host)
    site.containers(web={"ports": ["18080:80", "127.0.0.1:18081:81"]})
    with process(host, 18081):
        refused = site.apply()
        assert refused.refusals == [f"{host.name}/container.web: host port 18081 is taken by process perl"]
        assert (refused.code, ids(host), states(host)) == (5, before, {"web": "running"})
    site.converge()


def test_a_user_who_may_not_see_whose_socket_it_is_is_told_that_much(host: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host, ansible_user="deploy").containers(web={"ports": ["18081:80"]})
    with process(host, 18081, "127.0.0.1"):
        assert site.plan().refusals == [f"{host.name}/container.web: host port 18081 is taken by a process of the host"]


def test_where_no_shell_is_allowed_nothing_is_said(host: Host, tmp_path: Path) -> None:
    """The host of a user whose key may only forward."""
    site = Site(tmp_path, host).containers(web={"ports": ["18081:80"], "volumes": ["/srv/gone:/x"]})
    faults.restart_sshd(host, {"ForceCommand": "/usr/sbin/nologin"})
    with process(host, 18081):
        found = site.plan()
        assert (found.code, found.refusals, found.notes) == (2, [], [])
    faults.repair(host)


def test_ports_of_the_engine_are_not_conflicts(host: Host, tmp_path: Path) -> None:
    """A port that moves from one container to another, one of a stopped container, and one on another address."""
    kept = "127.0.0.1:18082:82"
    site = Site(tmp_path, host).containers(one={"ports": ["18080:80", kept]}, two={"ports": ["18081:80"]})
    site.converge()
    site.containers(one={"ports": ["18083:80", kept]}, two={"ports": ["18080:80"]})
    with process(host, 18082, "127.0.0.2"):
        site.converge()
    host.docker("stop", "-t", "0", "two")
    assert site.plan().refusals == []
    site.converge()


def test_a_container_on_the_hosts_network_that_goes_away_gives_its_port_up(host: Host, tmp_path: Path) -> None:
    serving = {"network_mode": "host", "command": "busybox httpd -f -p 18083"}
    site = Site(tmp_path, host).containers(web=serving, bystander=serving | {"command": "busybox httpd -f -p 18084"})
    site.converge()
    wait_for_port(host, 18084)
    wait_for_port(host, 18083)
    other = {"bystander": serving | {"command": "busybox httpd -f -p 18084"}}
    site.containers(web={"ports": ["18083:80"]}, **other)
    assert site.plan().refusals == []
    site.containers(web={"ports": ["18084:80"]}, **other)
    who = "process busybox of container bystander"
    assert site.plan().refusals == [f"{host.name}/container.web: host port 18084 is taken by {who}"]


def wait_for_port(host: Host, port: int) -> None:
    for _ in range(50):
        if f":{port} " in host.run("ss", "-ltn"):
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on {port}")


def test_bind_sources(host: Host, tmp_path: Path) -> None:
    long = {"type": "bind", "source": "/srv/gone", "target": "/b", "bind": {"create_host_path": False}}
    site = Site(tmp_path, host).containers(web={"volumes": ["/srv/also-gone:/a", long, "/etc/hostname:/c:ro"]})
    found = site.apply()
    assert found.refusals == [f"{host.name}/container.web: bind source /srv/gone does not exist on the host"]
    assert found.notes == ["container.web: /srv/also-gone is not on the host; the engine creates an empty directory"]
    assert states(host) == {}
    host.run("mkdir", "-p", "/srv/gone")
    site.converge()
    host.run("rm", "-rf", "/srv/gone", "/srv/also-gone")


def test_subnets(host: Host, tmp_path: Path) -> None:
    def network(subnet: str) -> dict[str, object]:
        return {"networks": {"back": {"ipam": {"config": [{"subnet": subnet}]}}}}

    host.docker("network", "create", "--subnet", "10.208.0.0/24", "theirs")
    site = Site(tmp_path, host).write(network("10.208.0.128/25"))
    assert site.apply().refusals == [
        f"{host.name}/network.back: subnet 10.208.0.128/25 overlaps with network theirs (10.208.0.0/24)"
    ]
    route = host.address.rpartition(".")[0]
    [note] = site.write(network(f"{route}.128/25")).plan().notes
    assert note == (
        f"network.back: subnet {route}.128/25 overlaps with the host's route to {route}.0/24 (eth0); "
        "these addresses may become unreachable"
    )
    assert site.write(network("10.208.1.0/24")).plan().notes == []


@each_engine
def test_the_engines_own_subnets_run_out(host: Host, tmp_path: Path) -> None:
    """The bridge has 172.17.0.0/16. A subnet that is free for the plan may be taken meanwhile."""
    taken = ("172.18.0.0/15", "172.20.0.0/14", "172.24.0.0/14", "172.28.0.0/14", "192.168.0.0/17")
    for number, subnet in enumerate(taken):
        host.docker("network", "create", "--subnet", subnet, f"theirs{number}")
    site = Site(tmp_path, host).write({"networks": {"back": {}, "raw": {"driver": "macvlan"}}})
    assert site.plan().refusals == []
    host.docker("network", "create", "--subnet", "192.168.128.0/17", "last")
    said = "no default subnet is left: other networks have all of the engine's"
    assert site.apply().refusals == [f"{host.name}/network.{name}: {said}" for name in ("back", "raw")]
    refused = host.run("sh", "-c", "docker network create one-more 2>&1", check=False)
    assert "default-address-pools" in hint_of(refused), refused
    host.docker("network", "rm", "last")
    site.write({"networks": {"back": {}}}).converge()


def test_all_findings_of_all_hosts_come_in_one_list(lab_hosts: tuple[Host, ...], tmp_path: Path) -> None:
    fine, busy, empty = lab_hosts[:3]
    site = Site(tmp_path, fine, busy, empty)
    site.write_inventory({fine.name: {"tag": "1"}, busy.name: {"tag": "1"}, empty.name: {"tag": "none"}})
    site.containers(web={"image": f"{REGISTRY}/library/busybox:{{{{ tag }}}}", "ports": ["18080:80"]})
    busy.docker("run", "-d", "--name", "other", "-p", "18080:80", "busybox:1", "sleep", "1000")
    with process(empty, 18080):
        found = site.apply()
    assert found.refusals == [
        f"{busy.name}/container.web: host port 18080 is used by container other",
        f"{empty.name}/image.{REGISTRY}/library/busybox:none: the registry {REGISTRY} does not have it",
        f"{empty.name}/container.web: host port 18080 is taken by process perl",
    ]
    assert (found.code, found.exit_codes) == (5, {fine.name: 0, busy.name: 5, empty.name: 5})
    assert [states(host) for host in (fine, busy, empty)] == [{"web": "running"}, {"other": "running"}, {}]


def login(secure: SecureRegistry, password: str) -> dict[str, object]:
    return {"registries": {secure.address: {"username": secure.user, "password": password}}}


def test_images_of_a_registry_that_wants_a_login(host: Host, tmp_path: Path) -> None:
    secure = secure_registry.start()
    image = f"{secure.address}/web:1"
    address = f"{host.name}/image.{image}"
    play: dict[str, object] = {"containers": {"web": {**SLEEP, "image": image}}}
    site = Site(tmp_path, host).write(play)
    assert site.plan().refusals == [f"{address}: the host cannot reach the registry {secure.address}"]
    secure_registry.trust(host, secure)
    try:
        needs = f"{address}: the registry {secure.address} requires credentials, or does not have it"
        assert site.plan().refusals == [needs]
        wrong = site.write(play | login(secure, "wrong")).plan()
        assert wrong.refusals == [f"{address}: the registry {secure.address} rejects the credentials"]
        right = site.write(play | login(secure, secure.password)).plan()
        assert right.refusals == [f"{address}: the registry {secure.address} does not have it"]
    finally:
        secure_registry.distrust(host, secure)


def test_images_missing_on_the_mirror_are_only_noted(host: Host, tmp_path: Path) -> None:
    found = Site(tmp_path, host).containers(web={"image": "busybox:no-such-tag"}).plan()
    note = "the registry docker.io does not have it, according to the host's mirror; the pull may still find it"
    assert (found.refusals, found.notes) == ([], [f"image.busybox:no-such-tag: {note}"])


def test_a_full_disk(host: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host)
    faults.small_disk(host, "32m")
    try:
        site.containers(web={"image": f"{REGISTRY}/library/busybox:1"}).apply()
        before = ids(host)
        site.containers(web={"image": f"{REGISTRY}/library/redis:7", "command": "sleep 100000"})
        failed = site.apply()
        [note] = failed.notes
        assert note.startswith(f"image.{REGISTRY}/library/redis:7: only ")
        assert note.endswith(" are free in /var/lib/docker")
        [failure] = failed.failures
        assert failure["error"].endswith("no space left on device")
        assert "free space" in failure["hint"]
        assert (failed.code, ids(host), states(host)) == (3, before, {"web": "running"})
        host.run("sh", "-c", "cat /dev/zero > /var/lib/docker/filler; sync", check=False)
        full = site.plan()
        assert f"{host.name}/image.{REGISTRY}/library/redis:7: no space is left in /var/lib/docker" in full.refusals
    finally:
        faults.restore_disk(host)


def test_kernel_settings_that_a_container_requires(host: Host, tmp_path: Path) -> None:
    """The playbook for ELK. The image is a stand-in that answers on its ports. The lab may not raise the limit of open
    files, and has the kernel's default of maps."""
    live = int(host.run("cat", "/proc/sys/vm/max_map_count"))
    site = Site(tmp_path, host)
    play = yaml.safe_load((CHECKOUT / "playbooks" / "elk.yml").read_text("utf-8"))[0]
    play["vars"]["elk_memory"] = "64m"
    elk = play["containers"]["elk"]
    elk["ulimits"] = {"nofile": 1000}
    elk["requires"] = {"sysctl": {"vm.max_map_count": f">{live}"}}
    refused = site.write(play).plan()
    (host_plan,) = refused.plan["plays"][0]["hosts"]
    assert refused.refusals == [
        f"{host.name}/container.elk: requires vm.max_map_count >{live}; the host has {live}",
    ]
    assert f"run sysctl -w vm.max_map_count={live + 1} on the host" in host_plan["refusals"][0]["hint"]
    assert not ids(host)
    elk["requires"] = {"sysctl": {"vm.max_map_count": f">={live}"}}
    site.write(play).converge()
    limits = host.docker("exec", "elk", "sh", "-c", "ulimit -n; cat /proc/sys/vm/max_map_count")
    assert limits.split() == ["1000", str(live)]
    (found,) = json.loads(host.docker("inspect", "elk"))
    assert (found["Config"]["Tty"], found["HostConfig"]["Memory"]) == (True, 64 * 1024**2)
    for port in (5044, 5601, 9200):
        with urllib.request.urlopen(f"http://{host.address}:{port}/passwd", timeout=10) as page:
            assert page.status == 200
    assert site.run("destroy", "--yes", *site.arguments).code == 0
    assert (ids(host), volumes(host)) == ({}, {"elk-data"})
