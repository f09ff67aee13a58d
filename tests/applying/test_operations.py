"""What one operation asks of the engine, and how it takes the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Union

import msgspec
import pytest

from deployer.applying.operations import Done, Send, Worker, _perform, no_source, perform
from deployer.applying.pulling import PullSlots
from deployer.engine.image_transfer import Sent
from deployer.errors import EngineError, ResourceError
from deployer.interfaces import Engine, RegistryAuth
from deployer.model.operations import (
    AwaitCompleted,
    ConnectNetwork,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    DisconnectNetwork,
    Made,
    Operation,
    PullImage,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    RenameContainer,
    SendImage,
    StartContainer,
    StopContainer,
    UpdateContainer,
)
from deployer.model.outcome import BuildProgress, PullProgress
from deployer.simulated import SimulatedEngine
from tests.applying.engines import IMAGE, Clock, app_engine, run, states, surrounded


@dataclass
class Bench:
    engine: Engine
    clock: Clock = field(default_factory=Clock)
    made: dict[int, str] = field(default_factory=dict)
    pulls: list[PullProgress | BuildProgress] = field(default_factory=list)
    auth: RegistryAuth | None = None
    send: Send = no_source

    def do(self, operation: Operation) -> Done:
        worker = Worker(
            self.engine,
            self.clock,
            lambda _ref: self.auth,
            self.made,
            self.pulls.append,
            "web1",
            lambda: False,
            send=self.send,
        )
        return perform(worker, operation)


def test_an_image_that_another_host_could_not_send_is_sent_with_a_warning(engine: SimulatedEngine) -> None:
    bench = Bench(engine, send=lambda *_: Sent(9, 9, note="web2 could not send it: no ssh"))
    assert bench.do(SendImage("docker.io/a/b:1", "web2")).warnings == ("web2 could not send it: no ssh",)


@pytest.fixture
def engine() -> SimulatedEngine:
    return app_engine()


@pytest.mark.parametrize(
    "operation",
    [
        StopContainer("gone"),
        RemoveContainer("gone"),
        RemoveNetwork("gone"),
        RemoveVolume("gone"),
        RemoveImage("gone:1"),
    ],
)
def test_missing_objects_count_as_removed(engine: SimulatedEngine, operation: Operation) -> None:
    assert Bench(engine).do(operation) == Done()


@pytest.mark.parametrize(
    "operation",
    [
        StartContainer("gone"),
        RenameContainer("gone", "other"),
        UpdateContainer("gone", {"Memory": 1}),
        ConnectNetwork("gone", "gone", {}),
        AwaitCompleted("gone"),
    ],
)
def test_missing_objects_cannot_be_used(engine: SimulatedEngine, operation: Operation) -> None:
    with pytest.raises(EngineError) as caught:
        Bench(engine).do(operation)
    assert caught.value.status == 404


def test_one_that_left_a_network_has_left_it(engine: SimulatedEngine) -> None:
    engine.create_network({"Name": "front"})
    run(engine, "app")
    assert Bench(engine).do(DisconnectNetwork("gone", "app")) == Done()


def test_a_life_from_create_to_remove(engine: SimulatedEngine) -> None:
    bench = Bench(engine)
    bench.do(CreateNetwork("front", {"Name": "front"}))
    bench.do(CreateVolume("data", {"Name": "data"}))
    made = bench.do(CreateContainer("app", {"Image": IMAGE, "HostConfig": {"Binds": ["data:/data"]}}, "")).made
    bench.made[1] = made
    bench.do(ConnectNetwork("front", Made(1), {}))
    bench.do(StartContainer(Made(1)))
    bench.do(UpdateContainer(Made(1), {"PidsLimit": 9}))
    bench.do(RenameContainer(Made(1), "renamed"))
    assert states(engine) == {"renamed": "running"}
    bench.do(DisconnectNetwork("front", Made(1)))
    bench.do(StopContainer(Made(1), 3))
    bench.do(RemoveContainer(Made(1)))
    bench.do(RemoveNetwork("front"))
    bench.do(RemoveVolume("data"))
    bench.do(RemoveImage(IMAGE))
    assert (engine.list_containers(), engine.list_volumes(), engine.list_images()) == ([], [], [])


def test_warnings_are_handed_on(engine: SimulatedEngine) -> None:
    def warn(name: str, args: tuple[Any, ...], call: Any) -> Any:
        made = call()
        return (
            (made[0], ["careful"]) if name == "create_container" else ["slowly"] if name == "update_container" else made
        )

    bench = Bench(surrounded(engine, warn))
    made = bench.do(CreateContainer("app", {"Image": IMAGE, "HostConfig": {}}))
    assert made.warnings == ("careful",)
    assert bench.do(UpdateContainer("app", {})).warnings == ("slowly",)


def test_a_job_ends_well_or_with_its_code(engine: SimulatedEngine) -> None:
    run(engine, "good", {"sim.behaviour": "exit:0"})
    run(engine, "bad", {"sim.behaviour": "exit:3"})
    assert Bench(engine).do(AwaitCompleted("good")) == Done()
    with pytest.raises(ResourceError, match="exited with code 3"):
        Bench(engine).do(AwaitCompleted("bad"))


def removing(engine: SimulatedEngine, looks: int) -> Bench:
    """A container that the engine is removing by itself, for so many looks."""
    left = [looks]

    def around(name: str, args: tuple[Any, ...], call: Any) -> Any:
        if name == "remove_container":
            raise EngineError("removal of container app is already in progress", status=409)
        if name == "inspect_container":
            left[0] -= 1
            return {} if left[0] >= 0 else None
        return call()

    return Bench(surrounded(engine, around))


def test_a_removal_in_progress_is_waited_for(engine: SimulatedEngine) -> None:
    bench = removing(engine, 3)
    assert bench.do(RemoveContainer("app")) == Done()
    assert bench.clock.seconds == pytest.approx(0.3)


def test_a_removal_that_never_ends_is_an_error(engine: SimulatedEngine) -> None:
    bench = removing(engine, 10**6)
    with pytest.raises(EngineError, match="already in progress"):
        bench.do(RemoveContainer("app"))
    assert 60 <= bench.clock.seconds < 62


def test_another_conflict_is_an_error(engine: SimulatedEngine) -> None:
    run(engine, "app")
    with pytest.raises(EngineError) as caught:
        Bench(engine).do(RemoveContainer("app"))
    assert caught.value.status == 409


def layer(key: str, current: int, total: int, status: str = "Downloading") -> dict[str, Any]:
    return {"id": key, "status": status, "progressDetail": {"current": current, "total": total}}


def test_progress_of_a_pull_is_that_of_all_its_layers(engine: SimulatedEngine) -> None:
    messages = [
        {"status": "Pulling from library/app", "id": "1"},
        {"id": "aa", "status": "Pulling fs layer", "progressDetail": {}},
        layer("aa", 10, 100),
        layer("bb", 5, 50),
        layer("aa", 100, 100),
        {"id": "aa", "status": "Download complete", "progressDetail": {}},
        layer("aa", 3, 400, "Extracting"),
        {"id": "bb", "status": "Downloading"},
        {"id": "bb", "status": "Downloading", "progressDetail": {"current": 7}},
        layer("bb", 50, 50),
        {"status": "Status: Downloaded newer image"},
    ]

    def around(name: str, args: tuple[Any, ...], call: Any) -> Any:
        if name == "inspect_image":
            return {}
        assert args[:3] == ("docker.io/a/b:1", "linux/arm64", RegistryAuth("u", "p", "docker.io"))
        for message in messages:
            args[3](message)
        return None

    bench = Bench(surrounded(engine, around), auth=RegistryAuth("u", "p", "docker.io"))
    bench.do(PullImage("docker.io/a/b:1", "linux/arm64"))
    assert [(found.current, found.total) for found in bench.pulls if isinstance(found, PullProgress)] == [
        (10, 100),
        (15, 150),
        (105, 150),
        (150, 150),
    ]
    assert {(found.host, found.reference) for found in bench.pulls} == {("web1", "docker.io/a/b:1")}


def test_a_pull_that_failed_says_what_to_do_about_the_registry_or_that_the_image_is_not_there() -> None:
    """An engine may report success although the image cannot be used."""
    fails = True

    def around(name: str, _args: tuple[Any, ...], _call: Any) -> Any:
        if fails and name == "pull_image":
            raise EngineError("toomanyrequests: retry-after: 9s", status=0)

    bench = Bench(surrounded(app_engine(), around))
    with pytest.raises(EngineError) as caught:
        bench.do(PullImage("reg.example.com/web:1"))
    assert caught.value.hint == "apply again in 9s; a login may allow more pulls"
    fails = False
    with pytest.raises(EngineError, match=r"web:1 is not on the host after the pull"):
        bench.do(PullImage("reg.example.com/web:1"))


def test_no_more_than_so_many_pull_one_image_at_once() -> None:
    slots = PullSlots(2)
    with slots.of("web:1"), slots.of("web:1"), slots.of("redis:7"):
        assert not slots.of("web:1").acquire(blocking=False)
    assert slots.of("web:1").acquire(blocking=False)


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        ("write /var/lib/docker/tmp/x: no space left on device", "free space in the engine's data directory"),
        ("Bind for 0.0.0.0:80 failed: port is already allocated", "the port was taken after the plan was created"),
        ("listen tcp4 0.0.0.0:80: bind: address already in use", "the port was taken after the plan was created"),
        (
            'could not select device driver "cdi" with capabilities: []',
            'enable CDI in the daemon\'s configuration, {"features": {"cdi": true}} (the default since engine 28.2)',
        ),
        ("no such thing", ""),
    ],
)
def test_engine_errors_have_hints(error: str, hint: str) -> None:
    def around(_name: str, _args: tuple[Any, ...], _call: Callable[[], Any]) -> Any:
        raise EngineError(error, status=500)

    bench = Bench(surrounded(app_engine(), around))
    with pytest.raises(EngineError) as caught:
        bench.do(StartContainer("web"))
    assert (caught.value.message, caught.value.status) == (error, 500)
    assert caught.value.hint.partition(";")[0] == hint


def concrete(found: type[Operation]) -> Iterator[type[Operation]]:
    for each in found.__subclasses__():
        if not each.__subclasses__():
            yield each
        yield from concrete(each)


def test_every_operation_has_words_and_an_execution_and_can_be_written_down() -> None:
    found = list(concrete(Operation))
    assert found
    for each in found:
        assert _perform.dispatch(each) is not _perform.dispatch(Operation), each
        assert each.doing, each
        assert each.done, each
    union: Any = Union[tuple(found)]  # noqa: UP007 - made from a list
    written: list[Operation] = [
        ConnectNetwork("front", Made(3), {"Aliases": ["web"]}),
        CreateContainer("web", {"Image": "web:1"}),
        StopContainer("0123456789ab", 5),
    ]
    assert [msgspec.json.decode(msgspec.json.encode(each), type=union) for each in written] == written


def test_an_image_whose_healthcheck_crashes_the_engine_gets_no_container(engine: SimulatedEngine) -> None:
    """It may have been pulled after the plan was made."""
    engine.publish_image("bad:1", {"Config": {"Healthcheck": {"Test": ["CMD"]}}})
    engine.pull_image("bad:1", "", None, lambda _message: None)
    body: dict[str, Any] = {"Image": "bad:1", "Cmd": ["true"], "HostConfig": {}}
    with pytest.raises(ResourceError, match="a healthcheck without a command, which crashes Docker itself"):
        Bench(engine).do(CreateContainer("web", body, ""))
    assert Bench(engine).do(CreateContainer("web", {**body, "Healthcheck": {"Test": ["NONE"]}}, "")).made
