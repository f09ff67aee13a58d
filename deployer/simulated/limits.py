"""Resource limits that the engine refuses with 400, at create and at update."""

from __future__ import annotations

import re

from deployer.simulated.profile import HostFacts
from deployer.simulated.refusals import invalid
from deployer.simulated.state import Record

MIN_MEMORY = 6 * 1024**2


def check_limits(facts: HostFacts, resources: Record, *, update: bool) -> None:
    """`update`: without the checks that require a whole host config."""
    _check_memory(resources, update=update)
    _check_cpu(facts, resources)
    weight = resources.get("BlkioWeight", 0)
    if weight and facts.blkio_weight and not 10 <= weight <= 1000:
        raise invalid("Range of blkio weight is from 10 to 1000")


def _check_memory(resources: Record, *, update: bool) -> None:
    memory, swap = resources.get("Memory", 0), resources.get("MemorySwap", 0)
    reservation, swappiness = resources.get("MemoryReservation", 0), resources.get("MemorySwappiness")
    if memory != 0 and memory < MIN_MEMORY:
        raise invalid("Minimum memory limit allowed is 6MB")
    if memory > 0 and 0 < swap < memory:
        raise invalid("Minimum memoryswap limit should be larger than memory limit, see usage")
    if memory == 0 and swap > 0 and not update:
        raise invalid("You should always set the Memory limit when using Memoryswap limit, see usage")
    if swappiness is not None and not -1 <= swappiness <= 100:
        raise invalid(f"Invalid value: {swappiness}, valid memory swappiness range is 0-100")
    if 0 < reservation < MIN_MEMORY:
        raise invalid("Minimum memory reservation allowed is 6MB")
    if 0 < memory < reservation:
        raise invalid("Minimum memory limit can not be less than memory reservation limit, see usage")


def _check_cpu(facts: HostFacts, resources: Record) -> None:
    nano, period, quota = (resources.get(key, 0) for key in ("NanoCpus", "CpuPeriod", "CpuQuota"))
    for given, name in ((period, "Period"), (quota, "Quota")):
        if nano > 0 and given > 0:
            raise invalid(f"Conflicting options: Nano CPUs and CPU {name} cannot both be set")
    if nano < 0 or nano > facts.cpus * 1_000_000_000:
        raise invalid(f"Range of CPUs is from 0.01 to {facts.cpus}.00, as there are only {facts.cpus} CPUs available")
    if period and not 1000 <= period <= 1_000_000:
        raise invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
    if 0 < quota < 1000:
        raise invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    _check_set(resources.get("CpusetCpus", ""), facts.cpus, "cpus", "CPUs")
    _check_set(resources.get("CpusetMems", ""), 1, "mems", "memory nodes")


def _check_set(text: str, available: int, word: str, kind: str) -> None:
    if not text:
        return
    if not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", text):
        raise invalid(f"Invalid value {text} for cpuset {word}: invalid format: {text}")
    have = f"0-{available - 1}" if available > 1 else "0"
    if max(int(number) for number in re.findall(r"\d+", text)) >= available:
        raise invalid(f"Requested {kind} are not available - requested {text}, available: {have}")


def discarded_limits(facts: HostFacts, host: Record) -> list[str]:
    """Resets, in place, limits that this machine's kernel does not support; returns the warnings."""
    warnings = []
    if host.get("KernelMemory"):
        warnings.append("Specifying a kernel memory limit is deprecated and will be removed in a future release.")
    if host.get("BlkioWeight") and not facts.blkio_weight:
        warnings.append("Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.")
        host["BlkioWeight"] = 0
    if host.get("OomKillDisable") and not host.get("Memory"):
        warnings.append(
            "OOM killer is disabled for the container, but no memory limit is set, "
            "this can result in the system running out of resources."
        )
    if facts.cgroup == 2 and host.get("MemorySwappiness") not in {None, -1}:
        warnings.append("Your kernel does not support memory swappiness capabilities, memory swappiness discarded.")
        host["MemorySwappiness"] = None
    return warnings
