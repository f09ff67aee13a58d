"""The bridge, the cables and the network namespaces; all of it is named `deployer…` or `dl…-…`."""

import contextlib
import shutil
from pathlib import Path

from tests.lab.settings import BRIDGE, CGROUP, GATEWAY, NETNS_FOLDER, netns, veth
from tests.lab.shell import kill_pids, run, succeeds

_COMMENT = ("-m", "comment", "--comment", CGROUP)
_FORWARD = ("FORWARD", "-i", BRIDGE, *_COMMENT, "-j", "ACCEPT")


def ensure_bridge() -> None:
    """Bring up the bridge; a dockerd in the root namespace, whose policy drops forwarded traffic, does not matter."""
    if not _exists(BRIDGE):
        run("ip", "link", "add", BRIDGE, "type", "bridge")
    run("ip", "address", "replace", f"{GATEWAY}/24", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")
    for cable in Path("/sys/class/net").glob(veth("*")):
        if not (cable / "master").exists():
            run("ip", "link", "set", cable.name, "master", BRIDGE)
    if _has_iptables() and not succeeds("iptables", "-w", "-C", *_FORWARD):
        run("iptables", "-w", "-I", *_FORWARD)


def remove_bridge() -> None:
    """Undo `ensure_bridge`."""
    while _has_iptables() and succeeds("iptables", "-w", "-D", *_FORWARD):
        pass
    if _exists(BRIDGE):
        run("ip", "link", "delete", BRIDGE)


def connect(name: str, address: str) -> None:
    """Make a network namespace with one cable to the bridge; a namespace of that name must not exist.

    The hardware address follows from the address: a neighbour that knew the host before its restart reaches it at
    once, where a new address would stay unknown for up to half a minute.
    """
    space, outside = netns(name), veth(name)
    if _exists(outside):
        run("ip", "link", "delete", outside)
    run("ip", "netns", "add", space)
    hardware = "02:00:" + ":".join(f"{int(part):02x}" for part in address.split("."))
    peer = ("peer", "name", "eth0", "address", hardware, "netns", space)
    run("ip", "link", "add", outside, "type", "veth", *peer)
    run("ip", "link", "set", outside, "master", BRIDGE, "up")
    batch = f"address add {address}/24 dev eth0\nlink set eth0 up\nlink set lo up\n"
    run("ip", "-n", space, "-batch", "-", input_text=batch)


def disconnect(name: str) -> None:
    """Kill whatever still runs in a namespace, then remove it and its cable; harmless when there is none."""
    if not (NETNS_FOLDER / netns(name)).exists():
        return
    pids = [int(word) for word in run("ip", "netns", "pids", netns(name), check=False).split()]
    kill_pids(pids)
    run("ip", "netns", "delete", netns(name), check=False)
    # The file is a plain one when a reboot or a kill took the mount away.
    with contextlib.suppress(FileNotFoundError):
        (NETNS_FOLDER / netns(name)).unlink()
    if _exists(veth(name)):
        run("ip", "link", "delete", veth(name), check=False)


def namespaces() -> list[str]:
    """The names, without prefix, of all namespaces of this lab."""
    prefix = netns("")
    if not NETNS_FOLDER.is_dir():
        return []
    return sorted(entry.name.removeprefix(prefix) for entry in NETNS_FOLDER.iterdir() if entry.name.startswith(prefix))


def _exists(link: str) -> bool:
    return Path("/sys/class/net", link).exists()


def _has_iptables() -> bool:
    return shutil.which("iptables") is not None
