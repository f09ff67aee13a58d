"""`POST /containers/{id}/update`: what can be changed in place, what stands against it, what is silently ignored."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.sandbox import Sandbox, each_engine_of_one_store, status_of

pytestmark = each_engine_of_one_store

MIB = 1024**2


@pytest.fixture
def limited(sandbox: Sandbox) -> str:
    """64 MiB of memory (and so 128 MiB with swap), half a CPU."""
    return sandbox.container("a", HostConfig={"Memory": 64 * MIB, "NanoCpus": 500_000_000})


def test_memory_above_the_stored_swap_limit_needs_both(sandbox: Sandbox, limited: str) -> None:
    update = sandbox.engine.update_container
    assert status_of(update, limited, {"Memory": 256 * MIB}) == 409
    update(limited, {"Memory": 256 * MIB, "MemorySwap": 512 * MIB})
    update(limited, {"Memory": 128 * MIB})
    host = sandbox.host_config(limited)
    assert (host["Memory"], host["MemorySwap"]) == (128 * MIB, 512 * MIB), "swap stays when memory is lowered"
    update(limited, {"MemorySwap": -1})
    assert status_of(update, limited, {"Memory": 130 * MIB}) == 409
    free = sandbox.container("b")
    assert status_of(update, free, {"Memory": 64 * MIB}) == 409, "no limit stored counts as a lower one"
    update(free, {"Memory": 64 * MIB, "MemorySwap": 64 * MIB})
    assert sandbox.host_config(free)["MemorySwap"] == 64 * MIB


def test_zero_means_not_given(sandbox: Sandbox, limited: str) -> None:
    before = sandbox.host_config(limited)
    sandbox.engine.update_container(limited, {"Memory": 0, "NanoCpus": 0, "CpuShares": 0, "CpusetCpus": ""})
    assert sandbox.host_config(limited) == before


def test_cpu_families_do_not_mix(sandbox: Sandbox, limited: str) -> None:
    update, quota = sandbox.engine.update_container, sandbox.container("b", HostConfig={"CpuQuota": 50000})
    assert status_of(update, limited, {"CpuQuota": 50000}) == 409
    assert status_of(update, limited, {"CpuPeriod": 50000}) == 409
    assert status_of(update, quota, {"NanoCpus": 500_000_000}) == 409
    update(limited, {"NanoCpus": 1_000_000_000})
    host = sandbox.host_config(limited)
    assert (host["NanoCpus"], host["CpuQuota"]) == (1_000_000_000, 0)


@pytest.mark.parametrize(
    "body",
    [
        {"Memory": 1000},
        {"Memory": -1},
        {"Memory": 128 * MIB, "MemorySwap": 1000},
        {"NanoCpus": 9999_000_000_000},
        {"CpusetCpus": "4000"},
        {"RestartPolicy": {"Name": "foo"}},
        {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 2}},
    ],
    ids=str,
)
def test_values_are_checked_as_at_create(sandbox: Sandbox, limited: str, body: dict[str, Any]) -> None:
    before = sandbox.host_config(limited)
    assert status_of(sandbox.engine.update_container, limited, body) == 400
    assert sandbox.host_config(limited) == before


def test_a_process_limit_that_is_lifted_shows_zero(sandbox: Sandbox, limited: str) -> None:
    sandbox.engine.update_container(limited, {"PidsLimit": 50})
    assert sandbox.host_config(limited)["PidsLimit"] == 50
    sandbox.engine.update_container(limited, {"PidsLimit": -1})
    assert sandbox.host_config(limited)["PidsLimit"] == 0


def test_the_restart_policy(sandbox: Sandbox, limited: str) -> None:
    update = sandbox.engine.update_container
    update(limited, {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2}})
    update(limited, {"RestartPolicy": {"Name": ""}})
    assert sandbox.host_config(limited)["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 2}
    update(limited, {"RestartPolicy": {"Name": "no"}})
    assert sandbox.host_config(limited)["RestartPolicy"] == {"Name": "no", "MaximumRetryCount": 0}


def test_a_container_that_removes_itself_gets_no_policy(sandbox: Sandbox) -> None:
    key = sandbox.container("a", HostConfig={"AutoRemove": True})
    assert status_of(sandbox.engine.update_container, key, {"RestartPolicy": {"Name": "always"}}) == 409


def test_everything_else_is_ignored(sandbox: Sandbox, limited: str) -> None:
    before = sandbox.host_config(limited)
    body = {"Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 1}], "Privileged": True, "ShmSize": 1, "Binds": ["/a:/b"]}
    sandbox.engine.update_container(limited, body)
    assert sandbox.host_config(limited) == before


def test_a_running_container_is_updated_too(sandbox: Sandbox, limited: str) -> None:
    sandbox.engine.start_container(limited)
    sandbox.engine.update_container(limited, {"CpuShares": 512})
    assert sandbox.host_config(limited)["CpuShares"] == 512
