"""Container fields: memory and CPU. `HostConfig` in the engine's API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deployer.fields.field import (
    DEFAULT,
    Access,
    Change,
    Field,
    Json,
    Path,
    View,
    always,
    at,
    daemon_when_unset,
    lenient,
    shown_by,
    unless_discarded,
    when_changed,
    when_unset,
    zero_when_unset,
)
from deployer.fields.leaves import COUNT, CPU_SET, CPUS, FLAG, SIZE, SIZE_OR_UNLIMITED, whole
from deployer.values import cpus, size

_UNLIMITED = -1
_if_the_kernel_can = unless_discarded(zero_when_unset)


@when_changed("in place; replaced if it is removed")
def in_place_unless_cleared(_path: Path, _old: Any, new: Any) -> Change:
    """The engine ignores 0 and "" in an update: a limit can be changed, but not removed. This includes a switch
    between `cpus` and a quota: the engine refuses both, so one of them is removed."""
    return Change.UPDATE if new and new is not DEFAULT else Change.REPLACE


def _limit(path: str, *, negative_is_none: bool = False) -> Access:
    """A number that is 0 or null when unset."""
    return at(path, zero=0, decode=lambda value: 0 if negative_is_none and value < 0 else value)


def _shown_size(value: Any) -> str:
    return "no limit" if not value else size.show(value)


def _shown_count(value: Any) -> str:
    return "no limit" if not value else str(value)


@when_unset("twice `mem_limit`, or no limit without it")
def _expected_swap(row: Field, view: View) -> Any:
    """Without a declaration, twice the memory limit, as the engine sets at creation, or twice the live one, which is
    updated together with it. Without swap accounting in the kernel it is unlimited, with a warning."""
    live, recorded = view.live.get(row.name, row.zero), view.recorded.get(row.name)
    if view.declared.get(row.name):
        dropped = live == _UNLIMITED and recorded == view.declared[row.name]
        return live if dropped else view.declared[row.name]
    memory = view.declared.get("mem_limit", 0)
    if recorded or not (memory or view.live.get("mem_limit")):
        return 2 * memory
    discarded = not view.info.get("SwapLimit", True) and live == _UNLIMITED
    follows = live in (row.zero, 2 * memory, 2 * view.live.get("mem_limit", 0))
    return live if discarded or follows or not memory else 2 * memory


def _usual_swap(info: Json, view: View) -> int:
    memory = view.declared.get("mem_limit") or view.live["mem_limit"]
    return 2 * int(memory) if info.get("SwapLimit", True) else _UNLIMITED


@when_changed("in place; replaced if it is removed")
def _change_swap(_path: Path, _old: Any, new: Any) -> Change:
    return Change.UPDATE if new else Change.REPLACE


def _quota(value: Any) -> int:
    return max(int(value), 0)


def _check_range(low: int, high: int) -> Callable[[int], int]:
    def check(value: int) -> int:
        if not low <= value <= high:
            raise ValueError(f"{value} is not between {low} and {high}")
        return value

    return check


def _swappiness(value: int) -> int | None:
    """The Docker CLI always sends -1 for "not set"."""
    return None if value == -1 else _check_range(0, 100)(value)


_MEMORY = (
    Field(
        name="mem_limit",
        aliases=("memory",),
        doc="Memory limit, at least 6 MiB.",
        shape=SIZE,
        access=_limit("HostConfig.Memory"),
        expect=_if_the_kernel_can,
        change=in_place_unless_cleared,
        zero=0,
        show=shown_by(_shown_size),
        spell=size.spell,
        example="64m",
        other="128m",
    ),
    Field(
        name="memswap_limit",
        aliases=("memory_swap",),
        doc="Limit of memory and swap together; -1 for unlimited swap; default: twice `mem_limit`.",
        shape=SIZE_OR_UNLIMITED,
        access=_limit("HostConfig.MemorySwap"),
        expect=_expected_swap,
        usual=_usual_swap,
        change=_change_swap,
        zero=0,
        show=shown_by(_shown_size),
        spell=size.spell,
        example="256m",
        other=-1,
    ),
    Field(
        name="mem_reservation",
        aliases=("memory_reservation",),
        doc="Soft memory limit under memory pressure; less than `mem_limit`.",
        shape=SIZE,
        access=_limit("HostConfig.MemoryReservation"),
        expect=_if_the_kernel_can,
        change=in_place_unless_cleared,
        zero=0,
        show=shown_by(_shown_size),
        spell=size.spell,
        example="32m",
        other="48m",
    ),
    Field(
        name="mem_swappiness",
        aliases=("memory_swappiness",),
        doc="Swappiness, 0 to 100; only on cgroup v1.",
        shape=whole("a whole number from 0 to 100, or -1 for the default", _swappiness),
        access=at("HostConfig.MemorySwappiness", zero=None, decode=lambda value: None if value < 0 else value),
        stored=int,
        expect=_if_the_kernel_can,
        example=10,
        other=60,
    ),
    Field(
        name="oom_kill_disable",
        aliases=("oom_killer",),
        doc="Disable the OOM killer for the container; only on cgroup v1.",
        shape=FLAG,
        access=at("HostConfig.OomKillDisable", zero=False),
        expect=_if_the_kernel_can,
        zero=False,
        example=True,
        other=False,
    ),
    Field(
        name="oom_score_adj",
        doc="Preference of the OOM killer for the container, -1000 to 1000.",
        shape=whole("a whole number from -1000 to 1000", _check_range(-1000, 1000)),
        access=at("HostConfig.OomScoreAdj", zero=0),
        zero=0,
        example=100,
        other=200,
    ),
    Field(
        name="shm_size",
        doc="Size of /dev/shm; default: the daemon's setting, usually 64 MiB.",
        shape=SIZE,
        access=_limit("HostConfig.ShmSize"),
        expect=daemon_when_unset,
        zero=0,
        show=shown_by(_shown_size),
        spell=size.spell,
        usual=lambda _info, _view: 64 * 1024**2,
        example="128m",
        other="256m",
    ),
)

_CPU = (
    Field(
        name="cpus",
        doc="Number of CPUs it may use, such as 0.5.",
        shape=CPUS,
        access=_limit("HostConfig.NanoCpus"),
        change=in_place_unless_cleared,
        zero=0,
        show=lambda _path, value: "no limit" if not value else cpus.show(value),
        spell=cpus.spell,
        example="0.5",
        other=1,
    ),
    Field(
        name="cpu_quota",
        doc="Microseconds of CPU time per `cpu_period`; instead of `cpus`.",
        shape=whole("microseconds, 1000 or more, or -1", _quota),
        access=_limit("HostConfig.CpuQuota", negative_is_none=True),
        change=in_place_unless_cleared,
        zero=0,
        show=shown_by(_shown_count),
        example=50000,
        other=80000,
    ),
    Field(
        name="cpu_period",
        doc="Length of the period of `cpu_quota`, in microseconds.",
        shape=whole("microseconds from 1000 to 1000000", _check_range(1000, 1000000)),
        access=_limit("HostConfig.CpuPeriod"),
        change=in_place_unless_cleared,
        zero=0,
        show=shown_by(_shown_count),
        example=100000,
        other=50000,
    ),
    Field(
        name="cpu_shares",
        doc="Relative CPU weight under contention; default 1024.",
        shape=COUNT,
        access=_limit("HostConfig.CpuShares"),
        expect=_if_the_kernel_can,
        change=in_place_unless_cleared,
        zero=0,
        show=lambda _path, value: str(value or "default"),
        example=512,
        other=256,
    ),
    Field(
        name="cpuset",
        aliases=("cpuset_cpus",),
        doc="CPUs it may run on, such as 0-2,4.",
        shape=CPU_SET,
        access=at("HostConfig.CpusetCpus", zero="", decode=lenient(cpus.parse_set)),
        expect=_if_the_kernel_can,
        change=in_place_unless_cleared,
        zero="",
        example="0-1",
        other="0",
    ),
    Field(
        name="cpuset_mems",
        doc="Memory nodes it may use, such as 0-1.",
        shape=CPU_SET,
        access=at("HostConfig.CpusetMems", zero="", decode=lenient(cpus.parse_set)),
        expect=_if_the_kernel_can,
        change=in_place_unless_cleared,
        zero="",
        example="0",
        other="",
    ),
    Field(
        name="cpu_rt_period",
        doc="Length of the real-time period, in microseconds.",
        shape=COUNT,
        access=_limit("HostConfig.CpuRealtimePeriod"),
        change=in_place_unless_cleared,
        zero=0,
        example=100000,
        other=200000,
    ),
    Field(
        name="cpu_rt_runtime",
        doc="Microseconds of real-time scheduling per `cpu_rt_period`.",
        shape=COUNT,
        access=_limit("HostConfig.CpuRealtimeRuntime"),
        change=in_place_unless_cleared,
        zero=0,
        example=95000,
        other=50000,
    ),
    Field(
        name="pids_limit",
        doc="Maximum number of processes; -1 or 0 for no limit.",
        shape=whole("a whole number", lambda number: max(number, 0)),
        access=_limit("HostConfig.PidsLimit", negative_is_none=True),
        change=always(Change.UPDATE),
        zero=0,
        show=shown_by(_shown_count),
        example=100,
        other=200,
    ),
)

FIELDS = (*_MEMORY, *_CPU)
