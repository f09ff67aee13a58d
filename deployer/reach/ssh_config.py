"""OpenSSH's client configuration: what `~/.ssh/config` and `/etc/ssh/ssh_config` say of a host.

Read from ssh_config(5): first value wins, `IdentityFile` adds up; `Include` (also inside a block, then conditional),
`Host`, `Match` (all, host, originalhost, user, localuser, tagged, exec, final). Only the keywords in `KEYWORDS` are
kept; a block without any of them is never evaluated, so its `Match exec` is not run. The files are read once, when
first asked.
"""

from __future__ import annotations

import functools
import glob
import itertools
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from deployer.diagnostics import Diagnostic, Origin
from deployer.errors import InputError
from deployer.reach.machine import Machine
from deployer.reach.ssh_match import Block, Facts, parse_host, parse_match

USER_FILE = "~/.ssh/config"
SYSTEM_FILE = "/etc/ssh/ssh_config"

KEYWORDS = frozenset(
    {
        "addressfamily", "connecttimeout", "globalknownhostsfile", "hostkeyalias", "hostname", "identitiesonly",
        "identityagent", "identityfile", "port", "proxycommand", "proxyjump", "stricthostkeychecking", "tag", "user",
        "userknownhostsfile",
    }
)  # fmt: skip
"""The keywords that are supported, in lower case."""

_ADDS_UP = "identityfile"
_REST_OF_LINE = "proxycommand"
_MAX_DEPTH = 16
"""Levels of Include; OpenSSH's own limit (readconf.c, READCONF_MAX_DEPTH)."""


class Directive(Struct, frozen=True):
    """One line with a keyword, and its blocks, outermost first."""

    origin: Origin
    blocks: tuple[Block, ...]
    keyword: str
    words: tuple[str, ...]


class Answers(Struct, frozen=True):
    """The keywords that apply to one host: keyword → words. Nothing is expanded yet."""

    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def first(self, keyword: str) -> str:
        """The first word of the value, "" if the keyword is missing."""
        return next(iter(self.words.get(keyword, ())), "")

    def origin(self, keyword: str) -> Origin:
        return self.origins.get(keyword, Origin("ssh_config"))


class SshConfig:
    """The files of one user; `files` in order of precedence."""

    def __init__(self, machine: Machine, files: tuple[str, ...] = (USER_FILE, SYSTEM_FILE)) -> None:
        self.machine = machine
        self._files = files

    @functools.cached_property
    def directives(self) -> tuple[Directive, ...]:
        """Raises `InputError` for lines that cannot be read."""
        return tuple(
            directive
            for file in self._files
            for directive in _Files(self.machine, user=file == USER_FILE).read(self.machine.absolute(file), ())
        )

    def lookup(self, host: str, *, user: str = "") -> Answers:
        """The values for a connection to `host`, as `user` if that is known already."""
        facts = Facts(self.machine, host=host, host_name=host, user=user or self.machine.user)
        answers = _Lookup(facts, user_decided=bool(user))
        answers.collect(self.directives)
        if any(block.needs_final for directive in self.directives for block in directive.blocks):
            answers.facts = replace(answers.facts, final=True)
            answers.collect(self.directives)
        return Answers(answers.words, answers.origins)


class _Lookup:
    """Evaluates the directives for one host; earlier values decide which blocks match later."""

    def __init__(self, facts: Facts, *, user_decided: bool) -> None:
        self.facts = facts
        self.words: dict[str, tuple[str, ...]] = {}
        self.origins: dict[str, Origin] = {}
        self._user_decided = user_decided

    def collect(self, directives: tuple[Directive, ...]) -> None:
        # A block is decided where it begins, as OpenSSH does, and holds for all its lines.
        decided: dict[int, bool] = {}
        for directive in directives:
            if all(self._matches(block, decided) for block in directive.blocks):
                self._take(directive)

    def _matches(self, block: Block, decided: dict[int, bool]) -> bool:
        if id(block) not in decided:
            decided[id(block)] = block.matches(self.facts)
        return decided[id(block)]

    def _take(self, directive: Directive) -> None:
        keyword, words = directive.keyword, directive.words
        if keyword == _ADDS_UP:
            known = self.words.get(keyword, ())
            self.words[keyword] = known + tuple(word for word in words if word not in known)
        elif keyword in self.words:
            return
        else:
            self.words[keyword] = words
        self.origins.setdefault(keyword, directive.origin)
        self._update_facts(keyword, words[0])

    def _update_facts(self, keyword: str, word: str) -> None:
        if keyword == "hostname":
            self.facts = replace(self.facts, host_name=word.replace("%h", self.facts.host).replace("%%", "%"))
        elif keyword == "user" and not self._user_decided:
            self.facts = replace(self.facts, user=word)
        elif keyword == "tag":
            self.facts = replace(self.facts, tag=word)


class _Files(Struct, frozen=True):
    """Reads one file and what it includes. `user`: whether it is the user's own."""

    machine: Machine
    user: bool

    def read(self, path: str, outer: tuple[Block, ...], depth: int = 0) -> Iterator[Directive]:
        """Nothing where there is no such file."""
        try:
            lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return
        blocks = outer
        for number, line in enumerate(lines, start=1):
            keyword, rest = _split(line)
            if not keyword:
                continue
            origin = Origin(path, number, 1)
            if keyword in ("host", "match"):
                parse = parse_host if keyword == "host" else parse_match
                blocks = (*outer, parse(_words(rest, origin), origin))
            elif keyword == "include":
                yield from self._include(_words(rest, origin), origin, blocks, depth)
            elif keyword in KEYWORDS:
                words = (rest,) if keyword == _REST_OF_LINE else _words(rest, origin)
                if not words or not words[0]:
                    raise _error(origin, keyword, "has no value")
                yield Directive(origin, blocks, keyword, words)

    def _include(
        self, names: tuple[str, ...], origin: Origin, blocks: tuple[Block, ...], depth: int
    ) -> Iterator[Directive]:
        """Relative names are looked for in ~/.ssh, from the system's file in /etc/ssh."""
        if depth >= _MAX_DEPTH:
            raise _error(origin, "Include", f"files include each other more than {_MAX_DEPTH} levels deep")
        base = Path(self.machine.home, ".ssh") if self.user else Path("/etc/ssh")
        for name in names:
            pattern = os.path.expandvars(name)
            pattern = self.machine.absolute(pattern) if pattern.startswith(("~", "/")) else str(base / pattern)
            for path in sorted(glob.glob(pattern)):  # noqa: PTH207
                yield from self.read(path, blocks, depth + 1)


def _split(line: str) -> tuple[str, str]:
    """Keyword in lower case and the rest; between them blanks, or blanks and one `=`."""
    line = line.strip()
    if not line or line.startswith("#"):
        return "", ""
    end = next((index for index, char in enumerate(line) if char in " \t="), len(line))
    rest = line[end:].lstrip()
    return line[:end].strip('"').lower(), rest.removeprefix("=").strip()


def _words(text: str, origin: Origin) -> tuple[str, ...]:
    """Split at blanks, with quotes; a word that begins with `#` begins a comment."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InputError([Diagnostic(origin, f"cannot be read: {error}")]) from error
    return tuple(itertools.takewhile(lambda word: not word.startswith("#"), words))


def _error(origin: Origin, keyword: str, summary: str) -> InputError:
    return InputError([Diagnostic(origin, f"{keyword} {summary}")])
