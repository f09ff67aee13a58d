"""Replaces secrets of a live host by variables, and keeps other text unchanged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from deployer.model.secrets import holds_credentials, is_sensitive_name
from deployer.nodes import is_template
from deployer.values.yaml_text import Verbatim

_SHORTEST: Final = 6
"""Of secrets that are looked for in other texts: shorter ones, and mere words, are found where they mean nothing."""
_PASSWORD_IN_URL = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")


class Hidden:
    """`variables` maps each variable to the place it stands for; with `shown` nothing is hidden. `known`: secrets that
    are hidden wherever they are."""

    def __init__(self, *, shown: bool = False, known: Iterable[str] = ()) -> None:
        self.variables: dict[str, str] = {}
        self._shown = shown
        self._known = frozenset(known)

    def hide(self, value: Any, label: str, *path: str) -> Any:
        """The value with every secret replaced by a variable of its own; other text never becomes a template."""
        match value:
            case Mapping():
                return {_text(str(key)): self.hide(part, label, *path, str(key)) for key, part in value.items()}
            case list() | tuple():
                return [self._item(value, number, label, *path) for number in range(1, len(value) + 1)]
            case str() if not self._shown and self._is_secret(path[-1], value):
                return f"{{{{ {self._variable(label, path)} }}}}"
            case str():
                return _text(value)
            case _:
                return value

    def _item(self, items: list[Any] | tuple[Any, ...], number: int, label: str, *path: str) -> Any:
        """The word after `--password` in a command is a secret."""
        item, before = items[number - 1], items[number - 2] if number > 1 else ""
        if not self._shown and _is_option_value(before, item):
            return f"{{{{ {self._variable(label, (*path, str(number)))} }}}}"
        return self.hide(item, label, *path, str(number))

    def _is_secret(self, name: str, value: str) -> bool:
        named = is_sensitive_name(name) and not _is_place(name, value)
        return bool(value) and (named or holds_credentials(value) or any(secret in value for secret in self._known))

    def _variable(self, label: str, path: tuple[str, ...]) -> str:
        """`vault_db_postgres_password`; a number is added where that is taken."""
        owner = label.partition(".")[2]
        words = path[1:] if path[0] in ("environment", "labels") else path
        wished = re.sub(r"\W+", "_", "_".join(("vault", owner, *words)).lower())
        name, number = wished, 1
        while name in self.variables:
            number += 1
            name = f"{wished}_{number}"
        self.variables[name] = f"{label} {'.'.join(path)}"
        return name


def secrets_among(values: Mapping[str, str | None]) -> Iterator[str]:
    """The secrets in the variables or labels of a container that may also appear elsewhere."""
    for name, value in values.items():
        text = value or ""
        if is_sensitive_name(name) and not _is_place(name, text) and not text.startswith(("http://", "https://")):
            yield from (text,) if _is_telling(text) else ()
        yield from (found for found in _PASSWORD_IN_URL.findall(text) if _is_telling(found))


def secrets_in_words(words: Iterable[str]) -> Iterator[str]:
    """The same of a command."""
    before = ""
    for word in words:
        option, _, value = word.partition("=")
        if _is_option_value(before, word) and _is_telling(word):
            yield word
        elif option.startswith("-") and is_sensitive_name(option) and _is_telling(value):
            yield value
        before = word


def _is_option_value(before: Any, item: Any) -> bool:
    if not isinstance(before, str) or not isinstance(item, str):
        return False
    return before.startswith("-") and is_sensitive_name(before.lstrip("-")) and item[:1] not in ("", "-")


def _is_telling(text: str) -> bool:
    return len(text) >= _SHORTEST and not text.isalpha()


def _is_place(name: str, value: str) -> bool:
    """`DB_PASSWORD_FILE: /run/secrets/db` is the path of a secret, not a secret."""
    return name.lower().endswith(("_file", "_path", "_dir")) and value.startswith("/")


def _text(text: str) -> str:
    return Verbatim(text) if is_template(text) else text
