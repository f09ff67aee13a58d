"""Container fields: networks, addresses, ports. `HostConfig` and `NetworkingConfig` in the engine's API.

A container is attached to networks (mode "networks", for all of them), shares the network of the host or of another
container, or has none. The engine's `NetworkMode` names the first network at creation and has no effect later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from schema import Or

from deployer.fields.container import resolving
from deployer.fields.container.isolation import container_mode, resolve
from deployer.fields.container.resolving import LINKS, link
from deployer.fields.field import (
    Access,
    Body,
    Change,
    Field,
    Json,
    Path,
    View,
    at,
    show_plain,
    when_changed,
    when_unset,
)
from deployer.fields.leaves import FLAG, INTEGER, IP, IPV4, IPV6, MAC, TEXT, TEXT_MAP
from deployer.fields.shapes import Constant, Entry, Forms, Keyed, Leaf, ListOf, MapOf, Record, Then
from deployer.values import address, port

DEFAULT_NETWORK = "bridge"
ATTACHED = "networks"
"""The `network_mode` of a container that is attached to networks."""


def _endpoint(found: dict[str, Any]) -> dict[str, Any]:
    """Only the options that are set; the interface name is a driver option for the engine."""
    if name := found.pop("interface_name", ""):
        found["driver_opts"] = {**found.get("driver_opts", {}), _INTERFACE: name}
    return {key: value for key, value in found.items() if value}


_INTERFACE = "com.docker.network.endpoint.ifname"

ENDPOINT = Record(
    (
        Entry(name="aliases", shape=ListOf(TEXT, unordered=True), doc="Additional names on this network."),
        Entry(name="ipv4_address", shape=IPV4, doc="Fixed IPv4 address; the network must declare a subnet."),
        Entry(name="ipv6_address", shape=IPV6, doc="Fixed IPv6 address."),
        Entry(name="link_local_ips", shape=ListOf(IP, unordered=True), doc="Link-local addresses."),
        Entry(name="mac_address", shape=MAC, doc="MAC address (API 1.44)."),
        Entry(name="driver_opts", shape=TEXT_MAP, doc="Options for the network's driver."),
        Entry(
            name="links",
            shape=LINKS,
            doc="Containers of this network under additional names: `NAME[:alias]`.",
        ),
        Entry(name="interface_name", shape=TEXT, doc="Name of the interface in the container (API 1.49)."),
        Entry(name="priority", shape=INTEGER, doc="The network with the highest value is joined first, at creation."),
        Entry(
            name="gw_priority",
            shape=INTEGER,
            doc="The network with the highest value provides the default gateway (API 1.48).",
        ),
    ),
    _endpoint,
)

_NAMED_ENDPOINT = Record(
    (Entry(name="name", shape=TEXT, doc="The network.", required=True), *ENDPOINT.entries),
    lambda found: (found.pop("name"), _endpoint(found)),
)


def _by_priority(networks: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Sorted by joining order, which a live container does not show."""
    ordered = sorted(networks, key=lambda name: -networks[name].get("priority", 0))
    return {name: {key: part for key, part in networks[name].items() if key != "priority"} for name in ordered}


_NETWORKS = Forms(
    expects="a list of networks, or a map with options",
    sequence=Keyed(
        Forms(
            expects="a network's name, or a map with it and options",
            scalar=Leaf(str, "a network's name", lambda name: (name, {})),
            mapping=_NAMED_ENDPOINT,
        )
    ),
    mapping=MapOf(Forms(expects="options of the endpoint", mapping=ENDPOINT, null=Constant(dict))),
)
NETWORKS = Then(_NETWORKS, _by_priority)


def _spell_networks(value: Mapping[str, Any]) -> Any:
    return dict(value) if any(value.values()) else list(value)


_IN_IPAM = {"ipv4_address": "IPv4Address", "ipv6_address": "IPv6Address", "link_local_ips": "LinkLocalIPs"}
_IN_ENDPOINT = {
    "aliases": "Aliases",
    "mac_address": "MacAddress",
    "driver_opts": "DriverOpts",
    "gw_priority": "GwPriority",
    "links": "Links",
}


def endpoint_to_engine(endpoint: Mapping[str, Any]) -> dict[str, Any]:
    """An `EndpointConfig`, for create and connect."""
    ipam = {key: endpoint[name] for name, key in _IN_IPAM.items() if endpoint.get(name)}
    rest = {key: endpoint[name] for name, key in _IN_ENDPOINT.items() if endpoint.get(name)}
    return ({"IPAMConfig": ipam} if ipam else {}) | rest


