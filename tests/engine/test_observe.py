"""Reading a host: which requests, how many, and what is made of the answers."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from deployer.engine.observe import Needs, needs_of, observe, read_container, read_image, read_network, read_volume
from deployer.errors import EngineError, UnreachableError
from deployer.fields.options import PullPolicy
from deployer.interfaces import Engine, RegistryAuth
from deployer.model.observed import Observed, Ownership
from deployer.planning.policy import Policy
from deployer.planning.reconcile import reconcile
from deployer.simulated import SimulatedEngine
from tests.planning.build import play

WEB, DB = "docker.io/library/web:1", "docker.io/library/db:1"
READS = {
    *("list_containers", "list_networks", "list_volumes", "inspect_container", "inspect_image"),
    *("inspect_distribution", "describe"),
}


@dataclass
class Counting:
    """An engine that counts what it is asked."""

    engine: SimulatedEngine
    calls: list[tuple[str, ...]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self.engine, name)

        def call(*args: Any, **keys: Any) -> Any:
            with self.lock:
                self.calls.append((name, *(arg for arg in args if isinstance(arg, str))))
            return method(*args, **keys)

        return call

    def counts(self) -> Counter[str]:
        return Counter(name for name, *_ in self.calls)


def labels(name: str, project: str = "shop") -> dict[str, str]:
    return {"deployer.project": project, "deployer.resource": f"container.{name}"}


def make(
    engine: SimulatedEngine, name: str, image: str = WEB, own: Mapping[str, str] | None = None, **host: Any
) -> str:
    engine.pull_image(image, "", None, lambda _message: None)
    exposed: dict[str, Any] = {key: {} for key in host.get("PortBindings") or ()}
    body = {"Image": image, "Labels": dict(own or {}), "ExposedPorts": exposed, "HostConfig": host}
    made, _ = engine.create_container(name, body, "")
    engine.start_container(made)
    return made


def look(engine: SimulatedEngine, needs: Needs, **how: Any) -> tuple[Observed, Counting]:
    counting = Counting(engine)
    return observe(cast("Engine", counting), "web1", needs, **how), counting


SHOP = Needs(frozenset({"web"}), frozenset({"shop"}), {WEB: PullPolicy.MISSING})


# Requests


def test_an_empty_host() -> None:
    found, counting = look(SimulatedEngine(), Needs())
    assert found.containers == ()
    assert [network.name for network in found.networks] == ["bridge", "host", "none"]
    assert counting.counts() == {"list_containers": 1, "list_networks": 1, "list_volumes": 1, "describe": 1}


def test_one_inspect_for_each_container_of_ours_and_each_image() -> None:
    engine = SimulatedEngine()
    for number in range(5):
        make(engine, f"ours{number}", WEB, labels(f"ours{number}"))
    make(engine, "web", DB)
    for number in range(7):
        make(engine, f"other{number}", DB, labels("x", "other") if number else None)
    found, counting = look(engine, SHOP)
    assert set(counting.counts()) <= READS
    assert counting.counts()["inspect_container"] == 6
    assert sorted(call for call in counting.calls if call[0] == "inspect_image") == sorted(
        [("inspect_image", WEB), ("inspect_image", found.containers[-1].image_id)]
    )
    assert counting.counts()["inspect_distribution"] == 0
    assert [each.name for each in found.containers] == [*(f"ours{n}" for n in range(5)), "web"]
    assert [stub.name for stub in found.others] == [f"other{n}" for n in range(7)]


def test_no_image_is_inspected_twice() -> None:
    engine = SimulatedEngine()
    make(engine, "web", WEB)
    _, counting = look(engine, SHOP)
    assert counting.counts()["inspect_image"] == 1


@pytest.mark.parametrize(
    ("policy", "present", "asked"),
    [
        (PullPolicy.MISSING, True, False),
        (PullPolicy.MISSING, False, True),
        (PullPolicy.ALWAYS, True, True),
        (PullPolicy.ALWAYS, False, True),
        (PullPolicy.NEVER, False, False),
    ],
)
def test_the_registry_is_asked_only_when_its_answer_is_needed(policy: PullPolicy, present: bool, asked: bool) -> None:
    engine = SimulatedEngine()
    if present:
        engine.pull_image(WEB, "", None, lambda _message: None)
    found, counting = look(engine, Needs(images={WEB: policy}))
    assert counting.counts()["inspect_distribution"] == int(asked)
    assert list(found.remote) == ([WEB] if asked else [])
    assert all(digest.startswith("sha256:") for digest in found.remote.values())


def test_an_image_id_is_in_no_registry() -> None:
    key = "sha256:" + 64 * "a"
    found, counting = look(SimulatedEngine(), Needs(images={key: PullPolicy.MISSING}))
    assert counting.counts()["inspect_distribution"] == 0
    assert found.tags == {}


def test_the_registry_is_asked_with_its_credentials_and_may_refuse() -> None:
    engine = SimulatedEngine()
    auth = RegistryAuth("ci", "pw", "r.example.com")
    private = "r.example.com/private:1"
    engine.publish_image(private, {"Auth": {"username": "ci", "password": "pw"}})
    asked: list[str] = []

    def credentials(reference: str) -> RegistryAuth | None:
        asked.append(reference)
        return auth if reference == private else None

    found, _ = look(engine, Needs(images={private: PullPolicy.MISSING}, auth=credentials))
    assert asked == [private]
    assert found.remote[private].startswith("sha256:")
    engine.publish_image(private, None)
    found, _ = look(engine, Needs(images={private: PullPolicy.MISSING}))
    assert found.remote == {private: ""}


def test_a_host_is_read_with_any_width() -> None:
    engine = SimulatedEngine()
    make(engine, "web")
    assert look(engine, SHOP, width=1)[0] == look(engine, SHOP, width=8)[0]


@pytest.mark.parametrize("error", [UnreachableError("lost"), EngineError("no", status=500)])
@pytest.mark.parametrize("read", sorted(READS - {"describe", "inspect_distribution"}))
def test_a_read_that_fails_is_not_taken_for_nothing(read: str, error: Exception) -> None:
    engine = SimulatedEngine()
    make(engine, "web")

    class Broken(Counting):
        def __getattr__(self, name: str) -> Callable[..., Any]:
            if name == read:
                return lambda *_args: (_ for _ in ()).throw(error)
            return super().__getattr__(name)

    with pytest.raises(type(error)):
        observe(cast("Engine", Broken(engine)), "web1", SHOP)


def test_a_container_that_goes_meanwhile_is_not_there() -> None:
    engine = SimulatedEngine()
    make(engine, "web")

    class Going(Counting):
        def __getattr__(self, name: str) -> Callable[..., Any]:
            if name in ("inspect_container", "inspect_image"):
                return lambda _ref: None
            return super().__getattr__(name)

    found = observe(cast("Engine", Going(engine)), "web1", SHOP)
    assert (found.containers, found.others, found.images) == ((), (), {})


# What a run wants to know


def test_needs_of_all_plays_of_a_host() -> None:
    one = play("images: {old: {state: absent}}\ncontainers: {web: {image: web:1, pull: always}, db: {image: db:1}}")
    two = play("containers: {api: {image: web:1}}", project="api")
    found = needs_of([one, two], lambda _ref: None)
    assert found.projects == {"shop", "api"}
    assert found.containers == {
        name + suffix for name in ("web", "db", "api") for suffix in ("", ".deployer-new", ".deployer-old")
    }
    assert found.images == {WEB: "always", DB: "missing", "docker.io/library/old:latest": "never"}


@pytest.mark.parametrize("order", [("always", "never"), ("never", "always")])
def test_the_most_demanding_policy_of_an_image_counts(order: tuple[str, str]) -> None:
    wishes = [play(f"containers: {{c{n}: {{image: web:1, pull: {pull}}}}}") for n, pull in enumerate(order)]
    assert needs_of(wishes, lambda _ref: None).images == {WEB: "always"}


@pytest.mark.parametrize("order", [("missing", "never"), ("never", "missing")])
def test_an_image_that_one_may_pull_is_looked_up(order: tuple[str, str]) -> None:
    wishes = [play(f"containers: {{c{n}: {{image: web:1, pull: {pull}}}}}") for n, pull in enumerate(order)]
    assert needs_of(wishes, lambda _ref: None).images == {WEB: "missing"}


# Answers


def test_a_linked_container_has_its_own_name() -> None:
    class Linked(Counting):
        def list_containers(self) -> list[dict[str, Any]]:
            found = [dict(entry) for entry in self.engine.list_containers()]
            return [{**entry, "Names": ["/other/alias", *entry["Names"], "/web/alias"]} for entry in found]

    engine = SimulatedEngine()
    make(engine, "web")
    make(engine, "stranger")
    found = observe(cast("Engine", Linked(engine)), "web1", SHOP)
    assert ([each.name for each in found.containers], [stub.name for stub in found.others]) == (["web"], ["stranger"])


def test_networks_of_a_container_that_never_ran_may_be_there_by_their_ids() -> None:
    """As Compose creates it, engine 26.1 shows them so until the first start."""

    class Ids(Counting):
        def inspect_container(self, ref: str) -> dict[str, Any] | None:
            return self.by_id(self.engine.inspect_container(ref) or {})

        def list_containers(self) -> list[dict[str, Any]]:
            return [self.by_id(found) for found in self.engine.list_containers()]

        def by_id(self, answer: Mapping[str, Any]) -> dict[str, Any]:
            networks = {front: {"Aliases": ["www"]}, "gone": {}, "bridge": {}}
            return {**answer, "NetworkSettings": {**answer["NetworkSettings"], "Networks": networks}}

    engine = SimulatedEngine()
    front = engine.create_network({"Name": "front"})
    make(engine, "web")
    make(engine, "other")
    found = observe(cast("Engine", Ids(engine)), "web1", SHOP)
    (web,) = found.containers
    assert web.values["networks"] == {"front": {"aliases": ["www"]}, "gone": {}, "bridge": {}}
    assert set(web.attached) == {"front", "gone", "bridge"}
    assert found.others[0].networks == {"front", "gone", "bridge"}


def test_a_stub_says_what_it_holds() -> None:
    engine = SimulatedEngine()
    engine.create_network({"Name": "front"})
    ports = {"80/tcp": [{"HostPort": "8080"}], "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "53"}]}
    own = labels("stranger", "other")
    make(engine, "stranger", WEB, own, NetworkMode="front", Binds=["data:/data"], PortBindings=ports)
    stub = look(engine, SHOP)[0].others[0]
    assert (stub.name, stub.state, stub.owner.project) == ("stranger", "running", "other")
    assert stub.networks | stub.volumes == {"front", "data"}
    assert stub.ports == {"0.0.0.0:8080:80/tcp", "[::]:8080:80/tcp", "127.0.0.1:53:53/udp"}


def test_an_object_with_copied_labels_belongs_to_no_project() -> None:
    engine = SimulatedEngine()
    names = ("web", "web.deployer-new", "web.deployer-old", "web.previous-2", "web2", "web.old", "copy")
    for name in names:
        make(engine, name, WEB, labels("web"))
    for name in ("data", "clone"):
        engine.create_volume({"Name": name, "Labels": {**labels("web"), "deployer.resource": "volume.data"}})
        engine.create_network({"Name": name, "Labels": {**labels("web"), "deployer.resource": "network.data"}})
    found = look(engine, SHOP)[0]
    ours = {each.name for each in found.containers} | {each.name for each in found.kept}
    assert ours == set(names[:4])
    assert {each.name: each.owner.copied for each in found.others} == dict.fromkeys(names[4:], "shop/container.web")
    assert {each.name: each.owner.copied for each in found.volumes} == {"data": "", "clone": "shop/volume.data"}
    assert {each.name: each.owner.project for each in found.networks if each.owner != Ownership()} == {
        "data": "shop",
        "clone": "",
    }


def test_a_stopped_stub_holds_no_port() -> None:
    engine = SimulatedEngine()
    make(engine, "stranger", PortBindings={"80/tcp": [{"HostPort": "8080"}]})
    engine.stop_container("stranger", None)
    assert look(engine, SHOP)[0].others[0].ports == frozenset()


@pytest.mark.parametrize("profile", ["20.10", "26.1", "28.5"])
def test_anonymous_volumes_are_known_by_their_targets(profile: str) -> None:
    engine = SimulatedEngine(profile)
    engine.publish_image(WEB, {"Config": {"Volumes": {"/image": {}}, "Cmd": ["web"]}})
    make(engine, "web", Binds=["data:/named", "/srv:/bind", "/short"], Mounts=[{"Type": "volume", "Target": "/own"}])
    found = look(engine, SHOP)[0].containers[0]
    assert sorted(found.anonymous) == ["/image", "/own", "/short"]
    assert all(len(name) == 64 for name in found.anonymous.values())
    assert found.volumes == {"data", *found.anonymous.values()}


@pytest.mark.parametrize("profile", ["20.10", "26.1", "28.5"])
def test_answers_of_old_and_new_engines_are_read_alike(profile: str) -> None:
    engine = SimulatedEngine(profile)
    wish = play("networks: {front: {}}\nvolumes: {data: {}}\ncontainers: {web: {image: web:1, networks: [front]}}")
    host = look(engine, needs_of([wish], lambda _ref: None))[0]
    assert host.engine.version.startswith(profile)
    plan = reconcile(wish, host, Policy())
    assert len(plan.changes) == 4
    engine.create_network({"Name": "other", "CheckDuplicate": True})
    make(engine, "web", NetworkMode="other")
    found = look(engine, needs_of([wish], lambda _ref: None))[0].containers[0]
    assert list(found.values["networks"]) == ["other"]
    assert found.values["restart"] == "no"
    assert list(found.attached) == ["other"]


# Answers nobody expects


CONTAINER: dict[str, Any] = {"Id": "1", "Name": "/web", "Image": "sha256:2"}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"Config": None, "State": None, "HostConfig": None, "Mounts": None, "NetworkSettings": None},
        {"Config": {"Healthcheck": None, "Labels": None, "Env": None, "Image": ""}},
        {"Config": {"Healthcheck": {"Test": None}}, "State": {"Health": None, "ExitCode": None}},
        {"Config": {"Env": "odd", "Cmd": 7}, "HostConfig": {"Memory": "odd", "Ulimits": 5}},
        {"HostConfig": {"PortBindings": {"80": None, "x/y": [{}]}, "RestartPolicy": "odd", "LogConfig": []}},
        {"NetworkSettings": {"Networks": {"front": None}}, "Mounts": [{"Type": "volume"}, {}]},
        {"Config": {"Image": "sha256:2"}},
        {"Config": {"Image": "Not A Reference"}},
        {"HostConfig": "odd"},
    ],
)
def test_odd_answers_about_a_container_do_not_crash(more: dict[str, Any]) -> None:
    found = read_container({**CONTAINER, **more})
    assert (found.id, found.name, found.image_id) == ("1", "web", "sha256:2")


@pytest.mark.parametrize(
    "config", [None, {}, {"Env": None, "Volumes": None}, {"Env": "odd", "ExposedPorts": 7, "Healthcheck": "odd"}]
)
def test_odd_answers_about_an_image_do_not_crash(config: Any) -> None:
    found = read_image({"Id": "1", "RepoTags": None, "RepoDigests": ["<none>@<none>"], "Config": config})
    assert (found.id, found.os, found.arch, found.described) == ("1", "linux", "", False)
    assert read_image({"Id": "1", "Os": "linux", "Config": config}).described


@pytest.mark.parametrize("odd", [None, {}, "odd", ["odd"], 7])
def test_odd_answers_about_networks_and_volumes_do_not_crash(odd: Any) -> None:
    labels = odd if isinstance(odd, dict) else None
    network = read_network({"Id": "1", "Name": "n", "IPAM": odd, "Options": odd, "Labels": labels, "Driver": odd})
    volume = read_volume({"Name": "v", "Options": odd, "Labels": labels, "Driver": odd})
    assert (network.name, network.owner.managed) == ("n", False)
    assert (volume.name, volume.owner.managed) == ("v", False)


@pytest.mark.parametrize(
    ("read", "answer", "place"),
    [
        (read_container, {**CONTAINER, "Id": 7}, "Id"),
        (read_container, {"Id": "1"}, ""),
        (read_container, {**CONTAINER, "Config": "odd"}, "Config"),
        (read_container, {**CONTAINER, "Config": {"Labels": ["odd"]}}, "Config.Labels"),
        (read_container, {**CONTAINER, "Config": {"Labels": {"deployer.project": 7}}}, "Config.Labels[...]"),
        (read_container, {**CONTAINER, "State": {"ExitCode": "0"}}, "State.ExitCode"),
        (read_container, {**CONTAINER, "NetworkSettings": {"Networks": ["odd"]}}, "NetworkSettings.Networks"),
        (read_container, {**CONTAINER, "Mounts": "odd"}, "Mounts"),
        (read_container, "odd", ""),
        (read_image, {"Id": "1", "Config": "odd"}, "Config"),
        (read_image, {"Id": "1", "RepoTags": [7]}, "RepoTags[0]"),
        (read_network, {"Id": "1", "Name": "n", "Labels": "odd"}, "Labels"),
        (read_volume, {"Name": 7}, "Name"),
        (read_volume, {"Name": "v", "Labels": 7}, "Labels"),
    ],
)
def test_an_answer_of_another_type_is_an_error_that_names_the_place(
    read: Callable[[Any], object], answer: Any, place: str
) -> None:
    """Labels say whose an object is: what cannot be read must not pass for somebody else's."""
    with pytest.raises(EngineError, match=r"the engine's answer to GET /\S+ has a wrong type: ") as raised:
        read(answer)
    assert raised.value.message.endswith(f"- at `$.{place}`") if place else "- at" not in raised.value.message


@pytest.mark.parametrize(
    "entry",
    [{"Id": "1"}, {"Id": "1", "Names": None, "Labels": None, "Ports": None, "Mounts": None, "NetworkSettings": None}],
)
def test_odd_entries_of_a_list_do_not_crash(entry: dict[str, Any]) -> None:
    class Odd(Counting):
        def list_containers(self) -> list[dict[str, Any]]:
            return [entry]

    stub = observe(cast("Engine", Odd(SimulatedEngine())), "web1", SHOP).others[0]
    assert (stub.id, stub.name, stub.image_id) == ("1", "", "")
