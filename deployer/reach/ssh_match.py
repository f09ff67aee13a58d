"""The conditions of ssh_config's `Host` and `Match` blocks."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable

from msgspec import Struct

from deployer.diagnostics import Diagnostic, Origin
from deployer.errors import InputError
from deployer.reach.machine import Machine
from deployer.reach.ssh_tokens import Tokens


class Facts(Struct, frozen=True):
    """The known properties of the connection. `host` is as given, `host_name` after `HostName`."""

    machine: Machine
    host: str
    host_name: str
    user: str
    tag: str = ""
    final: bool = False


class Condition(Struct, frozen=True):
    """One criterion; `negated` inverts it."""

    kind: str
    argument: str = ""
    negated: bool = False


class Block(Struct, frozen=True, eq=False):
    """A `Host` or `Match` line: all its conditions must hold."""

    origin: Origin
    conditions: tuple[Condition, ...]

    @property
    def needs_final(self) -> bool:
        return any(condition.kind == "final" for condition in self.conditions)

    def matches(self, facts: Facts) -> bool:
        """Runs the command of a `Match exec` when the conditions before it hold; raises `InputError`."""
        return all(_holds(condition, facts, self.origin) != condition.negated for condition in self.conditions)


def parse_host(patterns: tuple[str, ...], origin: Origin) -> Block:
    if not patterns:
        raise InputError([Diagnostic(origin, "Host has no pattern")])
    return Block(origin, (Condition("originalhost", ",".join(patterns)),))


def parse_match(words: tuple[str, ...], origin: Origin) -> Block:
    """`Match host *.int user deploy`, `Match !final all`; raises `InputError`."""
    conditions: list[Condition] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        kind, negated = word.lower().removeprefix("!"), word.startswith("!")
        if kind in _ALONE:
            conditions.append(Condition(kind, negated=negated))
        elif rest:
            conditions.append(Condition(kind, rest.pop(0), negated))
        else:
            raise InputError([Diagnostic(origin, f"Match {kind} has no argument")])
    if not conditions:
        raise InputError([Diagnostic(origin, "Match has no condition")])
    return Block(origin, tuple(conditions))


def matches_patterns(patterns: str, text: str) -> bool:
    """OpenSSH's pattern list `*.int,!db.int`: some pattern matches and no negated one does."""
    listed = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
    if any(_glob(pattern[1:], text) for pattern in listed if pattern.startswith("!")):
        return False
    return any(_glob(pattern, text) for pattern in listed if not pattern.startswith("!"))


def _glob(pattern: str, text: str) -> bool:
    return fnmatch.fnmatchcase(text.lower(), pattern.lower().replace("[", "[[]"))


def _holds(condition: Condition, facts: Facts, origin: Origin) -> bool:
    if condition.kind == "exec":
        return _exec(condition.argument, facts, origin)
    test = _TESTS.get(condition.kind)
    if test is None:
        known = ", ".join(sorted([*_TESTS, "exec"]))
        raise InputError([Diagnostic(origin, f"Match {condition.kind} is not supported", hint=f"use {known}")])
    return test(condition.argument, facts)


def _exec(command: str, facts: Facts, origin: Origin) -> bool:
    """Whether the command ends with status 0; OpenSSH runs it in the user's shell."""
    tokens = Tokens(machine=facts.machine, host=facts.host, host_name=facts.host_name, user=facts.user)
    try:
        line = tokens.expand_command(command)
    except ValueError as error:
        raise InputError([Diagnostic(origin, f"Match exec is not run: {error}")]) from error
    return facts.machine.succeeds(line)


_ALONE = ("all", "canonical", "final")

_TESTS: dict[str, Callable[[str, Facts], bool]] = {
    "all": lambda _, __: True,
    "canonical": lambda _, facts: facts.final,
    "final": lambda _, facts: facts.final,
    "host": lambda patterns, facts: matches_patterns(patterns, facts.host_name),
    "originalhost": lambda patterns, facts: matches_patterns(patterns, facts.host),
    "user": lambda patterns, facts: matches_patterns(patterns, facts.user),
    "localuser": lambda patterns, facts: matches_patterns(patterns, facts.machine.user),
    "tagged": lambda patterns, facts: matches_patterns(patterns, facts.tag),
}
