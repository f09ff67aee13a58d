"""Published and exposed ports: short forms, the engine's form, and that they mean the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.values import port


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (80, ["80/tcp"]),
        ("80", ["80/tcp"]),
        ("80/udp", ["80/udp"]),
        ("8080:80", ["8080:80/tcp"]),
        ("8080:80/UDP", ["8080:80/udp"]),
        ("8080:80/sctp", ["8080:80/sctp"]),
        ("08080:080", ["8080:80/tcp"]),
        ("0:80", ["80/tcp"]),
        (":80", ["80/tcp"]),
        ("0.0.0.0:8080:80", ["0.0.0.0:8080:80/tcp"]),
        ("127.0.0.1::80", ["127.0.0.1::80/tcp"]),
        ("127.0.0.1:0:80", ["127.0.0.1::80/tcp"]),
        ("[::1]:8080:80", ["[::1]:8080:80/tcp"]),
        ("[0:0:0:0:0:0:0:1]:8080:80", ["[::1]:8080:80/tcp"]),
        ("[::1]::80", ["[::1]::80/tcp"]),
        ("[2604:a5c0::2604:2604]:2222:22", ["[2604:a5c0::2604:2604]:2222:22/tcp"]),
        ("[::ffff:127.0.0.1]:90:90/tcp", ["127.0.0.1:90:90/tcp"]),
        ("80-82", ["80/tcp", "81/tcp", "82/tcp"]),
        ("8080-8082:80-82", ["8080:80/tcp", "8081:81/tcp", "8082:82/tcp"]),
        ("127.0.0.1:8080-8081:80-81/udp", ["127.0.0.1:8080:80/udp", "127.0.0.1:8081:81/udp"]),
        ("8080-8082:80", ["8080-8082:80/tcp"]),
        ("8080-8080:80", ["8080:80/tcp"]),
        (" 8080:80 ", ["8080:80/tcp"]),
    ],
)
def test_short_forms(written: int | str, read: list[str]) -> None:
    assert list(port.parse(written)) == read


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("localhost:8080:80", "'localhost:8080:80': 'localhost' is not an IP address; host names cannot be bound"),
        (
            "[fe80::1%eth0]:90:90/tcp",
            "'[fe80::1%eth0]:90:90/tcp': 'fe80::1%eth0' has a zone (%eth0), which Docker does not support",
        ),
        ("127.1:8080:80", "'127.1:8080:80': '127.1' is not an IP address; host names cannot be bound"),
        ("::1:8080:80", "'::1:8080:80' is not a port such as 8080:80, 127.0.0.1:8080:80 or [::1]:8080:80"),
        ("1:2:3:4", "'1:2:3:4' is not a port such as 8080:80, 127.0.0.1:8080:80 or [::1]:8080:80"),
        ("[::1]:80", "'[::1]:80' is not a port such as 8080:80, 127.0.0.1:8080:80 or [::1]:8080:80"),
        ("[::1:8080:80", "'[::1:8080:80' is not a port such as 8080:80, 127.0.0.1:8080:80 or [::1]:8080:80"),
        ("8080:80/icmp", "'8080:80/icmp': protocol 'icmp' is not one of tcp, udp, sctp"),
        ("8080:80/", "'8080:80/': protocol '' is not one of tcp, udp, sctp"),
        ("8080:", "'8080:': '' is not a port number or range"),
        ("", "'': '' is not a port number or range"),
        ("all", "'all': 'all' is not a port number or range"),
        ("0", "'0': '0' is not between 1 and 65535"),
        ("8080:0", "'8080:0': '0' is not between 1 and 65535"),
        ("65536:80", "'65536:80': '65536' is not between 1 and 65535"),
        ("82-80", "'82-80': '82-80' is not between 1 and 65535"),
        ("8080-8081:80-82", "'8080-8081:80-82': 2 host ports for 3 container ports"),
        ("8080:80-82", "'8080:80-82': 1 host ports for 3 container ports"),
        (-80, "'-80': '-80' is not a port number or range"),
    ],
)
def test_an_invalid_port_is_refused(written: int | str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        port.parse(written)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (80, ["80/tcp"]),
        ("53/UDP", ["53/udp"]),
        ("100-102/udp", ["100/udp", "101/udp", "102/udp"]),
    ],
)
def test_exposed_ports(written: int | str, read: list[str]) -> None:
    assert list(port.parse_exposed(written)) == read


def test_published_ports_cannot_be_exposed() -> None:
    with pytest.raises(ValueError) as error:
        port.parse_exposed("8080:80")
    assert str(error.value) == "'8080:80': '8080:80' is not a port number or range"


@pytest.mark.parametrize(
    ("bindings", "read"),
    [
        (None, []),
        ({}, []),
        ({"80/tcp": None}, []),
        ({"80/tcp": []}, []),
        ({"80/tcp": [{"HostPort": ""}]}, ["80/tcp"]),
        ({"80/tcp": [{"HostIp": "", "HostPort": "0"}]}, ["80/tcp"]),
        ({"80/tcp": [{"HostIp": "", "HostPort": "08080"}]}, ["8080:80/tcp"]),
        ({"80": [{"HostPort": "8080"}]}, ["8080:80/tcp"]),
        ({"80/UDP": [{"HostPort": "8080"}]}, ["8080:80/udp"]),
        ({"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}, ["0.0.0.0:8080:80/tcp"]),
        ({"80/tcp": [{"HostIp": "0:0:0:0:0:0:0:1", "HostPort": "8080"}]}, ["[::1]:8080:80/tcp"]),
        ({"80/tcp": [{"HostIp": "", "HostPort": "8080-8082"}]}, ["8080-8082:80/tcp"]),
        ({"80/tcp": [{"HostIp": "", "HostPort": "8080-8080"}]}, ["8080:80/tcp"]),
        ({"100-102/udp": [{"HostPort": "5"}]}, ["5:100-102/udp"]),
        ({"443/tcp": [{"HostPort": "2"}], "80/tcp": [{"HostPort": "1"}, {"HostPort": "1"}]}, ["1:80/tcp", "2:443/tcp"]),
    ],
)
def test_bindings_of_the_engine(bindings: dict[str, Any] | None, read: list[str]) -> None:
    assert list(port.from_engine(bindings)) == read


@pytest.mark.parametrize(
    ("kept", "read"),
    [("[::1]", "[[::1]]:8080:80/tcp"), ("::1%lo", "[::1%lo]:8080:80/tcp"), ("127.1", "127.1:8080:80/tcp")],
)
def test_text_that_the_engine_keeps_and_reads_as_no_address(kept: str, read: str) -> None:
    """Engines before 29 bind every address for it, so it must not look like a declared one."""
    (live,) = port.from_engine({"80/tcp": [{"HostIp": kept, "HostPort": "8080"}]})
    assert live == read
    assert (live,) != port.parse("[::1]:8080:80")
    assert port.clash(live, "192.0.2.9:8080:80/tcp")


def test_all_addresses_and_all_ipv4_addresses_differ() -> None:
    assert port.parse("8080:80") != port.parse("0.0.0.0:8080:80")


def test_both_protocols_of_one_port_are_two_bindings() -> None:
    assert port.to_engine(("53:53/tcp", "53:53/udp")) == {
        "53/tcp": [{"HostIp": "", "HostPort": "53"}],
        "53/udp": [{"HostIp": "", "HostPort": "53"}],
    }


def test_one_container_port_on_two_host_ports() -> None:
    assert port.to_engine(("8000:80/tcp", "10000:80/tcp")) == {
        "80/tcp": [{"HostIp": "", "HostPort": "8000"}, {"HostIp": "", "HostPort": "10000"}]
    }


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("80/tcp", ("", "")),
        ("8080:80/tcp", ("", "8080")),
        ("127.0.0.1:8080:80/tcp", ("127.0.0.1", "8080")),
        ("127.0.0.1::80/tcp", ("127.0.0.1", "")),
        ("[::1]:8080-8082:80/tcp", ("::1", "8080-8082")),
        ("[::1]::80/tcp", ("::1", "")),
    ],
)
def test_the_host_side_of_a_port(text: str, parts: tuple[str, str]) -> None:
    assert port.host_ports(text) == parts


def test_exposed_keys_without_protocol_are_tcp() -> None:
    assert port.exposed_from_engine(["80", "80/tcp", "53/UDP", "443/tcp"]) == ("53/udp", "80/tcp", "443/tcp")
    assert port.exposed_from_engine(["80-81/UDP", "80"]) == ("80/tcp", "80/udp", "81/udp")


_NUMBER = st.integers(min_value=1, max_value=65535)
_ADDRESSES = st.one_of(st.just(""), st.ip_addresses().map(lambda ip: f"[{ip}]:" if ip.version == 6 else f"{ip}:"))


@st.composite
def _written(draw: st.DrawFn) -> str:
    address, first, last = draw(_ADDRESSES), *sorted((draw(_NUMBER), draw(_NUMBER)))
    host = draw(st.sampled_from(["", f"{first}", f"{first}-{last}"]))
    middle = f"{host}:" if host or address else ""
    return f"{address}{middle}{draw(_NUMBER)}/{draw(st.sampled_from(port.PROTOCOLS))}"


@given(_written())
def test_the_canonical_form_reads_as_itself(written: str) -> None:
    canonical = port.parse(written)
    assert [port.parse(each) for each in canonical] == [(each,) for each in canonical]


@given(st.lists(_written(), max_size=5))
def test_ports_survive_the_engine(written: list[str]) -> None:
    ports = {each for text in written for each in port.parse(text)}
    assert port.from_engine(port.to_engine(sorted(ports))) == tuple(sorted(ports, key=port.order))
