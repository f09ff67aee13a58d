"""What Compose refuses, refused at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.config.compose.project import load_project
from deployer.config.compose.wanted import Wanted
from deployer.diagnostics import Problems

WRONG: list[tuple[str, str, list[str]]] = [
    ("state: stopped", "", ["4:5 services.web: unknown key 'state' ()"]),
    ("build: {platform: a}", "",
     ["4:13 services.web.build: unknown key 'platform' (did you mean 'platforms'?)"]),
    ("build: {dockerfile: a, dockerfile_inline: b}", "",
     ["4:12 services.web.build: dockerfile and dockerfile_inline exclude each other "
      "(write dockerfile or dockerfile_inline)"]),
    ("build: {platforms: [linux/arm64]}\n    platform: linux/amd64", "",
     ["4:24 services.web.build.platforms: is without linux/amd64, the platform of the service ()"]),
    ("depends_on: {db: {}}", "", ["4:22 services.web.depends_on.db: 'condition' is missing ()"]),
    ("ulimits: {nproc: {soft: 1}}", "", ["4:22 services.web.ulimits.nproc: 'hard' is missing ()"]),
    ("develop: {watch: [{path: .}]}", "", ["4:23 services.web.develop.watch[0]: 'action' is missing ()"]),
    ("provider: {options: {a: b}}", "", ["4:15 services.web.provider: 'type' is missing ()"]),
    ("gpus: [{count: 1, device_ids: [a]}]", "",
     ["4:12 services.web.gpus[0]: count and device_ids exclude each other (write count or device_ids)"]),
    ("deploy: {resources: {reservations: {devices: [{count: 1}]}}}", "",
     ["4:51 services.web.deploy.resources.reservations.devices[0]: 'capabilities' is missing ()"]),
    ("models: [llm]", "models: {lm: {model: a}}", ["4:14 services.web.models: no model 'llm' (did you mean 'lm'?)"]),
    ("scale: 2\n    deploy: {replicas: 3}", "",
     ["4:12 services.web.scale: differs from deploy.replicas (write scale or deploy.replicas)"]),
    ("mem_limit: 8m\n    deploy: {resources: {limits: {memory: 9m}}}", "",
     ["4:16 services.web.mem_limit: differs from deploy.resources.limits.memory "
      "(write mem_limit or deploy.resources.limits.memory)"]),
    ("mem_limit: ${NONE:-}\n    healthcheck: {interval: ''}\n    ports: [{target: 80, host_ip: ''}]", "",
     ["4:16 services.web.mem_limit: is empty (write a value, or leave out the key)",
      "5:29 services.web.healthcheck.interval: is empty (write a value, or leave out the key)",
      "6:35 services.web.ports[0].host_ip: is empty (write a value, or leave out the key)"]),
    ("depends_on: db\n    links: {db: }\n    build: {context: [a]}",
     "secrets: {s: {file: {}}}\nnetworks: {n: {name: 1}}",
     ["4:17 services.web.depends_on: expected a list or a map, got text ()",
      "5:12 services.web.links: expected a list, got a map ()",
      "6:22 services.web.build.context: expected text, got a list ()",
      "10:21 secrets.s.file: expected text, got a map ()",
      "11:22 networks.n.name: expected text, got a number ()"]),
    ("container_name: one", "",
     ["5:34 services.db.container_name: service web has this name too ()"]),
    ("links: ['db:x']\n    volumes_from: [other]", "",
     ["8:18 services.other: depends on itself: web → other → web ()"]),
    ("network_mode: service:web", "", ["4:19 services.web: depends on itself: web → web ()"]),
    ("", "secrets: {s: {driver: d}, t: {file: a, environment: b}}",
     ["8:11 secrets.s: has no content (write file or environment)",
      "8:27 secrets.t: file and environment exclude each other (write file or environment)"]),
    ("", "configs: {c: {name: x}, d: {driver: e}}",
     ["8:11 configs.c: has no content (write file or environment or content)"]),
    ("", "volumes: {a: {external: true, labels: [b]}, c: {external: {name: d}, name: e}}",
     ["8:39 volumes.a.labels: an external volume has its own labels (remove it)",
      "8:66 volumes.c: name and external.name exclude each other (write external: true, and name)"]),
    ("", "networks: {'a b': }", ["8:12 networks.a b: 'a b' is not a name (write letters, digits, ., - and _)"]),
]  # fmt: skip
AROUND = """\
services:
  web:
    image: nginx
    {}
  db: {{image: a, container_name: one}}
  other: {{image: b, profiles: [],
    depends_on: {{web: {{condition: service_started}}}}}}
{}
"""


def errors(folder: Path, text: str) -> list[str]:
    (folder / "compose.yml").write_text(text)
    problems = Problems()
    load_project(Wanted(files=(str(folder / "compose.yml"),)), problems)
    return [f"{d.origin.line}:{d.origin.column} {d.address}: {d.summary} ({d.hint})" for d in problems.errors]


@pytest.mark.parametrize(("key", "more", "expected"), WRONG, ids=[f"{key}{more}" for key, more, _ in WRONG])
def test_what_is_refused(tmp_path: Path, key: str, more: str, expected: list[str]) -> None:
    assert errors(tmp_path, AROUND.format(key, more)) == expected


RIGHT = [
    "scale: 2\n    deploy: {replicas: '2'}",
    "cpus: 1.0\n    mem_limit: 1024m\n    deploy: {resources: {limits: {memory: 1g, cpus: '1'}}}",
    "ulimits: {nproc: 1, nofile: {soft: 1, hard: 2}}\n    depends_on: [db]",
    "depends_on: {db: {condition: service_healthy}}\n    links: [db]\n    network_mode: container:web",
    "build: {context: ., platforms: [linux/amd64]}\n    platform: linux/amd64\n    gpus: all",
]


@pytest.mark.parametrize("key", RIGHT)
def test_what_is_accepted(tmp_path: Path, key: str) -> None:
    assert (
        errors(tmp_path, AROUND.format(key, "volumes: {a: , b: {external: true}}\nconfigs: {c: {content: ''}}")) == []
    )


def test_keys_are_checked_without_a_profile_and_references_are_not(tmp_path: Path) -> None:
    text = "services: {a: {image: a}, b: {profiles: [p], models: [c], stat: d}}\n"
    assert errors(tmp_path, text) == ["1:59 services.b: unknown key 'stat' ()"]
