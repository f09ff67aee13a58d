"""Capabilities and security options in one spelling."""

from __future__ import annotations

import re
from collections.abc import Iterable

ALL = "ALL"
OPEN_PATHS = "systempaths=unconfined"
"""An option of the docker command and Compose: no path in /proc and /sys is masked or read-only. The engine has two
lists of paths instead."""
_SHOWN = 40


def parse_capability(value: str) -> str:
    """`net_admin`, `CAP_NET_ADMIN` and `NET_ADMIN` become `NET_ADMIN`. Raises ValueError."""
    text = value.strip().upper().removeprefix("CAP_")
    if not re.fullmatch(r"[A-Z_]+", text):
        raise ValueError(f"'{value}' is not a capability such as NET_ADMIN")
    return text


def same_capabilities(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two sets add or drop the same capabilities: ALL includes all others."""
    first, second = set(one), set(other)
    return first == second or (ALL in first and ALL in second)


def parse_option(value: str) -> str:
    """`key=value` for every spelling: `seccomp:unconfined`, bare `no-new-privileges`. Raises ValueError."""
    text = value.strip()
    if not text:
        raise ValueError("a security option is empty")
    separators = [text.index(mark) for mark in "=:" if mark in text]
    if not separators:
        return f"{text}=true"
    cut = min(separators)
    key, option = text[:cut], text[cut + 1 :]
    if key == "systempaths" and option != "unconfined":
        raise ValueError(f"'{text}': systempaths can only be unconfined")
    return f"{key}={_profile(option) if key == 'seccomp' else option}"


def _profile(text: str) -> str:
    """A seccomp profile (JSON) in one spelling; `unconfined` and `builtin` unchanged."""
    if text in ("unconfined", "builtin"):
        return text
    import json

    try:
        return json.dumps(json.loads(text), separators=(",", ":"), sort_keys=True)
    except ValueError:
        advice = "with a file: \"seccomp={{ lookup('file', 'profile.json') }}\""
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        raise ValueError(f"'seccomp={shown}': write unconfined, or the profile itself, {advice}") from None
