"""Containers in inspect and in lists, at the API version of the profile."""

from __future__ import annotations

from typing import Any

from deployer.errors import EngineError
from deployer.simulated.images import find_image
from deployer.simulated.state import Record, SimulatedHost, engine_json, sha256, unix_seconds

_HEAD_ENDPOINT_KEYS = (
    *("EndpointID", "Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPAddress", "IPPrefixLen"),
    *("IPv6Gateway", "MacAddress"),
)


def inspect_view(host: SimulatedHost, container: Record) -> Record:
    view = engine_json(container)
    key = container["Id"]
    directory = f"/var/lib/docker/containers/{key}"
    running = container["State"]["Running"]
    view |= {
        "Name": f"/{container['name']}",
        "ResolvConfPath": f"{directory}/resolv.conf" if running else "",
        "HostnamePath": f"{directory}/hostname" if running else "",
        "HostsPath": f"{directory}/hosts" if running else "",
        "LogPath": f"{directory}/{key}-json.log" if running else "",
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": None,
        "GraphDriver": {"Name": "overlay2", "Data": {}},
        "NetworkSettings": _network_settings(container),
        "Mounts": [_mount(host, mount) for mount in container["Mounts"]],
    }
    if container.get("mac"):
        view["Config"]["MacAddress"] = container["mac"]
    return view


def _mount(host: SimulatedHost, mount: Record) -> Record:
    """Engines from 28 on omit the name of a volume for a bind without a source."""
    hidden = "Name" if mount.get("nameless") and host.profile.is_at_least("28") else ""
    return {key: value for key, value in engine_json(mount).items() if key != hidden}


def _network_settings(container: Record) -> Record:
    sandbox = sha256(container["Id"]) if container["sandbox"] else ""
    networks = {name: engine_json(endpoint) for name, endpoint in container["networks"].items()}
    bridge: dict[str, Any] = networks.get("bridge", {})
    blank = {key: 0 if key.endswith("Len") else "" for key in _HEAD_ENDPOINT_KEYS}
    return {
        "Bridge": "",
        "SandboxID": sandbox,
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "Ports": engine_json({"P": container["ports"]})["P"],
        "SandboxKey": f"/var/run/docker/netns/{sandbox[:12]}" if sandbox else "",
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        **{key: bridge.get(key, value) for key, value in blank.items()},
        "Networks": networks,
    }


def list_view(host: SimulatedHost, container: Record) -> Record:
    return engine_json(
        {
            "Id": container["Id"],
            "Names": [f"/{container['name']}"],
            "Image": _shown_image(host, container),
            "ImageID": container["Image"],
            "Command": _command_text(container),
            "Created": unix_seconds(container["Created"]),
            "Ports": _listed_ports(container),
            "Labels": container["Config"]["Labels"],
            "State": container["State"]["Status"],
            "Status": status_text(container["State"]),
            "HostConfig": {"NetworkMode": container["HostConfig"]["NetworkMode"]},
            "NetworkSettings": {"Networks": _network_settings(container)["Networks"]},
            "Mounts": [_mount(host, mount) for mount in container["Mounts"]],
        }
    )


def _command_text(container: Record) -> str:
    """Arguments with blanks are quoted, but not for a shell."""
    return " ".join([container["Path"], *(f"'{each}'" if " " in each else each for each in container["Args"])])


def _shown_image(host: SimulatedHost, container: Record) -> str:
    """The name the container was created from; the image's id if the name refers to another image now."""
    given: str = container["Config"]["Image"]
    try:
        image = find_image(host, given)
    except EngineError:
        image = None
    return given if image is not None and image["Id"] == container["Image"] else str(container["Image"])


def _listed_ports(container: Record) -> list[Record]:
    ports: list[Record] = []
    for port, bindings in container["ports"].items():
        number, _, protocol = port.partition("/")
        private = {"PrivatePort": int(number), "Type": protocol}
        if not bindings:
            ports.append(private)
        for binding in bindings or []:
            ports.append({"IP": binding["HostIp"], "PublicPort": int(binding["HostPort"]), **private})
    return ports


def status_text(state: Record) -> str:
    """The engine's text for a state, with a fixed duration."""
    match state["Status"]:
        case "created":
            return "Created"
        case "restarting":
            return f"Restarting ({state['ExitCode']}) 1 second ago"
        case "exited":
            return f"Exited ({state['ExitCode']}) 1 second ago"
    health = (state.get("Health") or {}).get("Status")
    suffix = {"starting": " (health: starting)", "healthy": " (healthy)", "unhealthy": " (unhealthy)"}
    return "Up 1 second" + (suffix[health] if health else "")
