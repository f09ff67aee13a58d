"""Recorded inspect answers of a real engine against declarations: the verdict of each pair is known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deployer.diagnostics import Origin
from deployer.fields.container import CONTAINER
from deployer.fields.field import Change, View
from deployer.model.desired import Address, Kind, Resource
from deployer.model.plan import FieldDiff
from deployer.model.settings import Settings
from deployer.planning.diff import Comparison, diff
from tests.fields.declare import declare, values_of

DATA = Path(__file__).parents[1] / "contract" / "data" / "engine_vectors.json"
VECTORS: list[dict[str, Any]] = json.loads(DATA.read_text("utf-8"))
PAIRS = [
    pytest.param(vector, case, id=f"{vector['id']} {vector['field']}: {json.dumps(case['declared'])}")
    for vector in VECTORS
    for case in vector["cases"]
]

EVERYTHING: dict[str, Any] = {
    "Env": ["PATH=/bin", "A=img", "B=img"],
    "Labels": {"img.label": "one", "shared": "img"},
    "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
    "Volumes": {"/data": {}, "/cache": {}},
    "User": "1000:1000",
    "WorkingDir": "/work",
    "StopSignal": "SIGINT",
    "Healthcheck": {
        "Test": ["CMD-SHELL", "true"],
        "Interval": 7_000_000_000,
        "Timeout": 3_000_000_000,
        "StartPeriod": 2_000_000_000,
        "Retries": 4,
    },
    "Entrypoint": ["sh", "-c"],
    "Cmd": ["sleep 600"],
}
"""The config of `eng-img:1`."""
BUSYBOX: dict[str, Any] = {"Cmd": ["sh"]}
NEVER_TOLD = ("Image", "HostConfig", "NetworkingConfig")
REFERENCED = "28a18753b2238cf63f1b8a81b9e9e5ade39f14ad22b8a895a5e8c957cef0ecd9"


def put(document: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    for part in above:
        document = document.setdefault(part, {})
    if value != "<absent>":
        document[last] = value


def inspect_of(vector: Mapping[str, Any]) -> dict[str, Any]:
    """What the recording shows; where it shows nothing, what was sent."""
    sent = vector["create"]
    config = {key: value for key, value in sent.items() if key not in NEVER_TOLD}
    if sent["Image"] == "eng-img:1":
        config = {key: EVERYTHING[key] for key in EVERYTHING if key != "Cmd" or "Entrypoint" not in sent} | config
    inspect: dict[str, Any] = {
        "Id": "f" * 64,
        "Name": "/it",
        "Config": config,
        "HostConfig": {"NetworkMode": "default"},
    }
    inspect["HostConfig"] |= sent.get("HostConfig", {})
    put(inspect, "NetworkSettings.Networks", {} if "container:" in str(sent) else {"bridge": {}})
    if "NetworkingConfig" in sent:
        put(inspect, "NetworkSettings.Networks", dict(sent["NetworkingConfig"]["EndpointsConfig"]))
    for path, value in vector["inspect"].items():
        put(inspect, path, value)
    return inspect


def recorded_of(vector: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    """What the record says was declared when the container was made: only that tells removed log options (V37) from
    those the daemon adds."""
    if vector["id"] != "V37" or declared:
        return {}
    return dict(declare(CONTAINER, {"logging": {"driver": "json-file", "options": {"max-size": "10m"}}}).values)


def diffs_of(vector: Mapping[str, Any], declared: Mapping[str, Any]) -> tuple[FieldDiff, ...]:
    everything = vector["create"]["Image"] == "eng-img:1"
    kept = {"command": vector["create"]["Cmd"]} if "Cmd" in vector["create"] else {}
    values = declare(CONTAINER, kept | dict(declared)).values
    view = View(
        declared=values,
        live=values_of(inspect_of(vector)),
        name="it",
        recorded=recorded_of(vector, declared),
        image=values_of({"Config": EVERYTHING if everything else BUSYBOX}),
        ids={"eng-ref": REFERENCED},
    )
    resource = Resource(Address("web1", Kind.CONTAINER, "it"), Origin("play.yml", 1, 1), Settings(), values)
    return diff(Comparison(CONTAINER, resource, view, frozenset()))


@pytest.mark.parametrize(("vector", "case"), PAIRS)
def test_verdict(vector: dict[str, Any], case: dict[str, Any]) -> None:
    found = diffs_of(vector, case["declared"])
    effects = {each.effect for each in found}
    shown = [f"{each.name}: {each.old} → {each.new}" for each in found]
    match case["verdict"]:
        case "no_change":
            assert shown == [], case["why"]
        case "update":
            assert effects == {Change.UPDATE}, shown
        case "recreate":
            assert Change.REPLACE in effects, shown
        case "network_connect":
            assert effects == {Change.RECONNECT}, shown
        case verdict:
            pytest.fail(f"no such verdict: {verdict}")


def test_every_vector_has_a_case() -> None:
    assert all(vector["cases"] for vector in VECTORS)
