"""Filters of text: encodings, regular expressions, paths, sizes, comments, hashes. All are pure."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import posixpath
import re
import shlex
from collections.abc import Callable
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
    """Read like input files: YAML 1.2 booleans and numbers."""
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
    r"""The match, or the groups `\\1` and `\\g<name>`; None without a match."""
    found = re.search(pattern, str(value), _flags(ignorecase=ignorecase, multiline=multiline))
    if found is None:
        return None
    return [found[_group(name)] for name in groups] if groups else found[0]


def _group(name: str) -> int | str:
    written = re.fullmatch(r"\\(?:g<(\S+)>|(\d+))", name)
    if written is None:
        raise FilterArgumentError(f"regex_search: '{name}' is not a group; write '\\1' or '\\g<name>'")
    key = written[1] or written[2]
    return int(key) if key.isdecimal() else key


def regex_findall(value: Any, pattern: str, *, multiline: bool = False, ignorecase: bool = False) -> list[Any]:
    return re.findall(pattern, str(value), _flags(ignorecase=ignorecase, multiline=multiline))


def regex_escape(value: Any, re_type: str = "python") -> str:
    if re_type == "python":
        return re.escape(str(value))
    if re_type == "posix_basic":
        return re.sub(r"([].[^$*\\])", r"\\\1", str(value))
    raise FilterArgumentError(f"regex_escape: unknown re_type '{re_type}'; supported: python, posix_basic")


def split(value: Any, separator: str | None = None, maxsplit: int = -1) -> list[str]:
    return str(value).split(separator, maxsplit)


def basename(path: Any) -> str:
    return posixpath.basename(str(path))


def dirname(path: Any) -> str:
    return posixpath.dirname(str(path))


def expanduser(path: Any) -> str:
    return os.path.expanduser(str(path))  # noqa: PTH111


def realpath(path: Any) -> str:
    """Absolute, without `.` and `..`. Links are not followed, so the result depends only on the text."""
    return posixpath.normpath(Path(str(path)).absolute())


def path_join(parts: Any) -> str:
    return str(parts) if isinstance(parts, str) else posixpath.join(*(str(part) for part in parts))


def splitext(path: Any) -> list[str]:
    return list(posixpath.splitext(str(path)))


def quote(value: Any) -> str:
    return shlex.quote("" if value is None else str(value))


_COMMENTS = {
    "plain": ("", "# ", ""),
    "c": ("", "// ", ""),
    "cblock": ("/*", " * ", " */"),
    "xml": ("<!--", " - ", "-->"),
}
"""The first line, the prefix of each line, and the last line of a comment."""


def comment(text: Any, style: str = "plain", decoration: str | None = None) -> str:
    """The text as a comment of a language, between empty comment lines."""
    if style not in _COMMENTS:
        raise FilterArgumentError(f"comment: unknown style '{style}'; supported: {', '.join(_COMMENTS)}")
    begin, usual, end = _COMMENTS[style]
    lines = ((decoration or usual) + line for line in ["", *str(text).split("\n"), ""])
    return "\n".join([*filter(None, [begin]), *(line.rstrip() for line in lines), *filter(None, [end])])


def password_hash(password: Any, hashtype: str = "sha512", salt: str = "", rounds: int = 12, ident: str = "2b") -> str:
    """A bcrypt hash, `$2b$12$…`, as in .htpasswd files; the salt is required. Raises for other types."""
    import bcrypt

    if hashtype not in ("bcrypt", "blowfish"):
        raise FilterArgumentError(
            f"password_hash: '{hashtype}' is not supported; use password_hash('bcrypt', salt), "
            "or keep a hash made by `openssl passwd -6` in a vault"
        )
    if not re.fullmatch(r"[./A-Za-z0-9]{22}", str(salt)):
        raise FilterArgumentError(
            "password_hash needs a salt of 22 characters out of ./A-Za-z0-9, or every run would differ: "
            "password_hash('bcrypt', salt)"
        )
    return bcrypt.hashpw(str(password).encode(), f"${ident}${rounds:02}${salt}".encode()).decode("ascii")


def human_to_bytes(size: Any, default_unit: str = "", *, isbits: bool = False) -> int:
    """`10M`, `1.5 GB`, `512`; `8Mb` with `isbits`."""
    small = "b" if isbits else "B"
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*)\s*", str(size))
    unit = (found[2] or default_unit) if found else ""
    names = ("", small, "Bytes", "bytes", "bits", "byte", "bit")
    is_known = unit in names or (unit[:1].upper() in _UNITS and unit[1:] in ("", small))
    if found is None or not is_known:
        raise FilterArgumentError(f"human_to_bytes: '{size}' is not a size such as 10M or 1.5 GB")
    power = 0 if unit in names else _UNITS.index(unit[0].upper()) + 1
    return int(float(found[1]) * 1024.0**power + 0.5)


def urlsplit_filter(value: Any, query: str = "") -> Any:
    """All parts of a URL, or one of them."""
    url = urlsplit(str(value))
    names = ("scheme", "netloc", "path", "query", "fragment", "username", "password", "hostname", "port")
    parts = {name: getattr(url, name) for name in names}
    if query and query not in parts:
        raise FilterArgumentError(f"urlsplit: there is no part '{query}'; supported: {', '.join(parts)}")
    return parts[query] if query else parts


def text_filters() -> dict[str, Callable[..., Any]]:
    """The filters of this module by name."""
    return {
        "b64decode": b64decode,
        "b64encode": b64encode,
        "basename": basename,
        "checksum": lambda text: digest(text, "sha1"),
        "comment": comment,
        "dirname": dirname,
        "expanduser": expanduser,
        "from_json": from_json,
        "from_yaml": from_yaml,
        "hash": digest,
        "human_to_bytes": human_to_bytes,
        "md5": lambda text: digest(text, "md5"),
        "password_hash": password_hash,
        "path_join": path_join,
        "quote": quote,
        "realpath": realpath,
        "regex_escape": regex_escape,
        "regex_findall": regex_findall,
        "regex_replace": regex_replace,
        "regex_search": regex_search,
        "sha1": lambda text: digest(text, "sha1"),
        "split": split,
        "splitext": splitext,
        "to_json": to_json,
        "to_nice_json": to_nice_json,
        "to_nice_yaml": to_nice_yaml,
        "to_yaml": to_yaml,
        "urlsplit": urlsplit_filter,
    }
