"""Compiled templates shared by all hosts of a run, and evaluating them.

Failures become `TemplateProblem` with the place of the template that failed; their wording never repeats a value that
a secret was part of.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import jinja2
from jinja2.exceptions import SecurityError
from jinja2.runtime import Undefined

from deployer.config.filters import furnish
from deployer.config.template_compile import (
    Compiled,
    compile_expression,
    compile_file,
    compile_text,
    is_reference,
)
from deployer.config.template_env import SCOPE, SandboxEnvironment, new_environment
from deployer.config.template_results import to_node
from deployer.config.template_undefined import MissingValueError, TemplateProblem, raise_undefined
from deployer.config.template_values import Frame, Scope
from deployer.config.vault import VaultSecrets, is_encrypted
from deployer.diagnostics import Origin, Problems, did_you_mean
from deployer.nodes import Mapping, Node, Scalar, Sequence

#: What evaluating a template may raise: Jinja's own errors and those of the operators and filters it runs.
EVALUATION_ERRORS = (
    jinja2.TemplateError,
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
class _Site:
    """Where a template stands: a value, or a whole file whose lines are the template's; and its text."""

    origin: Origin
    address: str
    text: str = ""
    secret: bool = False
    is_file: bool = False

    def problem(self, summary: str, line: int, *, hint: str = "", undefined: bool = False) -> TemplateProblem:
        origin = self.origin
        if self.is_file and line:
            origin = Origin(origin.file, line, 1)
        elif line > 1:
            summary = f"{summary} (line {line} of the text)"
        return TemplateProblem(origin, summary, hint=hint, address=self.address, undefined=undefined)


def _site(node: Scalar, address: str) -> _Site:
    return _Site(node.origin, address, str(node.value), node.secret)


@dataclass(frozen=True, slots=True)
class _SyntaxFault:
    """Why a text cannot be compiled."""

    summary: str
    hint: str
    line: int


def is_template(text: str) -> bool:
    return "{" in text and ("{{" in text or "{%" in text or "{#" in text)


