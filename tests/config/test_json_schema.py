"""The schemas of whole files: what the program reads is valid, typos and wrong types are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from deployer.config.json_schema import inventory_schema, playbook_schema
from deployer.errors import InputError
from deployer.reach.connection import CliConnectionOptions
from deployer.reach.connectors import CONNECTORS, ConnectionType
from deployer.reach.names import SETTINGS
from deployer.reach.resolve import connection_spec
from deployer.reach.ssh_config import SshConfig
from deployer.usecases.system import this_machine

ROOT = Path(__file__).parents[2]
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))

DESIGN = """
- name: Web tier
  hosts: web:&production
  project: shop
  serial: [1, "50%"]
  max_fail_percentage: 0
  vars: {tag: "1.4.2"}
  vars_files: [secrets.yml, [a.yml, b.yml]]
  registries:
    registry.example.com: {username: ci, password: "{{ registry_password }}"}
  images:
    registry.example.com/shop/web:{{ tag }}: {pull: missing}
  networks:
    front: {driver: bridge}
  volumes:
    db-data: {}
    cache:
  containers:
    db:
      image: postgres:16
      environment: {POSTGRES_PASSWORD: "{{ db_password }}"}
      volumes: ["db-data:/var/lib/postgresql/data"]
      networks: {front: {aliases: [database]}}
      healthcheck: {test: [CMD, pg_isready], interval: 5s}
      protect: true
      when: db_here and not maintenance
    web-{{ item }}:
      image: registry.example.com/shop/web:{{ tag }}
      loop: [a, b]
      tags: web, front
      when: [true, "item != 'c'"]
      ports: ["8080:80"]
      depends_on: {db: {condition: service_healthy}}
      networks: [front]
      update: {order: auto, health_timeout: 60s, monitor: 5s}
  jobs:
    migrate:
      image: registry.example.com/shop/web:{{ tag }}
      command: migrate
      run_once: true
      timeout: 10m
      depends_on: [db]
"""
INVENTORY = """
all:
  vars: {ansible_user: deploy, anything: [1, {two: 3}]}
  children:
    web:
      hosts:
        web1: {ansible_host: 192.0.2.1, ansible_port: 2222}
        web2:
    db:
      hosts: db1
    empty:
"""


def errors_of(schema: Mapping[str, Any], written: object) -> list[str]:
    found = Draft202012Validator(schema).iter_errors(written)
    return sorted(f"{'.'.join(map(str, error.absolute_path))}: {error.validator}" for error in found)


@pytest.mark.parametrize("schema", [playbook_schema(), inventory_schema()], ids=["playbook", "inventory"])
def test_the_schemas_are_valid_and_complete(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    for reference in set(_references(schema)):
        part: Any = schema
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]


def _references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


@pytest.mark.parametrize("file", PLAYBOOKS, ids=lambda file: file.name)
def test_the_playbooks_that_come_with_the_program_are_valid(file: Path) -> None:
    assert errors_of(playbook_schema(), yaml.safe_load(file.read_text("utf-8"))) == []


def test_everything_the_language_has_is_valid() -> None:
    assert errors_of(playbook_schema(), yaml.safe_load(DESIGN)) == []


@pytest.mark.parametrize(
    ("play", "found"),
    [
        ({}, ["0: required"]),
        ({"hosts": "all", "container": {}}, ["0: additionalProperties"]),
        ({"hosts": "all", "containers": []}, ["0.containers: type"]),
        ({"hosts": "all", "containers": {"web": "nginx"}}, ["0.containers.web: pattern"]),
        ({"hosts": "all", "containers": {"web": {"imagee": "a"}}}, ["0.containers.web: additionalProperties"]),
        ({"hosts": "all", "networks": {"front": {"internal": 1}}}, ["0.networks.front.internal: type"]),
        ({"hosts": "all", "volumes": {"data": {"driver": []}}}, ["0.volumes.data.driver: type"]),
        ({"hosts": "all", "images": {"redis:7": {"pull": []}}}, ["0.images.redis:7.pull: type"]),
        ({"hosts": "all", "serial": {}}, ["0.serial: type"]),
        ({"hosts": "all", "max_fail_percentage": 101}, ["0.max_fail_percentage: maximum"]),
        ({"hosts": "all", "registries": {"r": {"username": "u"}}}, ["0.registries.r: required"]),
        ({"hosts": ["web", "db"], "vars": [{"a": 1}], "vars_files": "a.yml"}, []),
    ],
    ids=str,
)
def test_errors_in_plays(play: object, found: list[str]) -> None:
    assert errors_of(playbook_schema(), [play]) == found


def test_inventories() -> None:
    schema = inventory_schema()
    assert errors_of(schema, yaml.safe_load(INVENTORY)) == []
    assert errors_of(schema, None) == []
    assert errors_of(schema, {"web": {"host": {}}}) == ["web: additionalProperties"]
    assert errors_of(schema, {"web": {"hosts": ["a"]}}) == ["web.hosts: type"]
    assert errors_of(schema, {"web": {"hosts": {"a": {"ansible_host": 5}}}}) == ["web.hosts.a.ansible_host: type"]
    assert errors_of(schema, {"plugin": "aws_ec2"}) == ["plugin: type"]


class _Asked(dict[str, object]):
    """Variables that note which names are asked for."""

    def __init__(self, given: dict[str, object]) -> None:
        super().__init__(given)
        self.names: set[str] = set()

    def get(self, name: str, default: object = None) -> object:
        self.names.add(name)
        return super().get(name, default)


def test_every_type_of_connection_reads_the_variables_that_it_declares(tmp_path: Path) -> None:
    cases: dict[ConnectionType, tuple[dict[str, object], ...]] = {
        ConnectionType.SSH: ({}, {"ansible_become": True, "ansible_user": "deploy"}),
        ConnectionType.LOCAL: ({"connection": "local"},),
        ConnectionType.TCP: ({"connection": "tcp", "tls_ca": "ca.pem", "tls_key": "key.pem"},),
        ConnectionType.SIMULATED: ({"connection": "simulated"},),
    }
    config = SshConfig(this_machine(), (str(tmp_path / "none"),))
    asked: set[str] = set()
    for connector in CONNECTORS:
        names: set[str] = set()
        for case in cases[connector.kind]:
            given = _Asked(case)
            with suppress(InputError):
                connection_spec("web1", given, CliConnectionOptions(), config)
            names |= given.names
        assert {setting.name for setting in SETTINGS if names & {*setting.names}} == connector.reads
        asked |= names
    assert asked - {""} == {name for setting in SETTINGS for name in setting.names}
