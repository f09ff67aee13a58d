"""Removes known secrets from all output. Plans contain no secrets; all other text (an engine's error, a container's
log, an exception) passes through here."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from deployer.model.secrets import MASK, redact
from deployer.reporting.lines import visible

_SHORTEST = 4
_SHORTEST_ENCODED = 6


class Redactor:
    """Replaces known secrets, and their forms in JSON, URLs and escaped text. Secrets are added while a run reads its
    input; may be shared by threads."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        known = self._secrets | {secret for secret in secrets if secret}
        if known != self._secrets:
            self._secrets = known
            self._pattern = None

    def text(self, text: str) -> str:
        """The text without secrets. A secret shorter than four characters is replaced only if it is the whole text."""
        if not self._secrets:
            return text
        pattern = self._pattern
        if pattern is None:
            pattern = self._pattern = _pattern_of(self._secrets)
        return redact(pattern.sub(MASK, text), (secret for secret in self._secrets if len(secret) < _SHORTEST))

    def document(self, value: Any) -> Any:
        """The same JSON value with every text redacted; keys and numbers are unchanged."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {name: self.document(part) for name, part in value.items()}
            case list() | tuple():
                return [self.document(part) for part in value]
            case _:
                return value


def _pattern_of(secrets: Iterable[str]) -> re.Pattern[str]:
    """Matches every form of them, the longest first; nothing if there are none."""
    forms = {form for secret in secrets for form in _forms(secret)}
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


def _forms(secret: str) -> Iterator[str]:
    """The secret and each of its lines, plain and as escaped in other formats."""
    for text in {secret, secret.strip(), *(part.strip() for part in secret.splitlines())}:
        if len(text) < _SHORTEST:
            continue
        yield text
        yield from (json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
        encoded = text.encode("utf-8", "surrogatepass")
        yield from (repr(text)[1:-1], visible(text))
        for quoted in (quote(encoded, safe=""), quote(encoded), quote_plus(encoded)):
            yield from (quoted, re.sub("%..", lambda escape: escape[0].lower(), quoted))
        yield from (code(encoded).decode().rstrip("=") for code in (base64.b64encode, base64.urlsafe_b64encode))
        yield from _inside_base64(encoded)


def _inside_base64(encoded: bytes) -> Iterator[str]:
    """The common part of the base64 forms of all texts that contain the secret, such as `user:password`."""
    for shift in range(3):
        for code in (base64.b64encode, base64.urlsafe_b64encode):
            whole = code(bytes(shift) + encoded).decode().rstrip("=")
            inner = whole[(8 * shift + 5) // 6 : (shift + len(encoded)) * 8 // 6]
            if len(inner) >= _SHORTEST_ENCODED:
                yield inner
