"""What holds for every play on every host: plans are carried out, converge, and touch nothing of others."""

from __future__ import annotations

from random import Random
from typing import Any

import yaml
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st

from deployer.errors import InputError
from deployer.fields.container import CONTAINER
from deployer.model.desired import Desired
from deployer.model.operations import RemoveVolume
from deployer.model.plan import HostPlan
from deployer.simulated import SimulatedEngine
from tests.planning.build import play
from tests.planning.hosts import Host

NAMES = ("db", "api", "web")
PORTS = {"db": 5432, "api": 8000, "web": 8080}
APART = {"ports", "networks", "volumes", "volumes_from", "links", "storage_opt", "network_mode", "pid", "annotations"}
APART |= {"configs", "secrets"}
"""Fields that the strategies below give, that no simulated engine takes, or that need more than the container."""
PLAIN = [row for row in CONTAINER.fields if row.name not in APART]

FIELDS = st.lists(
    st.sampled_from(PLAIN).flatmap(lambda row: st.sampled_from([(row.name, row.example), (row.name, row.other)])),
    max_size=4,
    unique_by=lambda pair: pair[0],
).map(dict)
SUBNETS = {"front": "10.91.0.0/24", "back": "10.92.0.0/24"}
Keys = dict[str, Any]
NETWORK: st.SearchStrategy[Keys] = st.sampled_from(
    [{}, {"internal": True}, {"labels": {"a": "b"}}, {"driver_opts": {"x": "y"}}]
)
ENDPOINT: st.SearchStrategy[Keys] = st.sampled_from([{}, {"aliases": ["one"]}, {"aliases": ["two", "three"]}])
MOUNTS = st.sampled_from([[], ["data:/data"], ["data:/data:ro"], ["/cache"], ["/cache:ro", "/srv:/srv"]])
STATE = st.sampled_from(["started", "started", "started", "stopped", "created", "absent"])


@st.composite
def endpoint(draw: st.DrawFn, name: str, network: str) -> dict[str, Any]:
    """Some have a fixed address, one that the engine gives to nobody by itself so soon."""
    address = {"ipv4_address": SUBNETS[network].replace("0/24", str(50 + NAMES.index(name)))}
    return draw(ENDPOINT) | (address if draw(st.integers(0, 3)) == 0 else {})


@st.composite
def container(draw: st.DrawFn, name: str) -> dict[str, Any]:
    keys: dict[str, Any] = {"image": draw(st.sampled_from(["one:1", "two:1"])), "state": draw(STATE)} | draw(FIELDS)
    if draw(st.booleans()):
        keys["networks"] = {each: draw(endpoint(name, each)) for each in draw(st.sets(st.sampled_from(list(SUBNETS))))}
    ports: list[list[str]] = [[], [f"{PORTS[name]}:80"], ["80"]]
    keys["ports"] = draw(st.sampled_from(ports))
    keys["volumes"] = draw(MOUNTS)
    keys["update"] = {"order": draw(st.sampled_from(["auto", "stop-first", "start-first"]))}
    return {key: value for key, value in keys.items() if value}


@st.composite
def plays(draw: st.DrawFn) -> dict[str, Any]:
    """Containers may need those before them in `NAMES`."""
    found: dict[str, Any] = {}
    for index, name in enumerate(NAMES):
        if not draw(st.booleans()):
            continue
        keys = draw(container(name))
        before = [other for other in NAMES[:index] if found.get(other, {"state": "absent"}).get("state") == "started"]
        if draw(st.booleans()) and before:
            condition = draw(st.sampled_from(["service_started", "service_healthy"]))
            keys["depends_on"] = {before[0]: {"condition": condition}}
        if draw(st.booleans()) and before and not {"networks", "ports"} & set(keys):
            keys["network_mode"] = f"container:{before[-1]}"
        found[name] = keys
    networks = {name: {"ipam": {"config": [{"subnet": subnet}]}, **draw(NETWORK)} for name, subnet in SUBNETS.items()}
    return {"networks": networks, "volumes": {"data": {}}, "containers": found}


def read(written: dict[str, Any]) -> Desired:
    text = str(yaml.safe_dump(written))
    note(text)
    try:
        return play(text)
    except InputError:
        assume(False)
        raise


def populated(version: str) -> SimulatedEngine:
    """A host on which others have things."""
    engine = SimulatedEngine(version)
    engine.pull_image("docker.io/library/theirs:1", "", None, lambda _: None)
    engine.create_network({"Name": "theirs"})
    engine.create_volume({"Name": "theirs"})
    body = {
        "Image": "theirs:1",
        "HostConfig": {"NetworkMode": "theirs", "Binds": ["theirs:/data"]},
        "NetworkingConfig": {"EndpointsConfig": {"theirs": {}}},
    }
    key, _ = engine.create_container("theirs", body, "")
    engine.start_container(key)
    Host(engine).converge(play("containers: {other: {image: one:1}}", project="other"))
    return engine


POPULATED = {version: populated(version) for version in ("20.10", "26.1", "28.5")}
FOREIGN = ("theirs", "other")


def foreign(engine: SimulatedEngine) -> list[Any]:
    containers = [engine.inspect_container(name) for name in FOREIGN]
    return [*containers, engine.inspect_network("theirs"), engine.inspect_volume("theirs")]


def check_order(found: HostPlan) -> None:
    numbers = [step.number for step in found.steps]
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(need < step.number for step in found.steps for need in step.needs)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(plays(), plays(), st.integers(min_value=0, max_value=30), st.sampled_from(["20.10", "26.1", "28.5"]))
def test_any_play_after_any_other_interrupted_anywhere(
    first: dict[str, Any], second: dict[str, Any], killed_after: int, version: str
) -> None:
    """It is carried out, leaves nothing to do, loses no data, and does not touch what is not its own."""
    before, after = read(first), read(second)
    host = Host(POPULATED[version].copy())
    untouched = foreign(host.engine)
    assume(not host.plan(before).refusals)
    host.converge(before)
    found = host.plan(after)
    note(str(found))
    assume(not found.refusals)
    check_order(found)
    assert not any(isinstance(step.operation, RemoveVolume) for step in found.steps)
    host.apply(after, steps=killed_after)
    host.converge(after)
    assert foreign(host.engine) == untouched
    assert [name for name in host.containers if "deployer" in name] == []
    assume(not host.destroy(after).refusals)
    assert set(host.containers) == set(FOREIGN)
    assert host.engine.inspect_volume("data") is not None


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(plays(), plays(), st.randoms(use_true_random=False), st.booleans())
def test_any_order_that_the_steps_allow_will_do(
    first: dict[str, Any], second: dict[str, Any], chance: Random, last_first: bool
) -> None:
    """The engine refuses none of them, and nothing is left to do; whatever runs side by side, nothing is missing."""
    before, after = read(first), read(second)
    host = Host(POPULATED["26.1"].copy())
    assume(not host.plan(before).refusals)
    host.converge(before)
    found = host.plan(after, prune=True)
    note(str(found))
    assume(not found.refusals)
    host.execute_in(found, lambda ready: ready[-1] if last_first else chance.choice(ready))
    again = host.plan(after, prune=True)
    assert (again.changes, again.steps) == ((), ()), str(again)
