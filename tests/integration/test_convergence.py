"""What was applied is what the next plan finds: no change, however a field is written, whatever the image brings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.integration.support import SLEEP, Json, Site, ids, inspect, lines, of_container, states
from tests.lab import faults
from tests.lab.host import Host

pytestmark = pytest.mark.lab

EVERY_FIELD = """\
- name: Every field of the language
  hosts: all
  project: site
  vars: {limit: 64m}
  images:
    busybox:1: {pull: missing}
    deployer/everything:1: {pull: always}
  networks:
    front:
      driver: bridge
      driver_opts: {com.docker.network.driver.mtu: 1400}
      ipam:
        config:
          - {subnet: 10.201.0.0/24, ip_range: 10.201.0.128/25, gateway: 10.201.0.1, aux_addresses: {router: 10.201.0.2}}
          - {subnet: "2001:db8:0::/64"}
      attachable: true
      enable_ipv6: true
      labels: {com.example.team: shop}
    back: {internal: true, labels: [plain=1]}
  volumes:
    data: {driver: local, labels: {x: "1"}}
    ram: {driver_opts: {type: tmpfs, device: tmpfs, o: size=1m}}
  containers:
    db:
      image: busybox:1
      command: sleep 1000
      stop_grace_period: 1s
      networks: [back]
      healthcheck: {test: [CMD, "true"], interval: 1s}
    inherits:
      image: deployer/everything:1
      stop_grace_period: 1s
      depends_on: {db: {condition: service_healthy}}
    sidecar:
      image: busybox:1
      command: sleep 1000
      network_mode: container:db
      stop_grace_period: 1s
    mighty:
      image: busybox:1
      command: [sleep, "1000"]
      network_mode: host
      privileged: true
      state: created
    web:
      image: busybox:1
      entrypoint: [sleep]
      command: ["1000"]
      environment: {MODE: production, EMPTY: "", N: 3, FLAG: true, FROM_FILE: here}
      env_file: [web.env, {path: none.env, required: false}]
      labels: {com.example.team: shop, n: 3}
      user: "0:0"
      working_dir: /tmp/
      hostname: webby
      restart: unless-stopped
      ports: ["18080:80", "127.0.0.1:18081:81/tcp", "19000-19002:90-92/udp", "1234", {target: 82, published: 18082}]
      expose: [9100, "9200/udp", "9300-9302"]
      volumes:
        - data:/data
        - /srv/x:/srv:ro
        - {type: bind, source: /opt/y/, target: /opt/y, read_only: true, bind: {create_host_path: true}}
        - {type: volume, source: ram, target: /ram, volume: {nocopy: true}}
        - {type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 1777}}
        - /anonymous
      tmpfs: ["/run:size=64m,mode=1777"]
      networks:
        front: {aliases: [www, shop], ipv4_address: 10.201.0.150, ipv6_address: "2001:db8::50"}
        back:
      depends_on: [db]
      healthcheck: {test: "true", interval: 2s, timeout: 1s, retries: 2, start_period: 1s}
      mem_limit: "{{ limit }}"
      memswap_limit: 128m
      cpus: 0.5
      cap_add: [net_admin, CAP_SYS_TIME]
      cap_drop: [NET_RAW]
      read_only: true
      dns: [192.0.2.53]
      extra_hosts: {db.internal: 192.0.2.10, gateway: host-gateway}
      ulimits: {nofile: {soft: 1024, hard: 2048}, nproc: 512}
      logging: {driver: json-file, options: {max-size: 10m, max-file: 3}}
      stop_signal: SIGINT
      stop_grace_period: 1s
      init: true
      tty: true
      stdin_open: true
