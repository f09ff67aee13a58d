"""How a host differs from the last applied and the declared state."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from deployer.model.desired import Address
from deployer.model.plan import FieldDiff, Unreachable


class Verdict(StrEnum):
    """Why a resource is not as declared; the value is shown to users."""

    BY_HAND = "someone changed it by hand"
    IN_FILE = "you changed the file"
    IMAGE_MOVED = "the image moved under its tag"
    TO_BUILD = "the image has to be built again"
    FOREIGN = "not created by this project"
    NOT_RUNNING = "not running"
    UNHEALTHY = "unhealthy"
    GONE = "gone"
    NOT_RUN = "has not run"
    RUN_FAILED = "its last run failed"
    UNDECLARED = "no longer declared"
    UNREAD = "cannot be read"
    STILL_THERE = "declared absent, but present"


class Drift(Struct, frozen=True):
    """One resource and one verdict, with `diffs` or a `detail` such as "exited with code 1"."""

    address: Address
    verdict: Verdict
    diffs: tuple[FieldDiff, ...] = ()
    detail: str = ""


class HostDrift(Struct, frozen=True):
    """One play on one host, in the order of its resources; empty if everything is as declared."""

    host: str
    project: str
    found: tuple[Drift, ...] = ()
    simulated: bool = False


class DriftReport(Struct, frozen=True):
    hosts: tuple[HostDrift, ...] = ()
    unreachable: tuple[Unreachable, ...] = ()

    @property
    def any(self) -> bool:
        return any(host.found for host in self.hosts)
