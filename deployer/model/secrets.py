"""Keeps secrets out of plans: what counts as a secret, and how a value is shown without it."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

MASK: Final = "***"
DIGEST_KEY: Final = "$secret"
"""A recorded secret value is `{"$secret": "<digest>"}`."""

_SENSITIVE_NAME = re.compile(
    r"(?i)pass(word|wd|phrase)|secret|token|credential|api_?key|private_?key|access_?key|encryption_?key"
    r"|requirepass|masterauth|(?:^|[_.-])pass(?:$|[_.-])|[_.-](?:pwd|pw)$"
)
_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)
_ASSIGNED = re.compile(r"([\w-]+)=[^\s,;&]")
_OPTION = re.compile(r"(?:^|\s)--?([\w-]+)\s+[^\s-]")
_PRIVATE_KEY = "PRIVATE KEY-----"
_SHORTEST = 4


def is_sensitive_name(name: str) -> bool:
    """Whether a variable of this name usually contains a secret: its live value is never shown."""
    return bool(_SENSITIVE_NAME.search(name))


def holds_credentials(text: str) -> bool:
    """Whether a text looks like it contains a secret: a password in a URL, `password=…`, `--password …`, a private
    key."""
    names = (*_ASSIGNED.findall(text), *_OPTION.findall(text))
    assigned = any(is_sensitive_name(name) or name.lower() in ("pass", "pw", "pwd") for name in names)
    return assigned or bool(_IN_URL.search(text)) or _PRIVATE_KEY in text


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


def sealed(
    value: Any,
    secrets: frozenset[str],
    key: str,
    paths: frozenset[tuple[str, ...]] = frozenset(),
    here: tuple[str, ...] = (),
) -> Any:
    """The value with everything that is secret, by its text or by its path, replaced by its keyed digest, for the
    record on the object. `key` is the object's address: equal secrets of two objects do not look equal."""
    below = isinstance(value, Mapping)
    if here in paths or (not below and any(path[: len(here)] == here for path in paths if here)):
        return {DIGEST_KEY: digest(json.dumps(value, sort_keys=True), key)}
    match value:
        case Mapping():
            return {
                _sealed_name(name, secrets, key): sealed(part, secrets, key, paths, (*here, name))
                for name, part in value.items()
            }
        case list() | tuple():
            return [sealed(part, secrets, key) for part in value]
        case _ if holds_secret(value, secrets):
            return {DIGEST_KEY: digest(str(value), key)}
        case _:
            return value


def _sealed_name(name: str, secrets: frozenset[str], key: str) -> str:
    return f"{DIGEST_KEY}:{digest(name, key)}" if holds_secret(name, secrets) else name


def digest(text: str, key: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:32]


def is_sealed(value: Any) -> bool:
    return isinstance(value, Mapping) and DIGEST_KEY in value


def holds_sealed(value: Any) -> bool:
    """Whether any part of a recorded value is a digest."""
    match value:
        case Mapping():
            return is_sealed(value) or any(holds_sealed(part) for part in value.values())
        case list() | tuple():
            return any(holds_sealed(part) for part in value)
        case _:
            return False
