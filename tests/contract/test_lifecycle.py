"""Start, stop, kill, restart, wait, rename, remove: states, exit codes and refusals."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.contract.worlds import World, status_of

SECOND = 1_000_000_000


def eventually(world: World, key: str, holds: Callable[[dict[str, Any]], bool], seconds: float = 10) -> dict[str, Any]:
    """Inspects until the container's state is as wanted."""
    deadline = time.monotonic() + seconds
    while True:
        found = world.inspect(key)
        if holds(found) or time.monotonic() > deadline:
            assert holds(found), found["State"]
            return found
        time.sleep(0.05)


def test_created_running_exited(world: World) -> None:
    engine, key = world.engine, world.container("a")
    state = world.inspect(key)["State"]
    assert (state["Status"], state["Running"], state["StartedAt"]) == ("created", False, "0001-01-01T00:00:00Z")
    engine.start_container(key)
    state = world.inspect(key)["State"]
    assert (state["Status"], state["Running"], state["Pid"] > 0) == ("running", True, True)
    engine.stop_container(key, 0)
    state = world.inspect(key)["State"]
    assert (state["Status"], state["Running"], state["Pid"], state["ExitCode"]) == ("exited", False, 0, 137)


def test_starting_and_stopping_twice_is_no_error(world: World) -> None:
    engine, key = world.engine, world.container("a", start=True)
    engine.start_container(key)
    engine.stop_container(key, 0)
    engine.stop_container(key, 0)


def test_stopping_what_never_ran_changes_nothing(world: World) -> None:
    key = world.container("a")
    world.engine.stop_container(key, 0)
    assert world.inspect(key)["State"]["Status"] == "created"


def test_restart_starts_what_does_not_run(world: World) -> None:
    key = world.container("a")
    world.engine.restart_container(key, 0)
    assert world.inspect(key)["State"]["Running"]
    world.engine.restart_container(key, 0)
    assert world.inspect(key)["State"]["Running"]
    assert world.inspect(key)["RestartCount"] == 0


def test_a_process_ends_with_its_own_exit_code(world: World) -> None:
    engine, key = world.engine, world.container("a", Cmd=["sh", "-c", "exit 3"])
    engine.start_container(key)
    assert engine.wait_container(key) == 3
    state = eventually(world, key, lambda found: not found["State"]["Running"])["State"]
    assert (state["Status"], state["ExitCode"], state["Error"]) == ("exited", 3, "")
    assert engine.wait_container(key) == 3
    assert engine.exit_code(key) == 3


def test_one_that_has_not_ended_has_no_exit_code(world: World) -> None:
    engine, key = world.engine, world.container("a", Labels={"sim.behaviour": "run"})
    assert status_of(engine.exit_code, key) == 0
    assert status_of(engine.exit_code, "no-such-container") == 404
    engine.start_container(key)
    assert engine.exit_code(key) is None
    engine.kill_container(key, "KILL")
    eventually(world, key, lambda found: not found["State"]["Running"])
    assert engine.exit_code(key) == 137


def test_the_list_tells_the_exit_code(world: World) -> None:
    key = world.container("a", Cmd=["sh", "-c", "exit 0"], start=True)
    eventually(world, key, lambda found: not found["State"]["Running"])
    listed = next(each for each in world.engine.list_containers() if each["Id"] == key)
    assert listed["State"] == "exited"
    assert str(listed["Status"]).startswith("Exited (0)")


def test_kill(world: World) -> None:
    engine, key = world.engine, world.container("a")
    assert status_of(engine.kill_container, key, "KILL") == 409
    engine.start_container(key)
    assert status_of(engine.kill_container, key, "FOO") == 400
    engine.kill_container(key, "SIGKILL")
    assert eventually(world, key, lambda found: not found["State"]["Running"])["State"]["ExitCode"] == 137


def test_remove_needs_force_while_it_runs(world: World) -> None:
    engine, key = world.engine, world.container("a", start=True)
    assert status_of(engine.remove_container, key, force=False, anonymous_volumes=False) == 409
    engine.remove_container(key, force=True, anonymous_volumes=False)
    assert engine.inspect_container(key) is None
    assert status_of(engine.remove_container, key, force=True, anonymous_volumes=False) == 404


def test_rename(world: World) -> None:
    engine, key = world.engine, world.container("a", start=True)
    world.container("b")
    assert status_of(engine.rename_container, key, world.name("a")) == 400
    assert status_of(engine.rename_container, key, world.name("b")) == 409
    assert status_of(engine.rename_container, key, "x") == 400
    engine.rename_container(key, world.name("c"))
    found = world.inspect(world.name("c"))
    assert (found["Id"], found["Name"], found["Config"]["Hostname"]) == (key, f"/{world.name('c')}", key[:12])
    assert engine.inspect_container(world.name("a")) is None


def test_writes_to_nothing_are_not_found(world: World) -> None:
    engine, nothing = world.engine, world.name("nothing")
    found = {
        "start": status_of(engine.start_container, nothing),
        "stop": status_of(engine.stop_container, nothing, 1),
        "kill": status_of(engine.kill_container, nothing, "KILL"),
        "restart": status_of(engine.restart_container, nothing, 1),
        "rename": status_of(engine.rename_container, nothing, "other"),
        "update": status_of(engine.update_container, nothing, {}),
        "wait": status_of(engine.wait_container, nothing),
        "logs": status_of(engine.container_logs, nothing, tail=1),
        "remove": status_of(engine.remove_container, nothing, force=True, anonymous_volumes=False),
    }
    assert set(found.values()) == {404}, found


