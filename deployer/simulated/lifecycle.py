"""The life of a container: start, stop, kill, restart, wait. Nothing here reads a clock: a container's process advances
when it is inspected (`observe`). A health check settles, a process exits, and the restart policy starts it again, as
its behaviour says."""

from __future__ import annotations

from deployer.errors import EngineError
from deployer.simulated.behaviour import KILLED, Behaviour, behaviour_of
from deployer.simulated.endpoints import activate, by_name, deactivate, network_of_mode
from deployer.simulated.hostconfig import DEFAULT_RUNTIME
from deployer.simulated.joining import check_joined_spaces, joined_network
from deployer.simulated.lookup import find_container, find_network, need_container
from deployer.simulated.ports import publish
from deployer.simulated.refusals import conflict, failed, invalid, missing
from deployer.simulated.state import NEVER, Record, SimulatedHost
from deployer.simulated.validation import check_signal
from deployer.simulated.volumes import volume_users

MAX_SIGNAL = 64
NOT_FOUND = 127
NOT_STARTED = 128


def created_state() -> Record:
    return {
        "Status": "created",
        "Running": False,
        "Paused": False,
        "Restarting": False,
        "OOMKilled": False,
        "Dead": False,
        "Pid": 0,
        "ExitCode": 0,
        "Error": "",
        "StartedAt": NEVER,
        "FinishedAt": NEVER,
    }


# Start


def start(host: SimulatedHost, ref: str) -> None:
    """A failed start is recorded in the container's state; an auto_remove container is removed."""
    container = need_container(host, ref)
    if container["State"]["Paused"]:
        raise conflict("cannot start a paused container, try unpause instead")
    if container["State"]["Running"]:
        return
    behaviour = behaviour_of(host, container)
    _settle_host_config(host, container)
    try:
        _attach(host, container)
        if behaviour.start_error:
            raise invalid(f"failed to create task for container: {behaviour.start_error}")
    except EngineError as exc:
        process_failed = behaviour.start_error and behaviour.start_error in exc.message
        _note_failed_start(host, container, exc.message, NOT_FOUND if process_failed else NOT_STARTED)
        raise
    _launch(host, container, behaviour)


def _attach(host: SimulatedHost, container: Record) -> None:
    """Joins another container's network or its own networks (the default bridge first), then takes host ports."""
    mode = container["HostConfig"]["NetworkMode"]
    if mode.startswith("container:"):
        container["Config"]["Hostname"] = joined_network(host, mode)["Config"]["Hostname"]
    container["inherited"] = []
    networks = container["networks"] = by_name(host, container["networks"])
    for name in sorted(networks, key=lambda each: each != "bridge"):
        activate(host, container, name, networks[name])
    container["ports"] = publish(host, container)
    check_joined_spaces(host, container)


def _note_failed_start(host: SimulatedHost, container: Record, message: str, code: int) -> None:
    _detach(container)
    container["State"] |= {"Error": message, "ExitCode": container["State"]["ExitCode"] or code}
    if container["HostConfig"]["AutoRemove"]:
        discard(host, container, anonymous_volumes=True)
    host.state.touch()


def _detach(container: Record) -> None:
    deactivate(container)
    container["ports"] = {}


def _settle_host_config(host: SimulatedHost, container: Record) -> None:
    """The first start fills in the runtime, completes the beginning of a network's id, and under cgroup v2 drops the
    out-of-memory switch."""
    host_config = container["HostConfig"]
    network = find_network(host, network_of_mode(host_config["NetworkMode"]))
    if network and network["Id"].startswith(host_config["NetworkMode"]) and host.profile.is_at_least("25"):
        host_config["NetworkMode"] = network["Id"]
    host_config.setdefault("Runtime", DEFAULT_RUNTIME)
    if host.facts.cgroup == 2:
        host_config["OomKillDisable"] = None


def _launch(host: SimulatedHost, container: Record, behaviour: Behaviour) -> None:
    started = host.state.tick()
    container["reads"] = 0
    container["State"] |= {
        "Status": "running",
        "Running": True,
        "Restarting": False,
        "Pid": 1000 + host.state.counter,
        "ExitCode": 0,
        "Error": "",
        "StartedAt": started,
    }
    if has_healthcheck(container):
        container["State"]["Health"] = {"Status": "starting", "FailingStreak": 0, "Log": []}
    if behaviour.exit_code is not None and behaviour.reads == 0:
        _exit(host, container, behaviour.exit_code)


def has_healthcheck(container: Record) -> bool:
    test = (container["Config"].get("Healthcheck") or {}).get("Test") or ["NONE"]
    return bool(test[0] != "NONE")


# While it runs


def observe(host: SimulatedHost, container: Record) -> None:
    """Advance an unsettled process by one inspection."""
    if not container["State"]["Running"] or container["State"]["Paused"]:
        return
    behaviour = behaviour_of(host, container)
    unsettled = container["State"].get("Health", {}).get("Status") == "starting"
    if behaviour.exit_code is None and not unsettled:
        return
    container["reads"] += 1
    host.state.touch()
    if container["reads"] <= behaviour.reads:
        return
    if behaviour.exit_code is not None:
        _exit(host, container, behaviour.exit_code)
    elif behaviour.health != "starting":
        _settle_health(host, container, behaviour.health)


