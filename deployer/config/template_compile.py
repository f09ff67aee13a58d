"""Template texts in, forms that can be evaluated in any scope out, all by Jinja. Nothing here catches errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import jinja2
from jinja2 import nodes as ast
from jinja2.exceptions import TemplateSyntaxError
from jinja2.parser import Parser
from jinja2.runtime import Context

from deployer.config.template_env import SandboxEnvironment, ScopeContext, context_of
from deployer.config.template_values import Scope

_RESULT = "_result"


class Compiled(Protocol):
    """A template ready to be evaluated. Lone ones, of one expression, give a value of any type; others give text."""

    def evaluate(self, scope: Scope) -> Any: ...


@dataclass(frozen=True, slots=True)
class Rendered:
    """Any template that makes text."""

    template: jinja2.Template

    def evaluate(self, scope: Scope) -> str:
        return "".join(self.template.root_render_func(_context(self.template, scope)))


@dataclass(frozen=True, slots=True)
class Expression:
    """Any single expression, by its value."""

    template: jinja2.Template

    def evaluate(self, scope: Scope) -> Any:
        context = _context(self.template, scope)
        for _ in self.template.root_render_func(context):
            pass
        return context.vars[_RESULT]


@dataclass(frozen=True, slots=True)
class WithTail:
    """A lone expression with line ends behind it, which are kept when the value is text."""

    inner: Expression
    tail: str

    def evaluate(self, scope: Scope) -> Any:
        value = self.inner.evaluate(scope)
        return value + self.tail if isinstance(value, str) else value


def compile_text(text: str, environment: SandboxEnvironment) -> Compiled:
    """A text with templates in it; raises `TemplateSyntaxError`."""
    core = text.rstrip("\n")
    lone = _lone_expression(core, environment)
    if lone is not None:
        inner = _expression(lone, environment)
        return inner if core == text else WithTail(inner, text[len(core) :])
    return Rendered(_template(environment.parse(text), environment, None))


def compile_file(text: str, environment: SandboxEnvironment, name: str) -> Rendered:
    """A template file, always giving text; `name` is its path, which includes are relative to."""
    return Rendered(_template(environment.parse(text, name, name), environment, name))


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


def _expression(tree: ast.Expr, environment: SandboxEnvironment) -> Expression:
    store = ast.Assign(ast.Name(_RESULT, "store", lineno=1), tree, lineno=1)
    body = ast.Template([store], lineno=1)
    body.set_environment(environment)
    return Expression(_template(body, environment, None))


def _lone_expression(text: str, environment: SandboxEnvironment) -> ast.Expr | None:
    if not (text.startswith("{{") and text.endswith("}}")):
        return None
    body = environment.parse(text).body
    if len(body) != 1 or not isinstance(body[0], ast.Output) or len(body[0].nodes) != 1:
        return None
    only = body[0].nodes[0]
    return None if isinstance(only, ast.TemplateData) else only
