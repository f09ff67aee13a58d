"""Replaces secrets of a live host by variables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from deployer.config.interpolation import is_ambiguous
from deployer.model.credentials import credential_items, is_credential, is_telling
from deployer.nodes import is_template
from deployer.values.yaml_text import Verbatim


class Hidden:
    """`variables` maps each variable to its use; with `shown` nothing is hidden. `known`: secrets that are hidden
    wherever they are; short ones and plain words only as the whole value."""

    def __init__(self, *, shown: bool = False, known: Iterable[str] = ()) -> None:
        self.variables: dict[str, str] = {}
        self.values: dict[str, str] = {}
        self._shown = shown
        self._known = frozenset(known)
        self._telling = tuple(filter(is_telling, self._known))

    def hide(self, value: Any, label: str, *path: str) -> Any:
        """The value with every secret replaced by a variable of its own; other text never becomes a template."""
        match value:
            case Mapping():
                return {
                    _text(str(key), path[0]): self.hide(part, label, *path, str(key)) for key, part in value.items()
                }
            case list() | tuple():
                hidden = () if self._shown else credential_items(value)
                return [
                    self._reference(part, label, *path, str(number))
                    if number - 1 in hidden
                    else self.hide(part, label, *path, str(number))
                    for number, part in enumerate(value, start=1)
                ]
            case str() if not self._shown and self._is_secret(path[-1], value):
                return self._reference(value, label, *path)
            case str():
                return _text(value, path[0])
            case _:
                return value

    def _reference(self, secret: str, label: str, *path: str) -> str:
        name = self._variable(label, path)
        self.values[name] = secret
        return f"{{{{ {name} }}}}"

    def _is_secret(self, name: str, value: str) -> bool:
        return is_credential(value, name) or value in self._known or any(text in value for text in self._telling)

    def _variable(self, label: str, path: tuple[str, ...]) -> str:
        """`vault_db_postgres_password`, with a number if that name is used."""
        owner = label.partition(".")[2]
        words = path[1:] if path[0] in ("environment", "labels") else path
        wished = re.sub(r"\W+", "_", "_".join(("vault", owner, *words)).lower())
        name, number = wished, 1
        while name in self.variables:
            number += 1
            name = f"{wished}_{number}"
        self.variables[name] = f"{label} {'.'.join(path)}"
        return name


def _text(text: str, key: str) -> str:
    return Verbatim(text) if is_template(text) or is_ambiguous(text, key) else text
