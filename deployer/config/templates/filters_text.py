"""Filters on text: encodings, regular expressions, paths, sizes, comments. Pure functions of their arguments."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import posixpath
import re
import shlex
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from jinja2.exceptions import FilterArgumentError

from deployer.config.templates.values import to_plain_value
from deployer.config.yaml import load
from deployer.diagnostics import Problems
from deployer.nodes import to_plain

_UNITS = "KMGTPEZY"
_ANSIBLE_NAMESPACE = uuid.UUID("361e6d51-faec-444a-9079-341386da8e2e")


def to_json(value: Any, **options: Any) -> str:
    return json.dumps(to_plain_value(value), **options)


def to_nice_json(value: Any, indent: int = 4, *, sort_keys: bool = True, **options: Any) -> str:
    return json.dumps(to_plain_value(value), indent=indent, sort_keys=sort_keys, separators=(",", ": "), **options)


def from_json(text: Any) -> Any:
    return json.loads(text) if isinstance(text, str) else text


def to_yaml(value: Any, **options: Any) -> str:
    options.setdefault("default_flow_style", None)
    text: str = yaml.safe_dump(to_plain_value(value), allow_unicode=True, **options)
    return text


def to_nice_yaml(value: Any, indent: int = 4, **options: Any) -> str:
    options.setdefault("default_flow_style", False)
    return to_yaml(value, indent=indent, **options)


def from_yaml(text: Any) -> Any:
    """Read as files are read: YAML 1.2 booleans and numbers."""
    if not isinstance(text, str):
        return text
    problems = Problems()
    tree = load(text, "text", problems)
    if problems.errors or tree is None:
        raise FilterArgumentError(f"from_yaml: {problems.errors[0]}")
    return to_plain(tree)


def b64encode(text: Any, encoding: str = "utf-8") -> str:
    return base64.b64encode(str(text).encode(encoding)).decode("ascii")


def b64decode(text: Any, encoding: str = "utf-8") -> str:
    return base64.b64decode(str(text)).decode(encoding)


def digest(text: Any, hashtype: str = "sha1") -> str:
    if hashtype not in hashlib.algorithms_guaranteed or hashtype.startswith("shake"):
        raise FilterArgumentError(f"there is no hash '{hashtype}'")
    return hashlib.new(hashtype, str(text).encode(), usedforsecurity=False).hexdigest()


def _flags(*, ignorecase: bool, multiline: bool) -> int:
    return (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)


def regex_replace(
    value: Any = "",
    pattern: str = "",
    replacement: str = "",
    *,
    count: int = 0,
    ignorecase: bool = False,
    multiline: bool = False,
) -> str:
    return re.sub(
        pattern, replacement, str(value), count=count, flags=_flags(ignorecase=ignorecase, multiline=multiline)
    )


def regex_search(
    value: Any, pattern: str, *groups: str, ignorecase: bool = False, multiline: bool = False
) -> str | list[str | None] | None:
    r"""The match, or the groups named by `\\1` and `\\g<name>`; None without a match."""
    found = re.search(pattern, str(value), _flags(ignorecase=ignorecase, multiline=multiline))
    if found is None:
        return None
    return [found[_group(name)] for name in groups] if groups else found[0]


def _group(name: str) -> int | str:
    written = re.fullmatch(r"\\(?:g<(\S+)>|(\d+))", name)
    if written is None:
        raise FilterArgumentError(f"regex_search: '{name}' names no group; write '\\1' or '\\g<name>'")
    key = written[1] or written[2]
    return int(key) if key.isdecimal() else key


def regex_findall(value: Any, pattern: str, *, multiline: bool = False, ignorecase: bool = False) -> list[Any]:
    return re.findall(pattern, str(value), _flags(ignorecase=ignorecase, multiline=multiline))


def regex_escape(value: Any, re_type: str = "python") -> str:
    if re_type == "python":
        return re.escape(str(value))
    if re_type == "posix_basic":
        return re.sub(r"([].[^$*\\])", r"\\\1", str(value))
    raise FilterArgumentError(f"regex_escape: unknown re_type '{re_type}'; known: python, posix_basic")


def split(value: Any, separator: str | None = None, maxsplit: int = -1) -> list[str]:
    return str(value).split(separator, maxsplit)


def basename(path: Any) -> str:
    return posixpath.basename(str(path))


def dirname(path: Any) -> str:
    return posixpath.dirname(str(path))


def expanduser(path: Any) -> str:
    return os.path.expanduser(str(path))  # noqa: PTH111


def realpath(path: Any) -> str:
    """Absolute and without `.` and `..`; links are not followed, so the result depends on nothing but the text."""
    return posixpath.normpath(Path(str(path)).absolute())


def normpath(path: Any) -> str:
    return posixpath.normpath(str(path))


def relpath(path: Any, start: str = ".") -> str:
    return posixpath.relpath(str(path), start)


def path_join(parts: Any) -> str:
    return str(parts) if isinstance(parts, str) else posixpath.join(*(str(part) for part in parts))


def commonpath(paths: Any) -> str:
    return posixpath.commonpath([str(path) for path in paths])


def splitext(path: Any) -> list[str]:
    return list(posixpath.splitext(str(path)))


def quote(value: Any) -> str:
    return shlex.quote("" if value is None else str(value))


def comment(text: Any, style: str = "plain", **options: Any) -> str:
    """The text as a comment block of a language; single parts can be replaced by name."""
    styles: Mapping[str, Mapping[str, str]] = {
        "plain": {"decoration": "# "},
        "erlang": {"decoration": "% "},
        "c": {"decoration": "// "},
        "cblock": {"beginning": "/*", "decoration": " * ", "end": " */"},
        "xml": {"beginning": "<!--", "decoration": " - ", "end": "-->"},
    }
    if style not in styles:
        raise FilterArgumentError(f"comment: unknown style '{style}'; known: {', '.join(styles)}")
    parts: dict[str, Any] = {"newline": "\n", "beginning": "", "end": "", "prefix_count": 1, "postfix_count": 1}
    parts = {**parts, **styles[style], **options}
    decoration, newline = str(parts["decoration"]), str(parts["newline"])
    prefix, postfix = parts.get("prefix", decoration.rstrip()), parts.get("postfix", decoration.rstrip())
    lines = [
        *([parts["beginning"]] if parts["beginning"] else []),
        *([prefix] * int(parts["prefix_count"])),
        *((decoration + line).rstrip() for line in str(text).split(newline)),
        *([postfix] * int(parts["postfix_count"])),
        *([parts["end"]] if parts["end"] else []),
    ]
    return newline.join(map(str, lines))


def human_readable(size: Any, unit: str | None = None, *, isbits: bool = False) -> str:
    """`10.00 KB`; `isbits` writes `Kb`, `unit` fixes the unit by its letter."""
    number, small = float(size), "b" if isbits else "B"
    if unit is not None and unit.upper()[:1] in ("", "B"):
        power = 0
    elif unit is not None:
        power = _UNITS.index(unit.upper()[0]) + 1
    else:
        power = next((p for p in range(len(_UNITS), 0, -1) if abs(number) >= 1024**p), 0)
    if power == 0:
        return f"{number:.2f} {'bits' if isbits else 'Bytes'}"
    return f"{number / 1024**power:.2f} {_UNITS[power - 1]}{small}"


def human_to_bytes(size: Any, default_unit: str = "", *, isbits: bool = False) -> int:
    """`10M`, `1.5 GB`, `512`, `8Mb` with `isbits`."""
    small = "b" if isbits else "B"
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*)\s*", str(size))
    unit = (found[2] or default_unit) if found else ""
    names = ("", small, "Bytes", "bytes", "bits", "byte", "bit")
    is_known = unit in names or (unit[:1].upper() in _UNITS and unit[1:] in ("", small))
    if found is None or not is_known:
        raise FilterArgumentError(f"human_to_bytes: '{size}' is not a size such as 10M or 1.5 GB")
    power = 0 if unit in names else _UNITS.index(unit[0].upper()) + 1
    return int(float(found[1]) * 1024.0**power + 0.5)


def to_uuid(text: Any, namespace: str | uuid.UUID = _ANSIBLE_NAMESPACE) -> str:
    return str(uuid.uuid5(uuid.UUID(str(namespace)), str(text)))


def urlsplit_filter(value: Any, query: str = "") -> Any:
    """The parts of a URL by name, or one of them."""
    url = urlsplit(str(value))
    names = ("scheme", "netloc", "path", "query", "fragment", "username", "password", "hostname", "port")
    parts = {name: getattr(url, name) for name in names}
    if query and query not in parts:
        raise FilterArgumentError(f"urlsplit: there is no part '{query}'; known: {', '.join(parts)}")
    return parts[query] if query else parts


def text_filters() -> dict[str, Callable[..., Any]]:
    """This module's filters by the names templates know."""
    return {
        "b64decode": b64decode,
        "b64encode": b64encode,
        "basename": basename,
        "checksum": lambda text: digest(text, "sha1"),
        "comment": comment,
        "commonpath": commonpath,
        "dirname": dirname,
        "expanduser": expanduser,
        "from_json": from_json,
        "from_yaml": from_yaml,
        "hash": digest,
        "human_readable": human_readable,
        "human_to_bytes": human_to_bytes,
        "md5": lambda text: digest(text, "md5"),
        "normpath": normpath,
        "path_join": path_join,
        "quote": quote,
        "realpath": realpath,
        "regex_escape": regex_escape,
        "regex_findall": regex_findall,
        "regex_replace": regex_replace,
        "regex_search": regex_search,
        "relpath": relpath,
        "sha1": lambda text: digest(text, "sha1"),
        "split": split,
        "splitext": splitext,
        "to_json": to_json,
        "to_nice_json": to_nice_json,
        "to_nice_yaml": to_nice_yaml,
        "to_uuid": to_uuid,
        "to_yaml": to_yaml,
        "urlsplit": urlsplit_filter,
    }
