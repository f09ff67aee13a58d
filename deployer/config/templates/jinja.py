"""Templates that need Jinja: compiled once for all hosts of a run, evaluated in any scope.

Failures become `TemplateProblem` with the place of the template that failed; their wording never repeats a value that
a secret was part of. Imported only when a template needs it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import jinja2
from jinja2.exceptions import SecurityError

from deployer.config.templates.compile import Compiled, compile_expression, compile_file, compile_text
from deployer.config.templates.environment import SandboxEnvironment, new_environment
from deployer.config.templates.filters import furnish
from deployer.config.templates.problems import Absent, Site, TemplateFault, TemplateProblem, raise_absent
from deployer.config.templates.results import to_node
from deployer.config.templates.undefined import MissingValueError
from deployer.config.templates.values import Frame, Scope
from deployer.config.vault import is_encrypted
from deployer.diagnostics import Origin, Problems, did_you_mean
from deployer.nodes import Node
from deployer.records import dataclass

#: What evaluating a template may raise: Jinja's own errors and those of the operators and filters it runs.
EVALUATION_ERRORS = (
    jinja2.TemplateError,
    TemplateFault,
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    re.error,
)

_UNKNOWN = re.compile(r"No (filter|test) named '([^']*)'")

_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class _SyntaxFault:
    """Why a text cannot be compiled."""

    summary: str
    hint: str
    line: int


class JinjaTemplates:
    """Compiled templates by their text. Included files are looked for beside the including one, then in `base`."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._environment = new_environment(self._load)
        furnish(self._environment)
        self._texts: dict[str, Compiled | _SyntaxFault] = {}
        self._expressions: dict[str, Compiled | _SyntaxFault] = {}
        self._files: dict[tuple[str, str], Compiled | _SyntaxFault] = {}

    def evaluate(self, text: str, scope: Scope, site: Site) -> Any:
        """The value of a text; raises `TemplateProblem`, also when it is undefined."""
        return self._run(self._text(text), scope, site)

    def evaluate_expression(self, text: str, scope: Scope, site: Site) -> Any:
        """The value of a bare expression, likewise."""
        return self._run(self._expression(text), scope, site)

    def evaluate_file(self, text: str, file: str, scope: Scope, site: Site) -> str:
        """The text a template file makes, likewise."""
        compiled = self._compiled(self._files, (file, text), lambda: compile_file(text, self._environment, file))
        return str(self._run(compiled, scope, site))

    def convert(self, value: Any, origin: Origin, frame: Frame, source: Origin | None, site: Site) -> Node:
        """The tree of a result; raises `TemplateProblem` where it is not data or undefined inside."""
        try:
            return to_node(value, origin, frame, source)
        except EVALUATION_ERRORS as error:
            raise _problem(error, site, names=(), secret=frame.secret or site.secret, line=0) from error

    def check(self, text: str, site: Site, problems: Problems) -> None:
        """Report a text that is no valid template."""
        _report_fault(self._text(text), site, problems)

    def check_expression(self, text: str, site: Site, problems: Problems) -> None:
        _report_fault(self._expression(text), site, problems)

    def _run(self, compiled: Compiled | _SyntaxFault, scope: Scope, site: Site) -> Any:
        if isinstance(compiled, _SyntaxFault):
            raise site.problem(compiled.summary, compiled.line, hint=compiled.hint)
        frame = scope.session.frames[-1]
        try:
            value = compiled.evaluate(scope)
            if isinstance(value, Absent):
                raise_absent(value)
        except EVALUATION_ERRORS as error:
            line = _line_in(error.__traceback__, compiled)
            secret = frame.secret or site.secret
            raise _problem(error, site, names=scope.names(), secret=secret, line=line) from error
        return value

    def _text(self, text: str) -> Compiled | _SyntaxFault:
        return self._compiled(self._texts, text, lambda: compile_text(text, self._environment))

    def _expression(self, text: str) -> Compiled | _SyntaxFault:
        return self._compiled(self._expressions, text, lambda: compile_expression(text, self._environment))

    def _compiled(
        self, cache: dict[_Key, Compiled | _SyntaxFault], key: _Key, compile_it: Callable[[], Compiled]
    ) -> Compiled | _SyntaxFault:
        known = cache.get(key)
        if known is None:
            try:
                known = compile_it()
            except jinja2.TemplateSyntaxError as error:
                known = _fault(error, self._environment)
            cache[key] = known
        return known

    def _load(self, path: str) -> str | None:
        """A template file named by another, for `include` and `import`."""
        choices = (folder / path for folder in (Path(), self._base / "templates", self._base))
        file = next((choice for choice in choices if choice.is_file()), None)
        if file is None:
            return None
        text = file.read_text("utf-8")
        if is_encrypted(text):
            raise TemplateFault(f"the vaulted file {file} cannot be included; use lookup('template', …)")
        return text


def _fault(error: jinja2.TemplateSyntaxError, environment: SandboxEnvironment) -> _SyntaxFault:
    message = (error.message or "not a template").rstrip(".")
    unknown = _UNKNOWN.match(message)
    if unknown:
        kind, name = unknown.groups()
        known = environment.filters if kind == "filter" else environment.tests
        return _SyntaxFault(f"there is no {kind} '{name}'", did_you_mean(name, known), error.lineno)
    hint = "text that is no template is tagged !unsafe or put between {% raw %} and {% endraw %}"
    return _SyntaxFault(f"template syntax: {message}", hint, error.lineno)


def _report_fault(compiled: Compiled | _SyntaxFault, site: Site, problems: Problems) -> None:
    if isinstance(compiled, _SyntaxFault):
        found = site.problem(compiled.summary, compiled.line, hint=compiled.hint)
        problems.add(found.origin, found.summary, address=found.address, hint=found.hint)


def _problem(error: Exception, site: Site, *, names: Iterable[str], secret: bool, line: int) -> TemplateProblem:
    """What a failed evaluation says. A message that may repeat a secret is replaced by the error's kind."""
    if isinstance(error, MissingValueError):
        return _missing_problem(error, site, names, secret=secret, line=line)
    if isinstance(error, RecursionError):
        return site.problem("template failed: variables refer to each other too deeply", line)
    kind = type(error).__name__
    if secret:
        return site.problem(f"template failed: {kind}; its message is hidden because a secret was used", line)
    if isinstance(error, SecurityError):
        return site.problem("template failed: it reaches for what templates may not touch", line)
    is_own = isinstance(error, jinja2.TemplateError | TemplateFault)
    return site.problem(f"template failed: {error}" if is_own else f"template failed: {kind}: {error}", line)


def _missing_problem(
    error: MissingValueError, site: Site, names: Iterable[str], *, secret: bool, line: int
) -> TemplateProblem:
    """Names the variable or key, except a key that was made of a secret."""
    name = error.name
    if secret and (name is None or (error.keys is not None and name not in site.text)):
        return site.problem("a value is undefined; its name is hidden because a secret was used", line, undefined=True)
    if name is None:
        return site.problem(str(error), line, undefined=True)
    known = names if error.keys is None else error.keys
    summary = f"undefined variable '{name}'" if error.keys is None else f"there is no key '{name}'"
    return site.problem(summary, line, hint=did_you_mean(name, known), undefined=True)


def _line_in(trace: TracebackType | None, compiled: Compiled) -> int:
    """The template's line an error came through, 0 when it cannot be told."""
    template = compiled.template
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == template.filename:
            line = template.get_corresponding_lineno(trace.tb_lineno) + compiled.skipped
        trace = trace.tb_next
    return line
