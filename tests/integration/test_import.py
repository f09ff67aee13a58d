"""Hosts full of containers made by hand, read back as a playbook, which then changes nothing on them."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.exporting.imports import plays
from tests.integration.support import SLEEP, Json, Site, fetch, ids, states, volumes
from tests.lab import peers
from tests.lab.fixtures import each_engine
from tests.lab.host import Host

pytestmark = [pytest.mark.lab, each_engine]

SENTINEL = "S3ntinel4711"
NAP = ("busybox:1", "sleep", "100000")
BESIDE = (
    "network create front --subnet 10.203.0.0/24 --gateway 10.203.0.1 --label tier=front",
    "network create back --internal --attachable",
    "network create odd --subnet 10.204.0.0/24 --ip-range 10.204.0.128/25 -o com.docker.network.driver.mtu=1400",
    "network create six --ipv6 --subnet 2001:db8:7::/64",
    "network create unused",
    "volume create data --label keep=yes",
    "volume create scratch -o type=tmpfs -o device=tmpfs -o o=size=8m",
    "volume create idle",
)
NAPPING = {
    "plain": "",
    "ports": "-p 8081:80 -p 127.0.0.1:8082:81/udp -p 9000-9002:9000-9002 --expose 70-72",
    "random-port": "-p 83 -P",
    "static": "--network front --ip 10.203.0.50 --network-alias www --network-alias w3",
    "several": "--network back --network-alias deep",
    "sixth": "--network six --ip6 2001:db8:7::50",
    "odd-net": "--network odd --ip 10.204.0.9 --mac-address 02:42:0a:cc:00:09",
    "on-host": "--network host",
    "without-net": "--network none",
    "sharing": "--network container:plain --pid container:plain",
    "linked": "--link plain:friend --link ports",
    "linked-there": "--network front --link static:st --link several",
    "open-paths": "--security-opt systempaths=unconfined --log-opt max-size=1M",
    "volumes": (
        "-v data:/data -v /srv/shared:/shared:ro -v /anonymous -v made-up:/made:ro --tmpfs /run:size=4m,mode=1770"
    ),
    "mounts": (
        "--mount type=volume,source=scratch,target=/s --mount "
        "type=bind,source=/etc,target=/e,readonly,bind-propagation=rslave --mount "
        "type=tmpfs,target=/t,tmpfs-size=1048576 --mount type=volume,target=/nameless"
    ),
    "from-others": "--volumes-from volumes:ro",
    "healthy": (
        "--health-cmd 'true && echo '\"'\"'$HOME'\"'\"'' --health-interval 90s --health-retries 2 "
        "--health-start-period 1m"
    ),
    "environment": ("-e A=b -e EMPTY= -e 'TEMPLATE={{ x }} {% y %}' -e 'TEXT=two\nlines: #1' -e NUMBER=010 -e YES=yes"),
    "labels": "-l own=label -l 'traefik.http.routers.a.rule=Host(`a`) && Path(`/{id}`)' -l empty",
    "limits": (
        "-m 64m --memory-swap 128m --memory-reservation 32m --cpus 0.5 --cpu-shares 512 "
        "--cpuset-cpus 0 --pids-limit 50 --blkio-weight 300 --oom-score-adj 100 --shm-size 32m"
    ),
    "ulimits": "--ulimit nofile=1024:2048 --ulimit nproc=512 --sysctl net.core.somaxconn=1024",
    "devices": ("--device /dev/null:/dev/nothing:r --device /dev/zero --device-cgroup-rule 'c 1:3 rwm'"),
    "rights": ("--cap-add NET_ADMIN --cap-drop ALL --security-opt no-new-privileges --read-only --group-add 20"),
    "logging": ("--log-driver json-file --log-opt max-size=10m --log-opt max-file=3 --log-opt 'tag={{.Name}}'"),
    "quiet": "--log-driver none",
    "restarts": "--restart on-failure:3 --stop-signal SIGUSR1 --stop-timeout 3",
    "always": "--restart unless-stopped --init",
    "user": "-u 1000:1000 -w /tmp -h box --domainname example.com -i -t",
    "names": (
        "--dns 9.9.9.9 --dns-search example.com --dns-opt ndots:2 --add-host db:10.0.0.9 --add-host six:2001:db8::9"
    ),
    "temporary": "--rm",
    "two-networks": "--network bridge",
    "yes": "-p '0.0.0.0:8085:80' -p 8100-8110:81 -p 127.0.0.1::87",
    "1e3": "-e 'a b=c' -e x.y=1 -e É=ü -e 'TAB=a\tb' -e 'BREAK=a\r\nb' -e 'QUOTE=\"\\'",
    "long-mounts": (
        "--mount type=volume,source=own,target=/v,volume-nocopy,volume-label=a=b,"
        "volume-opt=type=tmpfs,volume-opt=device=tmpfs "
        "--mount type=bind,source=/etc,target=/e/,bind-nonrecursive "
        "-v /srv/shared/:/x/:z -v zz:/zz:nocopy,ro -v /srv:/s:rshared"
    ),
    "namespaces": "--pid host --ipc shareable --uts host",
    "ipc": "--ipc none --cgroupns private",
    "no-swap": "-m 64m --memory-swap 64m --cpu-quota 20000 --cpu-period 50000",
    "unconfined": "--security-opt seccomp=unconfined --cap-add CAP_NET_RAW --cap-drop mknod --cgroup-parent /x",
}
"""Options of `docker run` by container; all of them have the same command."""
RUNNING = {
    *("plain", "ports", "random-port", "static", "several", "sixth", "odd-net", "on-host", "without-net", "sharing"),
    *("linked", "linked-there", "healthy", "two-networks", "yes", "namespaces", "temporary", "labels", "mounts"),
    *("bare", "ended", "parts"),
}
"""What an engine completes when it starts a container; all others are created only, which costs a tenth."""
OTHERS = {
    "bare": "deployer/everything:1",
    "ended": "busybox:1 true",
    "without-check": "--no-healthcheck deployer/unhealthy:1 sleep 1000",
    "entry": "--entrypoint /bin/sh busybox:1 -c 'sleep 1000; echo \"$X\" | sed s/a/b/'",
    "by-id": "IMAGE-ID sleep 1000",
    "by-lost-name": "lost:1 sleep 1000",
    "braces": "busybox:1 sh -c 'sleep 1000 # {{ x }}' '' 'a  b' '#'",
    "parts": "-e A= -l x=y --health-retries 5 deployer/everything:1",
    "no-parts": "--no-healthcheck -w / -u root --entrypoint /bin/sh deployer/everything:1 -c 'sleep 1000'",
}
"""Options, image and command."""
NEVER_STARTED = {
    "never-started": "--network front --ip 10.203.0.70",
    "privileged": "--privileged --ipc host --uts host --cgroupns host",
}
COMPOSE = """\
name: shop
services:
  db:
    image: redis:7
    command: [redis-server, --save, ""]
    healthcheck: {test: [CMD, redis-cli, ping], interval: 1s, retries: 20}
    volumes: ["db:/data"]
    networks: {inner: {aliases: [database]}}
    restart: unless-stopped
  web:
    image: busybox:1
    command: sleep 100000
    init: true
    stop_grace_period: 1s
    depends_on: {db: {condition: service_healthy}}
    ports: ["8088:80", {target: 90, published: "8090-8091", host_ip: 127.0.0.1}]
    environment: {MODE: production, POSTGRES_PASSWORD: S3ntinel4711, DATABASE_URL: "redis://u:S3ntinel4711@db/0"}
    networks: {inner: {}, outer: {ipv4_address: 10.205.0.7, priority: 10}}
    volumes:
      - ./site:/site:ro
      - {type: volume, source: db, target: /peek, read_only: true}
      - {type: tmpfs, target: /tmp, tmpfs: {size: 4m}}
      - /cache
    deploy: {resources: {limits: {memory: 64m, cpus: "0.25"}}}
    logging: {options: {max-size: 1m}}
  worker:
    image: busybox:1
    command: sleep 100000
    network_mode: "service:web"
    pid: "service:db"
    labels: {role: worker}
    cap_drop: [ALL]
    ulimits: {nofile: {soft: 100, hard: 200}}
  helper:
    image: busybox:1
    command: sleep 100000
    scale: 2
    networks: [outer]
    extra_hosts: ["gate:host-gateway"]
    tmpfs: /run
