"""`POST /containers/{id}/update`: changes resources and restart policy of an existing container. Zero and the empty
text mean "not given", so a limit cannot be removed. Other keys are ignored."""

from __future__ import annotations

from deployer.interfaces import Json
from deployer.simulated.decode import decode_host_config
from deployer.simulated.limits import check_limits, discarded_limits
from deployer.simulated.lookup import need_container
from deployer.simulated.refusals import conflict
from deployer.simulated.state import Record, SimulatedHost
from deployer.simulated.validation import check_restart_policy

_UPDATABLE = (
    *("BlkioWeight", "CpuShares", "NanoCpus", "CpuPeriod", "CpuQuota", "CpusetCpus", "CpusetMems", "Memory"),
    *("MemorySwap", "MemoryReservation", "CpuRealtimePeriod", "CpuRealtimeRuntime", "KernelMemory"),
)
_CPU_FAMILIES = (
    ("NanoCpus", "CpuPeriod", "Nano CPUs cannot be updated as CPU Period has already been set"),
    ("NanoCpus", "CpuQuota", "Nano CPUs cannot be updated as CPU Quota has already been set"),
    ("CpuPeriod", "NanoCpus", "CPU Period cannot be updated as NanoCPUs has already been set"),
    ("CpuQuota", "NanoCpus", "CPU Quota cannot be updated as NanoCPUs has already been set"),
)


def update(host: SimulatedHost, ref: str, body: Json) -> list[str]:
    """Returns the warnings. After an update to "unlimited", a container without a process limit shows 0."""
    container = need_container(host, ref)
    stored = container["HostConfig"]
    given = decode_host_config(host.profile, dict(body))
    policy = given.get("RestartPolicy") or {}
    check_limits(host.facts, given, update=True)
    if policy.get("Name"):
        check_restart_policy(host.profile, policy, auto_remove=False)
    warnings = discarded_limits(host.facts, given)
    _check_against(container, given, policy)
    for key in _UPDATABLE:
        if given.get(key):
            stored[key] = given[key]
    if given.get("PidsLimit") is not None:
        stored["PidsLimit"] = max(given["PidsLimit"], 0)
    if policy.get("Name"):
        stored["RestartPolicy"] = {
            "Name": policy["Name"],
            "MaximumRetryCount": policy.get("MaximumRetryCount", 0),
        }
    host.state.tick()
    return warnings


def _check_against(container: Record, given: Record, policy: Record) -> None:
    """Checks against the container's current limits. A memory limit above the stored swap limit is refused unless both
    are given, also if the stored one is 0 or -1."""
    stored = container["HostConfig"]
    prefix = f"Cannot update container {container['Id']}: "
    for new, old, text in _CPU_FAMILIES:
        if given.get(new, 0) > 0 and stored[old] > 0:
            raise conflict(f"{prefix}Conflicting options: {text}")
    memory = given.get("Memory")
    if memory and memory > stored["MemorySwap"] and not given.get("MemorySwap"):
        raise conflict(
            f"{prefix}Memory limit should be smaller than already set memoryswap limit, "
            "update the memoryswap at the same time"
        )
    if stored["AutoRemove"] and policy.get("Name") not in {None, "", "no"}:
        raise conflict(f"{prefix}Restart policy cannot be updated because AutoRemove is enabled for the container")
