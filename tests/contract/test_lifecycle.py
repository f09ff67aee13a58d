"""Start, stop, kill, restart, wait, rename, remove: states, exit codes and refusals."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.contract.sandbox import Sandbox, status_of
from tests.lab.shell import wait_for

SECOND = 1_000_000_000


def eventually(
    sandbox: Sandbox, key: str, holds: Callable[[dict[str, Any]], bool], seconds: float = 10
) -> dict[str, Any]:
    """Inspects until the container's state is as wanted."""
    deadline = time.monotonic() + seconds
    while True:
        found = sandbox.inspect(key)
        if holds(found) or time.monotonic() > deadline:
            assert holds(found), found["State"]
            return found
        time.sleep(0.05)


def test_created_running_exited(sandbox: Sandbox) -> None:
    engine, key = sandbox.engine, sandbox.container("a")
    state = sandbox.inspect(key)["State"]
    assert (state["Status"], state["Running"], state["StartedAt"]) == ("created", False, "0001-01-01T00:00:00Z")
    engine.start_container(key)
    state = sandbox.inspect(key)["State"]
    assert (state["Status"], state["Running"], state["Pid"] > 0) == ("running", True, True)
    engine.stop_container(key, 0)
    state = sandbox.inspect(key)["State"]
    assert (state["Status"], state["Running"], state["Pid"], state["ExitCode"]) == ("exited", False, 0, 137)


def test_starting_and_stopping_twice_is_not_an_error(sandbox: Sandbox) -> None:
    engine, key = sandbox.engine, sandbox.container("a", start=True)
    engine.start_container(key)
    engine.stop_container(key, 0)
    engine.stop_container(key, 0)


def test_stopping_a_created_container_changes_nothing(sandbox: Sandbox) -> None:
    key = sandbox.container("a")
    sandbox.engine.stop_container(key, 0)
    assert sandbox.inspect(key)["State"]["Status"] == "created"


def test_restart_starts_a_stopped_container(sandbox: Sandbox) -> None:
    key = sandbox.container("a")
    sandbox.engine.restart_container(key, 0)
    assert sandbox.inspect(key)["State"]["Running"]
    sandbox.engine.restart_container(key, 0)
    assert sandbox.inspect(key)["State"]["Running"]
    assert sandbox.inspect(key)["RestartCount"] == 0


def test_a_process_ends_with_its_own_exit_code(sandbox: Sandbox) -> None:
    engine, key = sandbox.engine, sandbox.container("a", Cmd=["sh", "-c", "exit 3"])
    engine.start_container(key)
    assert engine.wait_container(key) == 3
    state = eventually(sandbox, key, lambda found: not found["State"]["Running"])["State"]
    assert (state["Status"], state["ExitCode"], state["Error"]) == ("exited", 3, "")
    assert engine.wait_container(key) == 3
    assert engine.exit_code(key) == 3


def test_one_that_has_not_ended_has_no_exit_code(sandbox: Sandbox) -> None:
    engine, key = sandbox.engine, sandbox.container("a", Labels={"sim.behaviour": "run"})
    assert status_of(engine.exit_code, key) == 0
    assert status_of(engine.exit_code, "no-such-container") == 404
    engine.start_container(key)
    assert engine.exit_code(key) is None
    engine.kill_container(key, "KILL")
    eventually(sandbox, key, lambda found: not found["State"]["Running"])
    assert engine.exit_code(key) == 137


def test_the_list_shows_the_exit_code(sandbox: Sandbox) -> None:
    key = sandbox.container("a", Cmd=["sh", "-c", "exit 0"], start=True)
    eventually(sandbox, key, lambda found: not found["State"]["Running"])
    listed = next(each for each in sandbox.engine.list_containers() if each["Id"] == key)
    assert listed["State"] == "exited"
    assert str(listed["Status"]).startswith("Exited (0)")


def test_kill(sandbox: Sandbox) -> None:
    engine, key = sandbox.engine, sandbox.container("a")
    assert status_of(engine.kill_container, key, "KILL") == 409
    engine.start_container(key)
    assert status_of(engine.kill_container, key, "FOO") == 400
    engine.kill_container(key, "SIGKILL")
    assert eventually(sandbox, key, lambda found: not found["State"]["Running"])["State"]["ExitCode"] == 137


def test_pause(sandbox: Sandbox) -> None:
    engine, key = sandbox.engine, sandbox.container("a")
    assert (status_of(engine.pause_container, key), status_of(engine.unpause_container, key)) == (409, 500)
    engine.start_container(key)
    assert status_of(engine.unpause_container, key) == 500
    engine.pause_container(key)
    state = sandbox.inspect(key)["State"]
    assert (state["Status"], state["Running"], state["Paused"]) == ("paused", True, True)
    assert (status_of(engine.pause_container, key), status_of(engine.start_container, key)) == (409, 409)
    engine.update_container(key, {"CpuShares": 512})
    engine.rename_container(key, sandbox.name("b"))
    engine.unpause_container(key)
    state = sandbox.inspect(key)["State"]
    assert (state["Status"], state["Paused"], state["Pid"] > 0) == ("running", False, True)
    engine.pause_container(key)
    engine.stop_container(key, 0)
    state = sandbox.inspect(key)["State"]
    assert (state["Status"], state["Paused"], state["ExitCode"]) == ("exited", False, 137)


