"""Typed access to a host's connection variables; mistakes are collected, under the name the user wrote."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from deployer.diagnostics import Origin, Problems
from deployer.reach.machine import Machine

_TRUE = frozenset({"true", "yes", "on", "1", "y", "t"})
_FALSE = frozenset({"false", "no", "off", "0", "n", "f"})
_MAX_PORT = 65535


class Variables:
    """One host's variables. Every getter takes the names a value may have, the strongest first."""

    def __init__(self, host_name: str, variables: Mapping[str, object]) -> None:
        self.host_name = host_name
        self.problems = Problems()
        self._variables = variables

    def mistake(self, name: str, summary: str, hint: str = "") -> None:
        self.problems.add(Origin(f"host {self.host_name}"), summary, address=name, hint=hint)

    def has(self, *names: str) -> bool:
        return bool(self._name(names))

    def name(self, *names: str) -> str:
        """The name under which the value was given, else the first."""
        return self._name(names) or names[0]

    def raw(self, *names: str) -> object:
        """The value as it is, None when not given."""
        return self._variables.get(self._name(names))

    def text(self, *names: str) -> str:
        """ "" when not given. Numbers are taken as their digits: a password may be one."""
        name = self._name(names)
        value = self._variables[name] if name else ""
        if isinstance(value, (bool, Mapping, list, tuple)):
            self.mistake(name, f"expected text, got {type(value).__name__}")
            return ""
        return str(value)

    def texts(self, *names: str) -> tuple[str, ...]:
        """A list of texts, or one."""
        name = self._name(names)
        value = self._variables[name] if name else ()
        if isinstance(value, (list, tuple)):
            return tuple(str(item) for item in value)
        one = self.text(*names)
        return (one,) if one else ()

    def path(self, machine: Machine, *names: str) -> str:
        """An absolute file name, "" when not given."""
        text = self.text(*names)
        path = machine.absolute(text)
        if text and not path:
            self.mistake(self.name(*names), f"{text}: there is no home directory", "set HOME, or write it in full")
        return path

    def flag(self, *names: str) -> bool | None:
        name = self._name(names)
        if not name:
            return None
        word = str(self._variables[name]).strip().lower()
        if word not in _TRUE | _FALSE:
            self.mistake(name, f"expected true or false, got '{word}'")
            return None
        return word in _TRUE

    def port(self, *names: str) -> int | None:
        name = self._name(names)
        return parse_port(self, name, str(self._variables[name])) if name else None

    def seconds(self, *names: str) -> float | None:
        name = self._name(names)
        return parse_seconds(self, name, str(self._variables[name])) if name else None

    def url(self, *names: str) -> SplitResult | None:
        name = self._name(names)
        if not name:
            return None
        try:
            url = urlsplit(self.text(name))
            _ = url.port
        except ValueError as error:
            self.mistake(name, f"is not a URL: {error}")
            return None
        return url

    def _name(self, names: tuple[str, ...]) -> str:
        return next((name for name in names if self._variables.get(name) not in (None, "")), "")


def parse_port(variables: Variables, name: str, text: str) -> int | None:
    if text.isascii() and text.isdigit() and 0 < int(text) <= _MAX_PORT:
        return int(text)
    variables.mistake(name, f"expected a port from 1 to {_MAX_PORT}, got '{text}'")
    return None


def parse_seconds(variables: Variables, name: str, text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if seconds > 0:
        return seconds
    variables.mistake(name, f"expected a number of seconds above 0, got '{text}'")
    return None
