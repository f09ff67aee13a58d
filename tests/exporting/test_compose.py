"""Compose projects as playbooks: what each key becomes, what is left out, and twelve projects on a simulated host."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deployer.config.compose.checks import SERVICE_KEYS
from deployer.config.compose.project import load_project
from deployer.config.compose.wanted import Wanted
from deployer.diagnostics import Problems
from deployer.errors import InputError
from deployer.exporting.compose.deploy import DEPLOY_ADVICE, SAME
from deployer.exporting.compose.playbook import ComposePlaybook, compose_playbook
from deployer.exporting.compose.services import ROWS
from deployer.fields import advice
from deployer.fields.container import CONTAINER
from tests.exporting.imports import desired, plays
from tests.lab.settings import CHECKOUT
from tests.planning.hosts import Host

PROJECTS = Path(__file__).parent / "projects"


def imported(*files: Path, environ: Mapping[str, str] | None = None, **more: Any) -> ComposePlaybook:
    problems = Problems()
    wanted = Wanted(files=tuple(map(str, files)), environ=environ or {}, profiles=more.pop("profiles", ()))
    project = load_project(wanted, problems)
    assert project is not None, problems.errors
    return compose_playbook(project, problems, **more)


@pytest.mark.parametrize("project", sorted(path.name for path in PROJECTS.iterdir()))
def test_a_project_is_applied_and_then_nothing_differs(project: str) -> None:
    text = imported(PROJECTS / project / "compose.yml", with_secrets=True).text
    (wish,) = desired(text, {})
    host = Host()
    host.converge(wish)
    plan = host.plan(wish)
    assert (plan.changes, plan.refusals, plan.notes) == ((), (), ())
    assert all(live.running for live in host.look(wish).containers if "migrate" not in live.name)


def test_no_key_of_a_service_is_unknown() -> None:
    """Every key of a Compose service is a key of a container, has a row, or has advice."""
    known = {*CONTAINER.spellings, *ROWS, *advice.CONTAINER}
    assert SERVICE_KEYS - known == set()


def words() -> list[str]:
    """Rows of the tables of the page."""
    expected = {key: advice.CONTAINER[key] for key in SERVICE_KEYS - {*CONTAINER.spellings, *ROWS}}
    services = {key: row.doc for key, row in ROWS.items()} | {
        key: f"left out: {hint}" for key, hint in expected.items()
    }
    below = {key: f"`{'.'.join(path)}`" for key, path in SAME.items()}
    below |= {key: f"left out: {hint}" for key, hint in DEPLOY_ADVICE.items()}
    below |= {"replicas": ROWS["scale"].doc, "restart_policy.condition": "`restart`"}
    return [f"| `{key}` | {table[key]} |" for table in (services, below) for key in sorted(table)]


def test_the_page_has_every_word() -> None:
    page = (CHECKOUT / "docs/coming-from-compose.md").read_text("utf-8").splitlines()
    start = page.index("Keys of a service:")
    rows = [line for line in page[start:] if line.startswith("| `")]
    assert rows == words()


FORMS: list[tuple[str, dict[str, Any]]] = [
    ("command: echo 'a b' $$HOME", {"command": ["echo", "a b", "$HOME"]}),
    ("command: [a, '{{.Name}}', '$${X}']", {"command": ["a", "{{.Name}}", "${X}"]}),
    ("command: a && b", {"command": ["a"]}),
    ("command: 'awk -F \"|\" x\\;y 2>&1'", {"command": ["awk", "-F", "|", "x;y"]}),
    ("container_name: other", {"container_name": "other"}),
    ("environment: [A=b, HOST, NO]", {"environment": {"A": "b", "HOST": "here", "NO": None}}),
    ("environment: {A: 022, B: true, HOST: }", {"environment": {"A": "18", "B": "true", "HOST": "here"}}),
    ("labels: ['x-a=1', b=2]", {"labels": ["x-a=1", "b=2"]}),
    ("networks: [default, back]", {"networks": ["shop_default", "back"]}),
    ("networks: {back: {aliases: [b]}}", {"networks": {"back": {"aliases": ["b"]}}}),
    ("network_mode: bridge", {"networks": ["bridge"]}),
    ("network_mode: host", {"network_mode": "host", "networks": None}),
    ("network_mode: service:db", {"network_mode": "container:db", "networks": None}),
    ("pid: service:db", {"pid": "container:db"}),
    ("volumes_from: [db, 'container:x:ro']", {"volumes_from": ["db", "x:ro"]}),
    ("links: [db, 'db:x']", {"networks": {"shop_default": {"links": ["db:db", "db:db-1", "db:shop-db-1", "db:x"]}}}),
    ("depends_on: [db, two]", {"depends_on": ["db", "shop-two-1", "shop-two-2"]}),
    ("depends_on: {idle: {condition: service_started, required: false}, db: {condition: service_healthy}, given: }",
     {"depends_on": {"db": {"condition": "service_healthy"}}}),
    ("deploy: {resources: {limits: {cpus: '.5', memory: 1g, pids: 9}, reservations: {memory: 8m}}}",
     {"cpus": 0.5, "mem_limit": "1g", "pids_limit": 9, "mem_reservation": "8m"}),
    ("deploy: {restart_policy: {condition: on-failure, max_attempts: 3}}", {"restart": "on-failure:3"}),
    ("deploy: {restart_policy: {condition: any}}\n    restart: 'no'", {"restart": "always"}),
    ("deploy: {update_config: {order: start-first, monitor: 5s}}",
     {"update": {"order": "start-first", "monitor": "5s"}}),
    ("deploy: {resources: {reservations: {devices: [{driver: nvidia, count: 1, capabilities: [gpu]}]}}}",
     {"gpus": [{"driver": "nvidia", "count": 1, "capabilities": [["gpu"]]}]}),
    ("secrets: [{source: s, target: t}]",
     {"volumes": [{"type": "bind", "source": "/etc/s", "target": "/run/secrets/t", "bind": {"create_host_path": False},
                   "read_only": True}]}),
    ("configs: [c]",
     {"volumes": [{"type": "bind", "source": "/etc/c", "target": "/c", "bind": {"create_host_path": False},
                   "read_only": True}]}),
    ("build: web", {"build": "DIR/web"}),
    ("build: {args: {A: 1, GONE: , HOST: }, dockerfile: '', labels: {B: }}",
     {"build": {"context": "DIR", "args": {"A": 1, "HOST": "here"}, "labels": {"B": ""}}}),
    ("network_mode: ''\n    platform: ''\n    dns: ['', 192.0.2.1]\n    hostname: ''\n    restart: ''",
     {"dns": ["192.0.2.1"]}),
    ("build: ''", {"build": "DIR"}),
    ("annotations: {a: , b: 1}\n    sysctls: [net.ipv4.ip_forward]",
     {"annotations": {"a": "", "b": "1"}, "sysctls": {"net.ipv4.ip_forward": ""}}),
    ("build: {context: web, args: [A=1, HOST], secrets: [s, {source: e, target: t}]}",
     {"build": {"context": "DIR/web", "args": {"A": "1", "HOST": "here"},
                "secrets": {"s": {"file": "/etc/s"}, "t": {"environment": "E"}}}}),
    ("volumes: [{type: tmpfs, target: /t, tmpfs: {mode: 01770}, volume: {nocopy: true}}]",
     {"volumes": [{"type": "tmpfs", "target": "/t", "tmpfs": {"mode": "1770"}}]}),
]  # fmt: skip
AROUND = """\
name: shop
services:
  web:
    image: nginx
    {}
  db: {{image: postgres}}
  two: {{image: two, scale: 2}}
  idle: {{image: idle, profiles: [p]}}
  given: {{provider: {{type: t}}}}
