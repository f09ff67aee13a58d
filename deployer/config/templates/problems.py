"""Errors of templates, without dependency on Jinja."""

from __future__ import annotations

from typing import NoReturn

from msgspec import Struct

from deployer.diagnostics import Origin


class TemplateProblem(Exception):  # noqa: N818
    """A template that cannot be rendered, with the data of the diagnostic. `undefined`: only because a variable is
    missing."""

    def __init__(self, origin: Origin, summary: str, *, hint: str = "", address: str = "", undefined: bool = False):
        super().__init__(summary)
        self.origin = origin
        self.summary = summary
        self.hint = hint
        self.address = address
        self.undefined = undefined


class TemplateFault(Exception):  # noqa: N818
    """A template without a valid value. The text says why, and may contain what the template read."""


class Absent:
    """Marks undefined values, which raise when used."""

    __slots__ = ()


class Omit:
    """The value of `omit`: removes its key or item. It cannot be converted to text."""

    def __repr__(self) -> str:
        return "omit"

    def __str__(self) -> NoReturn:
        raise TemplateFault("omit can only be a whole value, not part of one")


OMIT = Omit()


class Site(Struct, frozen=True):
    """Where a template is: a value, or a file whose lines are the template's; and its text."""

    origin: Origin
    address: str
    text: str = ""
    secret: bool = False
    is_file: bool = False

    def problem(self, summary: str, line: int = 0, *, hint: str = "", undefined: bool = False) -> TemplateProblem:
        origin = self.origin
        if self.is_file and line:
            origin = Origin(origin.file, line, 1)
        elif line > 1:
            summary = f"{summary} (line {line} of the text)"
        return TemplateProblem(origin, summary, hint=hint, address=self.address, undefined=undefined)


def kind_of(value: object) -> str:
    """A user's word for the type of a value."""
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (str, "text"),
        (bool, "true or false"),
        ((int, float), "a number"),
        (dict, "a mapping"),
        ((list, tuple, set), "a list"),
        (type(None), "null"),
    )
    if callable(value):
        return "a function"
    return next((name for kind, name in kinds if isinstance(value, kind)), f"a {type(value).__name__}")


def raise_absent(value: Absent) -> NoReturn:
    """Raises the error of an undefined value."""
    str(value)
    raise AssertionError("an undefined value has no text")
