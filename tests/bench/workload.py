"""The same work in three languages: one network and twenty small containers a host, named alike.

deployer and Ansible are given the same containers (Ansible finds what deployer made and has nothing to change);
Compose has twenty of its own on the same host, because it only knows what bears its labels.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from tests.lab import inventory
from tests.lab.host import Host

PROJECT = "bench"
COMPOSE_PROJECT = "benchcompose"
COUNT = 20
IMAGE = "busybox:1"

_COMMAND = ["sleep", "1000000"]
_ENVIRONMENT = {"MODE": "production", "WORKERS": "4"}
_LABELS = {"team": "bench"}


def names() -> list[str]:
    """The containers' names."""
    return [f"bench-{number:02}" for number in range(1, COUNT + 1)]


def write(folder: Path, hosts: Sequence[Host]) -> None:
    """`hosts.yml`, `bench.yml`, `compose.yml` and `ansible.yml` in a folder. JSON is YAML too."""
    (folder / "hosts.yml").write_text(inventory.text(hosts))
    (folder / "bench.yml").write_text(json.dumps([_play()], indent=2))
    (folder / "compose.yml").write_text(json.dumps(_compose(), indent=2))
    (folder / "ansible.yml").write_text(json.dumps([_ansible()], indent=2))


def _service() -> dict[str, object]:
    """What deployer and Compose spell alike."""
    return {
        "image": IMAGE,
        "command": _COMMAND,
        "environment": _ENVIRONMENT,
        "labels": _LABELS,
        "restart": "unless-stopped",
        "stop_signal": "SIGKILL",
        "networks": [PROJECT],
    }


def _play() -> dict[str, object]:
    return {
        "name": "Twenty containers",
        "hosts": "all",
        "project": PROJECT,
        "networks": {PROJECT: {}},
        "containers": {name: _service() for name in names()},
    }


def _compose() -> dict[str, object]:
    return {
        "name": COMPOSE_PROJECT,
        "networks": {PROJECT: {}},
        "services": {name: _service() for name in names()},
    }


def _ansible() -> dict[str, object]:
    container = {
        "name": "{{ item }}",
        "image": IMAGE,
        "command": _COMMAND,
        "env": _ENVIRONMENT,
        "labels": _LABELS,
        "restart_policy": "unless-stopped",
        "stop_signal": "SIGKILL",
        "networks": [{"name": PROJECT}],
        "networks_cli_compatible": True,
        "image_name_mismatch": "ignore",
    }
    return {
        "name": "Twenty containers",
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {"name": "Network", "community.docker.docker_network": {"name": PROJECT}},
            {"name": "Containers", "community.docker.docker_container": container, "loop": names()},
        ],
    }
