"""Pulls: how many at once, how far one is, and what to do about errors of registries and engines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

from deployer.engine.remote_images import mirrors
from deployer.errors import DeployerError, EngineError
from deployer.interfaces import Engine, Json, RegistryAuth
from deployer.model.registry import remedy
from deployer.values import image

_TAKEN = "the port was taken after the plan was created; a new plan shows the owner"

_NO_SUBNET = (
    "other networks or routes of the host have all default subnets: remove networks that nothing uses "
    "(docker network prune), give it a subnet (ipam.config), or add default-address-pools to the engine's configuration"
)

_HINTS = (
    (
        "no space left on device",
        "free space in the engine's data directory; docker system df on the host shows what uses it",
    ),
    ("port is already allocated", _TAKEN),
    ("address already in use", _TAKEN),
    ("non-overlapping IPv4 address pool", _NO_SUBNET),
    ("address pools have been fully subnetted", _NO_SUBNET),
    (
        'select device driver "cdi"',
        'enable CDI in the daemon\'s configuration, {"features": {"cdi": true}} (the default since engine 28.2)',
    ),
)
"""Hints for errors, by the engine's message."""

Tell: TypeAlias = Callable[[int, int], object]


def hint_of(message: str) -> str:
    """What to do about an engine's error; "" if unknown."""
    return next((hint for words, hint in _HINTS if words in message), "")


@contextmanager
def registry_errors(reference: str, auth: RegistryAuth | None, engine: Engine) -> Iterator[None]:
    """A context in which errors of the engine say what to do about the registry of a reference. Of an image of Docker
    Hub, an engine with mirrors only reports what Docker Hub said."""
    try:
        yield
    except EngineError as error:
        domain = image.parse(reference).domain
        ways = [error.hint or remedy(domain, error.message, authenticated=auth is not None) or hint_of(error.message)]
        if domain == image.DOCKER_HUB and (asked := _mirrors(engine)):
            ways.append(f"the host's engine asked its registry-mirrors before Docker Hub: {', '.join(asked)}")
        raise EngineError(error.message, status=error.status, hint="\n".join(filter(None, ways))) from error


def _mirrors(engine: Engine) -> tuple[str, ...]:
    with suppress(DeployerError):
        return mirrors(engine.info())
    return ()


class PullSlots:
    """How many hosts may pull one image at the same time. Safe to use from several threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._slots: dict[str, threading.Semaphore] = {}

    def of(self, reference: str) -> threading.Semaphore:
        with self._lock:
            return self._slots.setdefault(reference, threading.Semaphore(self._most))


class Layers:
    """Sums the progress of a pull over its layers, and tells the bytes so far and in total."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._layers: dict[str, tuple[int, int]] = {}

    def __call__(self, message: Json) -> None:
        detail = message.get("progressDetail") or {}
        if message.get("id") and detail.get("total") and message.get("status") == "Downloading":
            self._layers[message["id"]] = (int(detail.get("current") or 0), int(detail["total"]))
            current, total = (sum(part) for part in zip(*self._layers.values(), strict=True))
            self._tell(current, total)
