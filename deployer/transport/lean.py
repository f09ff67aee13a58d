"""paramiko, imported without what this project does not use of it.

paramiko imports `invoke` for one thing, `Match exec` in its own ssh_config reader, and takes its absence for granted
(paramiko/config.py catches the ImportError). That import costs 60 ms of the 160 ms paramiko takes, so it is hidden
while paramiko loads; `reach.ssh_config` evaluates `Match exec` itself. It also asks `importlib.metadata` for its
own version, to tell servers; that costs 8 ms, so something else answers.

paramiko logs refused channels as errors; without a handler Python would print them, so it gets one that drops them.
"""

from __future__ import annotations

import logging
import sys
from types import ModuleType

_HIDDEN, _COSTLY = "invoke", "importlib.metadata"


def _in_place_of_costly() -> ModuleType:
    """What servers are told is `paramiko_deployer`."""
    module = ModuleType(_COSTLY)
    module.version = lambda _name: "deployer"  # type: ignore[attr-defined]  # what paramiko asks it for
    return module


if _HIDDEN in sys.modules or "paramiko" in sys.modules:
    import paramiko
else:
    sys.modules[_HIDDEN] = None  # type: ignore[assignment]  # documented: makes the import raise ModuleNotFoundError
    _stands_in = _COSTLY not in sys.modules
    if _stands_in:
        sys.modules[_COSTLY] = _in_place_of_costly()
    try:
        import paramiko
    finally:
        del sys.modules[_HIDDEN]
        if _stands_in:
            del sys.modules[_COSTLY]

logging.getLogger("paramiko").addHandler(logging.NullHandler())

__all__ = ["paramiko"]
