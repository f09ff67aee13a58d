"""Env files: `KEY=value` as Compose reads them, and keys without a value, which have the caller's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from msgspec import Struct, field

from deployer import nodes
from deployer.config.files import read_text
from deployer.config.interpolation import InterpolationError, substitute
from deployer.config.vault import VaultError, VaultSecrets, is_encrypted
from deployer.diagnostics import Origin, Problems
from deployer.interfaces import Guarded
from deployer.model.credentials import is_sensitive_name
from deployer.nodes import Node

_SPACE = r"[^\S\n]"
_NOTHING = re.compile(r"(?:\s+|#[^\n]*)*")
_KEY = re.compile(rf"(?:export{_SPACE}+)?(?P<key>(?:[\w.\-\[\]]|{_SPACE})*)(?:(?P<end>[=:])|\n|\Z){_SPACE}*")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'", re.DOTALL)
_LINE = re.compile(r"[^\n]*")
_ESCAPE = re.compile(r"\\(?:([abfnrtv$\"\\])|0(\d{0,3}))", re.ASCII)
_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "$": "$$",
    '"': '"',
    "\\": "\\",
}


class EnvFile(Guarded, frozen=True):
    """Values by key, and their origins. `secret`: the file is vaulted."""

    hidden: ClassVar[tuple[str, ...]] = ("values",)
    values: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, Origin] = field(default_factory=dict)
    secret: bool = False


class Environment(Struct, frozen=True):
    """What a file may refer to: the caller's environment, then the values of earlier files."""

    caller: Mapping[str, str]
    files: Mapping[str, str]


def read_env_file(
    path: Path, named_at: Origin, *, raw: bool, problems: Problems, vault: VaultSecrets, environment: Environment
) -> EnvFile:
    """`KEY` alone has the caller's value, or is left out without one. `raw`: everything after `=` is used unchanged.
    Reports errors; an unreadable file is reported where it is named."""
    try:
        text = read_text(path, "utf-8-sig")
        secret = is_encrypted(text)
        text = vault.decrypt(text) if secret else text
    except VaultError as error:
        problems.add(Origin(str(path)), error.message, hint=error.hint)
        return EnvFile()
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        problems.add(named_at, f"env_file {path} cannot be read: {what}")
        return EnvFile()
    reader = _Reader(path, problems, environment, {})
    places = dict(reader.read(_raw_lines(text) if raw else _statements(text, reader.report)))
    if secret:
        vault.learn(reader.values.values())
    return EnvFile({key: reader.values[key] for key in places}, places, secret)


class _Statement(Struct, frozen=True):
    """`value` None: only a key. `quote`: the quotes around the value; a raw one counts as single-quoted."""

    line: int
    key: str
    value: str | None = None
    quote: str = ""


class _Reader(Struct, frozen=True):
    """`values`: those of this file so far."""

    path: Path
    problems: Problems
    environment: Environment
    values: dict[str, str]

    def read(self, statements: Iterable[_Statement]) -> Iterator[tuple[str, Origin]]:
        """Keys and their origins."""
        for found in statements:
            try:
                value = self._meant(found)
            except InterpolationError as error:
                hint = "in single quotes a $ is an ordinary character"
                self.report(found.line, f"the value of {found.key}: {error}", hint)
                continue
            if value is not None:
                self.values[found.key] = value
                yield found.key, Origin(str(self.path), found.line, 1)

    def report(self, line: int, summary: str, hint: str = "") -> None:
        self.problems.add(Origin(str(self.path), line, 1), summary, hint=hint)

    def _meant(self, found: _Statement) -> str | None:
        """Escapes are replaced in double quotes, variables in double quotes and without quotes."""
        if found.value is None:
            return self.environment.caller.get(found.key)
        if found.quote == "'":
            return found.value.replace("\\'", "'")
        sides = (self.environment.caller, self.values, self.environment.files)

        def resolve(name: str) -> str | None:
            return next((side[name] for side in sides if name in side), None)

        def unset(_name: str) -> None:  # it may be the end of a password
            summary = f"the value of {found.key} refers to a variable that is not set; it is read as empty"
            hint = "in single quotes, $ is an ordinary character; for a default, write ${NAME:-default}"
            self.problems.warn(Origin(str(self.path), found.line, 1), summary, hint=hint)

        return substitute(_ESCAPE.sub(_unescaped, found.value) if found.quote else found.value, resolve, unset)


def _unescaped(found: re.Match[str]) -> str:
    if found[1]:
        return _ESCAPES[found[1]]
    is_octal = re.fullmatch(r"[0-3][0-7]{2}", found[2]) is not None
    return chr(int(found[2], 8)) if is_octal else f"\\{found[2]}"


def _statements(text: str, report: Callable[[int, str], None]) -> Iterator[_Statement]:
    """After a closing quote, another statement may follow on the line."""
    position, line, counted = 0, 1, 0
    while (position := _next(_NOTHING, text, position).end()) < len(text):
        line, counted = line + text.count("\n", counted, position), position
        head = _KEY.match(text, position)
        key = head["key"].rstrip() if head else ""
        if head is None or not key or re.search(r"\s", key):
            report(line, "does not have the form KEY=value")
            position = _next(_LINE, text, position).end()
            continue
        position = head.end()
        if not head["end"]:
            yield _Statement(line, key)
            continue
        quote = text[position : position + 1]
        value = _QUOTED.match(text, position) if quote in ("'", '"') else _next(_LINE, text, position)
        if value is None:
            report(line, f"the quote of {key} is not closed")
            position = _next(_LINE, text, position).end()
        elif quote in ("'", '"'):
            yield _Statement(line, key, value[1] if quote == '"' else value[2], quote)
            position = value.end()
        else:
            yield _Statement(line, key, value[0].partition(" #")[0].rstrip())
            position = value.end()


def _next(pattern: re.Pattern[str], text: str, position: int) -> re.Match[str]:
    found = pattern.match(text, position)
    assert found is not None  # the pattern matches nothing, too
    return found


def _raw_lines(text: str) -> Iterator[_Statement]:
    for number, line in enumerate(text.split("\n"), start=1):
        key, equals, value = line.removesuffix("\r").partition("=")
        if key.strip() and not key.lstrip().startswith("#"):
            yield _Statement(number, key.strip(), value if equals else None, "'" if equals else "")


def inherited(node: Node, caller: Mapping[str, str], problems: Problems, address: str) -> Node:
    """A list of `KEY=value` in which `KEY` alone has the caller's value, or is left out without one."""
    if not isinstance(node, nodes.Sequence):
        return node
    items: list[Node] = []
    for item in node:
        if not isinstance(item, nodes.Scalar) or not isinstance(item.value, str) or not item.value or "=" in item.value:
            items.append(item)
        elif item.value in caller:
            secret = item.secret or is_sensitive_name(item.value)
            items.append(nodes.Scalar(f"{item.value}={caller[item.value]}", item.origin, secret, item.source))
        else:
            summary = f"'{item.value}' is not set in this environment, so it is left out"
            hint = "write KEY=value, or a map with 'KEY: null' to remove what the image sets"
            problems.warn(item.origin, summary, address=address, hint=hint)
    return nodes.Sequence(tuple(items), node.origin, node.source)