"""


def test_a_playbook_with_every_field_is_applied_and_then_has_nothing_to_do(host: Host, tmp_path: Path) -> None:
    (tmp_path / "web.env").write_text("FROM_FILE=there\nONLY_FILE=yes\n")
    site = Site(tmp_path, host).write(EVERY_FIELD)
    site.converge()
    env = of_container(host, "web", "env").splitlines()
    assert {"MODE=production", "EMPTY=", "N=3", "FLAG=true", "FROM_FILE=here", "ONLY_FILE=yes"} <= set(env)
    text = site.program("plan", "--detailed-exitcode", *site.arguments)
    assert (text.code, text.out) == (0, f"site on {host.name}: no changes\nPlan: no changes on 1 host.\n")


def test_values_of_image_and_daemon_are_not_changes(host: Host, tmp_path: Path) -> None:
    """T1."""
    faults.restart_engine(host, {"log-opts": {"max-size": "5m"}, "default-ulimits": {"nofile": _NOFILE}})
    site = Site(tmp_path, host).write(
        {
            "containers": {
                "plain": {"image": "deployer/everything:1", "stop_grace_period": "0s"},
                "over": {
                    "image": "deployer/everything:1",
                    "stop_grace_period": "0s",
                    "environment": {"B": "own", "C": "own"},
                    "labels": {"shared": "own"},
                    "expose": [8080],
                    "volumes": ["data:/data"],
                    "healthcheck": {"interval": "3s"},
                    "logging": {"options": {"max-file": "2"}},
                },
            },
            "volumes": {"data": {}},
        }
    )
    site.converge()
    assert inspect(host, "plain")["HostConfig"]["LogConfig"]["Config"] == {"max-size": "5m"}


_NOFILE = {"Name": "nofile", "Soft": 4096, "Hard": 8192}

SPELLINGS: Mapping[str, tuple[Json, Json]] = {
    "device": ({"devices": ["/dev/null"]}, {"devices": ["/dev/null:/dev/null:rwm"]}),
    "log-options": ({"logging": {"options": {"max-file": 1}}}, {"log_options": {"max-file": "1"}}),
    "network-mode": ({"network_mode": "default"}, {"network_mode": "bridge"}),
    "memory": ({"mem_limit": "512m"}, {"memory": 536870912}),
    "ports": ({"ports": ["80:80", "81:81"]}, {"ports": [{"target": 81, "published": 81}, "80:80/TCP"]}),
    "environment": ({"environment": {"A": "1", "B": ""}}, {"env": ["B=", "A=1"]}),
    "capability": ({"cap_add": ["NET_ADMIN"]}, {"capabilities": ["cap_net_admin"]}),
    "image": ({"image": "busybox:1"}, {"image": "docker.io/library/busybox:1"}),
    "volumes": ({"volumes": ["/srv/a/:/c"]}, {"volumes": ["/srv/a:/c:rw"]}),
    "restart": ({"restart": "on-failure:3"}, {"restart_policy": "on-failure", "restart_retries": 3}),
    "durations": ({"stop_grace_period": "1m30s"}, {"stop_timeout": 90}),
    "labels": ({"labels": {"a": "1"}}, {"labels": ["a=1"]}),
    "hosts": ({"extra_hosts": {"a": "192.0.2.1"}}, {"etc_hosts": ["a=192.0.2.1"]}),
    "inherited": ({"command": [], "tty": True}, {"command": None, "tty": True}),
    "command": ({"command": "sh -c 'sleep 100000'"}, {"command": ["sh", "-c", "sleep 100000"]}),
    "ulimits": ({"ulimits": {"nofile": 1024}}, {"ulimits": ["nofile:1024:1024"]}),
    "working-dir": ({"working_dir": "/tmp//x/../"}, {"working_dir": "/tmp"}),
    "stop-signal": ({"stop_signal": "SIGKILL"}, {"stop_signal": 9}),
}
"""Two ways to write the same (T2, and peers 2.11)."""


def test_another_spelling_is_not_a_change(host: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host)
    networks = {"six": {"enable_ipv6": True, "ipam": {"config": [{"subnet": "2001:db8:0:0::/64"}]}}}
    # Only these are completed by the engine when it starts a container.
    started = ("ports", "network-mode")
    asleep = {name: {**SLEEP, "state": "started" if name in started else "created"} for name in SPELLINGS}
    first = {name: {**asleep[name], **one} for name, (one, _) in SPELLINGS.items()}
    site.write({"containers": first, "networks": networks}).converge()
    networks["six"]["ipam"] = {"config": [{"subnet": "2001:0db8::/64"}]}
    second = {name: {**asleep[name], **other} for name, (_, other) in SPELLINGS.items()}
    site.write({"containers": second, "networks": networks})
    again = site.plan()
    assert (again.code, again.changes) == (0, [])


@pytest.mark.parametrize("state", ["stopped", "created"])
def test_a_container_that_does_not_run_is_not_replaced(host: Host, tmp_path: Path, state: str) -> None:
    """T3: engines report ports, addresses and aliases otherwise while it does not run."""
    own = {"ports": ["18080:80"], "networks": {"front": {"aliases": ["www"]}}, "mac_address": "02:42:0a:00:00:07"}
    site = Site(tmp_path, host)
    play: Json = {"networks": {"front": {}}}
    if state == "stopped":
        site.write({**play, "containers": {"web": {**SLEEP, **own}}}).converge()
    before = ids(host).get("web")
    site.write({**play, "containers": {"web": {**SLEEP, **own, "state": state}}}).converge()
    assert states(host) == {"web": "exited" if state == "stopped" else "created"}
    assert before in (None, ids(host)["web"])


def test_keys_removed_from_the_playbook_are_reset(host: Host, tmp_path: Path) -> None:
    whole = {
        "environment": {"KEPT": "1", "DROPPED": "1"},
        "labels": {"kept": "1", "dropped": "1"},
        "ports": ["18080:80", "18081:81"],
        "networks": ["back", "front"],
        "volumes": ["data:/data", "/srv/x:/x"],
    }
    rest = {
        "environment": {"KEPT": "1"},
        "labels": {"kept": "1"},
        "ports": ["18080:80"],
        "networks": ["front"],
        "volumes": ["data:/data"],
    }
    site = Site(tmp_path, host)
    around: Json = {"networks": {"front": {}, "back": {}}, "volumes": {"data": {}}}
    site.write({"containers": {name: {**SLEEP, name: whole[name]} for name in whole}, **around}).converge()
    site.write({"containers": {name: {**SLEEP, name: rest[name]} for name in rest}, **around})
    assert site.plan().changes == lines(
        f"{host.name}/container.environment +/- environment.DROPPED",
        f"{host.name}/container.labels +/- labels.dropped",
        f"{host.name}/container.ports -/+ ports",
        f"{host.name}/container.networks ~ networks.back",
        f"{host.name}/container.volumes -/+ volumes./x",
    )
    site.converge()
    assert "DROPPED" not in of_container(host, "environment", "env")
    assert "dropped" not in inspect(host, "labels")["Config"]["Labels"]
    assert set(inspect(host, "ports")["HostConfig"]["PortBindings"]) == {"80/tcp"}
    assert set(inspect(host, "networks")["NetworkSettings"]["Networks"]) == {"front"}
    assert [mount["Destination"] for mount in inspect(host, "volumes")["Mounts"]] == ["/data"]


def test_a_key_that_the_engine_does_not_know_is_refused_before_anything_is_done(host_20: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host_20).containers(web={"annotations": {"a": "b"}}, other={})
    refused = site.apply()
    assert refused.code == 5
    (refusal,) = refused.refusals
    assert refusal.startswith(f"{host_20.name}/container.web: annotations needs Docker API 1.43; ")
    assert host_20.engine_version in refusal
    assert states(host_20) == {}


def test_drift_by_hand_is_seen_and_rolled_back(host: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host).write(
        {"networks": {"front": {}, "back": {}}, "containers": {"web": {**SLEEP, "networks": ["front"]}}}
    )
    site.converge()
    host.docker("update", "--memory", "64m", "--memory-swap", "128m", "--restart", "always", "web")
    host.docker("network", "connect", "back", "web")
    assert site.plan().changes == [f"{host.name}/container.web +/- networks.back, restart, mem_limit"]
    site.converge()
    host.docker("stop", "web")
    assert site.plan().changes == [f"{host.name}/container.web >"]
    site.converge()
    host.docker("rm", "-f", "web")
    assert site.plan().changes == [f"{host.name}/container.web +"]
    site.converge()
