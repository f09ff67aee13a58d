"""Host ports that go from one declared container to another in one run."""

from __future__ import annotations

import pytest

from deployer.errors import EngineError
from tests.engine.faulty import Faults, with_faults
from tests.planning.build import applied, changed, changes, plan, steps
from tests.planning.hosts import Host
from tests.planning.test_chaos import running
from tests.planning.test_properties import POPULATED


def wish(**ports: int) -> str:
    return "containers: {" + ", ".join(f"{n}: {{image: 'one:1', ports: ['{p}:80']}}" for n, p in ports.items()) + "}"


def mounted(**volumes: str) -> str:
    """Containers whose data lies in a volume or a folder."""
    wanted = ", ".join(f"{name}: {{image: 'one:1', volumes: ['{source}:/data']}}" for name, source in volumes.items())
    return "volumes: {left: {}, right: {}}\ncontainers: {" + wanted + "}"


CASES = {
    "exchange": (wish(aa=8001, bb=8002), wish(aa=8002, bb=8001)),
    "circle": (wish(aa=8001, bb=8002, cc=8003), wish(aa=8002, bb=8003, cc=8001)),
    "chain": (wish(aa=8001, bb=8002, cc=8003), wish(aa=8002, bb=8003, cc=8004)),
    "other way": (wish(aa=8001, bb=8002, cc=8003), wish(aa=8000, bb=8001, cc=8002)),
    "to a new one": (wish(bb=8001), wish(aa=8001, bb=8002)),
    "volumes": (mounted(aa="left", bb="right"), mounted(aa="right", bb="left")),
    "folders": (mounted(bb="/srv/one"), mounted(aa="/srv/one", bb="/srv/two")),
}


LAN = "networks: {lan: {ipam: {config: [{subnet: 10.9.0.0/24}]}}}\n"


def fixed(**last: int) -> str:
    """Containers with the last part of their address; 0: the engine chooses."""
    given = {name: f"ipv4_address: 10.9.0.{part}" if part else "" for name, part in last.items()}
    own = (f"{name}: {{image: 'one:1', networks: {{lan: {{{text}}}}}}}" for name, text in given.items())
    return f"{LAN}containers: {{{', '.join(own)}}}"


CASES |= {
    "addresses exchange": (fixed(aa=11, bb=12), fixed(aa=12, bb=11)),
    "address given up": (fixed(aa=11, bb=12), fixed(aa=0, bb=11)),
    "address and image": (fixed(aa=11, bb=12), fixed(aa=12, bb=11).replace("bb: {image: 'one", "bb: {image: 'two")),
}
FURTHER = CASES | {
    "addresses in a circle": (fixed(aa=11, bb=12, cc=13), fixed(aa=12, bb=13, cc=11)),
    "address to a new one": (fixed(bb=11), fixed(aa=11, bb=12)),
    "address of one that stops": (fixed(bb=11), fixed(aa=11, bb=11).replace("bb: {", "bb: {state: stopped, ")),
    "address of one that goes": (fixed(bb=11), fixed(aa=11, bb=11).replace("bb: {", "bb: {state: absent, ")),
    "address of one that leaves": (fixed(bb=11), fixed(aa=11).replace("{aa", "{bb: {image: 'one:1'}, aa")),
    "MAC address": (
        fixed(aa=11, bb=12).replace("aa: {", "aa: {mac_address: '02:42:0a:09:00:0b', "),
        fixed(aa=12, bb=11).replace("bb: {", "bb: {mac_address: '02:42:0a:09:00:0b', "),
    ),
    "port of one that stops": (wish(bb=8001), wish(aa=8001, bb=8001).replace("bb: {", "bb: {state: stopped, ")),
}
"""Those that need not end with all running that ran before."""


def test_both_leave_the_network_before_one_gets_its_new_address() -> None:
    found = plan(CASES["addresses exchange"][1], applied(CASES["addresses exchange"][0]))
    assert changes(found) == [
        "~ container.aa (in place): networks.lan.ipv4_address 10.9.0.11 → 10.9.0.12",
        "~ container.bb (in place): networks.lan.ipv4_address 10.9.0.12 → 10.9.0.11",
    ]
    assert steps(found) == [
        "#1 container.bb, DisconnectNetwork lan bb-1, changed [replace aa, bb]",
        "#2 container.aa, DisconnectNetwork lan aa-1, changed [replace aa, bb]",
        "[1,2] -> #3 container.aa, ConnectNetwork lan aa-1, changed [replace aa, bb]",
        "[3] -> #4 container.aa, WriteRecord aa-1, changed",
        "[1,2] -> #5 container.bb, ConnectNetwork lan bb-1, changed [replace aa, bb]",
        "[5] -> #6 container.bb, WriteRecord bb-1, changed",
    ]


