"""`.dockerignore`: which files of a build context are left out, by the rules of the engine's own matcher.

The matcher is moby/patternmatcher. Letter case counts; a pattern excludes everything below a folder that it matches; of
several patterns the last one that matches decides.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec import Struct

Matches: TypeAlias = tuple[bool, ...]
"""For each pattern, whether it matches a folder or one above it."""

_LITERAL: Final = ".+()|{}$"
_BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"


class Pattern(Struct, frozen=True):
    """`readmits`: it begins with `!`. `text`: the rest, without `.`, `..` and double slashes."""

    text: str
    readmits: bool
    matches: Callable[[str], bool]


class Ignored(Struct, frozen=True):
    """The patterns of a file, in order."""

    patterns: tuple[Pattern, ...] = ()

    def check(self, path: str, above: Matches) -> tuple[bool, Matches]:
        """Whether a path relative to the context is left out, and the matches for what is below it. `above`: those of
        its folder, () at the top."""
        left_out, found = False, []
        for number, pattern in enumerate(self.patterns):
            hit = bool(above) and above[number]
            # A pattern that cannot change the result is not tried. What is below it then does not count as matched.
            if not hit and pattern.readmits == left_out:
                hit = pattern.matches(path)
            found.append(hit)
            left_out = not pattern.readmits if hit else left_out
        return left_out, tuple(found)

    def readmits_below(self, folder: str) -> bool:
        """Whether a pattern may readmit something in a folder that is left out."""
        return any(found.readmits and _may_be_below(found.text, folder) for found in self.patterns)


def parse(text: str) -> Ignored:
    """Raises ValueError, with the number of the line first: `line 3: …`."""
    found = []
    for number, line in enumerate(text.removeprefix(_BOM).split("\n"), 1):
        if line.startswith("#") or not (written := line.strip()):
            continue
        try:
            found.append(_pattern(written))
        except (ValueError, re.error) as error:
            raise ValueError(f"line {number}: '{written}' is not a pattern: {error}") from error
    return Ignored(tuple(found))


def _pattern(written: str) -> Pattern:
    readmits = written.startswith("!")
    bare = written[1:].strip() if readmits else written
    if not bare:
        raise ValueError("nothing follows the '!'")
    text = posixpath.normpath(re.sub("/+", "/", bare))
    text = text[1:] if len(text) > 1 and text.startswith("/") else text
    _check_syntax(text)
    return Pattern(text, readmits, _matcher(text))


def _may_be_below(text: str, folder: str) -> bool:
    wild = re.search(r"[*?\[\\]", text)
    literal = text[: wild.start()] if wild else text
    return literal.startswith(f"{folder}/") or (wild is not None and f"{folder}/".startswith(literal))


def _matcher(text: str) -> Callable[[str], bool]:
    """Plain texts, `TEXT/**` and `**/TEXT` are compared as text, as the engine does; the rest as an expression."""
    if text == "**":
        return lambda _path: True
    plain = re.compile(r"[*?\[\]\\]").search
    if not plain(text):
        return text.__eq__
    if text.endswith("**") and not plain(text[:-2]):
        return lambda path: path.startswith(text[:-2])
    if text.startswith("**") and not plain(text[2:]):
        return lambda path: path.endswith(text[2:]) or f"/{path}" == text[2:]
    expression = re.compile(_expression(text), re.ASCII)
    return lambda path: expression.fullmatch(path) is not None


_TOKEN: Final = re.compile(r"\*\*/?|\\.|.", re.DOTALL)


def _expression(text: str) -> str:
    found: list[str] = []
    inside = False
    for token in _TOKEN.finditer(text):
        part = token[0]
        if inside and part == "[":
            part = "\\["
        inside = part == "[" or (inside and part != "]")
        if part.startswith("**"):
            found.append(".*" if token.end() == len(text) else "(?:.*/)?")
        elif part in ("*", "?"):
            found.append("[^/]" + part.replace("?", ""))
        else:
            found.append(f"\\{part}" if part in _LITERAL else part)
    return "".join(found)


def _check_syntax(text: str) -> None:
    """The syntax of Go's `filepath.Match`."""
    at = 0
    while at < len(text):
        if text[at] == "[":
            at = _class_end(text, at + 1)
        elif text[at] == "\\":
            at += 1
            if at == len(text):
                raise ValueError("nothing follows the '\\'")
        at += 1


def _class_end(text: str, at: int) -> int:
    """The place of the bracket that ends a class."""
    at += text[at : at + 1] == "^"
    first = True
    while first or text[at : at + 1] != "]":
        at = _after_character(text, at)
        if text[at] == "-":
            at = _after_character(text, at + 1)
        first = False
    return at


def _after_character(text: str, at: int) -> int:
    character = text[at : at + 1]
    after = at + (2 if character == "\\" else 1)
    if character in ("", "-", "]") or after >= len(text):
        raise ValueError("a '[' has no end")
    return after
