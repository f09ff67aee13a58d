"""Errors in the user's files with their source lines, as in compilers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from deployer.diagnostics import Diagnostic, Origin, Severity
from deployer.model.credentials import holds_credentials, is_sensitive_name
from deployer.reporting.lines import Line, Span, Style, line, visible
from deployer.reporting.words import plural

_VAULT = "$ANSIBLE_VAULT"
_LONGEST = 200
_BIGGEST = 2_000_000


def diagnostic_lines(found: Iterable[Diagnostic], source: Callable[[Origin], str] | None = None) -> list[Line]:
    """All diagnostics and their number. `source` returns the source line of an origin, "" for none."""
    found = tuple(found)
    source = source or SourceLines().line
    lines = [shown for diagnostic in found for shown in _diagnostic(diagnostic, source)]
    return [*lines, *_count(found)]


class SourceLines:
    """Reads the files of diagnostics, each once. Lines that may contain a secret are not shown."""

    def __init__(self) -> None:
        self._files: dict[str, list[str]] = {}

    def line(self, origin: Origin) -> str:
        """ "" if there is no such line, the file is encrypted, or the line may contain a secret."""
        if origin.file not in self._files:
            self._files[origin.file] = _read(Path(origin.file))
        lines = self._files[origin.file]
        text = lines[origin.line - 1] if 0 < origin.line <= len(lines) else ""
        return "" if is_sensitive_name(text) or holds_credentials(text) else text


def _read(path: Path) -> list[str]:
    try:
        if not path.is_file() or path.stat().st_size > _BIGGEST:
            return []
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError):
        return []
    return [] if text.lstrip().startswith(_VAULT) else text.splitlines()


def _diagnostic(found: Diagnostic, source: Callable[[Origin], str]) -> list[Line]:
    warning = found.severity is Severity.WARNING
    place = Span(f"{found.origin}:", Style.TITLE)
    severity = Span(" warning:", Style.WARNING) if warning else Span("")
    address = f" {found.address}:" if found.address else ""
    hint = f"; {found.hint}" if found.hint else ""
    return [line(place, severity, f"{address} {found.summary}{hint}"), *_excerpt(found.origin, source)]


def _excerpt(origin: Origin, source: Callable[[Origin], str]) -> list[Line]:
    text = source(origin)
    if not text.strip() or len(text) > _LONGEST:
        return []
    number = str(origin.line)
    before = text[: max(origin.column - 1, 0)]
    caret = " " * len(visible(before)) + "^"
    shown = line(Span(f"  {number} | ", Style.MUTED), text, hang=None)
    if not 0 < origin.column <= len(text) + 1:
        return [shown]
    return [shown, line(Span(f"  {' ' * len(number)} | ", Style.MUTED), Span(caret, Style.BAD), hang=None)]


def _count(found: Iterable[Diagnostic]) -> list[Line]:
    errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in found)
    return [line(Span(plural(errors, "error"), Style.BAD))] if errors else []
