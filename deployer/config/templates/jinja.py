"""Templates that require Jinja, compiled once for all hosts of a run. A failure becomes a `TemplateProblem` with its
place; its text never contains a value derived from a secret. Imported only if a template needs it."""

from __future__ import annotations

import ast as ast_literals
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

import jinja2
from jinja2 import nodes as ast
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.parser import Parser
from jinja2.runtime import Context
from msgspec import Struct

from deployer.config.files import read_text
from deployer.config.templates.bounds import LONGEST, MEMORY, Bounds
from deployer.config.templates.environment import (
    MissingValueError,
    SandboxEnvironment,
    ScopeContext,
    context_of,
    new_environment,
)
from deployer.config.templates.filters import add_filters
from deployer.config.templates.problems import Absent, Site, TemplateFault, TemplateProblem, raise_absent
from deployer.config.templates.results import to_node
from deployer.config.templates.values import Frame, Scope
from deployer.config.vault import is_encrypted
from deployer.diagnostics import Origin, Problems, did_you_mean
from deployer.nodes import Node

_RESULT = "_result"
_HEADER = "#jinja2:"
_FILE_OPTIONS = (
    *("trim_blocks", "lstrip_blocks", "newline_sequence", "keep_trailing_newline"),
    *("block_start_string", "block_end_string", "variable_start_string", "variable_end_string"),
    *("comment_start_string", "comment_end_string", "line_statement_prefix", "line_comment_prefix"),
)


class Compiled(Protocol):
    """A compiled template. A lone expression returns a value of any type; others return text. `skipped`: lines of the
    text before the template."""

    @property
    def template(self) -> jinja2.Template: ...

    @property
    def skipped(self) -> int: ...

    def evaluate(self, scope: Scope) -> Any: ...


class Rendered(Struct, frozen=True):
    """A template that returns text."""

    template: jinja2.Template
    skipped: int = 0

    def evaluate(self, scope: Scope) -> str:
        return "".join(self.template.root_render_func(_context(self.template, scope)))


class Expression(Struct, frozen=True):
    """A single expression; `tail`: line ends after it, kept if the value is text."""

    template: jinja2.Template
    tail: str = ""
    skipped: int = 0

    def evaluate(self, scope: Scope) -> Any:
        context = _context(self.template, scope)
        for _ in self.template.root_render_func(context):
            pass
        value = context.vars[_RESULT]
        return value + self.tail if self.tail and isinstance(value, str) else value


def compile_text(text: str, environment: SandboxEnvironment) -> Compiled:
    """A text with templates; raises `TemplateSyntaxError`."""
    core = text.rstrip("\n")
    lone = _lone_expression(core, environment)
    if lone is not None:
        return _expression(lone, environment, tail=text[len(core) :])
    return Rendered(_template(environment.parse(text), environment, None))


def compile_file(text: str, environment: SandboxEnvironment, name: str) -> Rendered:
    """A template file, which returns text; `name`: its path, for relative includes. A first line `#jinja2: trim_blocks:
    False, variable_start_string: '[%'` sets Jinja's options and is removed. Raises `TemplateSyntaxError` with the
    file's line."""
    if not text.startswith(_HEADER):
        return Rendered(_template(environment.parse(text, name, name), environment, name))
    header, _, body = text.partition("\n")
    special = environment.overlay(**_options(header.removeprefix(_HEADER)))
    try:
        return Rendered(_template(special.parse(body, name, name), special, name), skipped=1)
    except TemplateSyntaxError as error:
        raise TemplateSyntaxError(error.message or "", error.lineno + 1, name) from error


