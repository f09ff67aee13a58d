"""Host ports that processes of the host hold."""

import pytest
from msgspec.structs import replace

from deployer.model.preflight import Listener, Process
from tests.planning.build import applied, changed, stub
from tests.planning.preflight.looking import NOTHING, asked, judged, refused

WEB = """
containers:
  web:
    image: web:1
    ports: ["{port}"]
"""
NGINX = {7: Process(812, "nginx")}


def web(port: str) -> str:
    return WEB.replace("{port}", port)


def listener(ip: str, port: int = 8080, protocol: str = "tcp") -> tuple[Listener, ...]:
    return (Listener(protocol, ip, port, 7),)


CLASHES = [
    *[("8080:80", ip) for ip in ("0.0.0.0", "::", "127.0.0.1", "::1")],
    *[("0.0.0.0:8080:80", ip) for ip in ("0.0.0.0", "127.0.0.1")],
    *[("127.0.0.1:8080:80", ip) for ip in ("0.0.0.0", "127.0.0.1")],
    *[("[::]:8080:80", ip) for ip in ("::", "::1")],
    *[("[::1]:8080:80", ip) for ip in ("::", "::1")],
]
"""As measured on engines 20.10 and 26.1."""


@pytest.mark.parametrize(("port", "ip"), CLASHES)
def test_a_process_on_an_address_the_engine_would_bind(port: str, ip: str) -> None:
    found = judged(web(port), listeners=listener(ip), processes=NGINX)
    assert (refused(found), found.notes) == (
        ["shop.yml:4 container.web: host port 8080 is taken by process nginx"],
        (),
    )


@pytest.mark.parametrize(
    ("port", "ip"),
    [
        ("0.0.0.0:8080:80", "::1"),
        ("127.0.0.1:8080:80", "127.0.0.2"),
        ("127.0.0.1:8080:80", "::1"),
        *[("[::]:8080:80", ip) for ip in ("0.0.0.0", "127.0.0.1")],
        *[("[::1]:8080:80", ip) for ip in ("0.0.0.0", "127.0.0.1")],
        ("8080:80/udp", "0.0.0.0"),
        ("8081:80", "0.0.0.0"),
        ("8000-8100:80", "0.0.0.0"),
        ("80", "0.0.0.0"),
    ],
)
def test_ports_that_do_not_conflict(port: str, ip: str) -> None:
    found = judged(web(port), listeners=listener(ip), processes=NGINX)
    assert (found.refusals, found.notes) == ((), ())


@pytest.mark.parametrize("port", ["0.0.0.0:8080:80", "127.0.0.1:8080:80"])
def test_whether_a_socket_on_all_ipv6_addresses_takes_ipv4_too_is_not_known(port: str) -> None:
    found = judged(web(port), listeners=listener("::"), processes=NGINX)
    assert (found.refusals, found.notes) == ((), ("container.web: host port 8080 may be taken by process nginx",))


def test_a_port_is_refused_once_however_many_sockets_hold_it() -> None:
    both = (*listener("::"), Listener("tcp", "127.0.0.1", 8080, 8))
    found = judged(web("0.0.0.0:8080:80"), listeners=both, processes=NGINX | {8: Process(9, "caddy")})
    assert refused(found) == ["shop.yml:4 container.web: host port 8080 is taken by process caddy"]
    assert found.notes == ()


@pytest.mark.parametrize(("ip", "published"), [("0.0.0.0", "0.0.0.0:8080:80/tcp"), ("::", "[::]:8080:80/tcp")])
def test_where_the_engine_listens_for_a_container_is_not_judged_here(ip: str, published: str) -> None:
    found = judged(web("8080:80"), listeners=listener(ip), published=frozenset({published}))
    assert (found.refusals, found.notes) == ((), ())


def test_a_process_beside_a_container_on_another_address() -> None:
    found = judged(
        web("8080:80"), listeners=listener("10.0.0.5"), published=frozenset({"127.0.0.1:8080:80/tcp"}), processes=NGINX
    )
    assert refused(found) == ["shop.yml:4 container.web: host port 8080 is taken by process nginx"]


def test_the_engines_own_helper_may_be_on_its_way_out() -> None:
    found = judged(web("8080:80"), listeners=listener("0.0.0.0"), processes={7: Process(9, "docker-proxy")})
    assert (found.refusals, found.notes) == ((), ())


def test_a_process_of_which_nothing_is_known() -> None:
    found = judged(web("8080:80"), listeners=listener("0.0.0.0"))
    assert refused(found) == ["shop.yml:4 container.web: host port 8080 is taken by a process of the host"]


def test_it_may_be_a_container_on_the_hosts_network() -> None:
    host = replace(NOTHING, others=(stub("proxy", networks=frozenset({"host"})),))
    found = judged(web("8080:80"), host, listeners=listener("0.0.0.0"))
    text = "host port 8080 is taken by a process, or a container on the host's network (proxy)"
    assert refused(found) == [f"shop.yml:4 container.web: {text}"]
    known = judged(web("8080:80"), host, listeners=listener("0.0.0.0"), processes={7: Process(9, "haproxy", "proxy-1")})
    assert refused(known) == ["shop.yml:4 container.web: host port 8080 is taken by process haproxy of container proxy"]


HOST_MODE = """
containers:
  web:
    image: web:1
    network_mode: host
"""


def test_the_container_on_the_hosts_network_that_is_replaced_gives_its_port_up() -> None:
    host = applied(HOST_MODE)
    known = judged(web("8080:80"), host, listeners=listener("0.0.0.0"), processes={7: Process(9, "web", "web-1")})
    assert (known.refusals, known.notes) == ((), ())
    unknown = judged(web("8080:80"), host, listeners=listener("0.0.0.0"))
    text = "host port 8080 may be taken by a process, or a container on the host's network (web)"
    assert (unknown.refusals, unknown.notes) == ((), (f"container.web: {text}",))


def test_a_short_lived_udp_socket_is_only_noted() -> None:
    plan = judged(web("40000:53/udp"), listeners=listener("0.0.0.0", 40000, "udp"), processes=NGINX)
    assert (plan.refusals, plan.notes) == ((), ("container.web: host port 40000 may be taken by process nginx",))


def test_a_stopped_container_that_is_started_needs_its_ports() -> None:
    stopped = changed(applied(web("8080:80")), "web", state="exited")
    assert asked(web("8080:80"), stopped).ports == {"8080:80/tcp"}
    assert refused(judged(web("8080:80"), stopped, listeners=listener("0.0.0.0"), processes=NGINX)) == [
        "shop.yml:4 container.web: host port 8080 is taken by process nginx"
    ]


def test_only_fixed_ports_of_started_containers_are_checked() -> None:
    assert asked(web("80")).ports == frozenset()
    assert asked(web("8000-8002:80")).ports == frozenset()
    assert asked(WEB.replace("ports", "state: created\n    ports").replace("{port}", "80:80")).ports == frozenset()
    assert not asked(web("8080:80"), applied(web("8080:80")))
