"""Projects of Docker Compose: read as Compose reads them, and taken over as they run."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from deployer.config.variables.env_file import Environment, read_env_file
from deployer.config.vault import VaultSecrets
from deployer.diagnostics import Origin, Problems
from tests.exporting.test_compose import PROJECTS, imported, play_of
from tests.integration.support import Site, fetch, ids
from tests.lab import peers
from tests.lab.fixtures import each_engine
from tests.lab.host import Host

pytestmark = pytest.mark.lab

PROJECT = """\
name: shop
x-nap: &nap
  image: busybox:${TAG}
  command: sh -c "trap exit TERM; while :; do sleep 0.2; done"
services:
  web:
    <<: *nap
    container_name: front
    hostname: web
    init: true
    environment: [MODE=production, "PASSWORD=${PASSWORD}", UNSET, "UMASK="]
    env_file: [web.env]
    labels: {tier: front, x-note: kept}
    ports: ["18091:80", "127.0.0.1:18092-18093:81-82/udp"]
    expose: ["9000-9002"]
    volumes: ["./html:/html:ro", "data:/data", /anonymous, {type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 01770}}]
    configs: [{source: settings, target: /etc/settings}]
    secrets: [token]
    networks:
      default:
      edge: {aliases: [www], ipv4_address: 10.203.7.9}
    links: ["db:database"]
    depends_on: {db: {condition: service_healthy}, once: {condition: service_completed_successfully}}
    extra_hosts: ["one=192.0.2.1", "gate:host-gateway"]
    dns: 192.0.2.53
    tmpfs: /run
    ulimits: {nofile: {soft: 1024, hard: 2048}, nproc: 512}
    sysctls: {net.core.somaxconn: 1024}
    cap_add: [NET_ADMIN]
    cap_drop: [mknod]
    security_opt: ["no-new-privileges:true"]
    logging: {driver: json-file, options: {max-size: 1m}}
    healthcheck: {test: "test -e / || exit 1", interval: 1m, start_period: 5s}
    restart: unless-stopped
    stop_grace_period: 1m5s
    deploy: {resources: {limits: {cpus: "0.5", memory: 64M, pids: 100}, reservations: {memory: 32M}}}
  worker:
    <<: *nap
    scale: 2
    networks: [edge]
    links: [web]
    volumes_from: ["db:ro"]
    environment: {UMASK: 022, RATIO: 3.10, ON: yes, "NO": true, EMPTY: ""}
  sidecar:
    <<: *nap
    network_mode: service:web
    pid: service:web
    tty: true
    restart: on-failure:3
    deploy: {restart_policy: {condition: any}}
  db:
    image: redis:7
    command: ["redis-server", "--save", ""]
    volumes: [{type: volume, source: db, target: /data, volume: {nocopy: true}}]
    healthcheck: {test: [CMD, redis-cli, ping], interval: 1s, retries: 30}
  once: {image: "busybox:1", command: ["true"], network_mode: none}
  a: {<<: *nap, user: "1000", working_dir: /tmp, read_only: true, stop_signal: SIGKILL, shm_size: 8m}
networks:
  edge:
    internal: true
    labels: [a=b]
    ipam: {options: {ignored: by Compose}, config: [{subnet: 10.203.7.0/24, gateway: 10.203.7.1}]}
