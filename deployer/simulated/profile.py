"""Differences between the simulated engine releases, and facts of the simulated machine. Pure data; other modules ask
here for everything that depends on the release."""

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
    """One engine release. Some behaviour depends on its own version, the rest on the API version in use."""

    version: str
    api: str

    def speaks(self, api: str) -> bool:
        """Whether the API version in use is `api` or later."""
        return _parts(self.api) >= _parts(api)

    def is_at_least(self, version: str) -> bool:
        """Whether the engine's release is `version` or later."""
        return _parts(self.version) >= _parts(version)

    @property
    def unset_restart_policy(self) -> str:
        """Engines from 25 on store "no" for a missing policy; older ones store the empty text."""
        return "no" if self.is_at_least("25") else ""

    @property
    def unset_network_mode(self) -> str:
        """Engine 26.1 renamed the unset mode from "default" to "bridge"."""
        return "bridge" if self.is_at_least("26.1") else "default"

    @property
    def masked_paths(self) -> list[str]:
        """Engine 25 added the power capping interface, engine 28.1 the interrupts."""
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
    """The profile of "20.10", "26.1" or "28.5"."""
    profiles = {"20.10": ENGINE_20, "26.1": ENGINE_26, "28.5": ENGINE_28}
    if name not in profiles:
        raise ValueError(f"no simulated engine {name!r}; there are {', '.join(sorted(profiles))}")
    return profiles[name]


class HostFacts(Struct, frozen=True):
    """The simulated machine. Every path exists, except those below `missing_paths`."""

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
