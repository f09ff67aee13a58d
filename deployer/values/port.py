"""Published and exposed ports.

A published port is kept as text, `[ip:][host port or range:]container port/protocol`, the short form of Compose with
every part in one spelling: `8080:80/tcp`, `127.0.0.1:8080:80/tcp`, `[::1]:8080:80/udp`, `80/tcp` (any free host port).
An absent address means IPv4 and IPv6; `0.0.0.0` means IPv4 only, so the two differ (engine 20.10 and later).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from deployer.values import address

_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
PROTOCOLS = ("tcp", "udp", "sctp")


def parse(value: int | str) -> tuple[str, ...]:
    """All ports of a short form. Ranges of equal length are paired; a host range for one port stays one entry, from
    which the engine picks a free port. Raises ValueError."""
    text = str(value).strip()
    body, protocol = _protocol(text)
    ip, host, container = _split(body, text)
    inside = _range(container, text)
    outside = _range(host, text) if host else None
    if outside is None:
        return tuple(_text(ip, "", port, protocol) for port in inside)
    if len(inside) == 1:
        whole = str(outside[0]) if len(outside) == 1 else f"{outside[0]}-{outside[-1]}"
        return (_text(ip, whole, inside[0], protocol),)
    if len(inside) != len(outside):
        raise ValueError(f"'{text}': {len(outside)} host ports for {len(inside)} container ports")
    return tuple(_text(ip, str(out), port, protocol) for out, port in zip(outside, inside, strict=True))


def parse_exposed(value: int | str) -> tuple[str, ...]:
    """`80/tcp` for each port of `80`, `80/udp` or `80-82`. Raises ValueError."""
    body, protocol = _protocol(str(value).strip())
    return tuple(f"{port}/{protocol}" for port in _range(body, str(value)))


def join(target: str, published: str, ip: str, protocol: str) -> str:
    """The short form of Compose's long form."""
    address = f"[{ip}]" if ":" in ip else ip
    head = f"{address}:{published}:" if ip else f"{published}:" if published else ""
    return f"{head}{target}/{protocol}"


def spell(port: str) -> str:
    """Without the protocol if it is tcp: `8080:80`."""
    return port.removesuffix("/tcp")


def container_port(port: str) -> str:
    """`80/tcp` of `8080:80/tcp`."""
    return port.rpartition(":")[2]


def host_ports(port: str) -> tuple[str, str]:
    """(address or "", host port, range or "") of a published port."""
    head = port.rpartition(":")[0]
    ip, _, host = head.rpartition(":")
    return ip.removeprefix("[").removesuffix("]"), host


def fixed_host_port(port: str) -> str:
    """The fixed host port of a published port; "" if the engine picks a free one."""
    host = host_ports(port)[1]
    return "" if "-" in host else host


def protocol(port: str) -> str:
    """`tcp` of `8080:80/tcp`."""
    return port.rpartition("/")[2]


def bound_ips(ip: str) -> tuple[str, ...]:
    """The addresses the engine binds for a published port. Without a valid address, it binds all IPv4 and all IPv6
    addresses, separately."""
    kept = _kept_ip(ip)
    return (kept,) if kept else ("0.0.0.0", "::")


def same_ip(one: str, other: str) -> bool:
    """Whether two addresses overlap: they are equal, or one means all addresses of the other's family."""
    wildcard = "::" if ":" in one else "0.0.0.0"
    return (":" in one) == (":" in other) and (one == other or wildcard in (one, other))


def clash(one: str, other: str) -> bool:
    """Whether two published ports conflict: the same protocol and host port on addresses that overlap. The engine tries
    the ports of a range one by one."""
    number = fixed_host_port(one)
    if not number or number != fixed_host_port(other) or protocol(one) != protocol(other):
        return False
    bound, other_bound = (bound_ips(host_ports(each)[0]) for each in (one, other))
    return any(same_ip(first, second) for first in bound for second in other_bound)


def to_engine(ports: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """`HostConfig.PortBindings`. Never an empty list: its meaning differs between engines."""
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        ip, host = host_ports(port)
        bindings.setdefault(container_port(port), []).append({"HostIp": ip, "HostPort": host})
    return bindings


def from_engine(bindings: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Sorted; `"0"` and "" host ports are the same, `08080` is 8080, a key without protocol is tcp.

    An address that cannot be parsed stays unchanged, so that it differs from every declared one: engines before 29
    take `[::1]` in brackets, and addresses with a zone, and bind every address."""
    found = set()
    for key, entries in (bindings or {}).items():
        number, _, protocol = key.lower().partition("/")
        for entry in entries or ():
            host = _plain_host(str(entry.get("HostPort") or ""))
            found.add(join(number, host, _kept_ip(ip := str(entry.get("HostIp") or "")) or ip, protocol or "tcp"))
    return tuple(sorted(found, key=order))


def exposed_from_engine(ports: Iterable[str]) -> tuple[str, ...]:
    """`ExposedPorts` keys; engine 20.10 keeps `80` beside `80/tcp`, and all keep the `80-82` of Compose."""
    found = {key.lower() if "/" in key else f"{key}/tcp" for key in ports}
    ranges = {key for key in found if "-" in key}
    return tuple(sorted((found - ranges).union(*map(parse_exposed, ranges)), key=order))


def order(port: str) -> tuple[int, str]:
    """Sorts by container port number, then by text."""
    number = container_port(port).partition("/")[0].partition("-")[0]
    return (int(number) if number.isdigit() else 0, port)


def _protocol(text: str) -> tuple[str, str]:
    body, slash, protocol = text.partition("/")
    protocol = protocol.lower() if slash else "tcp"
    if protocol not in PROTOCOLS:
        raise ValueError(f"'{text}': protocol '{protocol}' is not one of {', '.join(PROTOCOLS)}")
    return body, protocol


def _split(body: str, text: str) -> tuple[str, str, str]:
    """(ip, host, container); an IPv6 address stands in brackets."""
    match = re.fullmatch(r"\[([^\]]*)\]:(.*)", body)
    ip, rest = match.groups() if match else ("", body)
    parts = rest.split(":")
    if not match and len(parts) == 3:
        ip, parts = parts[0], parts[1:]
    if len(parts) > 2 or (match and len(parts) != 2):
        raise ValueError(f"'{text}' is not a port such as 8080:80, 127.0.0.1:8080:80 or [::1]:8080:80")
    if ip:
        ip = _checked_ip(ip, text)
    host = parts[0] if len(parts) == 2 else ""
    return ip, host.lstrip("0"), parts[-1]


def _checked_ip(ip: str, text: str) -> str:
    try:
        return address.parse_ip(ip)
    except ValueError as error:
        hint = "" if "%" in ip else "; host names cannot be bound"
        raise ValueError(f"'{text}': {error}{hint}") from None


def _kept_ip(ip: str) -> str:
    """The address as the engine reads it; "" for text that it does not read as an address."""
    try:
        return "" if ip.startswith("[") else address.parse_ip(ip)
    except ValueError:
        return ""


def _plain_host(host: str) -> str:
    """Without leading zeros; a range of one port is that port."""
    first, _, last = (part.lstrip("0") for part in host.partition("-"))
    return f"{first}-{last}" if last and last != first else first


def _range(text: str, whole: str) -> range:
    match = _PORTS.fullmatch(text)
    if match is None:
        raise ValueError(f"'{whole}': '{text}' is not a port number or range")
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last <= 65535:
        raise ValueError(f"'{whole}': '{text}' is not between 1 and 65535")
    return range(first, last + 1)


def _text(ip: str, host: str, container: int, protocol: str) -> str:
    return join(str(container), host, ip, protocol)