volumes: {data: {labels: {keep: "yes", empty: }}, db: {driver_opts: {type: tmpfs, device: tmpfs, o: size=8m}}}
configs: {settings: {file: ./settings.conf}}
secrets: {token: {file: ./token}}
---
services: {a: {environment: {DOCUMENT: second}}}
"""


@each_engine
def test_a_running_project_is_taken_over(host: Host, tmp_path: Path) -> None:
    """Nothing differs, without and with --adopt, and every container stays."""
    fetch(host, "busybox:1", "redis:7")
    (tmp_path / "compose.yml").write_text(PROJECT)
    (tmp_path / ".env").write_text("TAG=1\nPASSWORD='s3cret $$ words'\n")
    (tmp_path / "web.env").write_text("URL=http://u:${PASSWORD}@web/${TAG}\n")
    for name in ("settings.conf", "token"):
        (tmp_path / name).write_text(name)
    host.run("sh", "-c", f"mkdir -p {tmp_path} && touch {tmp_path}/settings.conf {tmp_path}/token")
    command = [str(peers.compose()), "-f", str(tmp_path / "compose.yml"), "up", "-d"]
    environ = peers.environment(host)
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    before = ids(host)
    site = Site(tmp_path, host)
    imported = site.run("import", "compose", str(tmp_path / "compose.yml"), "-o", str(site.file))
    assert imported.code == 0, imported.err
    plan = site.plan()
    assert (plan.code, plan.changes, plan.refusals, plan.err) == (0, [], [], ""), plan.out
    adopting = site.plan("--adopt")
    assert {change.split()[1] for change in adopting.changes} <= {"~"}, adopting.changes
    site.converge("--adopt")
    assert ids(host) == before
    again = site.plan()
    assert (again.code, again.changes, again.refusals) == (0, [], []), again.out
    assert (tmp_path / "site.secrets.yml").stat().st_mode & 0o777 == 0o600


WEB = """\
services:
  web:
    image: nginx:${TAG:-1}
    command: sh -c "echo $$X ${A:+set}" && ignored
    environment: {OCTAL: 0777, FLOAT: 3.10, EXPONENT: 1e3, WORD: yes, BOOL: true, NONE: , GIVEN: , EMPTY: ""}
    labels: [a=1, b=2]
    ports: ["80:80", "127.0.0.1:9000-9001:90-91/udp", "443", {target: 81, published: "8081"}]
    volumes: ["./html:/x:ro", "data:/data", "/anonymous", "~/y:/y"]
    depends_on: [db]
    dns: 192.0.2.1
    tmpfs: /run
    extra_hosts: ["a:192.0.2.2", "b=::1"]
    logging: {driver: syslog, options: {tag: a}}
    ulimits: {nproc: 1, nofile: {soft: 1, hard: 2}}
    healthcheck: {test: curl localhost, interval: 5s}
    networks: [front]
    env_file: web.env
    cap_add: [NET_ADMIN]
    sysctls: ["net.core.somaxconn=1"]
  db: {image: postgres, deploy: {replicas: 2, resources: {limits: {cpus: "0.5", memory: 64M}}}}
