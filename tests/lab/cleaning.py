"""Emptying a host between tests, over its own socket."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from tests.lab.host import Host
from tests.lab.shell import LabError

_BUILT_IN_NETWORKS = ("bridge", "host", "none", "docker_gwbridge", "ingress")


def clean(host: Host, *, images: bool = False) -> None:
    """Remove all containers, networks, volumes and, if asked, images; leave a swarm.

    Of the images only those stay that have one name and were not built here: no test finds what another one tagged.
    """
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
    listed = host.api("GET", "/images/json")
    stale = [item["Id"] for item in listed if images or item["ParentId"] or not _has_one_name(item)]
    while stale:
        left = [name for name in stale if not _delete(host, f"/images/{name}?force=1", "dependent child images")]
        if left == stale:
            raise LabError(f"{host.name}: images on which others depend cannot be removed: {left}")
        stale = left


def _has_one_name(image: Mapping[str, Any]) -> bool:
    tags, digests = image["RepoTags"] or [], image["RepoDigests"] or []
    return len(tags) == 1 and {digest.partition("@")[0] for digest in digests} <= {tags[0].rpartition(":")[0]}


def _remove(host: Host, paths: list[str]) -> None:
    """Delete side by side; what is gone already is as good as removed."""
    if not paths:
        return
    with ThreadPoolExecutor(min(8, len(paths))) as pool:
        list(pool.map(lambda path: _delete(host, path), paths))


def _delete(host: Host, path: str, obstacle: str = "") -> bool:
    """False if it cannot be removed because of the obstacle that the engine names."""
    try:
        host.api("DELETE", path)
    except LabError as error:
        if obstacle and obstacle in str(error):
            return False
        if ": 404 " not in str(error) and "already in progress" not in str(error):
            raise
    return True
