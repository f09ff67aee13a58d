"""Every recorded pair of create body and inspect output holds on every engine.

The recordings are of engine 20.10 under cgroup v1. Ids, ephemeral ports and propagation of binds differ from machine to
machine and are compared by shape; where engine 26.1 answers differently, `NEWER` says how.
"""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.contract.sandbox import BUSYBOX, EVERYTHING, SLEEP, Sandbox

ABSENT = "<absent>"
VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "engine_vectors.json").read_text("utf-8"))
NEWER: dict[str, dict[str, Any]] = {
    "V52": {"HostConfig.Runtime": "runc"},
    "V22": {"HostConfig.RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}},
    "V45": {"HostConfig.NetworkMode": "bridge"},
}
RUNTIME_PORTS = {"V18": r"32\d\d\d|[345]\d\d\d\d", "V19": r"1809[0-5]"}


@pytest.mark.parametrize("vector", VECTORS, ids=[f"{each['id']} {each['field']}" for each in VECTORS])
def test_create_gives_the_recorded_inspect(sandbox: Sandbox, vector: dict[str, Any]) -> None:
    key = made(sandbox, vector)
    inspected = sandbox.inspect(key)
    expected = deepcopy(vector["inspect"])
    if sandbox.modern:
        expected |= NEWER.get(vector["id"], {})
        if vector["id"] == "V45":
            expected["NetworkSettings.Networks"]["bridge"]["DNSNames"] = None
        if vector["id"] == "V45" and sandbox.newest:
            expected["NetworkSettings.Networks"]["bridge"]["GwPriority"] = 0
    if vector["id"] == "V02":  # recorded with an image that has no environment
        image = sandbox.engine.inspect_image(BUSYBOX) or {}
        expected["Config.Env"] = [*expected["Config.Env"], *image["Config"]["Env"]]
    for path, value in expected.items():
        actual = _shape(vector["id"], _at(inspected, path), inspected["Id"])
        assert actual == _shape(vector["id"], value, expected.get("Id", "")), path


def made(sandbox: Sandbox, vector: dict[str, Any]) -> str:
    if vector["id"] == "V53":
        sandbox.remember_container(sandbox.engine.create_container("eng-ref", {"Image": BUSYBOX, "Cmd": SLEEP}, "")[0])
    if vector["id"] == "V56":
        sandbox.networks.append("eng-wn")
        sandbox.engine.create_network({"Name": "eng-wn", "IPAM": {"Config": [{"Subnet": "10.216.0.0/24"}]}})
    sandbox.volumes.append("eng-vw")
    body = {**vector["create"], "Image": vector["create"]["Image"].replace("eng-img:1", EVERYTHING)}
    key = sandbox.create(vector["id"], body, start=vector["started"])
    if vector["id"] == "V27":
        sandbox.engine.update_container(key, {"PidsLimit": -1})
    return key


def _at(document: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(document, dict) or part not in document:
            return ABSENT
        document = document[part]
    return document


def _shape(vector_id: str, value: Any, key: str) -> Any:
    """Without what no two engines have in common."""
    text = json.dumps(value, sort_keys=True)
    if key:
        text = text.replace(key[:12], "<short>")
    text = re.sub(r"<short>[0-9a-f]{52}|\b[0-9a-f]{64}\b", "<id>", text)
    if vector_id in RUNTIME_PORTS:
        text = re.sub(rf'"({RUNTIME_PORTS[vector_id]})"', '"<port>"', text)
    text = re.sub(r'"Propagation": "r\w+"', '"Propagation": "<computed>"', text)
    shaped = json.loads(text)
    if isinstance(shaped, list) and shaped and "Destination" in shaped[0]:
        shaped.sort(key=lambda mount: str(mount["Destination"]))
    return shaped


def test_the_newer_expectations_are_for_vectors_that_exist() -> None:
    assert set(NEWER) <= {vector["id"] for vector in VECTORS}