volumes: {data: , idle: }
networks: {front: {ipam: {config: [{subnet: 10.1.0.0/24}]}}}
"""
OVERS = [
    "services: {web: {command: [b], entrypoint: c, environment: [OCTAL=1, NEW, B=], labels: {a: x, c: d}}}",
    "services: {web: {ports: ['80:80', '81:81'], volumes: ['other:/data', './z:/z'], dns: [192.0.2.3]}}\n"
    "volumes: {other: }",
    "services: {web: {ports: !override ['81:81'], volumes: !reset [], environment: !override {ONLY: this}}}",
    "services: {web: {command: !reset null, labels: {a: !reset null}, healthcheck: {test: [CMD, b], retries: 3}}}",
    "services: {web: {logging: {options: {size: b}}, ulimits: {nproc: {soft: 3, hard: 4}}, tmpfs: [/run, /tmp]}}",
    "services: {web: {logging: {driver: local}, extra_hosts: {a: 192.0.2.9}, cap_add: [NET_ADMIN, SYS_TIME]}}",
    "services: {web: {networks: {front: {aliases: [w]}, default: }, depends_on: {c: {condition: service_healthy}},"
    " healthcheck: {disable: true}}, c: {image: c, healthcheck: {test: x}}}",
    "services: {web: {env_file: [b.env], sysctls: {net.core.somaxconn: 2}},"
    " c: {extends: {file: base.yml, service: two}}}",
    "services: {web: {configs: [c], secrets: [{source: s, target: t, mode: 0400}]}}\n"
    "configs: {c: {content: 'a $$b ${TAG}'}}\nsecrets: {s: {environment: GIVEN}}",
    "include: [sub/inner.yml]\nservices: {web: {depends_on: [inner]}}",
    "services: {web: {build: {dockerfile: Dockerfile, args: {A: one, GONE: , GIVEN: }}, annotations: {n: },"
    " tmpfs: ['/a:size=1m', '/a:size=2m'], volumes: ['./a:/b/', './b:/b'], x-note: 1,"
    " ulimits: {nofile: 9}, expose: [1, '1']}, x-s: {image: s, depends_on: [web], networks: {front: {priority: 5}}}}\n"
    "---\nservices: {web: {depends_on: {db: {condition: service_healthy}}}, db: {healthcheck: {test: x}}}",
    "services: {p: {image: p, profiles: [some]}, q: {image: q, profiles: [other]}}\n"
    "networks: {front: {internal: true}}",
]
FILES = {
    ".env": "TAG=1.2\nA='x y'\n",
    "web.env": "Q=${A}\nR='${A}'\n",
    "b.env": "Q=b\nS=${TAG}\n",
    "base.yml": "services: {one: {image: one, volumes: ['./v:/v'], labels: [l=1]}, two: {extends: one, command: a}}",
    "sub/inner.yml": "services: {inner: {image: 'i:${TAG}', volumes: ['./a:/a'], env_file: [inner.env]}}",
    "sub/.env": "TAG=inner\n",
    "sub/inner.env": "T=${TAG}\n",
}
_STARTED = {"condition": "service_started"}
ENVIRON = {"GIVEN": "caller", "HOME": "/root", "COMPOSE_PROFILES": "some"}


def test_files_are_read_as_compose_reads_them(lab: object, tmp_path: Path) -> None:
    """What Compose prints as the whole project, imported, is the same playbook."""
    (tmp_path / "sub").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "compose.yml").write_text(WEB)
    cases: list[tuple[Path, ...]] = [(project / "compose.yml",) for project in sorted(PROJECTS.iterdir())]
    for number, over in enumerate(OVERS):
        (tmp_path / f"over{number}.yml").write_text(over)
        cases.append((tmp_path / "compose.yml", tmp_path / f"over{number}.yml"))
    with ThreadPoolExecutor(4) as pool:
        for files, whole in zip(cases, pool.map(_config, cases), strict=True):
            (tmp_path / "whole.json").write_text(whole)
            assert _comparable(files) == _comparable((tmp_path / "whole.json",)), files


def _config(files: tuple[Path, ...]) -> str:
    """What Compose prints."""
    words = [word for file in files for word in ("-f", str(file))]
    command = [str(peers.compose()), *words, "config", "--format", "json"]
    environ = ENVIRON | {"PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, (files, done.stderr)
    return done.stdout


def _comparable(files: tuple[Path, ...]) -> Mapping[str, Any]:
    """Without what Compose fills in, and the SELinux labels of volumes, which it does not print."""
    play = play_of(imported(*files, environ=ENVIRON, with_secrets=True))
    for resource in (*play["containers"].values(), *play.get("networks", {}).values()):
        files_of = resource.pop("env_file", [])
        given = _of_env_files([files_of] if isinstance(files_of, str) else files_of)
        resource |= {"environment": given | resource.get("environment", {})} if given else {}
        for key, value in list(resource.items()):
            if value in ([], {}, False):
                del resource[key]
        if "volumes" in resource:
            resource["volumes"] = [
                mount.removesuffix(":z").removesuffix(":Z")
                if isinstance(mount, str)
                else json.dumps(mount, sort_keys=True)
                for mount in resource["volumes"]
            ]
        implied = {*resource.get("volumes_from", ()), str(resource.get("network_mode")).removeprefix("container:")}
        written = resource.pop("depends_on", ())
        conditions = written if isinstance(written, dict) else dict.fromkeys(written, _STARTED)
        needed = {name: part | {"required": True} for name, part in conditions.items() if name not in implied}
        resource |= {"depends_on": needed} if needed else {}
    return {
        f"{section}.{name}.{key}": value
        for section in ("networks", "volumes", "configs", "secrets", "containers")
        for name, resource in play.get(section, {}).items()
        for key, value in resource.items()
    }


def _of_env_files(files: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in files:
        problems, known = Problems(), Environment(ENVIRON, found)
        read = read_env_file(
            Path(file), Origin(file), raw=False, problems=problems, vault=VaultSecrets(), environment=known
        )
        found |= read.values
    return found