networks: {{back: {{name: net}}, bad: {{name: "-"}}}}
secrets: {{s: {{file: /etc/s}}, e: {{environment: E}}, x: {{external: true}}}}
configs: {{c: {{file: /etc/c}}}}
"""


@pytest.mark.parametrize(("key", "expected"), FORMS, ids=[key for key, _ in FORMS])
def test_what_a_key_becomes(tmp_path: Path, key: str, expected: dict[str, Any]) -> None:
    (tmp_path / "compose.yml").write_text(AROUND.format(key))
    text = imported(tmp_path / "compose.yml", environ={"HOST": "here"}).text
    found = plays(text.replace(str(tmp_path), "DIR"))[0]["containers"]["web"]
    usual = {"image": "nginx", "container_name": "shop-web-1", "networks": ["shop_default"]}
    assert found == {name: value for name, value in (usual | expected).items() if value is not None}


def play_of(found: ComposePlaybook) -> dict[str, Any]:
    (play,) = plays(found.text)
    return play


LEFT_OUT: list[tuple[str, str]] = [
    ("develop: {watch: []}", "develop: deployer has no such key; it is for `docker compose watch` only"),
    ("build: 'https://example.com/a.git'",
     "build: nginx is not built from https://example.com/a.git; clone it and name the folder, or build the image "
     "elsewhere"),
    ("build: {context: ., tags: [a]}", "build.tags: a build has no such key; write one image for each tag"),
    ("build: {context: ., secrets: [x]}",
     "build.secrets: secret x is external; write a file or a variable of this machine in the playbook"),
    ("pull_policy: daily", "pull_policy: 'daily' is not supported; write always, and apply that often"),
    ("deploy: {placement: {constraints: [a]}}",
     "deploy.placement: it has no counterpart; select hosts with 'hosts' of the play"),
    ("deploy: {mode: global}", "deploy.mode: it is for a swarm; a play has its containers on each of its hosts"),
    ("volumes_from: ['db:ro']",
     "volumes_from: 'ro', which Compose ignores; write db:ro in the playbook to mount them read-only; "
     "the container is then replaced"),
    ("command: a | b",
     "command: what follows |, which Compose ignores; write [sh, -c, …] in the Compose file if a shell should "
     "read it, and command here"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "expected"), LEFT_OUT, ids=[key for key, _ in LEFT_OUT])
def test_what_is_left_out(tmp_path: Path, key: str, expected: str) -> None:
    """It is reported at its place, and listed in the playbook."""
    file = tmp_path / "compose.yml"
    file.write_text(AROUND.format(key))
    found = imported(file)
    (left_out,) = (one for one in found.left_out if one.address.startswith("services.web."))
    assert (left_out.origin.line, left_out.origin.file) == (5, str(file))
    assert f"#   {file}:5: services.web.{expected}\n" in found.text


def test_unused_objects_and_idle_services_are_listed(tmp_path: Path) -> None:
    file = tmp_path / "compose.yml"
    file.write_text(
        "services:\n  web: {image: a, volumes: ['used:/u']}\n  x: {image: b, profiles: [p]}\n"
        "  y: {image: c, scale: 0}\nvolumes: {used: , idle: }\nnetworks: {net: }\nsecrets: {s: {file: a}}\n"
    )
    found = imported(file)
    assert [f"{one.origin.line} {one.address} {one.summary}" for one in found.left_out] == [
        "3 services.x left out: its profile is not enabled",
        "4 services.y left out: it has 0 containers",
        "5 volumes.idle left out: no service uses this volume",
        "6 networks.net left out: no service uses this network",
        "7 secrets.s left out: no service uses this secret",
    ]
    assert list(play_of(found)["containers"]) == ["web"]


WRONG: list[tuple[str, list[str]]] = [
    ("prots: [80]", ["5:5 services.web: unknown key 'prots' (did you mean 'ports'?)"]),
    ("deploy: {resources: {limit: {memory: 1g}}}",
     ["5:42 services.web.deploy: unknown key 'resources.limit.memory' (did you mean 'resources.limits.memory'?)"]),
    ("depends_on: {gone: {condition: service_started, required: false}}",
     ["5:18 services.web.depends_on: no service 'gone' ()"]),
    ("ports: [x]", ["5:13 services.web.ports[0]: 'x': 'x' is not a port number or range ()"]),
    ("networks: [fornt, bakc]",
     ["5:16 services.web.networks: no network 'fornt' ()",
      "5:23 services.web.networks: no network 'bakc' (did you mean 'back'?)"]),
    ("volumes: ['data:/data']", ["5:15 services.web.volumes: no volume 'data' ()"]),
    ("depends_on: [dbb]", ["5:18 services.web.depends_on: no service 'dbb' (did you mean 'db'?)"]),
    ("network_mode: service:gone", ["5:19 services.web.network_mode: no service 'gone' ()"]),
    ("container_name: x",
     ["5:21 services.web.container_name: 'x' cannot be the name of a container "
      "(2 or more of a-z A-Z 0-9 _ . -, beginning with a letter or digit)"]),
    ("networks: [bad]",
     ["10:43 networks.bad.name: '-' cannot be the name of a network "
      "(1 or more of a-z A-Z 0-9 _ . -, beginning with a letter or digit)"]),
    ("scale: 99999", ["5:12 services.web: '99999' is not a number of containers ()"]),
    ("volumes: [{type: [bind], target: /a}]",
     ["5:22 services.web.volumes[0].type: expected one of bind, volume, tmpfs, image, npipe, cluster, got a list ()"]),
    ("secrets: [gone]", ["5:15 services.web.secrets: no secret 'gone' ()"]),
    ("restart: sometimes",
     ["5:14 services.web.restart: 'sometimes' is not one of no, always, unless-stopped, on-failure[:retries] ()"]),
    ("env_file: ''", ["5:15 services.web.env_file: is empty (name a file)"]),
    ("env_file: gone.env", ["5:15 : env_file DIR/gone.env cannot be read: No such file or directory ()"]),
    ("container_name: a\n    scale: 2",
     ["5:21 services.web.container_name: is the name of one container, and the service has 2 (leave it out)"]),
]  # fmt: skip


@pytest.mark.parametrize(("key", "expected"), WRONG, ids=[key for key, _ in WRONG])
def test_errors_are_at_their_place_in_the_compose_file(tmp_path: Path, key: str, expected: list[str]) -> None:
    (tmp_path / "compose.yml").write_text(AROUND.format(key))
    with pytest.raises(InputError) as raised:
        imported(tmp_path / "compose.yml")
    found = [f"{d.origin.line}:{d.origin.column} {d.address}: {d.summary} ({d.hint})" for d in raised.value.diagnostics]
    assert [text.replace(str(tmp_path), "DIR") for text in found] == expected


def test_a_project_without_services_is_an_empty_play(tmp_path: Path) -> None:
    """As with Compose, its networks and volumes are not created; programs of others are not run."""
    (tmp_path / "compose.yml").write_text(
        "services: {db: {provider: {type: cloud}}, x: {image: a, profiles: [p]}}\nnetworks: {net: }\n"
    )
    found = imported(tmp_path / "compose.yml")
    assert play_of(found).keys() == {"name", "hosts", "project"}
    assert [one.summary for one in found.left_out] == [
        "no service is enabled, so the playbook is empty",
        "left out: another program provides this service",
        "left out: its profile is not enabled",
        "left out: no service uses this network",
    ]


def test_external_and_named_objects(tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text(
        "name: shop\nservices:\n"
        "  web: {image: a, networks: [out, own, n, default], volumes: ['v1:/1', 'v2:/2', 'v3:/3']}\n"
        "networks:\n  out: {external: true, name: there}\n  own: {name: mine, labels: [a=b]}\n  n:\n"
        "  default: {driver: bridge}\n"
        "volumes: {v1: {external: true}, v2: {external: {name: old}}, v3: {driver_opts: {type: nfs}}}\n"
    )
    play = play_of(imported(tmp_path / "compose.yml"))
    assert play["networks"] == {
        "out": {"external": True, "name": "there"},
        "own": {"name": "mine", "labels": {"a": "b"}},
        "shop_n": {},
        "shop_default": {"driver": "bridge"},
    }
    assert play["volumes"] == {
        "v1": {"external": True},
        "v2": {"external": True, "name": "old"},
        "v3": {"name": "shop_v3", "driver_opts": {"type": "nfs"}},
    }


def test_options_that_compose_ignores(tmp_path: Path) -> None:
    file = tmp_path / "compose.yml"
    file.write_text(
        "services: {web: {image: a, networks: [net]}}\n"
        "networks: {net: {ipam: {options: {a: b}, config: [{subnet: 10.1.0.0/24}]}}}\n"
    )
    found = imported(file)
    assert play_of(found)["networks"]["net"]["ipam"] == {"config": [{"subnet": "10.1.0.0/24"}]}
    assert [f"{one.origin.line} {one.address} {one.summary}" for one in found.left_out] == [
        "2 networks.net.ipam.options left out: Compose ignores them"
    ]


def test_volumes_whose_names_are_too_short(tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text(
        "name: shop\nservices:\n  web: {image: a, volumes: ['v:/1:ro', {type: volume, source: w, target: /2}]}\n"
        "volumes: {v: , w: {name: other}}\n"
    )
    play = play_of(imported(tmp_path / "compose.yml"))
    assert play["volumes"] == {"shop_v": {}, "shop_w": {"name": "other"}}
    assert play["containers"]["web"]["volumes"] == ["shop_v:/1:ro", "shop_w:/2"]


def test_links_to_and_from_several_containers(tmp_path: Path) -> None:
    """As Compose, the further aliases have the number of the container that links, and ignore names of containers."""
    (tmp_path / "compose.yml").write_text(
        "name: shop\nservices:\n  web: {image: a, scale: 2, links: ['db:x', two]}\n"
        "  db: {image: b, container_name: own}\n  two: {image: c, scale: 2}\n"
    )
    containers = play_of(imported(tmp_path / "compose.yml"))["containers"]
    assert list(containers) == ["shop-web-1", "shop-web-2", "db", "shop-two-{{ item }}"]
    assert containers["shop-web-2"]["networks"]["shop_default"] == {
        "aliases": ["web"],
        "links": [
            *("db:db-2", "db:shop-db-2", "db:x", "shop-two-1:shop-two-2", "shop-two-1:two", "shop-two-1:two-2"),
            *("shop-two-2:shop-two-2", "shop-two-2:two", "shop-two-2:two-2"),
        ],
    }


def test_several_containers_of_a_service(tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text(
        "name: shop\nservices:\n"
        "  web: {image: a, deploy: {replicas: 2}, networks: {default: {aliases: [b]}}}\n  c: {image: c}\n"
    )
    containers = play_of(imported(tmp_path / "compose.yml"))["containers"]
    assert containers == {
        "shop-web-{{ item }}": {"loop": [1, 2], "image": "a", "networks": {"shop_default": {"aliases": ["b", "web"]}}},
        "shop-c-1": {"image": "c", "networks": {"shop_default": {"aliases": ["c"]}}},
    }