def test_both_stop_before_one_starts() -> None:
    found = plan(CASES["exchange"][1], applied(CASES["exchange"][0]))
    reasons = [f"stop-first: host port {port} is fixed; stopped while the new one starts" for port in (8002, 8001)]
    assert changes(found) == [
        f"-/+ container.aa ({reasons[0]}): ports 8001:80/tcp → 8002:80/tcp",
        f"-/+ container.bb ({reasons[1]}): ports 8002:80/tcp → 8001:80/tcp",
    ]
    assert steps(found) == [
        "#1 container.bb, StopContainer bb-1, gives its host port away [replace aa, bb]",
        "[1] -> #2 container.bb, RenameContainer bb-1 to bb.deployer-old, gives its host port away [replace aa, bb]",
        "#3 container.aa, CreateContainer aa.deployer-new, replaced [replace aa, bb]",
        "[1,3] -> #4 container.aa, StopContainer aa-1, replaced [replace aa, bb]",
        "[4] -> #5 container.aa, RenameContainer aa-1 to aa.deployer-old, replaced [replace aa, bb]",
        "[5] -> #6 container.aa, RenameContainer made by #3 to aa, replaced [replace aa, bb]",
        "[6] -> #7 container.aa, StartContainer made by #3, replaced [replace aa, bb]",
        "[7] -> #8 container.aa, AwaitHealthy made by #3, replaced [replace aa, bb]",
        "#9 container.bb, CreateContainer bb.deployer-new, replaced [replace aa, bb]",
        "[2,4,9] -> #10 container.bb, RenameContainer made by #9 to bb, replaced [replace aa, bb]",
        "[10] -> #11 container.bb, StartContainer made by #9, replaced [replace aa, bb]",
        "[11] -> #12 container.bb, AwaitHealthy made by #9, replaced [replace aa, bb]",
        "[8,12] -> #13 container.aa, RenameContainer aa-1 to aa.previous, replaced by #3, at last",
        "[8,12] -> #14 container.bb, RenameContainer bb-1 to bb.previous, replaced by #9, at last",
    ]


def test_volumes_are_handed_over_like_ports() -> None:
    found = steps(plan(CASES["volumes"][1], applied(CASES["volumes"][0])))
    assert found[:2] == [
        "#1 container.bb, StopContainer bb-1, gives its volume away [replace aa, bb]",
        "[1] -> #2 container.bb, RenameContainer bb-1 to bb.deployer-old, gives its volume away [replace aa, bb]",
    ]
    assert "[1,3] -> #4 container.aa, StopContainer aa-1, replaced [replace aa, bb]" in found
    assert "[2,4,9] -> #10 container.bb, RenameContainer made by #9 to bb, replaced [replace aa, bb]" in found


@pytest.mark.parametrize(("before", "after"), [("left", "left"), ("left:/data:ro", "left")])
def test_shared_and_read_only_volumes_are_not_handed_over(before: str, after: str) -> None:
    text = mounted(aa="right", bb=before).replace("ro:/data", "ro")
    wished = mounted(aa="left", bb=after).replace("ro:/data", "ro")
    assert not any("away" in line for line in steps(plan(wished, applied(text))))


def test_a_container_under_a_new_name_starts_when_the_old_one_has_stopped() -> None:
    found = steps(plan(mounted(www="left"), applied(mounted(web="left")), prune=True))
    assert found == [
        "#1 container.web, StopContainer web-1, no longer declared",
        "[1] -> #2 container.web, RemoveContainer web-1, no longer declared, at last",
        "#3 container.www, CreateContainer www, missing",
        "[1,3] -> #4 container.www, StartContainer made by #3, missing",
        "[4] -> #5 container.www, AwaitHealthy made by #3, must work",
    ]


def test_none_stops_early_where_the_other_order_will_do() -> None:
    found = steps(plan(wish(aa=8003, bb=8001), applied(wish(aa=8001, bb=8002))))
    assert "gives its host port away" not in str(found)
    assert [line for line in found if "[replace aa, bb]" not in line and "at last" not in line] == []


@pytest.mark.parametrize(
    "keeps", [lambda text: text, lambda text: text.replace("ports", "update: {order: start-first}, ports")]
)
def test_containers_stop_early_only_when_a_port_changes_hands(keeps: object) -> None:
    assert callable(keeps)
    found = steps(plan(keeps(wish(aa=8001, bb=8004)), applied(wish(aa=8001, bb=8002))))
    assert not any("gives its host port away" in line for line in found)


def test_one_that_is_stopped_gives_nothing_away() -> None:
    before, after = CASES["exchange"]
    found = steps(plan(after, changed(changed(applied(before), "aa", state="exited"), "bb", state="exited")))
    assert not any("gives its host port away" in line for line in found)


@pytest.mark.parametrize("case", FURTHER)
@pytest.mark.parametrize("version", ["20.10", "26.1", "28.5"])
def test_the_host_is_as_declared_afterwards(case: str, version: str) -> None:
    before, after = FURTHER[case]
    host = Host(POPULATED[version].copy())
    host.converge(before)
    host.converge(after)
    host.converge(before, prune=True)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("at", range(1, 16, 2))
@pytest.mark.parametrize("policy", ["stop", "rollback_host"])
@pytest.mark.parametrize("done", [False, True])
def test_after_any_failure_the_previous_containers_run(case: str, at: int, policy: str, *, done: bool) -> None:
    before, after = CASES[case]
    host = Host(POPULATED["26.1"].copy())
    host.converge(before)
    ran = running(host)
    found = host.plan(f"on_failure: {policy}\n{after}")
    host.execute_on(
        with_faults(host.engine, Faults(at, EngineError("injected", status=500), done, for_ever=False)), found
    )
    assert ran <= running(host)
    host.converge(after)
