"""Words that settings choose from."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Presence(StrEnum):
    """What is wanted of an image, a network or a volume."""

    PRESENT = "present"
    ABSENT = "absent"


class RunState(StrEnum):
    """What is wanted of a container or a job."""

    STARTED = "started"
    STOPPED = "stopped"
    CREATED = "created"
    ABSENT = "absent"


class PullPolicy(StrEnum):
    """When an image is pulled; each asks more of the registry than the one before."""

    NEVER = "never"
    MISSING = "missing"
    ALWAYS = "always"


def strongest_pull_policy(policies: Iterable[PullPolicy]) -> PullPolicy:
    return max(policies, key=list(PullPolicy).index)


class Condition(StrEnum):
    """When a dependency is met."""

    STARTED = "service_started"
    HEALTHY = "service_healthy"
    COMPLETED = "service_completed_successfully"


class Recreate(StrEnum):
    """When a container is replaced, or a job run again."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class UpdateOrder(StrEnum):
    """Which of two containers runs while one replaces the other."""

    AUTO = "auto"
    STOP_FIRST = "stop-first"
    START_FIRST = "start-first"
