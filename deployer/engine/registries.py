"""A registry's answer for a reference, requested through the engine of the host."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from deployer.engine.answers import a_map
from deployer.errors import EngineError
from deployer.interfaces import Engine, RegistryAuth
from deployer.model.registry import Availability, RegistryAnswer, meaning

_REFUSED: Final = (401, 403)
_LIMITED: Final = 429
_TRANSPORT: Final = re.compile(r'(?:Get|Head) "https?://')
"""The start of an error of Go's HTTP client for a request without an answer."""

_OWN_END: Final = re.compile(r"\b((?:read|write) (?:udp|tcp)) \S+->")
"""The host's own end of a connection, which differs with each: hosts that fail alike are shown together."""

_LISTS: Final = ("manifest.list", "image.index")


def ask(engine: Engine, reference: str, auth: RegistryAuth | None) -> RegistryAnswer:
    """Never raises `EngineError`: the pull will report any error. Podman does not support this request and answers
    404."""
    sent = auth is not None
    try:
        found = engine.inspect_distribution(reference, auth)
    except EngineError as error:
        return RegistryAnswer(_why(error), authenticated=sent, message=_OWN_END.sub(r"\1 ", error.message))
    if found is None:
        known = engine.describe().kind == "docker"
        return RegistryAnswer(Availability.MISSING if known else Availability.UNKNOWN, authenticated=sent)
    descriptor = a_map(found.get("Descriptor"))
    return RegistryAnswer(
        Availability.FOUND,
        digest=str(descriptor.get("digest") or ""),
        platforms=tuple(_platforms(found.get("Platforms"))),
        several=any(kind in str(descriptor.get("mediaType")) for kind in _LISTS),
        authenticated=sent,
    )


def _why(error: EngineError) -> Availability:
    """Engines answer 500 without credentials and 401 with wrong ones (measured on 20.10 and 26.1)."""
    if error.status in _REFUSED:
        return Availability.DENIED
    found = Availability.LIMITED if error.status == _LIMITED else meaning(error.message)
    unanswered = found is Availability.UNKNOWN and _TRANSPORT.match(error.message)
    return Availability.UNREACHABLE if unanswered else found


def _platforms(found: Any) -> Iterable[str]:
    """`linux/arm64/v8`; attestations (unknown/unknown) are excluded."""
    for each in found or ():
        parts = [str(a_map(each).get(key) or "") for key in ("os", "architecture", "variant")]
        if parts[0] not in ("", "unknown"):
            yield "/".join(filter(None, parts))