def endpoint_from_engine(live: Json, own_names: Iterable[str]) -> dict[str, Any]:
    """The declared part of a live endpoint. `own_names` are aliases that the engine adds: the short id (API < 1.45),
    the host name, and the container's name, which always resolves."""
    ipam = live.get("IPAMConfig") or {}
    own = set(own_names)
    found = {
        "aliases": sorted({*(live.get("Aliases") or ())} - own),
        "ipv4_address": address.read_ip(ipam.get("IPv4Address") or ""),
        "ipv6_address": address.read_ip(ipam.get("IPv6Address") or ""),
        "link_local_ips": sorted(map(address.read_ip, ipam.get("LinkLocalIPs") or ())),
        "mac_address": (live.get("MacAddress") or "").lower(),
        "driver_opts": dict(live.get("DriverOpts") or {}),
        "gw_priority": live.get("GwPriority"),
        "links": sorted({*map(link, live.get("Links") or ())}),
    }
    return {key: value for key, value in found.items() if value}


def own_names(inspect: Json) -> set[str]:
    config = inspect.get("Config") or {}
    return {str(inspect.get("Name", "")).lstrip("/"), str(inspect.get("Id", ""))[:12], config.get("Hostname") or ""}


def _read_networks(inspect: Json) -> dict[str, Any]:
    if _read_mode(inspect) != ATTACHED:
        return {}
    live = (inspect.get("NetworkSettings") or {}).get("Networks") or {}
    names = own_names(inspect)
    return {name: endpoint_from_engine(endpoint or {}, names) for name, endpoint in live.items()}


def _write_networks(value: Any, body: Body) -> None:
    if value:
        body.setdefault("HostConfig", {})["NetworkMode"] = next(iter(value))
        endpoints = {name: endpoint_to_engine(endpoint) for name, endpoint in value.items()}
        body["NetworkingConfig"] = {"EndpointsConfig": endpoints}


class _Endpoint(TypedDict, total=False):
    aliases: list[str]
    links: list[str]
    link_local_ips: list[str]
    driver_opts: dict[str, str]
    ipv4_address: str
    ipv6_address: str
    mac_address: str
    gw_priority: int


@when_unset("the engine's default network, `bridge`", fills=True)
def _expected_networks(row: Field, view: View) -> Any:
    """Exactly the declared networks. Addresses that the engine chose (the MAC of a running container) do not count, and
    a stopped container has none. Links of an endpoint of the default network have no effect."""
    if view.declared.get("network_mode", ATTACHED) != ATTACHED:
        return {}
    declared = view.declared.get(row.name) or {DEFAULT_NETWORK: {}}
    live, names = view.live.get(row.name) or {}, {view.name, view.declared.get("hostname")}
    recorded = view.recorded.get(row.name) or {}
    before = recorded if isinstance(recorded, Mapping) else {}
    expected = {
        name: _expected_endpoint(endpoint, live.get(name), before.get(name), names)
        for name, endpoint in declared.items()
    }
    useless = (live.get(DEFAULT_NETWORK) or {}).get("links")
    if useless and DEFAULT_NETWORK in expected:
        expected[DEFAULT_NETWORK] = {**expected[DEFAULT_NETWORK], "links": useless}
    return expected


def _expected_endpoint(
    declared: Mapping[str, Any], live: Mapping[str, Any] | None, recorded: Any, names: set[Any]
) -> Any:
    """`names` are aliases anyway, so declaring them is no difference. A MAC address that was declared before, and is no
    longer, is not the engine's choice."""
    had: Mapping[str, Any] = {} if live is None else live
    expected = {**declared, "aliases": _expected_aliases(declared, had, names)}
    before = recorded.get("mac_address") if isinstance(recorded, Mapping) else None
    dropped = before is not None and "mac_address" not in declared and had.get("mac_address") == before
    if live is not None and not dropped and not ("mac_address" in declared and "mac_address" in live):
        expected["mac_address"] = live.get("mac_address")
    return {key: value for key, value in expected.items() if value}


def _expected_aliases(declared: Mapping[str, Any], live: Mapping[str, Any], names: set[Any]) -> list[str]:
    return sorted((set(declared.get("aliases", ())) - names) | (set(live.get("aliases", ())) & names))


def _read_mode(inspect: Json) -> str:
    mode = (inspect.get("HostConfig") or {}).get("NetworkMode") or "default"
    return mode if mode in ("host", "none") or mode.startswith("container:") else ATTACHED


def _write_mode(value: Any, body: Body) -> None:
    if value != ATTACHED:
        body.setdefault("HostConfig", {})["NetworkMode"] = value


@when_unset("attached to `networks`")
def _expected_mode(row: Field, view: View) -> Any:
    return resolve(view.declared.get(row.name, row.zero), view)


def _parse_mode(text: str) -> str:
    """host, none or container:NAME; bridge and default mean the default network; otherwise the name of a network."""
    mode = container_mode(text)
    if mode == "container:":
        raise ValueError(f"'{text}' names no container")
    return DEFAULT_NETWORK if mode in ("default", "") else mode


