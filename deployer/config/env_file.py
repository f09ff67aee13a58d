"""Files of `KEY=value` on this machine, as Compose reads them, merged below a container's `environment`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path

from deployer.config.vault import VaultError, VaultSecrets, is_encrypted
from deployer.diagnostics import Origin, Problems
from deployer.records import dataclass

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*(?:(=)(.*))?")
_QUOTED = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)')\s*(?:#.*)?""")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class EnvFile:
    """Values by key (None: unset it) and where each is written. `secret`: the file is vaulted."""

    values: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    places: Mapping[str, Origin] = field(default_factory=dict)
    secret: bool = False


def read_env_file(path: Path, named_at: Origin, *, raw: bool, problems: Problems, vault: VaultSecrets) -> EnvFile:
    """`KEY` alone unsets. `raw`: everything after `=` counts as it is. Mistakes are reported; a file that cannot be
    read at the place that names it."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        secret = is_encrypted(text)
        text = vault.decrypt(text) if secret else text
    except VaultError as error:
        problems.add(Origin(str(path)), error.message, hint=error.hint)
        return EnvFile()
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        problems.add(named_at, f"env_file {path} cannot be read: {what}")
        return EnvFile()
    values: dict[str, str | None] = {}
    places: dict[str, Origin] = {}
    for number, key, value in _lines(text, path, raw=raw, problems=problems):
        values[key], places[key] = value, Origin(str(path), number, 1)
    return EnvFile(values, places, secret)


def _lines(text: str, path: Path, *, raw: bool, problems: Problems) -> Iterator[tuple[int, str, str | None]]:
    for number, line in enumerate(re.split(r"\r?\n", text), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            problems.add(Origin(str(path), number, 1), "is not of the form KEY=value")
            continue
        key, equals, value = match.groups()
        if equals and not raw and _is_open(value):
            problems.add(Origin(str(path), number, 1), f"the quote of {key} is not closed on its line")
            continue
        yield number, key, (value if raw else _unquoted(value)) if equals else None


def _is_open(text: str) -> bool:
    quote = text.strip()[:1]
    return quote in ("'", '"') and _QUOTED.fullmatch(text) is None and quote not in text.strip()[1:]


def _unquoted(text: str) -> str:
    """Quotes are taken off; `\\n` and the like count in double quotes; an unquoted value ends before ` #`."""
    match = _QUOTED.fullmatch(text)
    if match is None:
        return re.split(r"\s#", text, maxsplit=1)[0].strip()
    double, single = match.groups()
    if double is None:
        return single
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), double)
