"""Keeps secrets out of plans and records: how a value is shown or recorded without them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final

from deployer.fields.container.files import KEYED
from deployer.interfaces import Guarded
from deployer.model.credentials import credential_items, is_credential

MASK: Final = "***"
DIGEST_KEY: Final = "$secret"
"""A recorded secret value is `{"$secret": "<digest>"}`."""

_SHORTEST = 4


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret of four characters or more replaced; a shorter one only when it is the whole text."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret and (len(secret) >= _SHORTEST or text == secret):
            text = text.replace(secret, MASK)
    return text


def holds_secret(value: Any, secrets: frozenset[str]) -> bool:
    """Whether any text in a canonical value contains a secret."""
    match value:
        case str():
            return redact(value, secrets) != value
        case bool() | None:
            return False
        case int() | float():
            return str(value) in secrets
        case Mapping():
            return any(holds_secret(part, secrets) for part in (*value.keys(), *value.values()))
        case list() | tuple():
            return any(holds_secret(part, secrets) for part in value)
        case _:
            return False


def redacted(value: Any, secrets: frozenset[str]) -> Any:
    """A canonical value with every secret in it replaced, before a printer quotes or joins its parts."""
    match value:
        case str():
            return redact(value, secrets)
        case Mapping():
            return {redact(str(name), secrets): redacted(part, secrets) for name, part in value.items()}
        case list() | tuple():
            return [redacted(part, secrets) for part in value]
        case _:
            return MASK if holds_secret(value, secrets) else value


class Sealing(Guarded, frozen=True):
    """What seals the secrets in a record. `secrets`: texts that must not be in it; `key`: 32 bytes that only the
    controller has, or none; `address`: of the object, so that equal secrets of two objects do not look equal."""

    hidden: ClassVar[tuple[str, ...]] = ("secrets", "key")
    secrets: frozenset[str] = frozenset()
    key: bytes = b""
    address: str = ""

    @property
    def key_id(self) -> str:
        """Identifies the key of a record; "" without a key."""
        return hmac.new(self.key, b"id", hashlib.sha256).hexdigest()[:8] if self.key else ""

    def digest(self, value: Any) -> str:
        """The digest of a canonical value; "" without a key: a record then only shows that there was a secret."""
        if not self.key:
            return ""
        text = json.dumps([self.address, value], sort_keys=True)
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()[:32]


def file_digest(data: bytes, sealing: Sealing, *, secret: bool) -> str:
    """Of the content of a file of a container. It depends on the container: equal files of two are in two volumes."""
    text = data.decode("utf-8", "surrogateescape")
    if secret or holds_secret(text, sealing.secrets):
        return f"{KEYED}{sealing.key_id}:{sealing.digest(text)}"
    return "sha256:" + hashlib.sha256(f"{sealing.address}\0".encode() + data).hexdigest()


def sealed(
    value: Any, sealing: Sealing, paths: frozenset[tuple[str, ...]] = frozenset(), here: tuple[str, ...] = ()
) -> Any:
    """The value with everything that is secret, by its text, its form or its path, replaced by its digest, for the
    record on the object. What is sealed stays as it is."""
    if is_sealed(value):
        return value
    below = isinstance(value, Mapping)
    if here in paths or (not below and any(path[: len(here)] == here for path in paths if here)):
        return {DIGEST_KEY: sealing.digest(value)}
    match value:
        case Mapping():
            return {
                _sealed_name(name, sealing): sealed(part, sealing, paths, (*here, name)) for name, part in value.items()
            }
        case list() | tuple():
            hidden = credential_items(value)
            return [
                {DIGEST_KEY: sealing.digest(part)} if place in hidden else sealed(part, sealing)
                for place, part in enumerate(value)
            ]
        case _ if holds_secret(value, sealing.secrets) or is_credential(value, here[-1] if here else ""):
            return {DIGEST_KEY: sealing.digest(value)}
        case _:
            return value


def _sealed_name(name: str, sealing: Sealing) -> str:
    return f"{DIGEST_KEY}:{sealing.digest(name)}" if holds_secret(name, sealing.secrets) else name


def digest_of_1(text: str, address: str) -> str:
    """The digest in records without a key: anyone who reads the label can guess texts."""
    return hmac.new(address.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


def is_sealed(value: Any) -> bool:
    return isinstance(value, Mapping) and DIGEST_KEY in value


def sealed_texts(recorded: Any, live: Any) -> Iterator[str]:
    """The live texts that were secret when they were recorded."""
    if is_sealed(recorded):
        yield from _texts(live)
    elif isinstance(recorded, Mapping) and isinstance(live, Mapping):
        for name in recorded.keys() & live.keys():
            yield from sealed_texts(recorded[name], live[name])
    elif isinstance(recorded, list) and isinstance(live, list) and len(recorded) == len(live):
        for part, found in zip(recorded, live, strict=True):
            yield from sealed_texts(part, found)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping | list):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(part)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def holds_sealed(value: Any) -> bool:
    """Whether any part of a recorded value is a digest."""
    match value:
        case Mapping():
            return is_sealed(value) or any(holds_sealed(part) for part in value.values())
        case list() | tuple():
            return any(holds_sealed(part) for part in value)
        case _:
            return False
