"""Template texts in, forms that can be evaluated in any scope out, all by Jinja. Nothing here catches errors."""

from __future__ import annotations

import ast as ast_literals
from typing import Any, Protocol

import jinja2
from jinja2 import nodes as ast
from jinja2.exceptions import TemplateSyntaxError
from jinja2.parser import Parser
from jinja2.runtime import Context

from deployer.config.templates.environment import SandboxEnvironment, ScopeContext, context_of
from deployer.config.templates.values import Scope
from deployer.records import dataclass

_RESULT = "_result"
_HEADER = "#jinja2:"
_FILE_OPTIONS = (
    *("trim_blocks", "lstrip_blocks", "newline_sequence", "keep_trailing_newline"),
    *("block_start_string", "block_end_string", "variable_start_string", "variable_end_string"),
    *("comment_start_string", "comment_end_string", "line_statement_prefix", "line_comment_prefix"),
)


class Compiled(Protocol):
    """A template ready to be evaluated. Lone ones, of one expression, give a value of any type; others give text.

    `skipped`: how many lines of the text came before the template.
    """

    @property
    def template(self) -> jinja2.Template: ...

    @property
    def skipped(self) -> int: ...

    def evaluate(self, scope: Scope) -> Any: ...


@dataclass(frozen=True, slots=True)
class Rendered:
    """Any template that makes text."""

    template: jinja2.Template
    skipped: int = 0

    def evaluate(self, scope: Scope) -> str:
        return "".join(self.template.root_render_func(_context(self.template, scope)))


@dataclass(frozen=True, slots=True)
class Expression:
    """Any single expression, by its value; `tail` are line ends behind it, kept when the value is text."""

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
    """A text with templates in it; raises `TemplateSyntaxError`."""
    core = text.rstrip("\n")
    lone = _lone_expression(core, environment)
    if lone is not None:
        return _expression(lone, environment, tail=text[len(core) :])
    return Rendered(_template(environment.parse(text), environment, None))


def compile_file(text: str, environment: SandboxEnvironment, name: str) -> Rendered:
    """A template file, always giving text; `name` is its path, which includes are relative to.

    A first line `#jinja2: trim_blocks: False, variable_start_string: '[%'` sets Jinja's options for the file and is
    not part of it. Raises `TemplateSyntaxError` with the file's line.
    """
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
            raise TemplateSyntaxError(f"'{key.strip()}' is not an option; known: {', '.join(_FILE_OPTIONS)}", 1)
    return options


def compile_expression(text: str, environment: SandboxEnvironment) -> Compiled:
    """A bare expression, as `when` has it; raises `TemplateSyntaxError`."""
    parser = Parser(environment, text, state="variable")
    tree = parser.parse_expression()
    if not parser.stream.eos:
        raise TemplateSyntaxError("more text behind the expression", parser.stream.current.lineno)
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
