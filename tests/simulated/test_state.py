"""The file a simulated host lives in between runs."""

from __future__ import annotations

import multiprocessing
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployer.errors import DeployerError, EngineError, UnreachableError
from deployer.simulated import SimulatedEngine, open_simulated
from deployer.simulated.persistence import StateFile

WEB = "docker.io/shop/web:1"


@dataclass(frozen=True)
class Spec:
    """As much of a connection's description as is read."""

    name: str = "web1"
    simulated_state: str | None = None


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    return Spec(simulated_state=str(tmp_path / "states" / "web1.json"))


def started(spec: Spec, health: str = "") -> str:
    engine = open_simulated(spec)
    engine.pull_image(WEB, "", None, lambda _: None)
    body = {"Image": "shop/web:1", "Healthcheck": {"Test": ["CMD", "true"]}, "Labels": {"sim.behaviour": health}}
    key, _ = engine.create_container("web", body if health else {"Image": "shop/web:1"}, "")
    engine.start_container(key)
    return key


def test_a_host_is_there_again_in_the_next_run(spec: Spec) -> None:
    key = started(spec)
    again = open_simulated(spec)
    assert (again.inspect_container("web") or {})["Id"] == key
    assert again.inspect_image("shop/web:1") is not None
    other = again.create_network({"Name": "front"})
    assert other not in {key, (again.inspect_network("bridge") or {})["Id"]}


def test_two_engines_on_one_file_see_each_other(spec: Spec) -> None:
    one, other = open_simulated(spec), open_simulated(spec)
    one.create_volume({"Name": "data"})
    other.create_volume({"Name": "more"})
    assert [volume["Name"] for volume in one.list_volumes()] == ["data", "more"]


def test_the_file_is_its_owners_alone_and_replaced_as_a_whole(spec: Spec) -> None:
    engine = open_simulated(spec)
    engine.create_volume({"Name": "data"})
    path = Path(str(spec.simulated_state))
    first = path.stat()
    assert stat.S_IMODE(first.st_mode) == 0o600
    engine.create_volume({"Name": "more"})
    assert path.stat().st_ino != first.st_ino
    assert {each.name for each in path.parent.iterdir()} == {"web1.json", "web1.json.lock"}


def test_reads_write_nothing(spec: Spec) -> None:
    started(spec)
    path = Path(str(spec.simulated_state))
    before = path.stat()
    engine = open_simulated(spec)
    engine.inspect_container("web")
    engine.list_containers()
    engine.info()
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_size) == (before.st_ino, before.st_mtime_ns, before.st_size)


def test_health_moves_on_from_run_to_run(spec: Spec) -> None:
    started(spec, "healthy:2")
    found = [(open_simulated(spec).inspect_container("web") or {})["State"]["Health"]["Status"] for _ in range(4)]
    assert found == ["starting", "starting", "healthy", "healthy"]


def test_a_refusal_changes_nothing_but_a_failed_start_is_kept(spec: Spec) -> None:
    engine = open_simulated(spec)
    with pytest.raises(EngineError):
        engine.remove_volume("nothing")
    assert not Path(str(spec.simulated_state)).exists()
    with pytest.raises(EngineError):
        started(spec, "fail:no such file")
    assert "no such file" in (open_simulated(spec).inspect_container("web") or {})["State"]["Error"]


def test_the_default_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    open_simulated(Spec("web/2")).create_volume({"Name": "data"})
    assert (tmp_path / "deployer" / "simulated" / "web%2F2.json").exists()
    for other in ("web_2", "web%2F2"):
        assert open_simulated(Spec(other)).list_volumes() == []


def test_no_place_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    with pytest.raises(UnreachableError, match="there is no folder for the state of simulated hosts"):
        open_simulated(Spec("web"))


def test_the_default_place_in_the_home_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    open_simulated(Spec()).create_volume({"Name": "data"})
    assert (tmp_path / ".local" / "state" / "deployer" / "simulated" / "web1.json").exists()


@pytest.mark.parametrize("text", ["", "{", '{"host": "web1", "unknown": 1}', "[]"])
def test_a_file_that_holds_something_else_is_named(spec: Spec, text: str) -> None:
    path = Path(str(spec.simulated_state))
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(DeployerError, match=r"web1\.json does not hold the state") as error:
        open_simulated(spec).list_containers()
    assert "remove the file" in error.value.hint


def test_a_copy_leaves_the_file_alone(spec: Spec) -> None:
    engine = open_simulated(spec)
    engine.create_volume({"Name": "data"})
    engine.copy().create_volume({"Name": "more"})
    assert [volume["Name"] for volume in open_simulated(spec).list_volumes()] == ["data"]


def _create(path: str, first: int) -> None:
    engine = SimulatedEngine(store=StateFile(Path(path)))
    for number in range(first, first + 20):
        engine.create_volume({"Name": f"v{number}"})


def test_processes_do_not_lose_each_others_writes(spec: Spec) -> None:
    path = str(spec.simulated_state)
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_create, args=(path, first)) for first in (0, 100, 200)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(open_simulated(spec).list_volumes()) == 60
