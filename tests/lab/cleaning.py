"""Emptying a host between tests, over its own socket."""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from tests.lab.host import Host
from tests.lab.shell import LabError

_BUILT_IN_NETWORKS = ("bridge", "host", "none", "docker_gwbridge", "ingress")


def clean(host: Host, *, images: bool = False) -> None:
    """Remove all containers, networks, volumes and, if asked, images; leave a swarm."""
    networks = host.api("GET", "/networks")
    if any(network["Scope"] == "swarm" for network in networks):
        host.api("POST", "/swarm/leave?force=1")
        networks = host.api("GET", "/networks")
    containers = [item["Id"] for item in host.api("GET", "/containers/json?all=1")]
    _remove(host, [f"/containers/{name}?force=1&v=1" for name in containers])
    own = [item for item in networks if item["Name"] not in _BUILT_IN_NETWORKS]
    # A network that only holds settings goes after those that use it.
    for settings_only in (False, True):
        _remove(host, [f"/networks/{item['Id']}" for item in own if item["ConfigOnly"] is settings_only])
    volumes = [item["Name"] for item in host.api("GET", "/volumes")["Volumes"] or ()]
    _remove(host, [f"/volumes/{quote(name)}?force=1" for name in volumes])
    if images:
        found = [item["Id"] for item in host.api("GET", "/images/json")]
        _remove(host, [f"/images/{name}?force=1" for name in found])


def _remove(host: Host, paths: list[str]) -> None:
    """Delete side by side; what is gone already is as good as removed."""
    if not paths:
        return
    with ThreadPoolExecutor(min(8, len(paths))) as pool:
        list(pool.map(lambda path: _delete(host, path), paths))


def _delete(host: Host, path: str) -> None:
    try:
        host.api("DELETE", path)
    except LabError as error:
        if ": 404 " not in str(error) and "already in progress" not in str(error):
            raise