def test_remove_needs_force_while_it_runs(sandbox: Sandbox) -> None:
    engine, key = sandbox.engine, sandbox.container("a", start=True)
    assert status_of(engine.remove_container, key, force=False, anonymous_volumes=False) == 409
    engine.remove_container(key, force=True, anonymous_volumes=False)
    assert engine.inspect_container(key) is None
    assert status_of(engine.remove_container, key, force=True, anonymous_volumes=False) == 404


def test_rename(sandbox: Sandbox) -> None:
    engine, key = sandbox.engine, sandbox.container("a", start=True)
    sandbox.container("b")
    assert status_of(engine.rename_container, key, sandbox.name("a")) == 400
    assert status_of(engine.rename_container, key, sandbox.name("b")) == 409
    assert status_of(engine.rename_container, key, "x") == 400
    engine.rename_container(key, sandbox.name("c"))
    found = sandbox.inspect(sandbox.name("c"))
    assert (found["Id"], found["Name"], found["Config"]["Hostname"]) == (key, f"/{sandbox.name('c')}", key[:12])
    assert engine.inspect_container(sandbox.name("a")) is None


def test_writes_to_nothing_are_not_found(sandbox: Sandbox) -> None:
    engine, nothing = sandbox.engine, sandbox.name("nothing")
    found = {
        "start": status_of(engine.start_container, nothing),
        "stop": status_of(engine.stop_container, nothing, 1),
        "kill": status_of(engine.kill_container, nothing, "KILL"),
        "restart": status_of(engine.restart_container, nothing, 1),
        "pause": status_of(engine.pause_container, nothing),
        "unpause": status_of(engine.unpause_container, nothing),
        "rename": status_of(engine.rename_container, nothing, "other"),
        "update": status_of(engine.update_container, nothing, {}),
        "wait": status_of(engine.wait_container, nothing),
        "logs": status_of(engine.container_logs, nothing, tail=1),
        "remove": status_of(engine.remove_container, nothing, force=True, anonymous_volumes=False),
    }
    assert set(found.values()) == {404}, found


def test_a_container_that_removes_itself_is_gone_after_its_end(sandbox: Sandbox) -> None:
    key = sandbox.container("a", Volumes={"/x": {}}, HostConfig={"AutoRemove": True}, start=True)
    volume = sandbox.inspect(key)["Mounts"][0]["Name"]
    sandbox.engine.restart_container(key, 0)
    assert sandbox.inspect(key)["State"]["Running"], "a restart does not remove it"
    sandbox.engine.stop_container(key, 0)
    _await_removal(sandbox, key)
    wait_for(lambda: sandbox.engine.inspect_volume(volume) is None, 10, "the volume to go after its container")


def test_one_that_removes_itself_leaves_its_exit_code_and_what_it_wrote(sandbox: Sandbox) -> None:
    """With a terminal too, whose output is not framed; one that goes on is not waited for."""
    engine, ends = sandbox.engine, ["sh", "-c", "echo no luck >&2; exit 3"]
    for word, tty in (("a", False), ("b", True)):
        key = sandbox.container(word, Cmd=ends, Tty=tty, HostConfig={"AutoRemove": True})
        said = engine.start_attached(key, 20)
        assert said.splitlines()[-1] in ("no luck", f"simulated: {sandbox.name(word)} ended with exit code 3")
        _await_removal(sandbox, key)
        assert engine.removed_exit_code(key) == 3
    key = sandbox.container("c", HostConfig={"AutoRemove": True})
    assert engine.start_attached(key, 0.3) == ""
    assert sandbox.inspect(key)["State"]["Running"]
    engine.stop_container(key, 0)
    _await_removal(sandbox, key)
    assert engine.removed_exit_code(key) == 137
    assert status_of(engine.start_attached, key, 0.3) == 404


def _await_removal(sandbox: Sandbox, key: str) -> None:
    deadline = time.monotonic() + 10
    while sandbox.engine.inspect_container(key) is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sandbox.engine.inspect_container(key) is None


def test_a_restart_policy_brings_the_process_back_until_it_gives_up(sandbox: Sandbox) -> None:
    policy = {"Name": "on-failure", "MaximumRetryCount": 2}
    key = sandbox.container("a", Cmd=["sh", "-c", "exit 3"], HostConfig={"RestartPolicy": policy}, start=True)
    found = eventually(sandbox, key, lambda each: each["State"]["Status"] == "exited" and each["RestartCount"] == 2)
    assert found["State"]["ExitCode"] == 3


