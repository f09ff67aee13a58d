"""A registry's answer about an image."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Availability(StrEnum):
    """What a registry answers about an image. `UNKNOWN`: no reliable answer."""

    FOUND = "found"
    MISSING = "missing"
    DENIED = "denied"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


class RegistryAnswer(Struct, frozen=True):
    """Of one reference. `platforms` as `linux/arm64/v8`; `several`: whether a platform is chosen from them, rather than
    the only one taken. `authenticated`: whether credentials were sent. `message`: what failed."""

    availability: Availability
    digest: str = ""
    platforms: tuple[str, ...] = ()
    several: bool = False
    authenticated: bool = False
    message: str = ""
