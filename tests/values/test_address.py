"""Addresses in one spelling each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.values import address


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("FD00:0211:0::0", "fd00:211::"),
        ("[::1]", "::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 ", "192.0.2.1"),
    ],
)
def test_addresses(written: str, read: str) -> None:
    assert address.parse_ip(written) == read


@pytest.mark.parametrize("written", ["", "db", "192.0.2", "192.0.2.256", "[::1", "::1]", "192.0.2.1/24", "1:2"])
def test_an_invalid_address_is_refused(written: str) -> None:
    with pytest.raises(ValueError) as error:
        address.parse_ip(written)
    assert str(error.value) == f"'{written}' is not an IP address"


@pytest.mark.parametrize(("written", "zone"), [("fe80::1%eth0", "%eth0"), ("[fe80::1%2]", "%2")])
def test_a_zone_is_refused(written: str, zone: str) -> None:
    """Engines ignore an address with a zone, or refuse it."""
    with pytest.raises(ValueError) as error:
        address.parse_ip(written)
    assert str(error.value) == f"'{written}' has a zone ({zone}), which Docker does not support"


def test_a_dns_server_may_have_a_zone() -> None:
    assert address.parse_server("FE80::1%eth0") == "fe80::1%eth0"
    with pytest.raises(ValueError, match="'ns1' is not an IP address"):
        address.parse_server("ns1%eth0")


@pytest.mark.parametrize(
    ("ip", "why"),
    [
        ("10.9.0.2", ""),
        ("10.9.0.0", "is the first address of subnet 10.9.0.0/24"),
        ("10.9.0.255", "is the last address of subnet 10.9.0.0/24"),
        ("10.9.0.1", "is the address of the gateway of subnet 10.9.0.0/24"),
        ("10.9.1.2", "is not in the subnet 10.9.0.0/24 or 10.8.0.0/24 or 10.7.0.0/24 or fd00:9::/64"),
        ("10.8.0.1", ""),
        ("10.8.0.9", "is the address of the gateway of subnet 10.8.0.0/24"),
        ("10.8.0.7", "is reserved for nas in aux_addresses"),
        ("10.7.0.1", ""),
        ("10.7.0.128", "is the address of the gateway of subnet 10.7.0.0/24"),
        ("10.7.0.5", ""),
        ("fd00:9::", "is the first address of subnet fd00:9::/64"),
        ("fd00:9::1", "is the address of the gateway of subnet fd00:9::/64"),
        ("fd00:9::ffff:ffff:ffff:ffff", ""),
    ],
)
def test_addresses_that_no_container_can_have(ip: str, why: str) -> None:
    """As engines 20.10, 26.1 and 28.5 do it."""
    pools: dict[str, dict[str, object]] = {
        "10.9.0.0/24": {},
        "10.8.0.0/24": {"gateway": "10.8.0.9", "aux_addresses": {"nas": "10.8.0.7"}},
        "10.7.0.0/24": {"ip_range": "10.7.0.128/25"},
        "fd00:9::/64": {},
    }
    assert address.misfit(ip, pools) == why


def test_the_family_of_an_address_is_checked() -> None:
    assert address.parse_ipv4("10.0.0.9") == "10.0.0.9"
    assert address.parse_ipv6("FD00::9") == "fd00::9"
    with pytest.raises(ValueError, match="'fd00::9' is not an IPv4 address"):
        address.parse_ipv4("fd00::9")
    with pytest.raises(ValueError, match=r"'10\.0\.0\.9' is not an IPv6 address"):
        address.parse_ipv6("10.0.0.9")


@pytest.mark.parametrize(
    ("reported", "read"),
    [("fd00::1/64", "fd00::1"), ("FD00::1", "fd00::1"), ("", ""), ("foo", "foo"), ("10.0.0.1", "10.0.0.1")],
)
def test_addresses_as_engines_report_them(reported: str, read: str) -> None:
    assert address.read_ip(reported) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("10.211.0.0/24", "10.211.0.0/24"),
        ("10.211.0.7/24", "10.211.0.0/24"),
        ("FD00:0211:0::0/64", "fd00:211::/64"),
        ("2001:db8:0::/64", "2001:db8::/64"),
        ("fdd1:ac8c:0557:7ce0::/64", "fdd1:ac8c:557:7ce0::/64"),
        ("10.0.0.0/255.255.255.0", "10.0.0.0/24"),
    ],
)
def test_subnets(written: str, read: str) -> None:
    assert address.parse_subnet(written) == read


@pytest.mark.parametrize("written", ["", "10.0.0.1", "10.0.0.0/33", "net/24"])
def test_an_invalid_subnet_is_refused(written: str) -> None:
    with pytest.raises(ValueError) as error:
        address.parse_subnet(written)
    assert str(error.value) == f"'{written}' is not a subnet such as 172.28.0.0/16"


@pytest.mark.parametrize("written", ["02:42:ac:11:00:aa", "02:42:AC:11:00:AA", "02-42-ac-11-00-aa"])
def test_mac_addresses(written: str) -> None:
    assert address.parse_mac(written) == "02:42:ac:11:00:aa"


@pytest.mark.parametrize("written", ["", "02:42:ac:11:00", "02:42:ac:11:00:aa:bb", "02:42:ac:11:00:zz", "0242ac1100aa"])
def test_an_invalid_mac_address_is_refused(written: str) -> None:
    with pytest.raises(ValueError) as error:
        address.parse_mac(written)
    assert str(error.value) == f"'{written}' is not a MAC address such as 02:42:ac:11:00:0a"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a:1.2.3.4", "a:1.2.3.4"),
        ("a=1.2.3.4", "a:1.2.3.4"),
        ("b:host-gateway", "b:host-gateway"),
        ("b=host-gateway", "b:host-gateway"),
        ("c=[::1]", "c:::1"),
        ("c:[::1]", "c:::1"),
        ("c:::1", "c:::1"),
        ("c=0:0:0:0:0:0:0:1", "c:::1"),
    ],
)
def test_extra_hosts(written: str, read: str) -> None:
    assert address.parse_host(written) == read
    assert address.read_host(read) == read


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("a", "'a' does not have the form name:address"),
        (":1.2.3.4", "':1.2.3.4' does not have the form name:address"),
        ("a:", "'a:' does not have the form name:address"),
        ("a:b", "'b' is not an IP address"),
    ],
)
def test_an_invalid_extra_host_is_refused(written: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        address.parse_host(written)
    assert str(error.value) == message


def test_extra_hosts_of_an_engine_that_checks_nothing() -> None:
    assert address.read_host("a:nonsense") == "a:nonsense"
    assert address.read_host("a") == "a:"


@given(st.ip_addresses())
def test_an_address_reads_as_itself(ip: object) -> None:
    assert address.parse_ip(str(ip)) == str(getattr(ip, "ipv4_mapped", None) or ip)


@pytest.mark.parametrize(("text", "family"), [("10.0.0.0/24", 4), ("10.0.0.1", 4), ("fd00::/64", 6), ("::1", 6)])
def test_families(text: str, family: int) -> None:
    assert address.family(text) == family
