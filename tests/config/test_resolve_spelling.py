"""Words of Ansible in a playbook mean what the words of Compose do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.resolving import body, complaints, web


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


PAIRS: dict[str, tuple[str, str]] = {
    "env": ("env: {A: b}", "environment: {A: b}"),
    "published_ports": ("published_ports: ['80:80']", "ports: ['80:80']"),
    "restart_policy": ("restart_policy: always", "restart: always"),
    "retries": ("restart_policy: on-failure\nrestart_retries: 3", "restart: 'on-failure:3'"),
    "memory": ("memory: 64m", "mem_limit: 64m"),
    "log": ("log_driver: local\nlog_options: {max-size: 1m}", "logging: {driver: local, options: {max-size: 1m}}"),
    "etc_hosts": ("etc_hosts: {a: 10.0.0.1}", "extra_hosts: ['a:10.0.0.1']"),
    "dns_servers": ("dns_servers: [1.1.1.1]", "dns: [1.1.1.1]"),
    "capabilities": ("capabilities: [NET_ADMIN]", "cap_add: [NET_ADMIN]"),
    "mounts": (
        "volumes: ['a-data:/a']\nmounts: [{type: volume, source: b-data, target: /b}]",
        "volumes: ['a-data:/a', 'b-data:/b']",
    ),
    "state present": ("state: present", "state: created"),
    "state healthy": ("state: healthy", "state: started"),
    "recreate true": ("recreate: true", "recreate: always"),
    "recreate no": ("recreate: 'no'", "recreate: auto"),
    "pull yes": ("pull: yes", "pull_policy: always"),
    "pull False": ("pull: 'False'", "pull_policy: missing"),
    "swap": ("memory: 64m\nmemory_swap: unlimited", "mem_limit: 64m\nmemswap_limit: -1"),
    "blkio": ("blkio_weight: 300", "blkio_config: {weight: 300}"),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())
def test_ansible_words_mean_what_compose_words_do(pair: tuple[str, str]) -> None:
    ansible, compose = (web(keys) for keys in pair)
    assert ansible.values == compose.values
    assert ansible.settings == compose.settings


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ("env: {A: b}\nenvironment: {A: b}", "'environment' and 'env' are the same; write one of them"),
        ("log_driver: local\nlogging: {driver: local}", "'log_driver' and 'logging' are the same; write one of them"),
    ],
)
def test_both_words_are_an_error(keys: str, what: str) -> None:
    found = complaints(body(keys))
    assert len(found) == 1
    assert found[0].endswith(what)
