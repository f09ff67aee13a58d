"""How a host stands to what was last applied and to what is declared now."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from deployer.model.desired import Address
from deployer.model.plan import FieldDiff, Unreachable


class Verdict(StrEnum):
    """Why a resource is not as declared; the value is what people read."""

    BY_HAND = "someone changed it by hand"
    IN_FILE = "you changed the file"
    IMAGE_MOVED = "the image moved under its tag"
    NOT_RUNNING = "stopped"
    UNHEALTHY = "unhealthy"
    GONE = "gone"
    NOT_RUN = "has not run"
    RUN_FAILED = "its last run failed"
    UNDECLARED = "no longer declared"
    STILL_THERE = "declared absent, but present"


class Drift(Struct, frozen=True):
    """One resource and one verdict; `diffs` say what, `detail` how ("exited with code 1")."""

    address: Address
    verdict: Verdict
    diffs: tuple[FieldDiff, ...] = ()
    detail: str = ""


class HostDrift(Struct, frozen=True):
    """One play on one host, in the order of its resources; nothing found means that all is as declared."""

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
