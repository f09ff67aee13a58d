"""Inventories in INI format: `[group]`, `[group:children]`, `[group:vars]`, host lines with `key=value`. A value that
is a Python literal (`5`, `[1, 2]`, `True`, `"5"`) is read as one, anything else as text. As in YAML, a number that
would be printed differently (`3.10`, `0x10`) is text."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator

from msgspec import Struct

from deployer.config.inventory.draft import Draft
from deployer.config.inventory.types import UNGROUPED
from deployer.diagnostics import Origin, did_you_mean
from deployer.nodes import Node, from_plain

_SECTION = re.compile(r"\[(?P<group>[^:\]\s]+)(?::(?P<kind>\w+))?\]\s*(?:[#;].*)?\Z")
_KINDS = ("hosts", "children", "vars")


class _Line(Struct, frozen=True):
    file: str
    number: int
    text: str

    def at(self, offset: int) -> Origin:
        return Origin(self.file, self.number, offset + 1)

    @property
    def start(self) -> Origin:
        return self.at(len(self.text) - len(self.text.lstrip()))


def read_ini(text: str, file: str, draft: Draft, *, secret: bool = False) -> None:
    """Adds the text's declarations to the draft and reports errors. `secret`: the values are secret."""
    reader = _Reader(draft, secret=secret)
    for number, written in enumerate(text.splitlines(), 1):
        stripped = written.strip()
        if stripped and stripped[0] not in "#;":
            reader.read(_Line(file, number, written.rstrip()))
    reader.finish()


class _Reader:
    def __init__(self, draft: Draft, *, secret: bool) -> None:
        self._draft = draft
        self._secret = secret
        self._problems = draft.problems
        self._group: str | None = UNGROUPED
        self._kind = "hosts"
        self._sections: set[str] = set()
        self._mentioned: list[tuple[str, str, Origin]] = []
        self._variables: list[tuple[str, str, Node, Origin]] = []

    def read(self, line: _Line) -> None:
        if line.text.lstrip().startswith("[") and not self._is_address(line.text):
            self._open_section(line)
        elif self._group is None:
            return
        elif self._kind == "hosts":
            self._read_host(line, self._group)
        elif self._kind == "children":
            self._read_child(line, self._group)
        else:
            self._read_variable(line, self._group)

    def finish(self) -> None:
        """Resolves references to later sections: children and variables of groups."""
        for group, child, origin in self._mentioned:
            if self._draft.has_group(child) or child in self._sections:
                self._draft.add_child(group, child, origin)
            else:
                hint = did_you_mean(child, self._sections) or f"declare it: [{child}]"
                self._problems.add(
                    origin, f"[{group}:children] names the group '{child}', which does not exist", hint=hint
                )
        for group, name, value, origin in self._variables:
            if self._draft.has_group(group):
                self._draft.set_group_variables(group, [(name, value)])
            else:
                hint = did_you_mean(group, self._sections)
                self._problems.add(origin, f"[{group}:vars] is for a group that does not exist", hint=hint)

    @staticmethod
    def _is_address(text: str) -> bool:
        """Whether a line that starts with a bracket is a host: `[::1]:22`, `[a:c]1`."""
        return re.match(r"\s*\[(?:[^\]\s]*\][^\s#;]|[0-9A-Fa-f]*:[0-9A-Fa-f:]*:)", text) is not None

    def _open_section(self, line: _Line) -> None:
        found = _SECTION.match(line.text.strip())
        self._group = None
        if found is None:
            hint = "a section is [group], [group:children] or [group:vars], without spaces"
            self._problems.add(line.start, f"not a section: {line.text.strip()}", hint=hint)
            return
        group, kind = found["group"], found["kind"] or "hosts"
        if kind not in _KINDS:
            hint = did_you_mean(kind, _KINDS) or "known are [group], [group:children] and [group:vars]"
            self._problems.add(line.start, f"the section [{group}:{kind}] has an unknown kind", hint=hint)
            return
        if kind != "vars":
            self._draft.add_group(group, line.start)
            self._sections.add(group)
        self._group, self._kind = group, kind

    def _read_host(self, line: _Line, group: str) -> None:
        try:
            words = shlex.split(line.text, comments=True)
        except ValueError as error:
            self._problems.add(line.start, f"a quote is not closed in this line: {error}")
            return
        if not words:
            return
        if words[0].endswith(":"):
            self._problems.add(line.start, f"the host '{words[0]}' ends with ':'; is this a YAML inventory?")
            return
        variables = list(self._host_variables(words[1:], line))
        hosts = self._draft.add_named(words[0], group, line.start)
        self._draft.set_host_variables(hosts, variables)

    def _host_variables(self, words: list[str], line: _Line) -> Iterator[tuple[str, Node]]:
        offset = len(line.text) - len(line.text.lstrip()) + 1
        for word in words:
            name, equals, value = word.partition("=")
            found = line.text.find(name, offset)
            offset = found if found >= 0 else offset
            if not equals or not name:
                self._problems.add(line.at(offset), f"expected key=value after the host, found '{word}'")
                continue
            yield name, from_plain(literal(value), line.at(offset), secret=self._secret)
            offset += len(name) + 1

    def _read_child(self, line: _Line, group: str) -> None:
        name = line.text.split("#", 1)[0].split(";", 1)[0].strip()
        if re.search(r"[\s=:]", name):
            hint = "variables belong in [group:vars]" if "=" in name else "one group per line"
            self._problems.add(line.start, f"'{name}' is not a group's name", hint=hint)
            return
        self._mentioned.append((group, name, line.start))

    def _read_variable(self, line: _Line, group: str) -> None:
        name, equals, value = line.text.partition("=")
        if not equals or not name.strip():
            self._problems.add(line.start, f"expected key=value in [{group}:vars], found '{line.text.strip()}'")
            return
        node = from_plain(literal(value.strip()), line.start, secret=self._secret)
        self._variables.append((group, name.strip(), node, line.start))


def literal(text: str) -> object:
    """The Python literal, or the text if it is none."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    if isinstance(value, bytes | complex) or value is Ellipsis:
        return text
    if isinstance(value, int | float) and not isinstance(value, bool):
        written = text.split("#", 1)[0].strip()
        return value if repr(value) == written else written
    return sorted(value, key=str) if isinstance(value, set) else value
