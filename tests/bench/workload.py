"""The same work in three languages: one network and twenty small containers a host, named alike; and in two, files.

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

FILES = 200
FOLDER = "/srv/bench-files"
"""Where they are on the hosts: half of them copies, half templates."""

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
    (folder / "files.yml").write_text(json.dumps([_files()], indent=2))
    (folder / "ansible-files.yml").write_text(json.dumps([_ansible_files()], indent=2))
    for name in _sources():
        (folder / name).write_text(f"# {name}\n" + "key = value\n" * 100 + "name = {{ inventory_hostname }}\n")


def _sources() -> list[str]:
    return [f"file-{number:03}" for number in range(FILES)]


def _files() -> dict[str, object]:
    half = FILES // 2
    ways = ["src"] * half + ["template"] * half
    files = {f"{FOLDER}/{name}": {way: name, "mode": "0640"} for name, way in zip(_sources(), ways, strict=True)}
    return {"name": "Files", "hosts": "all", "project": "bench-files", "files": files}


def _ansible_files() -> dict[str, object]:
    half = FILES // 2
    options = {"src": "{{ playbook_dir }}/{{ item }}", "dest": f"{FOLDER}/{{{{ item }}}}", "mode": "0640"}
    return {
        "name": "Files",
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {"name": "Directory", "ansible.builtin.file": {"path": FOLDER, "state": "directory"}},
            {"name": "Copies", "ansible.builtin.copy": options, "loop": _sources()[:half]},
            {"name": "Templates", "ansible.builtin.template": options, "loop": _sources()[half:]},
        ],
    }


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
