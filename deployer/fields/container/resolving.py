"""Container fields: how a container resolves names. `HostConfig` in the engine's API."""

from __future__ import annotations

from typing import Any

from deployer.fields.field import Field, at, lenient
from deployer.fields.leaves import SERVER, TEXT, TEXTS
from deployer.fields.shapes import Forms, Leaf, ListOf, MapOf, Then, one_or_many
from deployer.values import address


def link(text: str) -> str:
    target, _, alias = text.partition(":")
    return f"{target}:{alias or target}"


LINKS = ListOf(Leaf(str, "NAME[:alias]", link), unordered=True)


def _links(live: Any) -> list[str]:
    """Inspect shows `/target:/self/alias`."""
    pairs = (str(entry).partition(":") for entry in live)
    return sorted(link(f"{target.lstrip('/')}:{alias.rpartition('/')[2]}") for target, _, alias in pairs)


def _hosts_of_map(found: dict[str, list[str]]) -> list[str]:
    return sorted({address.parse_host(f"{name}={target}") for name, targets in found.items() for target in targets})


HOSTS = Forms(
    expects="a map, or a list of name:address",
    mapping=Then(MapOf(one_or_many(TEXT, "an address or a list of addresses")), _hosts_of_map),
    sequence=ListOf(Leaf(str, "name:address", address.parse_host), unordered=True),
)


FIELDS = (
    Field(
        name="dns",
        aliases=("dns_servers",),
        doc="DNS servers, in order.",
        shape=one_or_many(SERVER, "an address or a list of addresses"),
        access=at("HostConfig.Dns", zero=[], decode=lambda live: [lenient(address.parse_server)(ip) for ip in live]),
        zero=[],
        example=["192.0.2.53"],
        other=["192.0.2.53", "192.0.2.54"],
    ),
    Field(
        name="dns_opt",
        aliases=("dns_opts",),
        doc="DNS resolver options.",
        shape=TEXTS,
        access=at("HostConfig.DnsOptions", zero=[], decode=list),
        zero=[],
        example=["ndots:2"],
        other=["ndots:3"],
    ),
    Field(
        name="dns_search",
        aliases=("dns_search_domains",),
        doc="DNS search domains, in order.",
        shape=one_or_many(TEXT, "a domain or a list of domains"),
        access=at("HostConfig.DnsSearch", zero=[], decode=list),
        zero=[],
        example=["example.com"],
        other=["example.org"],
    ),
    Field(
        name="extra_hosts",
        aliases=("etc_hosts",),
        doc="Entries for /etc/hosts: name to address, or `host-gateway`.",
        shape=HOSTS,
        access=at("HostConfig.ExtraHosts", zero=[], decode=lambda live: sorted({*map(address.read_host, live)})),
        zero=[],
        example=["db.internal:192.0.2.10"],
        other={"db.internal": "192.0.2.11"},
    ),
    Field(
        name="links",
        doc="Containers under additional names, `NAME[:alias]`, on every attached network.",
        shape=LINKS,
        access=at("HostConfig.Links", zero=[], decode=_links),
        zero=[],
        example=["db"],
        other=["db:database"],
    ),
)
