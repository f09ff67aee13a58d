"""Evaluates references to variables, and texts of references only, without Jinja. Most templates of playbooks are of
this kind. In all other cases, such as a missing variable, the evaluation returns `FALLBACK`, and Jinja evaluates the
template or reports the error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct

from deployer.config.templates.problems import OMIT
from deployer.config.templates.values import LazyDict, Scope, entry_of, finalize

FALLBACK: Final = object()
_LONGEST: Final = 1024 * 1024
"""Characters of a result."""

_STEPS = r"((?:\.[A-Za-z_][A-Za-z0-9_]*|\[(?:-?(?:0|[1-9][0-9]{0,8})|'[^'\\\n]*'|\"[^\"\\\n]*\")\])*)"
_EXPRESSION = re.compile(rf"\s*([A-Za-z_][A-Za-z0-9_]*){_STEPS}\s*")
_STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[(-?[0-9]+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_OPEN = re.compile(r"\{[{%#]")
# Words that are not variables in a template.
_WORDS = frozenset(
    {
        *("true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else", "elif"),
        *("self", "super", "loop", "caller", "varargs", "kwargs"),
    }
)


class Reference(Struct, frozen=True):
    """`a.b['c'][0]`: a variable and its path; each step is a key and whether it was written as an attribute."""

    name: str
    steps: tuple[tuple[str | int, bool], ...]

    def evaluate(self, scope: Scope) -> Any:
        """The value, or `FALLBACK`; raises `TemplateProblem` if the variable cannot be evaluated."""
        entry = scope.entry(self.name)
        if entry is None:
            return FALLBACK
        value = entry.read()
        for key, is_attribute in self.steps:
            if isinstance(value, LazyDict) and isinstance(key, str) and not (is_attribute and hasattr(dict, key)):
                leaf = entry_of(value, key)
                if leaf is None:
                    return FALLBACK
                value = leaf.read()
            elif type(value) is list and isinstance(key, int) and -len(value) <= key < len(value):
                value = value[key]
            else:
                return FALLBACK
        return value


class Pieces(Struct, frozen=True):
    """Literal text and references, joined. A single reference keeps its type; `tail` follows it if it is text."""

    parts: tuple[str | Reference, ...]
    is_lone: bool = False
    tail: str = ""

    def evaluate(self, scope: Scope) -> Any:
        """The value, or `FALLBACK`; raises `TemplateProblem` if a variable cannot be evaluated."""
        if self.is_lone:
            value = self.parts[0].evaluate(scope) if isinstance(self.parts[0], Reference) else FALLBACK
            return value + self.tail if self.tail and isinstance(value, str) else value
        made = []
        for part in self.parts:
            if isinstance(part, str):
                made.append(part)
                continue
            value = part.evaluate(scope)
            if value is FALLBACK or value is OMIT:
                return FALLBACK
            made.append(str(finalize(value)))
        return "".join(made) if sum(map(len, made)) <= _LONGEST else FALLBACK


def parse_text(text: str) -> Pieces | None:
    """A text whose templates are all references; otherwise None."""
    if "\r" in text:
        return None
    parts = list(_parts(text))
    if None in parts:
        return None
    found = tuple(part for part in parts if part)
    if len(found) == 1 and isinstance(found[0], Reference):
        return Pieces(found, is_lone=True)
    tail = found[-1] if len(found) == 2 else ""
    if isinstance(found[0], Reference) and isinstance(tail, str) and tail and not tail.strip("\n"):
        return Pieces(found[:1], is_lone=True, tail=tail)
    return Pieces(found)


def parse_reference(text: str) -> Reference | None:
    """A reference without braces; otherwise None."""
    found = _EXPRESSION.fullmatch(text)
    if found is None or found[1] in _WORDS:
        return None
    return Reference(found[1], tuple(_steps(found[2])))


def _steps(written: str) -> Iterator[tuple[str | int, bool]]:
    for attribute, index, single, double in _STEP.findall(written):
        if attribute:
            yield attribute, True
        else:
            yield int(index) if index else single or double, False


def _parts(text: str) -> Iterator[str | Reference | None]:
    """Literal text and references in turn; None for other text."""
    position = 0
    while (opened := _OPEN.search(text, position)) is not None:
        yield text[position : opened.start()]
        closed = text.find("}}", opened.end())
        if opened[0] != "{{" or closed < 0:
            yield None
            return
        yield parse_reference(text[opened.end() : closed])
        position = closed + 2
    yield text[position:]