def _options(written: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for part in written.split(","):
        key, _, value = part.partition(":")
        try:
            options[key.strip()] = ast_literals.literal_eval(value.strip())
        except (ValueError, SyntaxError) as error:
            raise TemplateSyntaxError(f"the value of '{key.strip()}' is not a literal", 1) from error
        if key.strip() not in _FILE_OPTIONS:
            raise TemplateSyntaxError(f"'{key.strip()}' is not an option; supported: {', '.join(_FILE_OPTIONS)}", 1)
    return options


def compile_expression(text: str, environment: SandboxEnvironment) -> Compiled:
    """An expression without braces, as in `when`; raises `TemplateSyntaxError`."""
    parser = Parser(environment, text, state="variable")
    tree = parser.parse_expression()
    if not parser.stream.eos:
        raise TemplateSyntaxError("unexpected text after the expression", parser.stream.current.lineno)
    tree.set_environment(environment)
    return _expression(tree, environment)


def _context(template: jinja2.Template, scope: Scope) -> Context:
    return ScopeContext(template.environment, context_of(scope, template.environment), template.name, template.blocks)


def _template(tree: ast.Template, environment: SandboxEnvironment, name: str | None) -> jinja2.Template:
    code = environment.compile(tree, name, name)
    return jinja2.Template.from_code(environment, code, environment.globals)


def _expression(tree: ast.Expr, environment: SandboxEnvironment, tail: str = "") -> Expression:
    store = ast.Assign(ast.Name(_RESULT, "store", lineno=1), tree, lineno=1)
    body = ast.Template([store], lineno=1)
    body.set_environment(environment)
    return Expression(_template(body, environment, None), tail)


def _lone_expression(text: str, environment: SandboxEnvironment) -> ast.Expr | None:
    if not (text.startswith("{{") and text.endswith("}}")):
        return None
    body = environment.parse(text).body
    if len(body) != 1 or not isinstance(body[0], ast.Output) or len(body[0].nodes) != 1:
        return None
    only = body[0].nodes[0]
    return None if isinstance(only, ast.TemplateData) else only


# Errors of an evaluation: Jinja's own, and those of operators and filters.
EVALUATION_ERRORS = (
    jinja2.TemplateError,
    TemplateFault,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    NameError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    re.error,
)

_UNKNOWN = re.compile(r"No (filter|test) named '([^']*)'")

_Key = TypeVar("_Key")


class _SyntaxFault(Struct, frozen=True):
    """Why a text cannot be compiled."""

    summary: str
    hint: str
    line: int


class JinjaTemplates:
    """Compiled templates by text. Included files are searched next to the including one, then in `base`."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._bounds = Bounds()
        self._environment = new_environment(self._load)
        add_filters(self._environment)
        self._texts: dict[str, Compiled | _SyntaxFault] = {}
        self._expressions: dict[str, Compiled | _SyntaxFault] = {}
        self._files: dict[tuple[str, str], Compiled | _SyntaxFault] = {}

    def evaluate(self, text: str, scope: Scope, site: Site) -> Any:
        """The value of a text; raises `TemplateProblem`, also if it is undefined."""
        return self._run(self._text(text), scope, site)

    def evaluate_expression(self, text: str, scope: Scope, site: Site) -> Any:
        """The value of an expression; raises `TemplateProblem`, also if it is undefined."""
        return self._run(self._expression(text), scope, site)

    def evaluate_file(self, text: str, file: str, scope: Scope, site: Site) -> str:
        """The text of a template file; raises `TemplateProblem`."""
        compiled = self._compiled(self._files, (file, text), lambda: compile_file(text, self._environment, file))
        return str(self._run(compiled, scope, site))

    def convert(self, value: Any, origin: Origin, frame: Frame, source: Origin | None, site: Site) -> Node:
        """A result as a tree; raises `TemplateProblem` if it is not data or contains undefined values."""
        try:
            with self._bounds.evaluation():
                return to_node(value, origin, frame, source)
        except EVALUATION_ERRORS as error:
            raise _problem(error, site, names=(), secret=frame.secret or site.secret, line=0) from error

    def check(self, text: str, site: Site, problems: Problems) -> None:
        """Reports a text that is not a valid template."""
        _report_fault(self._text(text), site, problems)

    def check_expression(self, text: str, site: Site, problems: Problems) -> None:
        _report_fault(self._expression(text), site, problems)

    def _run(self, compiled: Compiled | _SyntaxFault, scope: Scope, site: Site) -> Any:
        if isinstance(compiled, _SyntaxFault):
            raise site.problem(compiled.summary, compiled.line, hint=compiled.hint)
        frame = scope.session.frames[-1]
        try:
            with self._bounds.evaluation():
                value = compiled.evaluate(scope)
                if isinstance(value, Absent):
                    raise_absent(value)
            if isinstance(value, str) and len(value) > LONGEST:
                raise TemplateFault(f"its text has more than {LONGEST // 1024**2} Mi characters")
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
                with self._bounds.evaluation():
                    known = compile_it()
            except jinja2.TemplateSyntaxError as error:
                known = _fault(error, self._environment)
            except EVALUATION_ERRORS as error:
                known = _SyntaxFault(f"template failed: {_excess(error) or error}", "", 1)
            cache[key] = known
        return known

    def _load(self, path: str) -> str | None:
        """A template file for `include` and `import`."""
        choices = (folder / path for folder in (Path(), self._base / "templates", self._base))
        file = next((choice for choice in choices if choice.exists() and not choice.is_dir()), None)
        if file is None:
            return None
        text = read_text(file)
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
    hint = "tag text that is not a template with !unsafe, or enclose it in {% raw %} and {% endraw %}"
    return _SyntaxFault(f"template syntax: {message}", hint, error.lineno)


def _report_fault(compiled: Compiled | _SyntaxFault, site: Site, problems: Problems) -> None:
    if isinstance(compiled, _SyntaxFault):
        found = site.problem(compiled.summary, compiled.line, hint=compiled.hint)
        problems.add(found.origin, found.summary, address=found.address, hint=found.hint)


def _problem(error: Exception, site: Site, *, names: Iterable[str], secret: bool, line: int) -> TemplateProblem:
    """The error of an evaluation. A message that may contain a secret is replaced by the kind of error."""
    if isinstance(error, MissingValueError):
        return _missing_problem(error, site, names, secret=secret, line=line)
    if excess := _excess(error):
        return site.problem(f"template failed: {excess}", line)
    kind = type(error).__name__
    if secret:
        return site.problem(f"template failed: {kind}; its message is hidden because a secret was used", line)
    if isinstance(error, SecurityError):
        return site.problem("template failed: it accesses attributes that templates may not access", line)
    is_own = isinstance(error, jinja2.TemplateError | TemplateFault)
    return site.problem(f"template failed: {error}" if is_own else f"template failed: {kind}: {error}", line)


def _excess(error: Exception) -> str:
    """What exceeded a limit; "" for other errors. Jinja writes a number beyond all floats as the name `inf`."""
    match error:
        case RecursionError():
            return "expressions or variables are nested too deeply"
        case MemoryError():
            return f"it takes more than {MEMORY // 1024**2} MiB of memory"
        case NameError():
            return "a number is too large"
        case _:
            return ""


def _missing_problem(
    error: MissingValueError, site: Site, names: Iterable[str], *, secret: bool, line: int
) -> TemplateProblem:
    """Names the variable or key, except a key derived from a secret."""
    name = error.name
    if secret and (name is None or (error.keys is not None and name not in site.text)):
        return site.problem("a value is undefined; its name is hidden because a secret was used", line, undefined=True)
    if name is None:
        return site.problem(str(error), line, undefined=True)
    known = names if error.keys is None else error.keys
    summary = f"undefined variable '{name}'" if error.keys is None else f"there is no key '{name}'"
    hint = did_you_mean(name, known) or ("" if error.keys is None else "if it may be missing, add | default(VALUE)")
    return site.problem(summary, line, hint=hint, undefined=True)


def _line_in(trace: TracebackType | None, compiled: Compiled) -> int:
    """The template's line that raised the error; 0 if unknown."""
    template = compiled.template
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == template.filename:
            line = template.get_corresponding_lineno(trace.tb_lineno) + compiled.skipped
        trace = trace.tb_next
    return line
