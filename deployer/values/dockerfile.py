"""What is read from a Dockerfile before it is built: its instructions with their lines, and its base images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from deployer.values import image

_DIRECTIVE: Final = re.compile(r"#\s*(?P<name>[a-zA-Z]+)\s*=\s*(?P<value>\S+)\s*\Z")
_HEREDOC: Final = re.compile(r"<<-?\s*(?P<quote>['\"]?)(?P<end>[A-Za-z_][A-Za-z0-9_]*)(?P=quote)")
_VARIABLE: Final = re.compile(
    r"\\(?P<plain>.)|\$(?:(?P<name>\w+)|\{(?P<inner>\w+)(?:(?P<how>:?[-+])(?P<other>[^}]*))?\})"
)
_WITH_HEREDOC: Final = ("RUN", "COPY", "ADD")


class Instruction(Struct, frozen=True):
    """`keyword` in upper case; `rest` in one line, with single spaces. `line`: where it begins, from 1."""

    line: int
    keyword: str
    rest: str

    def __str__(self) -> str:
        return f"{self.keyword} {self.rest}"


def instructions(text: str) -> Iterator[Instruction]:
    """In order. Nothing is checked; the builder does that."""
    lines = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").splitlines()
    escape = _escape(lines)
    at = 0
    while at < len(lines):
        begin, parts = at, list[str]()
        while at < len(lines):
            line = lines[at].strip()
            at += 1
            if line.startswith("#") or (parts and not line):
                continue
            parts.append(line.removesuffix(escape).strip())
            if not line.endswith(escape):
                break
        keyword, _, rest = " ".join(parts).strip().partition(" ")
        if not keyword:
            continue
        for heredoc in _HEREDOC.finditer(rest) if keyword.upper() in _WITH_HEREDOC else ():
            at = next((n + 1 for n in range(at, len(lines)) if lines[n].strip() == heredoc["end"]), at)
        first = next(n for n in range(begin, at) if lines[n].strip() and not lines[n].strip().startswith("#"))
        yield Instruction(first + 1, keyword.upper(), " ".join(rest.split()))


def _escape(lines: list[str]) -> str:
    """The directive `# escape=` stands above everything else."""
    for line in lines:
        found = _DIRECTIVE.match(line.strip())
        if found is None:
            break
        if found["name"].lower() == "escape":
            return found["value"]
    return "\\"


def bases(text: str, args: Mapping[str, str]) -> tuple[str, ...]:
    """Complete references of the images that its stages begin with or copy from, sorted. `args`: build arguments. A
    name that cannot be known here, such as one made of an unset argument, is left out."""
    known: dict[str, str] = {}
    stages: set[str] = set()
    found: set[str] = set()
    for each in instructions(text):
        words = each.rest.split()
        if each.keyword == "ARG" and not stages and not found:
            for word in words:
                name, _, default = word.partition("=")
                known[name] = args.get(name, _expand(default.strip("\"'"), known))
        elif each.keyword == "FROM":
            found |= _complete([_expand(word, known) for word in words if not word.startswith("--")][:1], stages)
            stages.add(str(len(stages)))
            stages |= {words[n + 1].lower() for n, word in enumerate(words[:-1]) if word.lower() == "as"}
        elif each.keyword in ("COPY", "RUN"):
            found |= _complete(re.findall(r"(?:--from=|,from=)([^\s,]+)", each.rest), stages)
    return tuple(sorted(found))


def _complete(names: list[str], stages: set[str]) -> set[str]:
    complete = set()
    for name in names:
        if name.lower() in stages or name.lower() in ("scratch", "") or "$" in name or name.isdecimal():
            continue
        try:
            complete.add(str(image.parse(name)))
        except ValueError:
            continue
    return complete


def _expand(text: str, known: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        if found["plain"]:
            return found["plain"]
        name, how, other = found["name"] or found["inner"], found["how"] or "", found["other"] or ""
        present = bool(known.get(name)) if how.startswith(":") else name in known
        if how.endswith("+"):
            return other if present else ""
        return known.get(name, "") if present else other if how else ""

    return _VARIABLE.sub(value, text)
