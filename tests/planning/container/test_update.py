"""What the engine can change while the container stays."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from deployer.model.operations import AwaitHealthy, PauseContainer, StartContainer, StopContainer, UpdateContainer
from tests.planning.build import applied, changed, changes, nothing, plan, steps


def web(keys: str) -> str:
    return f"containers: {{web: {{image: web:1, {keys}}}}}"


RECORDED = "[1] -> #2 container.web, WriteRecord web-1, changed"


def bodies(found: Any) -> list[Any]:
    return [step.operation.body for step in found.steps if isinstance(step.operation, UpdateContainer)]


@pytest.mark.parametrize(
    ("old", "new", "diff", "body"),
    [
        (
            "mem_limit: 64m",
            "mem_limit: 256m",
            "mem_limit 64 MiB → 256 MiB",
            {"Memory": 268435456, "MemorySwap": 536870912},
        ),
        ("tty: false", "mem_limit: 64m", "mem_limit no limit → 64 MiB", {"Memory": 67108864, "MemorySwap": 134217728}),
        (
            "mem_limit: 64m",
            "mem_limit: 64m, memswap_limit: -1",
            "memswap_limit 128 MiB → unlimited",
            {"Memory": 67108864, "MemorySwap": -1},
        ),
        (
            "mem_limit: 64m, memswap_limit: -1",
            "mem_limit: 128m, memswap_limit: -1",
            "mem_limit 64 MiB → 128 MiB",
            {"Memory": 134217728, "MemorySwap": -1},
        ),
        (
            "mem_limit: 64m, memswap_limit: -1",
            "mem_limit: 64m",
            "memswap_limit unlimited → 128 MiB",
            {"Memory": 67108864, "MemorySwap": 134217728},
        ),
        (
            "mem_limit: 64m, memswap_limit: -1",
            "mem_limit: 64m, memswap_limit: 0",
            "memswap_limit unlimited → 128 MiB",
            {"Memory": 67108864, "MemorySwap": 134217728},
        ),
        (
            "mem_reservation: 32m",
            "mem_reservation: 48m",
            "mem_reservation 32 MiB → 48 MiB",
            {"MemoryReservation": 50331648},
        ),
        ("cpus: 1", "cpus: 1.5", "cpus 1 → 1.5", {"NanoCpus": 1500000000}),
        ("tty: false", "cpus: 1", "cpus no limit → 1", {"NanoCpus": 1000000000}),
        ("cpu_quota: 50000", "cpu_quota: 80000", "cpu_quota 50000 → 80000", {"CpuQuota": 80000}),
        ("cpu_shares: 512", "cpu_shares: 256", "cpu_shares 512 → 256", {"CpuShares": 256}),
        ("cpuset: 0-1", "cpuset: '0'", "cpuset 0-1 → 0", {"CpusetCpus": "0"}),
        ("pids_limit: 100", "pids_limit: 200", "pids_limit 100 → 200", {"PidsLimit": 200}),
        ("pids_limit: 100", "tty: false", "pids_limit 100 → no limit", {"PidsLimit": 0}),
        (
            "blkio_config: {weight: 300}",
            "blkio_config: {weight: 500}",
            "blkio_config.weight 300 → 500",
            {"BlkioWeight": 500},
        ),
        (
            "restart: always",
            "restart: 'no'",
            "restart always → no",
            {"RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}},
        ),
        (
            "restart: on-failure:3",
            "tty: false",
            "restart on-failure:3 → no",
            {"RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}},
        ),
        (
            "restart: always",
            "restart: on-failure, restart_retries: 2",
            "restart always → on-failure:2",
            {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2}},
        ),
    ],
)
def test_in_place(old: str, new: str, diff: str, body: dict[str, Any]) -> None:
    host = applied(web(old))
    if "mem_limit" in old and "memswap" not in old:
        host = changed(host, "web", values={"memswap_limit": 134217728})
    found = plan(web(new), host)
    assert changes(found) == [f"~ container.web (in place): {diff}"]
    assert steps(found) == ["#1 container.web, UpdateContainer web-1, changed", RECORDED]
    assert bodies(found) == [body]


def test_several_limits_are_one_update() -> None:
    found = plan(web("mem_limit: 128m, cpus: 2, restart: always"), applied(web("mem_limit: 64m, cpus: 1")))
    assert steps(found) == ["#1 container.web, UpdateContainer web-1, changed", RECORDED]
    assert bodies(found)[0] == {
        "Memory": 134217728,
        "MemorySwap": 268435456,
        "NanoCpus": 2000000000,
        "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
    }


def test_a_stopped_container_is_updated_before_it_starts() -> None:
    host = changed(applied(web("cpus: 1")), "web", state="exited")
    assert steps(plan(web("cpus: 2"), host)) == [
        "#1 container.web, UpdateContainer web-1, changed",
        RECORDED,
        "[1] -> #3 container.web, StartContainer web-1, is exited with code 0",
        "[3] -> #4 container.web, AwaitHealthy web-1, must work",
    ]


def test_swap_that_was_set_by_hand_is_set_back() -> None:
    for swap, shown in ((536870912, "512 MiB"), (-1, "unlimited")):
        host = changed(applied(web("mem_limit: 128m")), "web", values={"memswap_limit": swap})
        found = plan(web("mem_limit: 128m"), host)
        assert changes(found) == [f"~ container.web (in place): memswap_limit {shown} → 256 MiB"]
        assert steps(found) == ["#1 container.web, UpdateContainer web-1, changed"]
        assert bodies(found) == [{"Memory": 134217728, "MemorySwap": 268435456}]
    more = changes(plan(web("mem_limit: 256m"), host))
    assert more == ["~ container.web (in place): mem_limit 128 MiB → 256 MiB, memswap_limit unlimited → 512 MiB"]


def test_unsupported_swap_limits_are_not_a_difference() -> None:
    host = changed(applied(web("mem_limit: 128m")), "web", values={"memswap_limit": -1})
    assert nothing(plan(web("mem_limit: 128m"), replace(host, info={"SwapLimit": False})))
    assert not nothing(plan(web("mem_limit: 128m"), replace(host, info={"SwapLimit": True})))


def test_a_change_by_hand_is_rolled_back() -> None:
    host = changed(applied(web("cpus: 1")), "web", values={"cpus": 2000000000})
    assert changes(plan(web("cpus: 1"), host)) == ["~ container.web (in place): cpus 2 → 1"]


def test_networks_and_limits_together() -> None:
    old = "networks: {front: {}, back: {}}\n" + web("networks: [front], cpus: 1")
    new = "networks: {front: {}, back: {}}\n" + web("networks: [front, back], cpus: 2")
    assert steps(plan(new, applied(old))) == [
        "#1 container.web, UpdateContainer web-1, changed",
        "[1] -> #2 container.web, ConnectNetwork back web-1, changed [reconnect web]",
        "[2] -> #3 container.web, WriteRecord web-1, changed",
    ]


PAIR = """
containers:
  web: {image: web:1}
  side: {image: side:1, network_mode: 'container:web'}
  after: {image: side:1, depends_on: {web: {condition: service_started, restart: true}}}
"""


def test_a_paused_container_is_unpaused_and_those_in_its_namespaces_go_on() -> None:
    found = plan(PAIR, changed(applied(PAIR), "web", state="paused", health="unhealthy"))
    assert changes(found) == ["> container.web (is paused, and is unpaused)"]
    assert steps(found) == [
        "#1 container.web, UnpauseContainer web-1, is paused",
        "[1] -> #2 container.web, AwaitHealthy web-1, must work",
    ]
    assert found.steps[0].undo == (PauseContainer("web-1"),)
    assert found.steps[1].operation == AwaitHealthy("web-1", 60, 1, grace=60)


def test_a_paused_container_that_has_to_stop_is_paused_again_when_that_is_undone() -> None:
    host = changed(applied(PAIR), "side", state="paused")
    stopped = plan(PAIR.replace("side: {", "side: {state: stopped, "), host)
    restarted = plan(PAIR, changed(host, "web", state="exited"))
    removed = plan(PAIR.replace("side: {", "side: {state: absent, "), host)
    for found in (stopped, restarted, removed):
        (stop,) = [step for step in found.steps if step.operation == StopContainer("side-1")]
        assert stop.undo == (StartContainer("side-1"), PauseContainer("side-1"))
