"""Capabilities and security options in one spelling."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from deployer.diagnostics import did_you_mean

ALL = "ALL"
OPEN_PATHS = "systempaths=unconfined"
"""An option of the docker command and Compose: no path in /proc and /sys is masked or read-only. The engine has two
lists of paths instead."""
_SHOWN = 40
_OPTIONS: Final = ("apparmor", "label", "no-new-privileges", "seccomp", "systempaths", "writable-cgroups")
_CAPABILITIES: Final = frozenset(
    re.findall(
        r"\w+",
        """
    ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH
    FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE
    NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE
    SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM
    """,
    )
)
"""Linux capabilities (capabilities(7)). An engine refuses others when the container is created or started."""


def parse_capability(value: str) -> str:
    """`net_admin`, `CAP_NET_ADMIN` and `NET_ADMIN` become `NET_ADMIN`. Raises ValueError."""
    text = value.strip().upper().removeprefix("CAP_")
    if text not in _CAPABILITIES:
        hint = did_you_mean(text, _CAPABILITIES)
        raise ValueError(
            f"'{value}' is not a capability; {hint}" if hint else f"'{value}' is not a capability such as NET_ADMIN"
        )
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
    cut = min((text.index(mark) for mark in "=:" if mark in text), default=len(text))
    key, option = text[:cut], text[cut + 1 :]
    if key not in _OPTIONS:
        hint = did_you_mean(key, _OPTIONS) or f"write one of {', '.join(_OPTIONS)}"
        raise ValueError(f"no security option '{key}'; {hint}")
    if cut == len(text):
        return f"{text}=true"
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