def _settle_health(host: SimulatedHost, container: Record, status: str) -> None:
    passed = status == "healthy"
    retries = container["Config"]["Healthcheck"].get("Retries") or 3
    moment = host.state.now()
    result = {"Start": moment, "End": moment, "ExitCode": 0 if passed else 1}
    result["Output"] = "" if passed else "simulated: the check failed\n"
    container["State"]["Health"] = {
        "Status": status,
        "FailingStreak": 0 if passed else retries,
        "Log": [result] * (1 if passed else retries),
    }


def _exit(host: SimulatedHost, container: Record, code: int) -> None:
    """The process exited; the restart policy decides what follows."""
    if not _restarts(container, code):
        finish(host, container, code)
        return
    container["RestartCount"] += 1
    container["reads"] = 0
    behaviour = behaviour_of(host, container)
    waits = behaviour.reads == 0
    container["State"] |= {
        "Status": "restarting" if waits else "running",
        "Restarting": waits,
        "ExitCode": code if waits else 0,
        "FinishedAt": host.state.tick(),
    }


def _restarts(container: Record, code: int) -> bool:
    policy = container["HostConfig"]["RestartPolicy"]
    limit = policy["MaximumRetryCount"]
    if policy["Name"] == "on-failure":
        return code != 0 and (limit == 0 or container["RestartCount"] < limit)
    return policy["Name"] in {"always", "unless-stopped"}


# Pause


def pause(host: SimulatedHost, ref: str) -> None:
    container = need_container(host, ref)
    state, key = container["State"], container["Id"]
    if not state["Running"]:
        raise conflict(f"Container {key} is not running")
    if state["Paused"] or state["Restarting"]:
        raise conflict(f"Container {key} is {'already paused' if state['Paused'] else 'restarting'}")
    state |= {"Status": "paused", "Paused": True}


def unpause(host: SimulatedHost, ref: str) -> None:
    container = need_container(host, ref)
    if not container["State"]["Paused"]:
        raise failed(f"Container {container['Id']} is not paused")
    container["State"] |= {"Status": "running", "Paused": False}


# Stop


def stop(host: SimulatedHost, ref: str) -> None:
    container = need_container(host, ref)
    if container["State"]["Running"]:
        finish(host, container, _stop_code(host, container))


def _stop_code(host: SimulatedHost, container: Record) -> int:
    """A container between two attempts has no process left to stop: the last one's code stays."""
    state = container["State"]
    return int(state["ExitCode"]) if state["Restarting"] else behaviour_of(host, container).stop_code


def kill(host: SimulatedHost, ref: str, signal: str) -> None:
    """SIGKILL and the container's stop signal end the process; it ignores others."""
    modern = host.profile.is_at_least("25")
    refusal = f"cannot kill container: {ref}"
    container = find_container(host, ref)
    if container is None:
        raise missing(f"{refusal}: No such container: {ref}")
    if signal.isdigit() and int(signal) > MAX_SIGNAL:
        raise (invalid if modern else failed)(f"{refusal}: the daemon does not support signal {signal}")
    name = check_signal(signal or "KILL")
    if not container["State"]["Running"]:
        raise conflict(f"{refusal}: Container {container['Id']} is not running")
    if name == "SIGKILL":
        finish(host, container, KILLED)
    elif name == check_signal(container["Config"].get("StopSignal") or "TERM"):
        finish(host, container, behaviour_of(host, container).stop_code)


def restart(host: SimulatedHost, ref: str) -> None:
    """Stops a running container and starts it, or starts a stopped one; one that removes itself survives it."""
    container = need_container(host, ref)
    if container["State"]["Running"]:
        _end(host, container, _stop_code(host, container))
    start(host, container["Id"])


def wait(host: SimulatedHost, ref: str) -> int:
    """Advance until the process ends. One that would run for ever exits with 0: there is no clock."""
    container = need_container(host, ref)
    if not container["State"]["Running"]:
        return int(container["State"]["ExitCode"])
    code = behaviour_of(host, container).exit_code or 0
    finish(host, container, code)
    return code


def exit_code(host: SimulatedHost, ref: str) -> int | None:
    """One look at a process that somebody waits for. Only one that is said to run does so for ever."""
    container = need_container(host, ref)
    behaviour = behaviour_of(host, container)
    if container["State"]["Status"] == "created" and not container["State"]["ExitCode"]:
        raise EngineError(f"{ref} was never started", status=0)
    if container["State"]["Running"] and behaviour.exit_code is None and not behaviour.lasts:
        return wait(host, ref)
    observe(host, container)
    running = container["State"]["Running"]
    return None if running else int(container["State"]["ExitCode"])


def finish(host: SimulatedHost, container: Record, code: int) -> None:
    """The container has exited and stays stopped; an auto_remove container is removed."""
    _end(host, container, code)
    if container["HostConfig"]["AutoRemove"]:
        discard(host, container, anonymous_volumes=True)


def _end(host: SimulatedHost, container: Record, code: int) -> None:
    _detach(container)
    state = container["State"]
    state |= {
        "Status": "exited",
        "Running": False,
        "Paused": False,
        "Restarting": False,
        "Pid": 0,
        "ExitCode": code,
        "FinishedAt": host.state.tick(),
    }
    if "Health" in state:
        state["Health"]["Status"] = "unhealthy"


def discard(host: SimulatedHost, container: Record, *, anonymous_volumes: bool) -> None:
    """Removes the container, and on request its anonymous volumes that no other container uses."""
    del host.state.containers[container["Id"]]
    if container["State"]["FinishedAt"] != NEVER:
        host.state.ended[container["Id"]] = container["State"]["ExitCode"]
    for name in container["anonymous"] if anonymous_volumes else []:
        if name in host.state.volumes and not volume_users(host, name):
            del host.state.volumes[name]
