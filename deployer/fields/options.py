"""Enums of settings."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Presence(StrEnum):
    """Whether an image, a network or a volume exists."""

    PRESENT = "present"
    ABSENT = "absent"


class RunState(StrEnum):
    """The state of a container or a job."""

    STARTED = "started"
    STOPPED = "stopped"
    CREATED = "created"
    ABSENT = "absent"


class PullPolicy(StrEnum):
    """When an image is pulled; later members require more of the registry."""

    NEVER = "never"
    MISSING = "missing"
    ALWAYS = "always"


def strongest_pull_policy(policies: Iterable[PullPolicy]) -> PullPolicy:
    return max(policies, key=list(PullPolicy).index)


class Condition(StrEnum):
    """When a dependency is satisfied."""

    STARTED = "service_started"
    HEALTHY = "service_healthy"
    COMPLETED = "service_completed_successfully"


class Recreate(StrEnum):
    """When a container is replaced, or a job run again."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Reaction(StrEnum):
    """What a container does when the content of a file that it mounts has changed; later members include earlier
    ones."""

    NONE = "none"
    SIGNAL = "signal"
    EXEC = "exec"
    RESTART = "restart"
    RECREATE = "recreate"


class UpdateOrder(StrEnum):
    """Whether a replacement first stops the old container or first starts the new one."""

    AUTO = "auto"
    STOP_FIRST = "stop-first"
    START_FIRST = "start-first"


class Quiet(StrEnum):
    """What is done to running containers that use a volume, while it is copied."""

    STOP = "stop"
    PAUSE = "pause"
    LIVE = "live"