class Templates:
    """Compiled templates, and what filters and lookups need of the run.

    `base` is the playbook's folder; `environ` answers `lookup('env', …)`; `vault` opens vaulted files.
    """

    def __init__(
        self,
        base: Path | None = None,
        *,
        environ: MappingABC[str, str] = os.environ,
        vault: VaultSecrets | None = None,
    ) -> None:
        self.base = base or Path()
        self.environ = environ
        self.vault = vault or VaultSecrets()
        self._environment = new_environment(self._load)
        furnish(self._environment)
        self._texts: dict[str, Compiled | _SyntaxFault] = {}
        self._expressions: dict[str, Compiled | _SyntaxFault] = {}
        self._files: dict[tuple[str, str], Compiled | _SyntaxFault] = {}
        self._templated: dict[int, tuple[Node, bool]] = {}

    def context_of(self, scope: Scope) -> dict[str, Any]:
        """The names every template sees; the scope answers all others."""
        return {**self._environment.globals, SCOPE: scope}

    def evaluate(self, node: Scalar, scope: Scope, *, address: str) -> Any:
        """The value of a text, itself when it is no template; raises `TemplateProblem`, also when it is undefined."""
        text = str(node.value)
        return self._run(self._text(text), scope, _site(node, address)) if is_template(text) else text

    def evaluate_expression(self, node: Scalar, scope: Scope, *, address: str) -> Any:
        """As `evaluate`, for a bare expression as `when` has it."""
        return self._run(self._expression(str(node.value)), scope, _site(node, address))

    def evaluate_file(self, text: str, file: str, scope: Scope, *, address: str) -> str:
        """The text a template file makes; problems name the file's line."""
        compiled = self._compiled(self._files, (file, text), lambda: compile_file(text, self._environment, file))
        return str(self._run(compiled, scope, _Site(Origin(file, 1, 1), address, text, is_file=True)))

    def convert(self, value: Any, origin: Origin, frame: Frame, *, address: str, source: Origin | None = None) -> Node:
        """The tree of a result; raises `TemplateProblem` where it is not data or undefined inside."""
        try:
            return to_node(value, origin, frame, source)
        except EVALUATION_ERRORS as error:
            raise _problem(error, _Site(origin, address), names=(), secret=frame.secret, line=0) from error

    def is_reference(self, text: str) -> bool:
        """Whether a text is one lone reference to a variable."""
        compiled = self._text(text)
        return not isinstance(compiled, _SyntaxFault) and is_reference(compiled)

    def is_templated(self, node: Node) -> bool:
        """Whether there is a template anywhere in the tree."""
        if isinstance(node, Scalar):
            return not node.verbatim and isinstance(node.value, str) and is_template(node.value)
        known = self._templated.get(id(node))
        if known is not None and known[0] is node:
            return known[1]
        if isinstance(node, Sequence):
            found = any(self.is_templated(item) for item in node.items)
        else:
            found = any(self.is_templated(key) or self.is_templated(value) for key, value in node.entries)
        self._templated[id(node)] = (node, found)
        return found

    def check(self, node: Node, problems: Problems, address: str = "") -> None:
        """Report every text in the tree that is not a valid template, without evaluating anything."""
        match node:
            case Scalar(value=str() as text) if self.is_templated(node):
                _report_fault(self._text(text), _Site(node.origin, address), problems)
            case Sequence():
                for index, item in enumerate(node.items):
                    self.check(item, problems, f"{address}[{index}]")
            case Mapping():
                for key, value in node.entries:
                    inner = f"{address}.{key.value}" if address else str(key.value)
                    self.check(key, problems, inner)
                    self.check(value, problems, inner)

    def check_expression(self, node: Node, problems: Problems, address: str = "") -> None:
        """As `check`, for `when`: an expression, or a list of them."""
        for item in node.items if isinstance(node, Sequence) else (node,):
            if isinstance(item, Scalar) and isinstance(item.value, str):
                _report_fault(self._expression(item.value), _Site(item.origin, address), problems)

    def _run(self, compiled: Compiled | _SyntaxFault, scope: Scope, site: _Site) -> Any:
        if isinstance(compiled, _SyntaxFault):
            raise site.problem(compiled.summary, compiled.line, hint=compiled.hint)
        frame = scope.session.frames[-1]
        try:
            value = compiled.evaluate(scope)
            if isinstance(value, Undefined):
                raise_undefined(value)
        except EVALUATION_ERRORS as error:
            template = getattr(compiled, "template", None)
            line = _line_in(error.__traceback__, template) if template is not None else 0
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
        for folder in (Path(), self.base / "templates", self.base):
            file = folder / path
            if file.is_file():
                return self.read(file)
        return None

    def read(self, file: Path) -> str:
        """The text of a file, decrypted when it is vaulted; raises OSError, ValueError or `VaultError`."""
        content = file.read_bytes()
        return self.vault.decrypt(content) if is_encrypted(content) else content.decode("utf-8")


def _fault(error: jinja2.TemplateSyntaxError, environment: SandboxEnvironment) -> _SyntaxFault:
    message = (error.message or "not a template").rstrip(".")
    unknown = _UNKNOWN.match(message)
    if unknown:
        kind, name = unknown.groups()
        known = environment.filters if kind == "filter" else environment.tests
        return _SyntaxFault(f"there is no {kind} '{name}'", did_you_mean(name, known), error.lineno)
    hint = "text that is no template is tagged !unsafe or put between {% raw %} and {% endraw %}"
    return _SyntaxFault(f"template syntax: {message}", hint, error.lineno)


def _report_fault(compiled: Compiled | _SyntaxFault, site: _Site, problems: Problems) -> None:
    if isinstance(compiled, _SyntaxFault):
        found = site.problem(compiled.summary, compiled.line, hint=compiled.hint)
        problems.add(found.origin, found.summary, address=found.address, hint=found.hint)


def _problem(error: Exception, site: _Site, *, names: Iterable[str], secret: bool, line: int) -> TemplateProblem:
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
    is_own = isinstance(error, jinja2.TemplateError)
    return site.problem(f"template failed: {error}" if is_own else f"template failed: {kind}: {error}", line)


def _missing_problem(
    error: MissingValueError, site: _Site, names: Iterable[str], *, secret: bool, line: int
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


def _line_in(trace: TracebackType | None, template: jinja2.Template) -> int:
    """The template's line an error came through, 0 when it cannot be told."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == template.filename or trace.tb_frame.f_globals is template.globals:
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line
