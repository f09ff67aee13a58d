"""YAML text that all readers parse to the same values. Text is quoted if YAML 1.1 and 1.2 would differ: `"22:22"`,
`"on"`, `"1.10"`, `"y"`. Maps keep their order; a short list of scalars is on one line."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

_WIDTH: Final = 90
_PLAIN = re.compile(r"[A-Za-z_/](?:[A-Za-z0-9_./@+=-]|:(?=[^\s])|,(?=[^\s])| (?=[A-Za-z0-9_./]))*")
_MEASURE = re.compile(r"(?:[1-9][0-9]*(?:ms|us|ns|[kmgtsh]))+")
_WORDS: Final = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])
_LINE_BREAKS: Final = re.compile(r"[\r\x85\u2028\u2029\ufeff]")
_DIRECTIONS: Final = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Marks of writing direction: they disguise text, and are written as escapes."""


class Verbatim(str):
    """Text in which `{{` is not a template; written with the tag `!unsafe`."""

    __slots__ = ()


def emit(value: Any) -> str:
    """The document of a value of dicts, lists, text, numbers, booleans and None, with a newline at its end."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, allow_unicode=True, default_flow_style=False, sort_keys=False, width=10**6
    )
    return _DIRECTIONS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def comment(text: str) -> str:
    """A comment of one line; unprintable characters, including line ends, are written as escapes."""
    return f"# {''.join(c if c.isprintable() else c.encode('unicode_escape').decode() for c in text)}".rstrip()


class _Dumper(yaml.SafeDumper):
    """Lists are indented below their key; aliases are never written."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002
        super().increase_indent(flow=flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _style(text: str) -> str:
    """ "" for plain, otherwise the quote character."""
    if "\n" in text.rstrip("\n") and not _LINE_BREAKS.search(text) and not _DIRECTIONS.search(text):
        return "|"
    return "" if _is_plain(text) else '"'


def _is_plain(text: str) -> bool:
    """No reader parses sizes and durations as numbers."""
    return bool(_PLAIN.fullmatch(text) or _MEASURE.fullmatch(text)) and text.lower() not in _WORDS


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text) or None)


def _verbatim(dumper: yaml.SafeDumper, text: Verbatim) -> yaml.ScalarNode:
    return dumper.represent_scalar("!unsafe", str(text), style=_style(text) or '"')


def _list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    flat = all(item is None or isinstance(item, str | int | float) for item in items)
    short = sum(len(str(item)) + 4 for item in items) <= _WIDTH
    whole = not any("\n" in str(item) for item in items)
    node = dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=flat and short and whole)
    for item in node.value if node.flow_style else ():
        if item.style is None and isinstance(item.value, str) and {":", ","} & set(item.value):
            item.style = '"'
    return node


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Verbatim, _verbatim)
_Dumper.add_representer(list, _list)
