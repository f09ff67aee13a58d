"""The tokens of ssh_config: `%h`, `%p`, `~` and `${NAME}` (ssh_config(5), TOKENS and ENVIRONMENT VARIABLES)."""

from __future__ import annotations

import hashlib
import os
import re

from msgspec import Struct

from deployer.reach.machine import Machine

_TOKEN = re.compile(r"%(.)")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_UNSAFE_HOST = re.compile(r"-|.*['`\"$\\;&<>|(){}\s\x00-\x1f\x7f]", re.DOTALL)
_UNSAFE_USER = re.compile(r"-|.*(?:['`\";&<>|(){}\x00-\x1f\x7f]|\s-|\\\Z|\$.)", re.DOTALL)
_NOT_CHECKED = "Cdip%"
"""Tokens whose value is a number, a hash or a folder of the user's own."""


def is_host(text: str) -> bool:
    """Whether a host's name or address may stand in a command, as OpenSSH decides it (ssh.c, valid_hostname)."""
    return _UNSAFE_HOST.match(text) is None


def is_user(text: str) -> bool:
    """The same of a user's name (ssh.c, valid_ruser); a `$` may only end it, as it does for machine accounts."""
    return _UNSAFE_USER.match(text) is None


class Tokens(Struct, frozen=True, kw_only=True):
    """The values of the tokens. `host` is as given, `host_name` after `HostName`."""

    machine: Machine
    host: str
    host_name: str
    user: str = ""
    port: int = 22
    alias: str = ""
    jump: str = ""

    def expand(self, text: str) -> str:
        """`text` with its tokens replaced; a token that OpenSSH does not know stays as it is."""
        return _TOKEN.sub(lambda found: self._value(found[1]), text)

    def expand_command(self, text: str) -> str:
        """For a shell; raises ValueError for a value that the shell would not take as one plain word."""
        for token in dict.fromkeys(_TOKEN.findall(text)):
            value = self._value(token)
            if token not in _NOT_CHECKED and not (is_user(value) if token in "ru" else is_host(value)):
                raise ValueError(f"%{token} would be {value!r}, which has a meaning to the shell")
        return self.expand(text)

    def expand_path(self, text: str) -> str:
        """A file name: `~`, `${NAME}` and tokens replaced, absolute; "" where it needs a home directory and there is
        none."""
        named = _VARIABLE.sub(lambda found: os.environ.get(found[1], ""), text)
        return self.machine.absolute(self.expand(named))

    def _value(self, token: str) -> str:
        here = self.machine.host_name
        connection = f"{here}{self.host_name}{self.port}{self.user}{self.jump}"
        values = {
            "%": "%",
            "C": hashlib.sha1(connection.encode(), usedforsecurity=False).hexdigest(),
            "d": self.machine.home,
            "h": self.host_name,
            "i": str(self.machine.uid),
            "j": self.jump,
            "k": self.alias or self.host_name,
            "L": here.partition(".")[0],
            "l": here,
            "n": self.host,
            "p": str(self.port),
            "r": self.user,
            "u": self.machine.user,
        }
        return values.get(token, f"%{token}")