def test_a_container_that_removes_itself_is_gone_after_its_end(world: World) -> None:
    key = world.container("a", Volumes={"/x": {}}, HostConfig={"AutoRemove": True}, start=True)
    volume = world.inspect(key)["Mounts"][0]["Name"]
    world.engine.restart_container(key, 0)
    assert world.inspect(key)["State"]["Running"], "a restart does not remove it"
    world.engine.stop_container(key, 0)
    deadline = time.monotonic() + 10
    while world.engine.inspect_container(key) is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert world.engine.inspect_container(key) is None
    assert world.engine.inspect_volume(volume) is None


def test_a_restart_policy_brings_the_process_back_until_it_gives_up(world: World) -> None:
    policy = {"Name": "on-failure", "MaximumRetryCount": 2}
    key = world.container("a", Cmd=["sh", "-c", "exit 3"], HostConfig={"RestartPolicy": policy}, start=True)
    found = eventually(world, key, lambda each: each["State"]["Status"] == "exited" and each["RestartCount"] == 2)
    assert found["State"]["ExitCode"] == 3


def test_a_restarting_container_can_be_stopped(world: World) -> None:
    key = world.container("a", Cmd=["sh", "-c", "exit 3"], HostConfig={"RestartPolicy": {"Name": "always"}}, start=True)
    eventually(world, key, lambda each: each["RestartCount"] > 0)
    world.engine.stop_container(key, 0)
    state = world.inspect(key)["State"]
    assert (state["Status"], state["Running"], state["Restarting"]) == ("exited", False, False)


def test_health_goes_from_starting_to_healthy_and_ends_unhealthy(world: World) -> None:
    check = {"Test": ["CMD", "true"], "Interval": SECOND}
    key = world.container("a", Healthcheck=check)
    assert "Health" not in world.inspect(key)["State"]
    world.engine.start_container(key)
    assert world.inspect(key)["State"]["Health"]["Status"] == "starting"
    health = eventually(world, key, lambda each: each["State"]["Health"]["Status"] == "healthy")["State"]["Health"]
    assert (health["FailingStreak"], health["Log"][-1]["ExitCode"]) == (0, 0)
    listed = next(each for each in world.engine.list_containers() if each["Id"] == key)
    assert str(listed["Status"]).endswith("(healthy)")
    world.engine.stop_container(key, 0)
    assert world.inspect(key)["State"]["Health"]["Status"] == "unhealthy"
    world.engine.start_container(key)
    assert world.inspect(key)["State"]["Health"]["Status"] == "starting"


def test_a_failing_check_ends_unhealthy(world: World) -> None:
    check = {"Test": ["CMD", "false"], "Interval": SECOND // 2, "Retries": 1}
    key = world.container("a", Healthcheck=check, Labels={"sim.behaviour": "unhealthy"}, start=True)
    health = eventually(world, key, lambda each: each["State"]["Health"]["Status"] == "unhealthy")["State"]["Health"]
    assert health["FailingStreak"] >= 1
    assert health["Log"][-1]["ExitCode"] == 1


def test_no_check_no_health(world: World) -> None:
    key = world.container("a", Healthcheck={"Test": ["NONE"]}, start=True)
    assert "Health" not in world.inspect(key)["State"]


def test_a_process_that_cannot_be_started_is_remembered(world: World) -> None:
    key = world.container("a", Cmd=["/nonexistent"], Labels={"sim.behaviour": "fail:exec: /nonexistent: not found"})
    assert status_of(world.engine.start_container, key) == 400
    state = world.inspect(key)["State"]
    assert (state["Status"], state["Running"], state["ExitCode"]) == ("created", False, 127)
    assert "/nonexistent" in state["Error"]


def test_the_first_start_fills_in_the_runtime(world: World) -> None:
    key = world.create("a", {"Image": "busybox:1", "Cmd": ["sleep", "600"]})
    assert ("Runtime" in world.host_config(key)) is world.modern
    world.engine.start_container(key)
    assert world.host_config(key)["Runtime"] == "runc"


def test_the_last_lines_of_the_log(world: World) -> None:
    key = world.container("a", Cmd=["sh", "-c", "echo one; echo two >&2; exit 0"], start=True)
    eventually(world, key, lambda each: not each["State"]["Running"])
    assert len(world.engine.container_logs(key, tail=1).splitlines()) == 1
    assert len(world.engine.container_logs(key, tail=2).splitlines()) == 2


def test_another_containers_name_spaces_need_it_running(world: World) -> None:
    engine, target = world.engine, world.container("t", HostConfig={"IpcMode": "shareable"})
    name = f"container:{target}"
    joining = {
        mode: world.container(mode.lower(), HostConfig={mode: name}) for mode in ("NetworkMode", "PidMode", "IpcMode")
    }
    found = {mode: status_of(engine.start_container, key) for mode, key in joining.items()}
    assert found == {"NetworkMode": 409, "PidMode": 500, "IpcMode": 409 if world.modern else 500}
    engine.start_container(target)
    for key in joining.values():
        engine.start_container(key)
    shared = world.inspect(joining["NetworkMode"])
    assert shared["Config"]["Hostname"] == target[:12]
    assert shared["NetworkSettings"]["Networks"] == {}


def test_a_private_ipc_space_cannot_be_joined(world: World) -> None:
    target = world.container("t", start=True)
    key = world.container("a", HostConfig={"IpcMode": f"container:{target}"})
    assert status_of(world.engine.start_container, key) == (400 if world.modern else 500)


def test_the_network_of_a_missing_container_is_found_out_at_start(world: World) -> None:
    key = world.container("a", HostConfig={"NetworkMode": "container:no-such-container"})
    assert world.host_config(key)["NetworkMode"] == "container:no-such-container"
    assert status_of(world.engine.start_container, key) == (500 if world.newest else 404)
