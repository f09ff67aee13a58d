"""Capabilities and security options in one spelling."""

from __future__ import annotations

import re


def parse_capability(value: str) -> str:
    """`net_admin`, `CAP_NET_ADMIN` and `NET_ADMIN` become `NET_ADMIN`. Raises ValueError."""
    text = value.strip().upper().removeprefix("CAP_")
    if not re.fullmatch(r"[A-Z_]+", text):
        raise ValueError(f"'{value}' is not a capability such as NET_ADMIN")
    return text


def parse_option(value: str) -> str:
    """`key=value` for every spelling: `seccomp:unconfined`, bare `no-new-privileges`. Raises ValueError."""
    text = value.strip()
    if not text:
        raise ValueError("a security option is empty")
    if text == "systempaths=unconfined":
        raise ValueError(f"'{text}' is the docker command's own; the engine has no such option")
    separators = [text.index(mark) for mark in "=:" if mark in text]
    if not separators:
        return f"{text}=true"
    cut = min(separators)
    return f"{text[:cut]}={text[cut + 1 :]}"