@when_changed("reconnected; replaced if the MAC address changes")
def _change_networks(path: Path, _old: Any, _new: Any) -> Change:
    """`connect` ignores a MAC address before API 1.54."""
    return Change.REPLACE if path[-1] == "mac_address" else Change.RECONNECT


def _newer_endpoint(value: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, endpoint in value.items():
        if "mac_address" in endpoint:
            yield f"networks.{name}.mac_address", "1.44"
        if "gw_priority" in endpoint:
            yield f"networks.{name}.gw_priority", "1.48"
        if _INTERFACE in endpoint.get("driver_opts", {}):
            yield f"networks.{name}.interface_name", "1.49"


def _show_networks(path: tuple[str, ...], value: Any) -> str:
    """The engine chooses the MAC address of a running container."""
    if len(path) != 2 or not isinstance(value, Mapping):
        return show_plain(path, value)
    intent = {key: part for key, part in value.items() if key != "mac_address"}
    return show_plain(path, intent) if intent else "attached"


PORT = Record(
    (
        Entry(name="target", shape=Leaf(Or(int, str), "a container port", str), doc="Container port.", required=True),
        Entry(name="published", shape=Leaf(Or(int, str), "a host port or range", str), doc="Host port or range."),
        Entry(name="host_ip", shape=TEXT, doc="Host address to bind; default: all addresses."),
        Entry(name="protocol", shape=TEXT, doc="tcp, udp or sctp."),
        Entry(name="mode", shape=TEXT, doc="host; other modes require a swarm."),
        Entry(name="name", shape=TEXT, doc="Name, for documentation only."),
        Entry(name="app_protocol", shape=TEXT, doc="Application protocol, for documentation only."),
    ),
    lambda found: port.parse(
        port.join(
            found["target"],
            found.get("published", ""),
            found.get("host_ip", "").removeprefix("[").removesuffix("]"),
            found.get("protocol") or "tcp",
        )
    ),
)

PORTS = ListOf(
    Forms(
        expects="[ip:][host:]container[/protocol], or a map",
        scalar=Leaf(Or(int, str), "[ip:][host:]container[/protocol]", port.parse),
        mapping=PORT,
    ),
    flat=True,
    unordered=True,
    order=port.order,
)


def _read_ports(inspect: Json) -> list[str]:
    """Only ports that take effect. Engines before 29 ignore a binding of a port that is not exposed."""
    if _read_mode(inspect) != ATTACHED:
        return []
    exposed = {*((inspect.get("Config") or {}).get("ExposedPorts") or ())}
    exposed |= {*((inspect.get("NetworkSettings") or {}).get("Ports") or ())}
    inside = port.exposed_from_engine(exposed)
    bindings = port.from_engine((inspect.get("HostConfig") or {}).get("PortBindings"))
    return [each for each in bindings if port.container_port(each) in inside]


_PUBLISH_ALL = at("HostConfig.PublishAllPorts", zero=False)


def _read_publish_all(inspect: Json) -> bool:
    return _read_mode(inspect) == ATTACHED and bool(_PUBLISH_ALL.read(inspect))


def _write_ports(value: Any, body: Body) -> None:
    """Exposes the ports too: engines before 29 publish only exposed ports."""
    body.setdefault("HostConfig", {})["PortBindings"] = port.to_engine(value)
    body.setdefault("ExposedPorts", {}).update({port.container_port(entry): {} for entry in value})


FIELDS = (
    Field(
        name="network_mode",
        doc="host, none, container:NAME, or one network's name; instead of `networks`.",
        shape=Leaf(str, "host, none, container:NAME or a network's name", _parse_mode),
        access=Access(_read_mode, _write_mode),
        expect=_expected_mode,
        zero=ATTACHED,
        example="host",
        other="none",
    ),
    Field(
        name="networks",
        doc="Networks to attach to, with options for each; default: the engine's default bridge.",
        shape=NETWORKS,
        access=Access(_read_networks, _write_networks),
        expect=_expected_networks,
        change=_change_networks,
        newer=_newer_endpoint,
        zero={},
        stored=dict[str, _Endpoint],
        depth=2,
        show=_show_networks,
        spell=_spell_networks,
        example={"front": {"aliases": ["www"]}},
        other=["front", "back"],
    ),
    Field(
        name="ports",
        aliases=("published_ports",),
        doc="Published ports: `[ip:][host:]container[/protocol]`, ranges, or the long form.",
        shape=PORTS,
        access=Access(_read_ports, _write_ports),
        zero=[],
        spell=lambda value: [port.spell(entry) for entry in value],
        example=["18080:80"],
        other=["127.0.0.1:18081:80", "18082:81/udp"],
    ),
    Field(
        name="publish_all_ports",
        doc="Publish every exposed port on a free port of the host.",
        shape=FLAG,
        access=Access(_read_publish_all, _PUBLISH_ALL.write),
        zero=False,
        example=True,
        other=False,
    ),
    *resolving.FIELDS,
)
