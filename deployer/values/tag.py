"""Tags that are versions: `1.27.3`, `v2.1`, `1.27-alpine`; and patterns of them such as `1.27.x`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_NUMBER: Final = re.compile(r"[0-9]+")
_ANY: Final = re.compile(r"(?<![A-Za-z0-9])x(?![A-Za-z0-9])")


def parse_pattern(text: str) -> str:
    """A pattern in which `x` stands for a number. Raises ValueError."""
    if not _ANY.search(text) or not re.fullmatch(r"\w[\w.-]{0,127}", text, re.ASCII):
        raise ValueError(f"'{text}' is not a pattern of versions such as 1.4.x")
    return text


def newest(pattern: str, tags: Iterable[str]) -> str:
    """The greatest tag of a pattern, "" if there is none."""
    return max(in_order(pattern, tags), key=_numbers, default="")


def in_order(pattern: str, tags: Iterable[str]) -> list[str]:
    """The tags of a pattern, the greatest first."""
    form = re.compile(_ANY.sub("[0-9]+", re.escape(pattern)))
    return sorted((tag for tag in tags if form.fullmatch(tag)), key=_numbers, reverse=True)


def newer(tag: str, tags: Iterable[str]) -> str:
    """The greatest tag of the same form, if it is greater: of 1.27-alpine, 1.29-alpine but not 1.29 or 1.29.1-alpine;
    "" if there is none."""
    form = re.compile(_NUMBER.sub("[0-9]+", re.escape(tag)))
    greatest = max((each for each in tags if form.fullmatch(each)), key=_numbers, default="")
    return greatest if _NUMBER.search(tag) and greatest and _numbers(greatest) > _numbers(tag) else ""


def _numbers(tag: str) -> tuple[int, ...]:
    return tuple(map(int, _NUMBER.findall(tag)))
