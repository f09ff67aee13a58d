"""What only the simulation has: behaviours, a registry to publish to, reproducibility, copies, other machines."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from deployer.errors import EngineError
from deployer.interfaces import RegistryAuth
from deployer.simulated import HostFacts, SimulatedEngine

WEB = "docker.io/shop/web:1"
CHECK = {"Test": ["CMD", "true"]}


def engine_with(ref: str = WEB, **keys: Any) -> SimulatedEngine:
    engine = SimulatedEngine(**keys)
    engine.pull_image(ref, "", None, lambda _: None)
    return engine


def run(engine: SimulatedEngine, behaviour: str = "", **keys: Any) -> str:
    labels = {"sim.behaviour": behaviour} if behaviour else {}
    key, _ = engine.create_container("web", {"Image": "shop/web:1", "Labels": labels, "HostConfig": {}, **keys}, "")
    engine.start_container(key)
    return key


def states(engine: SimulatedEngine, key: str, count: int) -> list[str]:
    """The state of each of `count` inspections, health where there is one."""
    found = []
    for _ in range(count):
        state = (engine.inspect_container(key) or {})["State"]
        found.append(str((state.get("Health") or {}).get("Status") or state["Status"]))
    return found


# Behaviours


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ("", ["running", "running"]),
        ("run", ["running", "running"]),
        ("exit:3", ["exited", "exited"]),
        ("exit:3:2", ["running", "running", "exited"]),
    ],
)
def test_behaviours_without_a_health_check(behaviour: str, expected: list[str]) -> None:
    engine = engine_with()
    key = run(engine, behaviour)
    assert states(engine, key, len(expected)) == expected
    assert (engine.inspect_container(key) or {})["State"]["ExitCode"] == (3 if "3" in behaviour else 0)


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ("", ["starting", "healthy", "healthy"]),
        ("healthy:3", ["starting", "starting", "starting", "healthy"]),
        ("healthy:0", ["healthy"]),
        ("unhealthy:2", ["starting", "starting", "unhealthy"]),
        ("starting", ["starting"] * 5),
    ],
)
def test_behaviours_with_a_health_check(behaviour: str, expected: list[str]) -> None:
    engine = engine_with()
    key = run(engine, behaviour, Healthcheck=CHECK)
    assert states(engine, key, len(expected)) == expected


def test_a_behaviour_comes_from_the_image_or_the_constructor() -> None:
    engine = SimulatedEngine(behaviours={"shop/web:1": "exit:4"})
    engine.publish_image("shop/job:1", {"Config": {"Cmd": ["job"], "Labels": {"sim.behaviour": "exit:5"}}})
    for ref in ("docker.io/shop/job:1", WEB):
        engine.pull_image(ref, "", None, lambda _: None)
    codes = []
    for name, ref in (("a", "shop/web:1"), ("b", "shop/job:1")):
        key, _ = engine.create_container(name * 2, {"Image": ref, "HostConfig": {}}, "")
        engine.start_container(key)
        codes.append(engine.wait_container(key))
    assert codes == [4, 5]


def test_an_unknown_behaviour_is_an_error() -> None:
    with pytest.raises(ValueError, match="dance"):
        run(engine_with(), "dance")


def test_a_crash_loop_restarts_at_every_look() -> None:
    engine = engine_with()
    key = run(engine, "exit:1", HostConfig={"RestartPolicy": {"Name": "always"}})
    first, second = engine.inspect_container(key) or {}, engine.inspect_container(key) or {}
    assert first["State"]["Status"] == "restarting"
    assert second["RestartCount"] == first["RestartCount"] + 1


def test_waiting_ends_a_container_that_runs_for_ever() -> None:
    engine = engine_with()
    key = run(engine)
    assert engine.wait_container(key) == 0
    assert (engine.inspect_container(key) or {})["State"]["Status"] == "exited"


# Registry


def test_any_reference_can_be_pulled_and_is_the_same_everywhere() -> None:
    one, other = engine_with(), engine_with(facts=HostFacts(name="other"))
    image = one.inspect_image("shop/web:1") or {}
    assert image["Id"] == (other.inspect_image("shop/web:1") or {})["Id"]
    assert image["Config"]["Cmd"] == ["sh"]
    distribution = one.inspect_distribution(WEB, None) or {}
    assert f"shop/web@{distribution['Descriptor']['digest']}" in image["RepoDigests"]


def test_a_published_image_moves_the_tag_at_the_next_pull() -> None:
    engine = engine_with()
    before = engine.inspect_image("shop/web:1") or {}
    engine.publish_image("shop/web:1", {"Digest": f"sha256:{'1' * 64}", "Config": {"Cmd": ["new"]}})
    assert engine.inspect_image("shop/web:1") == before, "nothing moves by itself"
    engine.pull_image(WEB, "", None, lambda _: None)
    after = engine.inspect_image("shop/web:1") or {}
    assert (after["Config"]["Cmd"], after["RepoDigests"]) == (["new"], [f"shop/web@sha256:{'1' * 64}"])
    assert (engine.inspect_image(before["Id"]) or {})["RepoTags"] == []


def test_withdrawn_images_cannot_be_pulled() -> None:
    engine = SimulatedEngine()
    engine.publish_image("shop/web:1", None)
    assert engine.inspect_distribution(WEB, None) is None
    with pytest.raises(EngineError, match="manifest unknown") as refused:
        engine.pull_image(WEB, "", None, lambda _: None)
    assert refused.value.status == 404


def test_a_private_image_wants_credentials() -> None:
    engine = SimulatedEngine()
    engine.publish_image("shop/web:1", {"Auth": {"username": "ci", "password": "pw"}})
    for auth in (None, RegistryAuth("ci", "wrong", "docker.io")):
        with pytest.raises(EngineError, match="unauthorized"):
            engine.pull_image(WEB, "", auth, lambda _: None)
    engine.pull_image(WEB, "", RegistryAuth("ci", "pw", "docker.io"), lambda _: None)
    assert engine.inspect_image("shop/web:1") is not None


def test_platforms_of_an_image() -> None:
    engine = engine_with()
    engine.pull_image(WEB, "linux/arm64", None, lambda _: None)
    assert (engine.inspect_image("shop/web:1") or {})["Architecture"] == "arm64"
    with pytest.raises(EngineError, match="no matching manifest"):
        engine.pull_image(WEB, "linux/s390x", None, lambda _: None)


def test_a_single_image_for_another_platform() -> None:
    body = {"Platforms": ["linux/arm64"]}
    older, newer = SimulatedEngine("20.10"), SimulatedEngine("26.1")
    for engine in (older, newer):
        engine.publish_image("shop/web:1", body)
    older.pull_image(WEB, "linux/amd64", None, lambda _: None)
    with pytest.raises(EngineError) as refused:
        newer.pull_image(WEB, "linux/amd64", None, lambda _: None)
    assert refused.value.status == 0, "inside the stream"


# Machines


def test_an_unknown_profile_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"20\.10, 26\.1"):
        SimulatedEngine("19.03")


def test_control_groups_version_2() -> None:
    engine = engine_with(facts=HostFacts(cgroup=2))
    key, warnings = engine.create_container(
        "web", {"Image": "shop/web:1", "HostConfig": {"MemorySwappiness": 20, "Memory": 67108864}}, ""
    )
    created = (engine.inspect_container(key) or {})["HostConfig"]
    engine.start_container(key)
    started = (engine.inspect_container(key) or {})["HostConfig"]
    assert any("swappiness" in warning for warning in warnings)
    assert (created["CgroupnsMode"], created["MemorySwappiness"]) == ("private", None)
    assert (created["OomKillDisable"], started["OomKillDisable"]) == (False, None)
    assert engine.info()["CgroupVersion"] == "2"
    assert "name=cgroupns" in engine.info()["SecurityOptions"]


def test_an_arm_machine_takes_arm_images() -> None:
    engine = engine_with(facts=HostFacts(arch="arm64"))
    assert (engine.inspect_image("shop/web:1") or {})["Architecture"] == "arm64"
    assert (engine.describe().arch, engine.info()["Architecture"]) == ("arm64", "aarch64")


def test_it_says_that_it_is_simulated() -> None:
    described = SimulatedEngine().describe()
    assert (described.version, described.api, described.max_api) == ("26.1.5", "1.45", "1.45")
    assert described.simulated


def test_missing_paths_are_configurable() -> None:
    engine = engine_with(facts=HostFacts(missing_paths=("/srv",)))
    mount = {"Type": "bind", "Source": "/srv/data", "Target": "/data"}
    with pytest.raises(EngineError, match="does not exist"):
        engine.create_container("web", {"Image": "shop/web:1", "HostConfig": {"Mounts": [mount]}}, "")


def test_subnets_run_out() -> None:
    engine = SimulatedEngine()
    for number in range(30):
        engine.create_network({"Name": f"n{number}"})
    with pytest.raises(EngineError, match="non-overlapping"):
        engine.create_network({"Name": "one-too-many"})


# State


def test_the_same_operations_give_the_same_ids() -> None:
    def story() -> list[Any]:
        engine = engine_with()
        key = run(engine)
        network = engine.create_network({"Name": "front"})
        volume = engine.create_volume({})
        return [key, network, volume, engine.inspect_container(key), engine.snapshot().to_json()]

    assert story() == story()


def test_hosts_have_ids_of_their_own() -> None:
    one, other = engine_with(), engine_with(facts=HostFacts(name="other"))
    assert run(one) != run(other)


def test_a_copy_goes_its_own_way() -> None:
    engine = engine_with(behaviours={"shop/web:1": "exit:4"})
    key = run(engine)
    twin = engine.copy()
    assert twin.inspect_container(key) == engine.inspect_container(key)
    twin.remove_container(key, force=True, anonymous_volumes=True)
    assert engine.inspect_container(key) is not None
    twin_key = run(twin)
    assert (twin.inspect_container(twin_key) or {})["State"]["ExitCode"] == 4


def test_answers_are_the_callers_to_change() -> None:
    engine = engine_with()
    key = run(engine)
    body = {"Name": "data", "Labels": {"a": "b"}}
    for answer in (engine.inspect_container(key), engine.create_volume(body), engine.inspect_network("bridge")):
        assert isinstance(answer, dict)
        answer.clear()
    body["Labels"].clear()  # type: ignore[attr-defined]
    assert (engine.inspect_container(key) or {})["Id"] == key
    assert (engine.inspect_volume("data") or {})["Labels"] == {"a": "b"}
    assert (engine.inspect_network("bridge") or {})["Name"] == "bridge"


def test_the_request_stays_as_it_was() -> None:
    engine = engine_with()
    body = {
        "Image": "shop/web:1",
        "ExposedPorts": {"80/tcp": {}},
        "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "80"}]}, "PidMode": "host", "RestartPolicy": {}},
    }
    before = json.dumps(body)
    engine.create_container("web", body, "")
    assert json.dumps(body) == before


def test_many_threads_share_one_engine() -> None:
    engine = engine_with()
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            key, _ = engine.create_container(f"web{number}", {"Image": "shop/web:1", "HostConfig": {}}, "")
            engine.start_container(key)
            assert (engine.inspect_container(key) or {})["State"]["Running"]
        except (AssertionError, EngineError) as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    addresses = [each["NetworkSettings"]["Networks"]["bridge"]["IPAddress"] for each in engine.list_containers()]
    assert len(set(addresses)) == 16


def test_two_networks_of_one_name_are_ambiguous() -> None:
    """Older engines let other clients make them."""
    engine = SimulatedEngine("20.10")
    engine.create_network({"Name": "front"})
    key = engine.create_network({"Name": "other"})
    state = engine.snapshot()
    state.networks[key]["Name"] = "front"
    engine = SimulatedEngine("20.10", state=state)
    with pytest.raises(EngineError, match="ambiguous") as refused:
        engine.inspect_network("front")
    assert refused.value.status == 400
    assert (engine.inspect_network(key) or {})["Name"] == "front"


def test_logs_show_the_behaviour() -> None:
    engine = engine_with()
    key = run(engine, "exit:3")
    assert engine.container_logs(key, tail=10).splitlines() == [
        "simulated: web started",
        "simulated: running sh",
        "simulated: web ended with exit code 3",
    ]
    assert engine.container_logs(key, tail=1) == "simulated: web ended with exit code 3\n"
    assert engine.container_logs(key, tail=0) == ""
