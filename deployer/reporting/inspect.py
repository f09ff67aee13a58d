"""What engines say of an object, without the secrets that are recognised in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from deployer.model.credentials import credential_items, is_credential
from deployer.model.secrets import MASK

_TEXTS: Final = frozenset({"Env", "Labels", "Cmd", "Args", "Entrypoint", "Options", "DriverOpts", "Config", "Test"})
"""Keys below which texts are written by people."""


def masked(value: Any, key: str = "", *, written: bool = False) -> Any:
    """The same document with a mask in place of each secret."""
    written = written or key in _TEXTS
    match value:
        case Mapping():
            return {name: masked(part, name, written=written) for name, part in value.items()}
        case list() | tuple():
            hidden = credential_items(value) if written else ()
            return [MASK if n in hidden else masked(part, "", written=written) for n, part in enumerate(value)]
        case str() if written:
            return _text(value, key)
        case _:
            return value


def _text(text: str, key: str) -> str:
    name, equals, value = text.partition("=")
    if equals and name.isidentifier() and is_credential(value, name):
        return f"{name}={MASK}"
    return MASK if is_credential(text, key) else text
