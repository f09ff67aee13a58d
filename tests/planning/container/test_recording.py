"""Records of containers that keep their labels: after an update in place, and after an adoption."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.applying.history import write
from deployer.model.drift import Verdict
from deployer.model.outcome import Status
from deployer.planning.drift import find_drift
from tests.model.test_history import RECORD
from tests.planning.build import applied, changes, nothing, plan, play, refusals
from tests.planning.hosts import Host


def web(keys: str) -> str:
    return f"containers: {{web: {{image: web:1, {keys}}}}}"


def by_hand(host: Host, **config: Any) -> str:
    """A running container `web` of no project; its id."""
    host.engine.pull_image("docker.io/library/web:1", "", None, lambda _message: None)
    made, _ = host.engine.create_container("web", {"Image": "web:1", **config}, "")
    host.engine.start_container(made)
    return made


def specs(host: Host) -> list[str]:
    names = (str(volume["Name"]) for volume in host.engine.list_volumes())
    return sorted(name for name in names if name.startswith("deployer.spec."))


@pytest.mark.parametrize(
    ("added", "dropped"),
    [
        ("mem_limit: 64m, memswap_limit: 300m", "mem_limit: 64m"),
        ("mem_limit: 64m, memswap_limit: -1", "mem_limit: 64m"),
        ("mem_limit: 64m, pids_limit: 5", "mem_limit: 64m"),
    ],
)
def test_a_value_added_in_place_and_dropped_later_is_not_missed(added: str, dropped: str) -> None:
    host = Host()
    host.converge(web(dropped))
    (made,) = host.engine.list_containers()
    host.converge(web(added))
    assert specs(host) == [f"deployer.spec.{made['Id']}.1"]
    assert not nothing(host.plan(web(dropped)))
    host.converge(web(dropped))
    assert [entry["Id"] for entry in host.engine.list_containers()] == [made["Id"]]
    assert specs(host) == [f"deployer.spec.{made['Id']}.{number}" for number in (1, 2)]


@pytest.mark.parametrize("default", ["runtime: runc", "logging: {driver: json-file}", "cgroup: private"])
def test_a_dropped_value_that_the_engine_gives_anyway_is_no_change(default: str) -> None:
    host = Host()
    host.converge(web(default))
    assert nothing(host.plan(web("")))


def test_a_dropped_value_is_compared_with_the_default_of_the_engine() -> None:
    host = Host()
    host.converge(web("logging: {driver: local, options: {max-size: 1m}}, runtime: io.containerd.runc.v2"))
    assert changes(host.plan(web("logging: {options: {max-size: 1m}}"))) == [
        "+/- container.web (start-first: no downtime): "
        "runtime io.containerd.runc.v2 → runc, logging.driver local → json-file"
    ]


def test_drift_after_an_update_distinguishes_file_and_manual_changes() -> None:
    host, wish = Host(), play(web("mem_limit: 128m"))
    host.converge(web("mem_limit: 64m"))
    host.converge(wish)
    host.engine.update_container("web", {"Memory": 2 * 1024**3, "MemorySwap": 4 * 1024**3})
    assert [each.verdict for each in find_drift(wish, host.look(wish)).found] == [Verdict.BY_HAND]


def test_a_record_that_was_not_written_is_written_by_the_next_run() -> None:
    host = Host()
    host.converge(web("shm_size: 64m"))
    host.converge(web("mem_limit: 64m"))
    host.apply(web("mem_limit: 128m"), steps=1)
    assert host.plan(web("mem_limit: 128m")).changes == ()
    host.converge(web("mem_limit: 256m"))
    host.converge(web("mem_limit: 256m, memswap_limit: -1"))
    host.engine.remove_volume(specs(host)[-1])
    host.converge(web("mem_limit: 256m, memswap_limit: -1"))


def test_records_of_containers_that_are_gone_are_removed() -> None:
    host = Host()
    host.converge(web("mem_limit: 64m"))
    for limit in ("65m", "66m"):
        host.converge(web(f"mem_limit: {limit}"))
    first, second = specs(host)
    write(host.engine, RECORD, None)
    assert specs(host) == [second]
    assert first < second
    host.engine.remove_container("web", force=True, anonymous_volumes=False)
    write(host.engine, RECORD, None)
    assert specs(host) == []


def test_a_container_that_fits_is_adopted_without_being_recreated() -> None:
    host = Host()
    made = by_hand(host, Labels={"com.docker.compose.project": "old"}, Env=["MODE=a"])
    wish = web("environment: {MODE: a}")
    assert changes(host.plan(wish, adopt=True)) == ["~ container.web (adopted, kept as it is)"]
    host.converge(wish, adopt=True)
    assert nothing(host.plan(wish))
    assert not host.plan(wish).notes
    host.converge(web("environment: {MODE: a}, mem_limit: 64m"))
    assert [entry["Id"] for entry in host.engine.list_containers()] == [made]
    host.destroy(wish)
    assert host.containers == {}


def test_an_adopted_container_can_be_rolled_back() -> None:
    host = Host()
    made = by_hand(host, HostConfig={"RestartPolicy": {"Name": "always"}, "Memory": 64 * 1024**2})
    assert refusals(host.plan(web("tty: true")))
    planned = changes(host.plan(web("tty: true"), adopt=True))
    assert planned == [
        "+/- container.web (adopted, start-first: no downtime): tty false → true, restart always → no, "
        "mem_limit 64 MiB → no limit"
    ]
    host.converge(web("tty: true"), adopt=True)
    assert host.containers == {"web": "running", "web.previous": "exited"}
    previous = host.engine.inspect_container("web.previous")
    assert previous is not None
    assert previous["Id"] == made
    assert host.look(play(web("tty: true"))).kept[0].owner.recorded == {"restart": "always"}


@pytest.mark.parametrize("network", ["", "host"])
def test_one_that_was_adopted_and_rolled_back_loses_what_the_adoption_said(network: str) -> None:
    """The engine's defaults are read for it too."""
    host = Host()
    wish = web("tty: true" + (f", network_mode: {network}" if network else ""))
    by_hand(host, HostConfig={"Memory": 64 * 1024**2, **({"NetworkMode": network} if network else {})})
    planned = changes(host.plan(wish, adopt=True))
    host.converge(wish, adopt=True)
    host.engine.remove_container("web", force=True, anonymous_volumes=False)
    host.engine.rename_container("web.previous", "web")
    host.engine.start_container("web")
    assert changes(host.plan(wish)) == [text.replace("(adopted, ", "(") for text in planned]


