"""From created to exited and back: start, stop, kill, restart, wait, and what time does to a running container.

Nothing here reads a clock. A container's process moves on when it is inspected (`observe`): a health check settles, a
process that is to exit exits, and the restart policy brings it back, as its behaviour says.
"""

from __future__ import annotations

from deployer.engine.simulated.behaviour import Behaviour, behaviour_of
from deployer.engine.simulated.endpoints import activate, deactivate
from deployer.engine.simulated.hostconfig import DEFAULT_RUNTIME
from deployer.engine.simulated.lookup import find_container, need_container
from deployer.engine.simulated.ports import publish
from deployer.engine.simulated.refusals import conflict, invalid, missing
from deployer.engine.simulated.state import NEVER, Record, SimulatedHost
from deployer.engine.simulated.vocabulary import is_kill, is_signal, same_signal
from deployer.engine.simulated.volumes import volume_users
from deployer.errors import EngineError

STOP_TERM = 0
STOP_KILL = 137


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
    """A failed start is remembered in the container's state; one that removes itself is gone."""
    container = need_container(host, ref)
    if container["State"]["Running"]:
        return
    behaviour = behaviour_of(host, container)
    try:
        _attach(host, container)
        if behaviour.start_error:
            raise invalid(f"failed to create task for container: {behaviour.start_error}")
    except EngineError as exc:
        _note_failed_start(host, container, exc)
        raise
    _settle_host_config(host, container)
    _launch(host, container, behaviour)


def _attach(host: SimulatedHost, container: Record) -> None:
    """Joins other containers' name spaces, then networks (the default bridge first), then takes host ports."""
    host_config = container["HostConfig"]
    for key, word in (("PidMode", "PID"), ("IpcMode", "IPC"), ("NetworkMode", "network")):
        mode = host_config[key]
        if mode.startswith("container:"):
            other = _joined(host, mode.removeprefix("container:"), word)
            if key == "NetworkMode":
                container["Config"]["Hostname"] = other["Config"]["Hostname"]
    networks = container["networks"]
    for name in sorted(networks, key=lambda each: each != "bridge"):
        activate(host, container, name, networks[name])
    container["ports"] = publish(host, container)


def _joined(host: SimulatedHost, ref: str, space: str) -> Record:
    other = find_container(host, ref)
    if other is None:
        raise missing(f"No such container: {ref}")
    if not other["State"]["Running"]:
        raise conflict(f"cannot join {space} of a non running container: {other['Id']}")
    return other


def _note_failed_start(host: SimulatedHost, container: Record, exc: EngineError) -> None:
    _detach(container)
    container["State"] |= {"Error": exc.message, "ExitCode": container["State"]["ExitCode"] or 128}
    if container["HostConfig"]["AutoRemove"]:
        discard(host, container, anonymous_volumes=True)
    host.state.touch()


def _detach(container: Record) -> None:
    deactivate(container)
    container["ports"] = {}


def _settle_host_config(host: SimulatedHost, container: Record) -> None:
    """The first start fills in the runtime, and under cgroup v2 drops the out-of-memory switch."""
    host_config = container["HostConfig"]
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
    """One inspection's worth of time passes for a container whose process is not settled yet."""
    if not container["State"]["Running"]:
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
    """The process ended by itself; the restart policy decides what follows."""
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


# Stop


def stop(host: SimulatedHost, ref: str) -> None:
    container = need_container(host, ref)
    if container["State"]["Running"]:
        finish(host, container, STOP_TERM)


def kill(host: SimulatedHost, ref: str, signal: str) -> None:
    """SIGKILL and the container's own stop signal end the process; it takes no notice of others."""
    container = need_container(host, ref)
    if not is_signal(signal):
        raise invalid(f"Invalid signal: {signal}")
    if not container["State"]["Running"]:
        raise conflict(f"Cannot kill container: {ref}: Container {container['Id']} is not running")
    if is_kill(signal):
        finish(host, container, STOP_KILL)
    elif same_signal(signal, container["Config"].get("StopSignal") or "TERM"):
        finish(host, container, STOP_TERM)


def restart(host: SimulatedHost, ref: str) -> None:
    """Stops a running container and starts it, or starts a stopped one; one that removes itself survives it."""
    container = need_container(host, ref)
    if container["State"]["Running"]:
        _end(host, container, STOP_TERM)
    start(host, container["Id"])


def wait(host: SimulatedHost, ref: str) -> int:
    """Time passes until the process ends. One that would run for ever ends with 0, for lack of a clock."""
    container = need_container(host, ref)
    if not container["State"]["Running"]:
        return int(container["State"]["ExitCode"])
    code = behaviour_of(host, container).exit_code or 0
    finish(host, container, code)
    return code


def finish(host: SimulatedHost, container: Record, code: int) -> None:
    """The container has exited and stays so; one that removes itself does it now."""
    _end(host, container, code)
    if container["HostConfig"]["AutoRemove"]:
        discard(host, container, anonymous_volumes=True)


def _end(host: SimulatedHost, container: Record, code: int) -> None:
    _detach(container)
    state = container["State"]
    state |= {
        "Status": "exited",
        "Running": False,
        "Restarting": False,
        "Pid": 0,
        "ExitCode": code,
        "FinishedAt": host.state.tick(),
    }
    if "Health" in state:
        state["Health"]["Status"] = "unhealthy"


def discard(host: SimulatedHost, container: Record, *, anonymous_volumes: bool) -> None:
    """Takes the container away; its anonymous volumes go along when asked for and used by no other."""
    del host.state.containers[container["Id"]]
    for name in container["anonymous"] if anonymous_volumes else []:
        if name in host.state.volumes and not volume_users(host, name):
            del host.state.volumes[name]
