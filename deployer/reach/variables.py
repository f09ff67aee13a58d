"""Typed access to a host's connection variables; errors are collected, under the name the user wrote."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from deployer.diagnostics import Origin, Problems
from deployer.reach.machine import Machine
from deployer.reach.names import BY_NAME

_TRUE = frozenset({"true", "yes", "on", "1", "y", "t"})
_FALSE = frozenset({"false", "no", "off", "0", "n", "f"})
_MAX_PORT = 65535


class Variables:
    """One host's variables. Every getter takes a setting's name, and reads the variable that gives it."""

    def __init__(self, host_name: str, variables: Mapping[str, object]) -> None:
        self.host_name = host_name
        self.problems = Problems()
        self._variables = variables

    def error(self, name: str, summary: str, hint: str = "") -> None:
        """`name`: of a setting, then the variable that gives it is shown, or what else is wrong."""
        shown = self.name(name) if name in BY_NAME else name
        self.problems.add(Origin(f"host {self.host_name}"), summary, address=shown, hint=hint)

    def has(self, setting: str) -> bool:
        return bool(self._name(setting))

    def name(self, setting: str) -> str:
        """The variable that gives it, else the setting's own name."""
        return self._name(setting) or setting

    def raw(self, setting: str) -> object:
        """The value as it is, None when not given."""
        return self._variables.get(self._name(setting))

    def text(self, setting: str) -> str:
        """ "" when not given. Numbers are taken as their digits: a password may be one."""
        name = self._name(setting)
        value = self._variables[name] if name else ""
        if isinstance(value, (bool, Mapping, list, tuple)):
            self.error(name, f"expected text, got {type(value).__name__}")
            return ""
        return str(value)

    def host(self) -> str:
        """The name or address to connect to, `[2001:db8::1]` without its brackets; "" when not given."""
        return bare(self.text("host"))

    def texts(self, setting: str) -> tuple[str, ...]:
        """A list of texts, or one."""
        name = self._name(setting)
        value = self._variables[name] if name else ()
        if isinstance(value, (list, tuple)):
            return tuple(str(item) for item in value)
        one = self.text(setting)
        return (one,) if one else ()

    def path(self, machine: Machine, setting: str) -> str:
        """An absolute file name, "" when not given."""
        text = self.text(setting)
        path = machine.absolute(text)
        if text and not path:
            self.error(self.name(setting), f"{text}: there is no home directory", "set HOME, or write it in full")
        return path

    def flag(self, setting: str) -> bool | None:
        name = self._name(setting)
        if not name:
            return None
        word = str(self._variables[name]).strip().lower()
        if word not in _TRUE | _FALSE:
            self.error(name, f"expected true or false, got '{word}'")
            return None
        return word in _TRUE

    def port(self, setting: str) -> int | None:
        name = self._name(setting)
        return parse_port(self, name, str(self._variables[name])) if name else None

    def seconds(self, setting: str) -> float | None:
        name = self._name(setting)
        return parse_seconds(self, name, str(self._variables[name])) if name else None

    def url(self, setting: str) -> SplitResult | None:
        name = self._name(setting)
        if not name:
            return None
        try:
            url = urlsplit(self.text(setting))
            _ = url.port
        except ValueError as error:
            self.error(name, f"is not a URL: {error}")
            return None
        return url

    def _name(self, setting: str) -> str:
        names = BY_NAME[setting].names
        return next((name for name in names if self._variables.get(name) not in (None, "")), "")


def bare(address: str) -> str:
    """An address without brackets around it."""
    return address[1:-1] if address.startswith("[") and address.endswith("]") else address


def parse_port(variables: Variables, name: str, text: str) -> int | None:
    if text.isascii() and text.isdigit() and 0 < int(text) <= _MAX_PORT:
        return int(text)
    variables.error(name, f"expected a port from 1 to {_MAX_PORT}, got '{text}'")
    return None


def parse_seconds(variables: Variables, name: str, text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if seconds > 0:
        return seconds
    variables.error(name, f"expected a number of seconds above 0, got '{text}'")
    return None