def test_a_restarting_container_can_be_stopped(sandbox: Sandbox) -> None:
    key = sandbox.container(
        "a", Cmd=["sh", "-c", "exit 3"], HostConfig={"RestartPolicy": {"Name": "always"}}, start=True
    )
    eventually(sandbox, key, lambda each: each["RestartCount"] > 0)
    sandbox.engine.stop_container(key, 0)
    state = sandbox.inspect(key)["State"]
    assert (state["Status"], state["Running"], state["Restarting"]) == ("exited", False, False)


def test_health_goes_from_starting_to_healthy_and_ends_unhealthy(sandbox: Sandbox) -> None:
    check = {"Test": ["CMD", "true"], "Interval": SECOND}
    key = sandbox.container("a", Healthcheck=check)
    assert "Health" not in sandbox.inspect(key)["State"]
    sandbox.engine.start_container(key)
    assert sandbox.inspect(key)["State"]["Health"]["Status"] == "starting"
    health = eventually(sandbox, key, lambda each: each["State"]["Health"]["Status"] == "healthy")["State"]["Health"]
    assert (health["FailingStreak"], health["Log"][-1]["ExitCode"]) == (0, 0)
    listed = next(each for each in sandbox.engine.list_containers() if each["Id"] == key)
    assert str(listed["Status"]).endswith("(healthy)")
    sandbox.engine.stop_container(key, 0)
    assert sandbox.inspect(key)["State"]["Health"]["Status"] == "unhealthy"
    sandbox.engine.start_container(key)
    assert sandbox.inspect(key)["State"]["Health"]["Status"] == "starting"


def test_a_failing_check_ends_unhealthy(sandbox: Sandbox) -> None:
    check = {"Test": ["CMD", "false"], "Interval": SECOND // 2, "Retries": 1}
    key = sandbox.container("a", Healthcheck=check, Labels={"sim.behaviour": "unhealthy"}, start=True)
    health = eventually(sandbox, key, lambda each: each["State"]["Health"]["Status"] == "unhealthy")["State"]["Health"]
    assert health["FailingStreak"] >= 1
    assert health["Log"][-1]["ExitCode"] == 1


def test_no_check_no_health(sandbox: Sandbox) -> None:
    key = sandbox.container("a", Healthcheck={"Test": ["NONE"]}, start=True)
    assert "Health" not in sandbox.inspect(key)["State"]


def test_a_process_that_cannot_be_started_is_remembered(sandbox: Sandbox) -> None:
    key = sandbox.container("a", Cmd=["/nonexistent"], Labels={"sim.behaviour": "fail:exec: /nonexistent: not found"})
    assert status_of(sandbox.engine.start_container, key) == 400
    state = sandbox.inspect(key)["State"]
    assert (state["Status"], state["Running"], state["ExitCode"]) == ("created", False, 127)
    assert "/nonexistent" in state["Error"]


def test_the_first_start_fills_in_the_runtime(sandbox: Sandbox) -> None:
    key = sandbox.create("a", {"Image": "busybox:1", "Cmd": ["sleep", "600"]})
    assert ("Runtime" in sandbox.host_config(key)) is sandbox.modern
    sandbox.engine.start_container(key)
    assert sandbox.host_config(key)["Runtime"] == "runc"


def test_the_last_lines_of_the_log(sandbox: Sandbox) -> None:
    key = sandbox.container("a", Cmd=["sh", "-c", "echo one; echo two >&2; exit 0"], start=True)
    eventually(sandbox, key, lambda each: not each["State"]["Running"])
    assert len(sandbox.engine.container_logs(key, tail=1).splitlines()) == 1
    assert len(sandbox.engine.container_logs(key, tail=2).splitlines()) == 2


def test_another_containers_name_spaces_need_it_running(sandbox: Sandbox) -> None:
    engine, target = sandbox.engine, sandbox.container("t", HostConfig={"IpcMode": "shareable"})
    name = f"container:{target}"
    joining = {
        mode: sandbox.container(mode.lower(), HostConfig={mode: name}) for mode in ("NetworkMode", "PidMode", "IpcMode")
    }
    found = {mode: status_of(engine.start_container, key) for mode, key in joining.items()}
    assert found == {"NetworkMode": 409, "PidMode": 500, "IpcMode": 409 if sandbox.modern else 500}
    engine.start_container(target)
    for key in joining.values():
        engine.start_container(key)
    shared = sandbox.inspect(joining["NetworkMode"])
    assert shared["Config"]["Hostname"] == target[:12]
    assert shared["NetworkSettings"]["Networks"] == {}


def test_a_private_ipc_space_cannot_be_joined(sandbox: Sandbox) -> None:
    target = sandbox.container("t", start=True)
    key = sandbox.container("a", HostConfig={"IpcMode": f"container:{target}"})
    assert status_of(sandbox.engine.start_container, key) == (400 if sandbox.modern else 500)


def test_the_network_of_a_missing_container_is_found_out_at_start(sandbox: Sandbox) -> None:
    key = sandbox.container("a", HostConfig={"NetworkMode": "container:no-such-container"})
    assert sandbox.host_config(key)["NetworkMode"] == "container:no-such-container"
    assert status_of(sandbox.engine.start_container, key) == (500 if sandbox.newest else 404)
