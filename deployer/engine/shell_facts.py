"""Facts from a shell on a host: a read-only POSIX script, and the parser of its output. Pure.

It requires `cat`, `grep` and `df`, and no privileges. Without privileges, the owners of other users' sockets are
unknown.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct, field

from deployer.model.preflight import Listener, Process, Questions, Room, Route

_BEGIN, _END = "[host]", "[end]"
_CONTAINER = re.compile(r"[0-9a-f]{64}")
_OWNER = re.compile(r"\[owner\] \[(?P<inode>[0-9]{1,20})\] (?P<pid>[0-9]{1,20}) (?P<name>.*)")
"""`[owner] [4711] 812 nginx`. A process may have a line end in its name: other lines are skipped."""

_BIG_ENDIAN = ("s390x", "ppc64", "mips", "mips64")
_SOCKETS = (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07"))
"""Files of /proc/net, and the state of a listening socket."""

_PROC_SYS = "/proc/sys/"

_LOOK = """
look() {
  [ -e "$1" ] || [ -L "$1" ] && return
  case $1 in /*) a=$1 ;; *) return ;; esac
  while a=${a%/*}; [ -n "$a" ] && [ ! -e "$a" ]; do [ -L "$a" ] && return; done
  [ -d "${a:-/}" ] && [ -x "${a:-/}" ] && printf '%s\\n' "$1"
}
"""
"""Prints a path only if it certainly does not exist: its nearest existing parent is searchable."""

_OWNERS = """
ls -l /proc/[0-9]*/fd 2>/dev/null | grep -E '^/proc/|socket:\\[({inodes})\\]' | while read -r line; do
  case $line in
    /proc/*) p=${{line#/proc/}}; p=${{p%%/*}} ;;
    *) printf '[owner] %s %s %s\\n' "${{line##*:}}" "$p" "$(cat "/proc/$p/comm")"; cat "/proc/$p/cgroup" ;;
  esac
done 2>/dev/null
echo '{end}'
"""


class ShellFacts(Struct, frozen=True):
    """`name`: the host's own; `interfaces`: those of its network; `has_root`: whether the engine's directory exists."""

    name: str
    interfaces: frozenset[str] = frozenset()
    listeners: tuple[Listener, ...] = ()
    routes: tuple[Route, ...] = ()
    missing: frozenset[str] = frozenset()
    has_root: bool = False
    room: Room | None = None
    sysctls: Mapping[str, str] = field(default_factory=dict)


def script(questions: Questions, root: str) -> str:
    """`root`: the engine's data directory."""
    parts = [f"echo '{_BEGIN}'; uname -n"]
    if questions.ports or questions.routes:
        parts.append("echo '[dev]'; cat /proc/net/dev")
    if questions.ports:
        parts += [f"echo '[{name}]'; grep ' {state} ' /proc/net/{name}" for name, state in _SOCKETS]
    if questions.routes:
        parts.append("echo '[route]'; head -n 300 /proc/net/route")
    if questions.sources:
        parts += [_LOOK, f"echo '[root]'; [ -d {shlex.quote(root)} ] && echo yes", "echo '[missing]'"]
        parts += [f"look {shlex.quote(source)}" for source in sorted(questions.sources)]
    if questions.room:
        parts.append(f"echo '[df]'; {room_script(root)}")
    if questions.sysctls:
        parts.append("echo '[sysctl]'")
        parts += [
            f"grep -H '' -- {_PROC_SYS}{shlex.quote(name.replace('.', '/'))}" for name in sorted(questions.sysctls)
        ]
    return "\n".join(["exec 2>/dev/null", *parts, f"echo '{_END}'"])


def room_script(folder: str) -> str:
    return f"df -Pk -- {shlex.quote(folder)}"


def owners_script(inodes: Iterable[int]) -> str:
    return _OWNERS.format(inodes="|".join(map(str, sorted(inodes))), end=_END)


def read(output: str, root: str, arch: str) -> ShellFacts | None:
    """None if the script did not finish."""
    lines = output.splitlines()
    if _BEGIN not in lines or lines[-1] != _END:
        return None
    sections = _sections(lines[lines.index(_BEGIN) :])
    order = "big" if arch in _BIG_ENDIAN else "little"
    return ShellFacts(
        name=next(iter(sections.get("host", ())), ""),
        interfaces=frozenset(line.partition(":")[0].strip() for line in sections.get("dev", ()) if ":" in line),
        listeners=tuple(each for name, state in _SOCKETS for each in _listeners(sections, name, state, order)),
        routes=tuple(_routes(sections.get("route", ()), order)),
        missing=frozenset(sections.get("missing", ())),
        has_root="yes" in sections.get("root", ()),
        sysctls=dict(_sysctls(sections.get("sysctl", ()))),
        room=read_room("\n".join(sections.get("df", ())), root),
    )


def read_owners(output: str) -> dict[int, Process]:
    """By the inode of the socket; the first of several processes that share it."""
    found: dict[int, Process] = {}
    inode = 0
    for line in output.splitlines():
        if owner := _OWNER.fullmatch(line):
            inode = int(owner["inode"])
            found.setdefault(inode, Process(int(owner["pid"]), owner["name"]))
        elif inode in found and (container := _CONTAINER.search(line)) and not found[inode].container:
            found[inode] = Process(found[inode].pid, found[inode].name, container[0])
    return found


def _sections(lines: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("[") and line.endswith("]"):
            current = found.setdefault(line[1:-1], [])
        else:
            current.append(line)
    return found


def _listeners(sections: dict[str, list[str]], name: str, state: str, order: str) -> Iterator[Listener]:
    """`0: 0100007F:1F90 00000000:0000 0A … uid timeout inode …`."""
    for line in sections.get(name, ()):
        columns = line.split()
        if len(columns) > 9 and columns[3] == state:
            ip, _, number = columns[1].partition(":")
            yield Listener(name.rstrip("6"), _ip(ip, order), int(number, 16), int(columns[9]))


def _ip(text: str, order: str) -> str:
    """The kernel writes an address as 32-bit words in host byte order."""
    data = bytes.fromhex(text)
    if order == "little":
        data = b"".join(data[start : start + 4][::-1] for start in range(0, len(data), 4))
    found = ipaddress.ip_address(data)
    inside = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(inside or found)


def _routes(lines: Iterable[str], order: str) -> Iterator[Route]:
    """`eth0 00004D0A 00000000 0001 0 0 0 00FFFFFF …`; without the default route."""
    for line in lines:
        columns = line.split()
        if len(columns) > 7 and columns[7] not in ("Mask", "00000000"):
            subnet = ipaddress.ip_network(f"{_ip(columns[1], order)}/{_ip(columns[7], order)}", strict=False)
            yield Route(str(subnet), columns[0])


def _sysctls(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """`/proc/sys/vm/max_map_count:65530`."""
    for line in lines:
        path, colon, value = line.partition(":")
        if colon and path.startswith(_PROC_SYS):
            yield path.removeprefix(_PROC_SYS).replace("/", "."), " ".join(value.split())


def read_room(output: str, root: str) -> Room | None:
    """Of a last line `/dev/vda 264212084 26307416 80083496 25% /`, in KiB."""
    columns = output.strip().rpartition("\n")[2].split()
    if len(columns) < 6 or not all(column.isdigit() for column in columns[1:4]):
        return None
    total, used, free = (int(column) * 1024 for column in columns[1:4])
    return Room(root, free, max(free, total - used))
