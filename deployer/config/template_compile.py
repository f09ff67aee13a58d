"""Template texts in, forms that can be evaluated in any scope out.

References (`{{ db.port }}`) and texts made only of them are evaluated without running Jinja; the rest is compiled by
it. Nothing here catches errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import jinja2
from jinja2 import nodes as ast
from jinja2.exceptions import TemplateSyntaxError
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.utils import missing

from deployer.config.template_env import SandboxEnvironment, ScopeContext, finalize
from deployer.config.template_undefined import UndefinedValue
from deployer.config.template_values import Scope

_RESULT = "_result"


class Compiled(Protocol):
    """A template ready to be evaluated. Lone ones, of one expression, give a value of any type; others give text."""

    def evaluate(self, scope: Scope) -> Any: ...


@dataclass(frozen=True, slots=True)
class Reference:
    """`a.b['c'][0]`: a variable and the way into it; each step is a key and whether it was written as an attribute."""

    name: str
    steps: tuple[tuple[Any, bool], ...]
    environment: SandboxEnvironment

    def evaluate(self, scope: Scope) -> Any:
        value = scope.lookup(self.name)
        if value is missing:
            value = self.environment.globals.get(self.name, missing)
            if value is missing:
                value = UndefinedValue(name=self.name)
        for key, is_attribute in self.steps:
            read = self.environment.getattr if is_attribute else self.environment.getitem
            value = read(value, key)
        return value


@dataclass(frozen=True, slots=True)
class Pieces:
    """Literal text and references, joined."""

    parts: tuple[str | Reference, ...]

    def evaluate(self, scope: Scope) -> str:
        return "".join(part if isinstance(part, str) else str(finalize(part.evaluate(scope))) for part in self.parts)


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

    inner: Reference | Expression
    tail: str

    def evaluate(self, scope: Scope) -> Any:
        value = self.inner.evaluate(scope)
        return value + self.tail if isinstance(value, str) else value


def is_lone(compiled: Compiled) -> bool:
    return isinstance(compiled, Reference | Expression | WithTail)


def is_reference(compiled: Compiled) -> bool:
    return isinstance(compiled, Reference) or (isinstance(compiled, WithTail) and isinstance(compiled.inner, Reference))


def compile_text(text: str, environment: SandboxEnvironment, *, name: str | None = None) -> Compiled:
    """A text with templates in it; raises `TemplateSyntaxError`."""
    core = text.rstrip("\n")
    lone = _lone_expression(core, environment)
    if lone is not None:
        inner = _expression(lone, environment)
        return inner if core == text else WithTail(inner, text[len(core) :])
    tree = environment.parse(text, name, name)
    parts = _parts(tree, environment)
    return Rendered(_template(tree, environment, name)) if parts is None else Pieces(parts)


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
    return ScopeContext(template.environment, scope.parent, template.name, template.blocks)


def _template(tree: ast.Template, environment: SandboxEnvironment, name: str | None) -> jinja2.Template:
    code = environment.compile(tree, name, name)
    return jinja2.Template.from_code(environment, code, environment.globals)


def _expression(tree: ast.Expr, environment: SandboxEnvironment) -> Reference | Expression:
    reference = _reference(tree, environment)
    if reference is not None:
        return reference
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


def _parts(tree: ast.Template, environment: SandboxEnvironment) -> tuple[str | Reference, ...] | None:
    """Literal text and references when the template has nothing else."""
    if not all(isinstance(part, ast.Output) for part in tree.body):
        return None
    parts: list[str | Reference] = []
    for node in (node for output in tree.body if isinstance(output, ast.Output) for node in output.nodes):
        part = node.data if isinstance(node, ast.TemplateData) else _reference(node, environment)
        if part is None:
            return None
        parts.append(part)
    return tuple(parts)


def _reference(tree: ast.Expr, environment: SandboxEnvironment) -> Reference | None:
    steps: list[tuple[Any, bool]] = []
    while isinstance(tree, ast.Getattr | ast.Getitem):
        if isinstance(tree, ast.Getattr):
            steps.append((tree.attr, True))
        elif isinstance(tree.arg, ast.Const):
            steps.append((tree.arg.value, False))
        else:
            return None
        tree = tree.node
    if not isinstance(tree, ast.Name):
        return None
    return Reference(tree.name, tuple(reversed(steps)), environment)
