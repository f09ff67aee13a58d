"""What differs between the engines that can be simulated, and the facts of the machine one runs on.

Pure data. Every question of the kind "does this engine …" is answered here, so that the rest of the simulation
reads as one engine's behaviour with named exceptions.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

MASKED_PATHS: Final = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
)
READONLY_PATHS: Final = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


class Profile(Struct, frozen=True):
    """One engine release. The engine's own version decides some behaviour, the spoken API version the rest."""

    version: str
    api: str

    def speaks(self, api: str) -> bool:
        """Whether requests and answers follow API version `api` or a later one."""
        return _parts(self.api) >= _parts(api)

    def is_at_least(self, version: str) -> bool:
        """Whether the engine is release `version` or a later one, whatever API version is spoken."""
        return _parts(self.version) >= _parts(version)

    @property
    def unset_restart_policy(self) -> str:
        """Engines from 25 on store "no" for a policy that was not given; older ones the empty text."""
        return "no" if self.is_at_least("25") else ""

    @property
    def unset_network_mode(self) -> str:
        """Engine 26.1 renamed the unset mode from "default" to "bridge"."""
        return "bridge" if self.is_at_least("26.1") else "default"

    @property
    def masked_paths(self) -> list[str]:
        """The list grew: engine 25 added the power capping interface, engine 28.1 interrupts."""
        extra = ["/sys/devices/virtual/powercap"] if self.is_at_least("25") else []
        interrupts = ["/proc/interrupts"] if self.is_at_least("28.1") else []
        return [*MASKED_PATHS[:2], *interrupts, *MASKED_PATHS[2:], *extra]

    @property
    def validates_endpoints_at_create(self) -> bool:
        """Engine 25 moved the endpoint checks from start to create."""
        return self.is_at_least("25")


ENGINE_20: Final = Profile(version="20.10.24", api="1.41")
ENGINE_26: Final = Profile(version="26.1.5", api="1.45")
ENGINE_28: Final = Profile(version="28.5.2", api="1.51")


def profile_named(name: str) -> Profile:
    """The profile for "20.10", "26.1" or "28.5"."""
    profiles = {"20.10": ENGINE_20, "26.1": ENGINE_26, "28.5": ENGINE_28}
    if name not in profiles:
        raise ValueError(f"no simulated engine {name!r}; there are {', '.join(sorted(profiles))}")
    return profiles[name]


class HostFacts(Struct, frozen=True):
    """The simulated machine. Every path of its file system exists, except those below `missing_paths`."""

    name: str = "simulated"
    arch: str = "amd64"
    cgroup: int = 2
    cpus: int = 8
    memory: int = 16 * 1024**3
    blkio_weight: bool = True
    missing_paths: tuple[str, ...] = ("/nonexistent",)

    def has_path(self, path: str) -> bool:
        return not any(path == missing or path.startswith(f"{missing}/") for missing in self.missing_paths)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
