"""A registry's answer about an image, and what errors of registries mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct


class Availability(StrEnum):
    """What a registry answers about an image. `LIMITED`: too many requests; `UNKNOWN`: no reliable answer."""

    FOUND = "found"
    MISSING = "missing"
    DENIED = "denied"
    LIMITED = "limited"
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


class Contents(Struct, frozen=True):
    """What an image contains. `values`: as of `ObservedImage`; `created`: when it was built; `layers`: of each the
    digest of its content and the bytes to fetch, 0 where they are not known."""

    values: Mapping[str, Any]
    created: str = ""
    layers: tuple[tuple[str, int], ...] = ()


_RETRY: Final = re.compile(r"retry-after: *([\w.µ]+)", re.IGNORECASE)
_CAUSES: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), kind, hint)
    for pattern, kind, hint in (
        (
            r"toomanyrequests|too many requests",
            Availability.LIMITED,
            "apply again{later}; a login may allow more pulls",
        ),
        (
            r"HTTP response to HTTPS client|does not look like a TLS handshake",
            Availability.UNREACHABLE,
            "it does not use TLS: add {domain} to insecure-registries in the engine's daemon.json",
        ),
        (
            r"x509:|tls: ",
            Availability.UNREACHABLE,
            "make the host's engine trust it: put its CA in /etc/docker/certs.d/{domain}/ca.crt on the host",
        ),
        (r"proxyconnect", Availability.UNREACHABLE, "check the proxy in the configuration of the host's engine"),
        (
            r"no such host|name resolution|lookup \S+ on",
            Availability.UNREACHABLE,
            "check the name of the registry, and the DNS servers of the host",
        ),
        (
            r"connection refused",
            Availability.UNREACHABLE,
            "nothing listens at this address: check the port, and whether the registry runs",
        ),
        (
            r"unexpected EOF|expected HTTP 206|connection reset|broken pipe|stream error",
            Availability.UNREACHABLE,
            "the registry closed the connection: apply again; complete layers are kept",
        ),
        (
            r"no route to host|network is unreachable|timeout|deadline exceeded",
            Availability.UNREACHABLE,
            "check the address of the registry, and firewalls and proxies between it and the host",
        ),
        (
            r"no matching manifest|no match for platform|does not match the specified platform",
            Availability.UNKNOWN,
            "set 'platform' to one that the image has, or choose a tag for this platform",
        ),
        (
            r"(unsupported|unexpected) media type|no processor for media-type|unsupported (manifest )?schema"
            r"|mediaType in manifest|missing signature key|invalid tar header",
            Availability.UNKNOWN,
            "the host's engine does not support the format of this image: upgrade the engine",
        ),
        (
            r"no basic auth credentials|unauthorized|forbidden|denied|insufficient_scope|failed to authorize",
            Availability.DENIED,
            "",
        ),
        (r"manifest unknown|name unknown|not found", Availability.MISSING, ""),
        (
            r"HTTP status: 5\d\d|unexpected status.* 5\d\d|error from registry",
            Availability.UNKNOWN,
            "the registry failed, and its log may say why: apply again later; complete layers are kept",
        ),
    )
)
"""Patterns of errors in the order they are tried, what they mean, and what to do. Engines pass on what Go's HTTP client
and the registry say (measured on 20.10, 26.1 and 28.5)."""


def meaning(message: str) -> Availability:
    """What an engine's error means."""
    return next((kind for pattern, kind, _ in _CAUSES if pattern.search(message)), Availability.UNKNOWN)


def remedy(domain: str, message: str, *, authenticated: bool) -> str:
    """What to do about an engine's error; "" if unknown."""
    kind, hint = next(((kind, hint) for pattern, kind, hint in _CAUSES if pattern.search(message)), (None, ""))
    retry = _RETRY.search(message)
    if kind is Availability.DENIED:
        return denied(domain, authenticated=authenticated)
    if kind is Availability.MISSING:
        return missing(authenticated=authenticated)
    return hint.format(domain=domain, later=f" in {retry[1]}" if retry else " later")


def denied(domain: str, *, authenticated: bool) -> str:
    """What to do about refused access."""
    if authenticated:
        return f"check the credentials of {domain} under 'registries', and their access to this image"
    return f"set them under 'registries' in the play, or run deployer login {domain}"


def missing(*, authenticated: bool) -> str:
    """What to do about an image that a registry does not have."""
    return f"check the name and the tag{'' if authenticated else '; it may also require a login'}"