networks:
  inner: {internal: true}
  outer: {ipam: {config: [{subnet: 10.205.0.0/24}]}}
volumes: {db: {labels: {keep: "yes"}}}
"""


def imported(site: Site, host: Host, *words: str) -> str:
    """What the program writes, made the site's playbook."""
    found = site.run("import", "host", "-i", str(site.inventory), host.name, *words)
    assert found.code == 0, found.err
    site.file.write_text(found.out)
    return found.out


def check_unchanged(site: Site, host: Host, *words: str) -> None:
    """Neither planning nor applying the playbook changes anything."""
    before = ids(host), states(host), volumes(host)
    plan = site.plan(*words)
    assert (plan.code, plan.changes, plan.refusals) == (0, [], []), f"{plan.out}{plan.err}"
    text = site.run("plan", "--detailed-exitcode", *site.arguments, *words)
    assert (text.code, "Plan: no changes on 1 host." in text.out) == (0, True), text.out
    assert site.apply(*words).code == 0
    assert (ids(host), states(host), volumes(host)) == before


def make_by_hand(host: Host) -> None:
    host.run("mkdir", "-p", "/srv/shared")
    host.docker("tag", "busybox:1", "lost:1")
    for line in BESIDE:
        host.docker(*shlex.split(line))
    image_id = host.docker("image", "inspect", "-f", "{{.Id}}", "busybox:1").strip()
    sleeping = {name: [*shlex.split(line), *NAP] for name, line in (NAPPING | NEVER_STARTED).items()}
    for name, words in (sleeping | {name: shlex.split(line) for name, line in OTHERS.items()}).items():
        verb = ("run", "-d") if name in RUNNING else ("create",)
        host.docker(*verb, "--name", name, *(image_id if word == "IMAGE-ID" else word for word in words))
    host.docker("network", "connect", "--ip", "10.203.0.60", "--alias", "second", "front", "several")
    host.docker("network", "connect", "--ip", "10.203.0.61", "--alias", "second", "front", "two-networks")
    host.docker("stop", "-t", "0", "labels")
    host.docker("rmi", "lost:1")


