"""The tokens of ssh_config: `%h`, `%p`, `~` and `${NAME}` (ssh_config(5), TOKENS and ENVIRONMENT VARIABLES)."""

from __future__ import annotations

import hashlib
import os
import re
import socket
from pathlib import Path

_TOKEN = re.compile(r"%(.)")
_VARIABLE = re.compile(r"\$\{(\w+)\}")


def local_user() -> str:
    import getpass

    return getpass.getuser()


def expand(text: str, *, host: str, host_name: str, user: str, port: int = 22, alias: str = "", jump: str = "") -> str:
    """`text` with its tokens replaced; a token that OpenSSH does not know stays as it is."""
    here = socket.gethostname() if "%l" in text or "%L" in text or "%C" in text else ""
    values = {
        "%": "%",
        "C": hashlib.sha1(f"{here}{host_name}{port}{user}{jump}".encode(), usedforsecurity=False).hexdigest(),
        "d": str(Path("~").expanduser()),
        "h": host_name,
        "i": str(os.getuid()),
        "j": jump,
        "k": alias or host_name,
        "L": here.partition(".")[0],
        "l": here,
        "n": host,
        "p": str(port),
        "r": user,
        "u": local_user(),
    }
    return _TOKEN.sub(lambda found: values.get(found[1], found[0]), text)


def expand_path(text: str, **tokens: object) -> str:
    """A file name: `~`, `${NAME}` and tokens replaced, absolute."""
    named = _VARIABLE.sub(lambda found: os.environ.get(found[1], ""), text)
    expanded = expand(named, **tokens)  # type: ignore[arg-type]  # the caller's keywords are expand's
    return os.path.abspath(os.path.expanduser(expanded))  # noqa: PTH100, PTH111


def expand_home(text: str) -> str:
    """A file name of the user's, absolute; "" stays empty."""
    return os.path.abspath(os.path.expanduser(text)) if text else ""  # noqa: PTH100, PTH111
