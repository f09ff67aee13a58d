"""Leaving secrets of a live host to variables, and other text as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from deployer.config.templates import is_template
from deployer.planning.secrets import holds_credentials, is_sensitive_name
from deployer.values.yaml_text import Verbatim


class Hidden:
    """`variables` maps each variable to the place it stands for; with `shown` nothing is hidden."""

    def __init__(self, *, shown: bool = False) -> None:
        self.variables: dict[str, str] = {}
        self._shown = shown

    def hide(self, value: Any, label: str, *path: str) -> Any:
        """The value with every secret in it replaced by a variable of its own, and no other text a template."""
        match value:
            case Mapping():
                return {_text(str(key)): self.hide(part, label, *path, str(key)) for key, part in value.items()}
            case list() | tuple():
                return [self.hide(part, label, *path, str(number)) for number, part in enumerate(value, start=1)]
            case str() if not self._shown and _is_secret(path[-1], value):
                return f"{{{{ {self._variable(label, path)} }}}}"
            case str():
                return _text(value)
            case _:
                return value

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


def _is_secret(name: str, value: str) -> bool:
    return bool(value) and (is_sensitive_name(name) or holds_credentials(value))


def _text(text: str) -> str:
    return Verbatim(text) if is_template(text) else text