def test_containers_made_by_hand(host: Host, tmp_path: Path) -> None:
    fetch(host, "busybox:1", "deployer/everything:1", "deployer/unhealthy:1")
    make_by_hand(host)
    site = Site(tmp_path, host)
    text = imported(site, host)
    (play,) = plays(text)
    assert set(play["containers"]) == {*NAPPING, *OTHERS, *NEVER_STARTED}
    assert set(play["networks"]) == {"front", "back", "odd", "six", "unused"}
    assert set(play["volumes"]) == {"data", "scratch", "idle", "made-up", "own", "zz"}
    assert re.findall("^#   .*", text, re.MULTILINE) == [
        "#   container.by-lost-name image lost:1: refers to another image now, or to none"
    ]
    check_unchanged(site, host)


def test_undeclarable_values(host: Host, tmp_path: Path) -> None:
    fetch(host, "busybox:1")
    host.docker("network", "create", "lost")
    for name, line in {"lonely": "--network lost", "leader": "", "paused": "", "fine": ""}.items():
        host.docker("create", "--name", name, *shlex.split(line), *NAP)
    host.docker("create", "--name", "follower", "--network", "container:leader", *NAP)
    host.docker("rm", "leader")
    host.docker("network", "rm", "lost")
    host.docker("start", "paused")
    host.docker("pause", "paused")
    site = Site(tmp_path, host)
    text = imported(site, host)
    assert re.findall("^#   .*", text, re.MULTILINE) == [
        "#   container.follower as a whole: the container whose network_mode it shares no longer exists",
        "#   container.lonely as a whole: network lost no longer exists",
        "#   container.paused state: it is paused, and applying resumes it",
    ]
    assert list(plays(text)[0]["containers"]) == ["fine", "paused"]
    assert site.plan().changes == [f"{host.name}/container.paused >"]
    host.docker("unpause", "paused")
    check_unchanged(site, host)


def test_containers_made_by_compose(host: Host, tmp_path: Path) -> None:
    fetch(host, "busybox:1", "redis:7")
    (tmp_path / "compose.yml").write_text(COMPOSE)
    command = [str(peers.compose()), "-f", str(tmp_path / "compose.yml"), "up", "-d"]
    subprocess.run(command, env=peers.environment(host), check=True, capture_output=True, timeout=120)
    site = Site(tmp_path, host)
    text = imported(site, host)
    assert SENTINEL not in text
    (play,) = plays(text)
    web = play["containers"]["shop-web-1"]
    assert web["depends_on"] == {"shop-db-1": {"condition": "service_healthy"}}
    assert web["environment"] == {
        "DATABASE_URL": "{{ vault_shop_web_1_database_url }}",
        "MODE": "production",
        "POSTGRES_PASSWORD": "{{ vault_shop_web_1_postgres_password }}",
    }
    assert play["containers"]["shop-worker-1"]["network_mode"] == "container:shop-web-1"
    refused = site.plan()
    assert (refused.code, "vault_shop_web_1_database_url" in refused.err) == (1, True)
    given = {
        "vault_shop_web_1_database_url": f"redis://u:{SENTINEL}@db/0",
        "vault_shop_web_1_postgres_password": SENTINEL,
    }
    check_unchanged(site, host, "-e", json.dumps(given))
    assert SENTINEL in imported(site, host, "--with-secrets")
    check_unchanged(site, host)


def test_objects_created_by_deployer(host: Host, tmp_path: Path) -> None:
    """It is left out unless its project is named; containers that are kept after a replacement always are."""
    fetch(host, "busybox:1")
    web: Json = {**SLEEP, "networks": ["net"], "volumes": ["data:/data"], "environment": {"A": "b"}}
    play = {
        "project": "site",
        "networks": {"net": {}},
        "volumes": {"data": {}, "idle": {}},
        "containers": {"web": web},
        "jobs": {"once": {"image": "busybox:1", "command": "true"}},
    }
    site = Site(tmp_path, host).write(play)
    site.converge()
    web["environment"] = {"A": "c"}
    site.write(play).converge()
    nothing = site.run("import", "host", "-i", str(site.inventory), host.name)
    assert (nothing.code, nothing.out) == (1, "")
    assert f"error: nothing to import: {host.name} has no unmanaged resources" in nothing.err
    host.docker("run", "-d", "--name", "mine", "--network", "net", "-v", "data:/peek", *NAP)
    text = imported(site, host)
    assert plays(text)[0]["networks"] == {"net": {"external": True}}
    check_unchanged(site, host)
    text = imported(site, host, "--project", "site")
    (found,) = plays(text)
    assert {kind: sorted(found[kind]) for kind in ("networks", "volumes", "containers", "jobs")} == {
        "networks": ["net"],
        "volumes": ["data", "idle"],
        "containers": ["web"],
        "jobs": ["once"],
    }
    check_unchanged(site, host, "--prune")