def test_a_takeover_that_fails_leaves_the_container_to_its_owner() -> None:
    host = Host()
    by_hand(host)
    found = host.plan(web("tty: true, labels: {sim.behaviour: 'fail:no such file'}"), adopt=True)
    done = host.execute_on(host.engine, found)
    assert Status.UNDONE in {result.status for result in done.results}
    assert specs(host) == []


def test_destroy_notes_what_it_keeps() -> None:
    host = Host()
    by_hand(host)
    host.engine.create_network({"Name": "front"})
    wish = "networks: {front: {}}\n" + web("tty: false")
    found = host.destroy(wish)
    assert host.containers == {"web": "running"}
    assert found.notes == ("not created by this project, so kept: network.front, container.web",)


@pytest.mark.parametrize("key", [b"o" * 32, b""])
def test_what_a_run_changes_does_not_depend_on_who_sealed_the_record(key: bytes) -> None:
    """A secret that stays as it was is not on record as a change of the run."""
    text = "containers: {web: {image: web:1, command: %s, environment: {PW: '{{ pw }}'}}}"
    host = applied(play(text % "old", secrets={"pw": "hunter2"}, sealing_key=key))
    (found,) = plan(play(text % "new", secrets={"pw": "hunter2"}), host).before
    assert found.fields == {"command": ["old"]}
    (found,) = plan(play(text % "old", secrets={"pw": "hunter3"}), host).before
    assert list(found.fields) == ["environment"]
