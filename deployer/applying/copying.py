"""Another container like one that there is.

What leaves a host for good with the process it stops needs one: a container with auto_remove, and with it the volumes
without a name that nothing else mounts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from deployer.engine.observe import read_container
from deployer.fields.container.network import endpoint_to_engine
from deployer.interfaces import Engine, Json
from deployer.values import paths

_OWN_NETWORK: Final = ("default", "bridge", "host", "none", "container")


def copy_container(engine: Engine, inspect: Json, name: str) -> str:
    """Create one that differs in nothing but its name and what follows from its id; it mounts the same volumes, those
    without a name by the name that the engine gave them. Returns its id. Raises `EngineError`."""
    found = read_container(inspect)
    config, host = dict(inspect["Config"]), dict(inspect["HostConfig"])
    config["Image"] = _image(engine, inspect)
    if config.get("Hostname") == found.id[:12]:
        del config["Hostname"]
    # Shown as none where an empty one was given; with none the image's would be taken.
    config["Entrypoint"] = config.get("Entrypoint") or [""]
    _mount(host, found.anonymous)
    networks = found.values.get("networks") or {}
    (first, *later) = [*networks] or [""]
    if first and str(host.get("NetworkMode", "default")).partition(":")[0] not in (*_OWN_NETWORK, *networks):
        host["NetworkMode"] = first
    own = {first: _endpoint(inspect, first, networks[first])} if first else {}
    body = {**config, "HostConfig": host, "NetworkingConfig": {"EndpointsConfig": own}}
    made, _ = engine.create_container(name, body, "")
    for network in later:
        engine.connect_network(network, made, _endpoint(inspect, network, networks[network]))
    return made


def _endpoint(inspect: Json, network: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Without a MAC address that the engine made of the IP address, or was given for the whole container."""
    body = dict(endpoint_to_engine(values))
    address = str(inspect["NetworkSettings"]["Networks"][network].get("IPAddress") or "")
    made_of = "02:42:" + ":".join(f"{int(part):02x}" for part in address.split(".")) if address else ""
    if body.get("MacAddress") in (made_of, str(inspect["Config"].get("MacAddress") or "").lower()):
        del body["MacAddress"]
    return body


def _image(engine: Engine, inspect: Json) -> str:
    """Its tag, or the image's id where the tag has moved on."""
    reference = str(inspect["Config"]["Image"])
    found = engine.inspect_image(reference)
    return reference if found is not None and found["Id"] == inspect["Image"] else str(inspect["Image"])


def _mount(host: dict[str, Any], anonymous: Mapping[str, str]) -> None:
    mounts = [dict(mount) for mount in host.get("Mounts") or ()]
    by_target = {paths.clean(str(mount.get("Target", ""))): mount for mount in mounts}
    binds = list(host.get("Binds") or ())
    bound = {paths.clean(bind.split(":")[1]) for bind in binds if ":" in bind}
    for target, volume in anonymous.items():
        if target in by_target:
            by_target[target]["Source"] = volume
        elif target not in bound:
            binds.append(f"{volume}:{target}")
    host |= {"Mounts": mounts, "Binds": binds}
