"""Files of `KEY=value` on this machine, as Compose reads them, merged below a container's `environment`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from msgspec import Struct, field

from deployer.config.files import read_text
from deployer.config.vault import VaultError, VaultSecrets, is_encrypted
from deployer.diagnostics import Origin, Problems
from deployer.interfaces import Guarded

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*(?:(=)(.*))?")
_QUOTED = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)')\s*(?:#.*)?""")
_VARIABLE = r"\$(?:\{(?P<braced>[A-Za-z_]\w*)(?:(?P<rule>:?[-+])(?P<other>[^}]*))?\}|(?P<plain>[A-Za-z_]\w*))"
_IN_DOUBLE_QUOTES = re.compile(rf"\\(?P<escaped>.)|{_VARIABLE}")
_UNQUOTED = re.compile(rf"(?P<escaped>(?!))|{_VARIABLE}")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class EnvFile(Guarded, frozen=True):
    """Values by key (None: unset it) and where each is written. `secret`: the file is vaulted."""

    hidden: ClassVar[tuple[str, ...]] = ("values",)
    values: Mapping[str, str | None] = field(default_factory=dict)
    places: Mapping[str, Origin] = field(default_factory=dict)
    secret: bool = False


def read_env_file(
    path: Path,
    named_at: Origin,
    *,
    raw: bool,
    problems: Problems,
    vault: VaultSecrets,
    known: Mapping[str, str | None],
) -> EnvFile:
    """`KEY` alone unsets. `raw`: everything after `=` counts as it is. `known`: what files before it set, for its
    `${KEY}`. Mistakes are reported; a file that cannot be read at the place that names it."""
    try:
        text = read_text(path, "utf-8-sig")
        secret = is_encrypted(text)
        text = vault.decrypt(text) if secret else text
    except VaultError as error:
        problems.add(Origin(str(path)), error.message, hint=error.hint)
        return EnvFile()
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        problems.add(named_at, f"env_file {path} cannot be read: {what}")
        return EnvFile()
    reader = _Reader(path, raw, problems, dict(known))
    places = {key: Origin(str(path), number, 1) for number, key in reader.read(text)}
    return EnvFile({key: reader.values[key] for key in places}, places, secret)


class _Reader(Struct, frozen=True):
    """`values`: those of files read before, and of this one as far as it is read."""

    path: Path
    raw: bool
    problems: Problems
    values: dict[str, str | None]

    def read(self, text: str) -> Iterator[tuple[int, str]]:
        """Line numbers and keys."""
        lines = enumerate(re.split(r"\r?\n", text), start=1)
        for number, line in lines:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            match = _LINE.fullmatch(line)
            if match is None:
                self._problem(number, "does not have the form KEY=value")
                continue
            key, equals, value = match.groups()
            if equals and not self.raw:
                value = _closed(value, lines)
                if value is None:
                    self._problem(number, f"the quote of {key} is not closed")
                    continue
                value = self._meant(number, key, value)
            self.values[key] = value if equals else None
            yield number, key

    def _meant(self, number: int, key: str, text: str) -> str:
        """Quotes are taken off; `\\n` and the like count in double quotes, variables there and without quotes; an
        unquoted value ends before ` #`."""
        quoted = _QUOTED.fullmatch(text)
        if quoted is None:
            return self._filled(_UNQUOTED, re.split(r"\s#", text, maxsplit=1)[0].strip(), number, key)
        double, single = quoted.groups()
        return str(single) if double is None else self._filled(_IN_DOUBLE_QUOTES, double, number, key)

    def _filled(self, pattern: re.Pattern[str], text: str, number: int, key: str) -> str:
        def fill(found: re.Match[str]) -> str:
            if found["escaped"]:
                return _ESCAPES.get(found["escaped"], found["escaped"])
            value = self.values.get(found["braced"] or found["plain"])
            given = bool(value) if (found["rule"] or "").startswith(":") else value is not None
            if (found["rule"] or "").endswith("+"):
                return found["other"] if given else ""
            if given:
                return value or ""
            if found["rule"]:
                return found["other"]
            # The name may be the end of a password.
            hint = "in single quotes a $ is an ordinary character; for a default write ${NAME:-default}"
            self._problem(number, f"the value of {key} refers to a variable that no line above sets", hint)
            return ""

        return pattern.sub(fill, text)

    def _problem(self, number: int, summary: str, hint: str = "") -> None:
        self.problems.add(Origin(str(self.path), number, 1), summary, hint=hint)


def _closed(value: str, lines: Iterator[tuple[int, str]]) -> str | None:
    """The value with the lines up to the end of its quote; None when there is no end."""
    quote = value.strip()[:1]
    if quote not in ("'", '"') or quote in value.strip()[1:]:
        return value
    for _, line in lines:
        value += f"\n{line}"
        if _QUOTED.fullmatch(value):
            return value
    return None
