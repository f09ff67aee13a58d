"""The network table. The engine cannot change a network: every difference recreates it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, TypedDict

from deployer.fields import advice, settings
from deployer.fields.container.process import foreign_labels
from deployer.fields.field import DEFAULT, Field, Json, View, at, daemon_when_unset, lenient, show_plain, when_unset
from deployer.fields.leaves import FLAG, IP, LABELS, TEXT, TEXT_MAP, choice
from deployer.fields.network_rules import RULES
from deployer.fields.shapes import Entry, Leaf, ListOf, MapOf, Record, Then
from deployer.fields.table import Table
from deployer.values import address

_POOL = Record(
    (
        Entry(
            name="subnet",
            shape=Leaf(str, "a subnet such as 172.28.0.0/16", address.parse_subnet),
            doc="Addresses of the network.",
            required=True,
        ),
        Entry(
            name="ip_range",
            aliases=("iprange",),
            shape=Leaf(str, "a subnet such as 172.28.5.0/24", address.parse_subnet),
            doc="Part of the subnet to allocate addresses from.",
        ),
        Entry(name="gateway", shape=IP, doc="Gateway address."),
        Entry(name="aux_addresses", shape=MapOf(IP), doc="Addresses in use by other machines, by host name."),
    )
)


def _by_subnet(pools: list[dict[str, Any]]) -> dict[str, Any]:
    """Pools keyed by subnet: their order has no meaning."""
    found: dict[str, Any] = {}
    for pool in pools:
        subnet = pool["subnet"]
        if subnet in found:
            raise ValueError(f"subnet {subnet} is given twice")
        found[subnet] = {key: value for key, value in pool.items() if key != "subnet" and value}
    return found


IPAM = Record(
    (
        Entry(name="driver", shape=TEXT, doc="IPAM driver; default: default."),
        Entry(name="config", shape=Then(ListOf(_POOL), _by_subnet), doc="Subnets."),
        Entry(name="options", shape=TEXT_MAP, doc="Options of the driver."),
    ),
    lambda found: {key: value for key, value in found.items() if value},
)


_read_subnet = lenient(address.parse_subnet)


class _Ipam(TypedDict, total=False):
    driver: str
    config: dict[str, dict[str, str | dict[str, str]]]
    options: dict[str, str]


def _read_ipam(live: Mapping[str, Any]) -> dict[str, Any]:
    pools = {}
    for pool in live.get("Config") or ():
        auxiliary = pool.get("AuxiliaryAddresses") or pool.get("AuxAddress") or {}
        read = {
            "ip_range": _read_subnet(pool["IPRange"]) if pool.get("IPRange") else "",
            "gateway": address.read_ip(pool.get("Gateway") or ""),
            "aux_addresses": {name: address.read_ip(ip) for name, ip in auxiliary.items()},
        }
        if pool.get("Subnet"):
            pools[_read_subnet(pool["Subnet"])] = {key: value for key, value in read.items() if value}
    found = {"driver": live.get("Driver") or "default", "config": pools, "options": dict(live.get("Options") or {})}
    return {key: value for key, value in found.items() if value}


def _write_ipam(value: Mapping[str, Any]) -> dict[str, Any]:
    names = {"ip_range": "IPRange", "gateway": "Gateway", "aux_addresses": "AuxiliaryAddresses"}
    pools = [
        {"Subnet": subnet} | {names[key]: part for key, part in pool.items()}
        for subnet, pool in (value.get("config") or {}).items()
    ]
    body: dict[str, Any] = {"Driver": value.get("driver", "default"), "Config": pools}
    return body | ({"Options": value["options"]} if value.get("options") else {})


_POOLS = (("172.16.0.0/12", 16), ("192.168.0.0/16", 20))
"""The pools and sizes from which an engine allocates subnets, unless its configuration names others."""


def _usual_ipam(info: Json, view: View) -> dict[str, Any]:
    """The pools that the engine may choose."""
    configured = [(str(pool["Base"]), int(pool["Size"])) for pool in info.get("DefaultAddressPools") or ()]
    picked = {
        subnet: pool
        for subnet, pool in (view.live["ipam"].get("config") or {}).items()
        if any(_is_picked(subnet, pool, base, size) for base, size in configured or _POOLS)
    }
    return {"driver": "default", "config": picked}


def _is_picked(subnet: str, pool: Mapping[str, Any], base: str, size: int) -> bool:
    try:
        inside = ipaddress.ip_network(subnet)
    except ValueError:
        return False
    gateway = pool.get("gateway")
    plain = set(pool) <= {"gateway"} and (gateway is None or gateway in _first(subnet, pool))
    return plain and inside.prefixlen == size and inside.network_address in ipaddress.ip_network(base)


def _spell_ipam(value: Mapping[str, Any]) -> dict[str, Any]:
    pools = [{"subnet": subnet, **pool} for subnet, pool in (value.get("config") or {}).items()]
    return {key: part for key, part in value.items() if key != "config"} | ({"config": pools} if pools else {})


def _show_ipam(path: tuple[str, ...], value: Any) -> str:
    """Pools as `10.0.0.0/24 (gateway 10.0.0.1)`."""
    if path[-1] != "config" or not isinstance(value, Mapping):
        return show_plain(path, value)
    pools = (f"{subnet} ({_options(pool)})" if pool else subnet for subnet, pool in sorted(value.items()))
    return ", ".join(pools)


def _options(pool: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {show_plain((), part)}" for key, part in sorted(pool.items()))


@when_unset("subnet and gateway are the engine's choice")
def _expected_ipam(row: Field, view: View) -> Any:
    """Without a declaration the engine chooses subnet and gateway. Declared pools are compared by their declared keys.
    A pool of an undeclared address family (the automatic IPv4 pool next to IPv6) is ignored, unless it was declared
    before."""
    live, recorded = view.live.get(row.name) or {}, view.recorded.get(row.name) or {}
    if row.name not in view.declared:
        return DEFAULT if recorded else live
    declared = view.declared[row.name]
    pools, there, before = (of.get("config") or {} for of in (declared, live, recorded))
    families = {address.family(subnet) for subnet in pools}
    expected = {s: pool for s, pool in there.items() if address.family(s) not in families and s not in before}
    for subnet, pool in pools.items():
        expected[subnet] = _expected_pool(subnet, pool, there.get(subnet, {}), before.get(subnet, {}))
    usual = {"driver": "default"} | {key: part for key, part in live.items() if key not in recorded}
    return usual | {key: part for key, part in declared.items() if key != "config"} | {"config": expected}


def _expected_pool(
    subnet: str, declared: Mapping[str, Any], live: Mapping[str, Any], before: Mapping[str, Any]
) -> dict[str, Any]:
    """A gateway that was never declared is chosen by the engine. Engines before 29 do not show it; it is the first
    address, so declaring that address is no difference."""
    expected = dict(declared)
    if "gateway" not in declared and "gateway" in live and "gateway" not in before:
        expected["gateway"] = live["gateway"]
    if "gateway" in declared and "gateway" not in live and declared["gateway"] in _first(subnet, declared):
        del expected["gateway"]
    return expected


def _first(subnet: str, pool: Mapping[str, Any]) -> set[str]:
    """The gateway address that an engine chooses; within a range, the first address of the range is accepted too."""
    network = ipaddress.ip_network(pool.get("ip_range") or subnet)
    host = str(next(iter(network.hosts()), network.network_address))
    return {host, str(network.network_address)} if pool.get("ip_range") else {host}


@when_unset("none; options added by the daemon are ignored")
def daemon_map(row: Field, view: View) -> Any:
    """A map to which the daemon adds its own defaults: keys that were never declared are ignored."""
    gone = set(view.recorded.get(row.name) or ())
    kept = {key: value for key, value in (view.live.get(row.name) or {}).items() if key not in gone}
    return kept | dict(view.declared.get(row.name) or {})


@when_unset("bridge")
def _expected_driver(row: Field, view: View) -> Any:
    """A configuration-only network has none."""
    live = view.live.get(row.name)
    return live if view.declared.get("config_only") else view.declared.get(row.name) or row.zero


@when_unset("{zero}; with config_from, the other network's")
def _taken_over(row: Field, view: View) -> Any:
    return view.live.get(row.name) if view.declared.get("config_from") else view.declared.get(row.name, row.zero)


NETWORK = Table(
    kind="network",
    doc="A network. It cannot be changed: if it differs, it is recreated and its containers are reconnected.",
    fields=(
        Field(
            name="driver",
            doc="bridge (default), macvlan, ipvlan, overlay or the driver of a plugin.",
            shape=TEXT,
            access=at("Driver", zero="bridge"),
            expect=_expected_driver,
            zero="bridge",
            example="bridge",
            other="macvlan",
        ),
        Field(
            name="driver_opts",
            aliases=("driver_options",),
            doc="Options of the driver.",
            shape=TEXT_MAP,
            access=at("Options", zero={}, decode=dict),
            expect=daemon_map,
            zero={},
            usual=lambda _info, _view: {},
            example={"com.docker.network.driver.mtu": 1400},
            other={"com.docker.network.driver.mtu": 1450},
        ),
        Field(
            name="ipam",
            doc="Subnets and gateways; default: chosen by the engine.",
            shape=IPAM,
            access=at("IPAM", zero={}, decode=_read_ipam, encode=_write_ipam),
            stored=_Ipam,
            expect=_expected_ipam,
            zero={},
            depth=2,
            show=_show_ipam,
            spell=_spell_ipam,
            usual=_usual_ipam,
            example={"config": [{"subnet": "10.201.0.0/24"}]},
            other={"config": [{"subnet": "10.202.0.0/24", "gateway": "10.202.0.254"}]},
        ),
        Field(
            name="internal",
            doc="Isolate the network from external networks.",
            shape=FLAG,
            access=at("Internal", zero=False),
            zero=False,
            example=True,
            other=False,
        ),
        Field(
            name="attachable",
            doc="Allow containers that are not swarm services to attach.",
            shape=FLAG,
            access=at("Attachable", zero=False),
            zero=False,
            example=True,
            other=False,
        ),
        Field(
            name="enable_ipv6",
            doc="Enable IPv6.",
            shape=FLAG,
            access=at("EnableIPv6", zero=False),
            expect=_taken_over,
            zero=False,
            example=True,
            other=False,
        ),
        Field(
            name="enable_ipv4",
            doc="Enable IPv4; default true.",
            shape=FLAG,
            access=at("EnableIPv4", zero=True),
            zero=True,
            since="1.48",
            example=False,
            other=True,
        ),
        Field(
            name="ingress",
            doc="Use the network for the routing mesh of a swarm.",
            shape=FLAG,
            access=at("Ingress", zero=False),
            zero=False,
            example=True,
            other=False,
        ),
        Field(
            name="scope",
            doc="local or swarm; default: the scope of the driver.",
            shape=choice("local", "swarm", "global"),
            access=at("Scope", zero="local"),
            expect=daemon_when_unset,
            zero="local",
            example="local",
            other="swarm",
        ),
        Field(
            name="config_only",
            doc="Only a configuration for other networks, see `config_from`.",
            shape=FLAG,
            access=at("ConfigOnly", zero=False),
            zero=False,
            example=True,
            other=False,
        ),
        Field(
            name="config_from",
            doc="Network whose configuration it uses. The engine then supports no labels, which deployer "
            "requires: create such a network by hand, and it is used unchanged.",
            shape=TEXT,
            access=at("ConfigFrom.Network", zero=""),
            zero="",
            example="base",
            other="base-2",
        ),
        Field(
            name="labels",
            doc="Labels.",
            shape=LABELS,
            access=at("Labels", zero={}, decode=foreign_labels),
            expect=_taken_over,
            zero={},
            example={"com.example.team": "shop"},
            other={"com.example.team": "web"},
        ),
    ),
    settings=settings.RESOURCE,
    rules=RULES,
    nested={
        "ipam_config": ("ipam", "config"),
        "ipam_driver": ("ipam", "driver"),
        "ipam_driver_options": ("ipam", "options"),
    },
    advice=advice.OBJECT,
    changes_alike=True,
)
