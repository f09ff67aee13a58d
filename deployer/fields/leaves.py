"""Shared shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from schema import And, Or, Use

from deployer import nodes
from deployer.fields.reading import INVALID, Reading
from deployer.fields.shapes import Constant, Forms, Keyed, Leaf, ListOf, MapOf
from deployer.nodes import Node
from deployer.values import address, command, cpus, duration, paths, size


class Anything(Struct, frozen=True):
    """Any value, unchanged."""

    def read(self, node: Node, at: Reading) -> Any:
        return INVALID if at.passes(node) else nodes.to_plain(node)


ANYTHING = Anything()
TEXT = Leaf(str, "text")
_WORDS_OF_FLAGS: Final = {
    **dict.fromkeys(("true", "yes", "on", "y", "t", "1"), True),
    **dict.fromkeys(("false", "no", "off", "n", "f", "0"), False),
}
"""Text that is true or false for Ansible and Docker; variables of the command line are text."""


def _any_case(words: Iterable[str]) -> str:
    """A pattern for these words in any case; the patterns of JSON Schema have no flag for that."""
    spelt = ("".join(f"[{letter}{letter.upper()}]" for letter in word) for word in words)
    return f"^({'|'.join(spelt)})$"


NUMBER_OR_TEXT = Leaf(Or(str, int, float), "text or a number", str)
FLAG = Leaf(
    Or(bool, lambda word: isinstance(word, str) and word.lower() in _WORDS_OF_FLAGS),
    "true or false",
    lambda word: word if isinstance(word, bool) else _WORDS_OF_FLAGS[word.lower()],
    json={"type": ["boolean", "string"], "pattern": _any_case(_WORDS_OF_FLAGS)},
    keeps_empty=True,
)


def flag_of(word: object) -> bool | None:
    """The boolean value of a boolean or a word; None for other values."""
    return word if isinstance(word, bool) else _WORDS_OF_FLAGS.get(str(word).lower())


def _whole(value: int | str) -> int:
    if isinstance(value, str) and not re.fullmatch(_DIGITS, value):
        raise ValueError(f"'{value}' is not a whole number")
    return int(value)


_DIGITS: Final = r"^-?(0|[1-9][0-9]{0,39})$"
_WRITTEN: Final[Any] = Or(int, str)
_READ: Final[Any] = Use(_whole)
_WHOLE: Final[Any] = And(_WRITTEN, _READ)


def whole(expects: str, convert: Callable[[int], int | None] = int) -> Leaf:
    """A number, or its text: variables of the command line are text."""
    return Leaf(_WHOLE, expects, convert, json={"type": ["integer", "string"]}, keeps_empty=True)


INTEGER = whole("a whole number")
COUNT = replace(
    whole("a whole number, 0 or more"),
    schema=And(_WHOLE, lambda n: n >= 0),
    json={"type": ["integer", "string"], "minimum": 0},
)
SIZE = Leaf(Or(int, str), "a size such as 512m", size.parse)
SIZE_OR_UNLIMITED = Leaf(Or(int, str), "a size such as 1g, or -1 for no limit", size.parse_or_unlimited)
CPUS = Leaf(Or(int, float, str), "a number of CPUs such as 0.5", cpus.parse)
CPU_SET = Leaf(Or(int, str), "a set such as 0-2,4", cpus.parse_set, keeps_empty=True)
SECONDS = Leaf(Or(int, float, str), "a duration such as 30s", duration.parse_seconds)
PROBE_TIME = Leaf(Or(int, float, str), "a duration such as 30s", duration.parse_probe)
DURATION = Leaf(Or(int, float, str), "a duration such as 30s", duration.parse)
ABSOLUTE_PATH = Leaf(str, "an absolute path", paths.parse_absolute)
IP = Leaf(str, "an IP address", address.parse_ip)
SERVER = Leaf(str, "an IP address", address.parse_server)
IPV4 = Leaf(str, "an IPv4 address", address.parse_ipv4)
IPV6 = Leaf(str, "an IPv6 address", address.parse_ipv6)
MAC = Leaf(str, "a MAC address", address.parse_mac)
TEXTS = ListOf(TEXT)

WORDS = Forms(
    expects="a command: text or a list of words",
    scalar=Leaf(str, "a command", lambda text: list(command.parse(text))),
    sequence=ListOf(NUMBER_OR_TEXT),
)


def choice(*options: str) -> Leaf:
    """One of the given words."""
    return Leaf(lambda word: word in options, f"one of {', '.join(options)}", json={"enum": list(options)})


def option(*options: StrEnum) -> Leaf:
    """One of some members of an enum, by value."""
    return replace(choice(*options), convert=type(options[0]))


def text_value(value: object) -> str:
    """A scalar as text, as the engine requires in labels, options and environments; booleans in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    if not key:
        raise ValueError(f"'{text}' does not have the form KEY=value")
    return key, value


def _environment_pair(text: str) -> tuple[str, str | None]:
    """`KEY` alone unsets what the image sets; `KEY=` is empty."""
    return _pair(text) if "=" in text else (_pair(f"{text}=")[0], None)


def _key(text: str) -> str:
    if not text or "=" in text:
        raise ValueError(f"'{text}' cannot be a key")
    return text


OWN_LABELS: Final = "deployer."
"""Labels with this prefix belong to deployer; they are never compared or declared."""


def _label_key(text: str) -> str:
    if text.startswith(OWN_LABELS):
        raise ValueError(f"'{text}': labels with the prefix '{OWN_LABELS}' are reserved")
    return _key(text)


def _label_pair(text: str) -> tuple[str, str]:
    key, value = _pair(text)
    return _label_key(key), value


_NULL = Leaf(None, "null")
_TEXT_VALUE = Leaf(Or(str, int, float, bool), "text, a number, true or false", text_value)

TEXT_MAP = Forms(
    expects="a map, or a list of KEY=value",
    mapping=MapOf(_TEXT_VALUE, _key, extensible=True),
    sequence=Keyed(Leaf(str, "KEY=value", _pair), alone=False),
)
"""Labels, sysctls, driver options: text to text."""

LABELS = Forms(
    expects="a map, or a list of KEY=value",
    mapping=MapOf(
        Forms(expects="text or a number", scalar=_TEXT_VALUE, null=Constant(str)), _label_key, extensible=True
    ),
    sequence=Keyed(Leaf(str, "KEY=value", _label_pair), alone=False),
)

ENVIRONMENT = Forms(
    expects="a map, or a list of KEY=value",
    mapping=MapOf(Forms(expects="text, a number or null", scalar=_TEXT_VALUE, null=_NULL), _key, extensible=True),
    sequence=Keyed(Leaf(str, "KEY=value", _environment_pair), alone=False),
)
