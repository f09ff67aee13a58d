"""paramiko, imported without what this project does not use of it.

paramiko imports `invoke` for one thing, `Match exec` in its own ssh_config reader, and takes its absence for granted
(paramiko/config.py catches the ImportError). That import costs 60 ms of the 160 ms paramiko takes, so it is hidden
while paramiko loads; `reach.ssh_config` evaluates `Match exec` itself.

paramiko logs refused channels as errors; without a handler Python would print them, so it gets one that drops them.
"""

from __future__ import annotations

import logging
import sys

_HIDDEN = "invoke"

if _HIDDEN in sys.modules or "paramiko" in sys.modules:
    import paramiko
else:
    sys.modules[_HIDDEN] = None  # type: ignore[assignment]  # documented: makes the import raise ModuleNotFoundError
    try:
        import paramiko
    finally:
        del sys.modules[_HIDDEN]

logging.getLogger("paramiko").addHandler(logging.NullHandler())

__all__ = ["paramiko"]
