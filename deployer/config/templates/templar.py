"""Renders values: from a tree of nodes and a host's variables to a tree without templates. A text that is exactly one
`{{ expression }}` keeps the expression's type; other text stays text, so `"1.10"` is never a number. A result has the
origin of its template and, as `source`, that of the variables it used. It is secret if any variable it used is."""

from __future__ import annotations

import os
from collections.abc import Mapping as MappingABC
from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from deployer.config.scripts import RunScript
from deployer.config.templates.problems import OMIT, Site, TemplateFault, TemplateProblem, kind_of
from deployer.config.templates.results import to_node
from deployer.config.templates.simple import FALLBACK, Pieces, Reference, parse_reference, parse_text
from deployer.config.templates.values import Frame, Scope, Session, Text, place_of
from deployer.config.vault import VaultSecrets
from deployer.diagnostics import Missing, Origin, Problems
from deployer.nodes import Mapping, Node, Scalar, Sequence, has_template, is_template, to_plain

if TYPE_CHECKING:
    from deployer.config.templates.jinja import JinjaTemplates


class Outside(Struct):
    """What lookups of one run use, and have done, outside of templates. `vault` decrypts files; `run`: None if programs
    are not allowed. `commands`: what was run, as written; `outputs`: by words; `made`: new passwords, by the path of
    the file that is to contain them."""

    vault: VaultSecrets
    run: RunScript | None = None
    commands: list[str] = field(default_factory=list)
    outputs: dict[tuple[str, ...], str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)


class Templates:
    """Parsed and compiled templates, and what filters and lookups need of the run. `base`: the folder of relative files
    if the templar has none; `environ` is for `lookup('env', …)`; `vault` decrypts files; `run` runs programs, where
    they are allowed. `files`: those that lookups have read."""

    def __init__(
        self,
        base: Path | None = None,
        *,
        environ: MappingABC[str, str] = os.environ,
        vault: VaultSecrets | None = None,
        run: RunScript | None = None,
    ) -> None:
        self.base = base or Path()
        self.environ = environ
        self.vault = vault or VaultSecrets()
        self.outside = Outside(self.vault, run)
        self.files: set[str] = set()
        self._jinja: JinjaTemplates | None = None
        self._texts: dict[str, Pieces | None] = {}
        self._expressions: dict[str, Reference | None] = {}
        self._templated: dict[int, tuple[Node, bool]] = {}

    def evaluate(self, node: Scalar, scope: Scope, *, address: str) -> Any:
        """The value of a text; raises `TemplateProblem`, also if it is undefined."""
        text = str(node.value)
        if not is_template(text):
            return text
        simple = self._simple(text)
        value = FALLBACK if simple is None else simple.evaluate(scope)
        return self._heavy().evaluate(text, scope, _site(node, address)) if value is FALLBACK else value

    def evaluate_expression(self, node: Scalar, scope: Scope, *, address: str) -> Any:
        """As `evaluate`, for an expression as in `when`."""
        text = str(node.value)
        simple = self._simple_expression(text)
        value = FALLBACK if simple is None else simple.evaluate(scope)
        return self._heavy().evaluate_expression(text, scope, _site(node, address)) if value is FALLBACK else value

    def evaluate_file(self, text: str, file: str, scope: Scope, *, address: str) -> str:
        """The text of a template file; errors name the file's line."""
        return self._heavy().evaluate_file(text, file, scope, Site(Origin(file, 1, 1), address, text, is_file=True))

    def convert(self, value: Any, node: Scalar, frame: Frame, *, address: str, source: Origin | None = None) -> Node:
        """A result as a tree; raises `TemplateProblem` if it is not data or contains undefined values."""
        if self._jinja is not None:
            return self._jinja.convert(value, node.origin, frame, source, _site(node, address))
        try:
            return to_node(value, node.origin, frame, source)
        except TemplateFault as fault:
            raise _site(node, address).problem(f"template failed: {fault}") from fault

    def is_reference(self, text: str) -> bool:
        """Whether a text is a single reference to a variable."""
        simple = self._simple(text)
        return simple is not None and simple.is_lone

    def is_templated(self, node: Node) -> bool:
        """Whether the tree contains a template."""
        if isinstance(node, Scalar):
            return has_template(node)
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
        """Reports all texts of the tree that are not valid templates, without evaluating them."""
        match node:
            case Scalar(value=str() as text):
                if self.is_templated(node) and self._simple(text) is None:
                    self._heavy().check(text, _site(node, address), problems)
            case Sequence():
                for index, item in enumerate(node.items):
                    self.check(item, problems, f"{address}[{index}]")
            case Mapping():
                for key, value in node.entries:
                    inner = f"{address}.{key.value}" if address else str(key.value)
                    self.check(key, problems, inner)
                    self.check(value, problems, inner)

    def check_expression(self, node: Node, problems: Problems, address: str = "") -> None:
        """As `check`, for `when`: an expression or a list of them."""
        for item in node.items if isinstance(node, Sequence) else (node,):
            if isinstance(item, Scalar) and isinstance(item.value, str) and self._simple_expression(item.value) is None:
                self._heavy().check_expression(item.value, _site(item, address), problems)

    def _simple(self, text: str) -> Pieces | None:
        if text not in self._texts:
            self._texts[text] = parse_text(text)
        return self._texts[text]

    def _simple_expression(self, text: str) -> Reference | None:
        if text not in self._expressions:
            self._expressions[text] = parse_reference(text)
        return self._expressions[text]

    def _heavy(self) -> JinjaTemplates:
        if self._jinja is None:
            from deployer.config.templates.jinja import JinjaTemplates

            self._jinja = JinjaTemplates(self.base)
        return self._jinja


def _site(node: Scalar, address: str) -> Site:
    return Site(node.origin, address, str(node.value), node.secret)


class HostVariables(Struct, frozen=True):
    """One host's variables. The magic ones have no place in the user's files."""

    variables: MappingABC[str, Node] = field(default_factory=dict)
    magic: MappingABC[str, Node] = field(default_factory=dict)


class Templar:
    """Renders with one host's variables. Used by one thread at a time; `templates` may be shared. `hostvars` is for the
    variable of that name; a host is resolved when a template first reads it. `base`: the playbook's folder, for
    lookups."""

    def __init__(
        self,
        variables: MappingABC[str, Node],
        *,
        magic: MappingABC[str, Node] | None = None,
        hostvars: MappingABC[str, HostVariables] | None = None,
        templates: Templates | None = None,
        base: Path | None = None,
    ) -> None:
        self._templates = templates or Templates()
        self._hostvars = hostvars
        self._host_scopes: dict[str, Scope] = {}
        self._session = Session(
            base or self._templates.base,
            hosts=tuple(hostvars or ()),
            host_scope=self._host_scope if hostvars is not None else None,
        )
        self._scope = self._new_scope(HostVariables(variables, magic or {}))

    @property
    def secrets(self) -> Set[str]:
        """The texts of secret variables that were read so far."""
        return self._session.secrets

    def reads(self, path: str) -> None:
        """Notes a file whose content is part of what is declared."""
        self._templates.files.add(path)

    def with_variables(self, extra: MappingABC[str, Node]) -> Templar:
        """The same host with additional variables that override its own, such as `item`; shares what is evaluated."""
        made = Templar.__new__(Templar)
        made._templates = self._templates
        made._hostvars = self._hostvars
        made._host_scopes = self._host_scopes
        made._session = self._session
        made._scope = Scope(self._templates, self._session, extra, self._scope)
        return made

    def render(self, node: Node, problems: Problems, address: str = "") -> Node:
        """The tree with every template replaced by its value. What cannot be rendered is reported and left unchanged. A
        key or item with the value `omit` is removed; at the top, `omit` is reported."""
        made = self.render_or_omit(node, problems, address)
        if made is None:
            problems.add(node.origin, "omit can only be the value of a key or an item of a list", address=address)
            return node
        return made

    def render_or_omit(self, node: Node, problems: Problems, address: str = "") -> Node | None:
        """As `render`; None if the whole value is `omit`."""
        if not self._templates.is_templated(node):
            return node
        match node:
            case Scalar():
                return self._render_scalar(node, problems, address)
            case Sequence():
                items = (self.render_or_omit(item, problems, f"{address}[{n}]") for n, item in enumerate(node.items))
                return replace(node, items=tuple(item for item in items if item is not None))
            case Mapping():
                return self._render_mapping(node, problems, address)

    def evaluate(self, node: Node, problems: Problems, address: str = "") -> Node | None:
        """The value of an expression, as in `loop: groups.web`; None if it failed or is omitted. Text with `{{`, and
        anything that is not text, is rendered."""
        if not isinstance(node, Scalar) or not isinstance(node.value, str) or is_template(node.value):
            return self.render_or_omit(node, problems, address)
        return self._made(node, problems, address, expression=True)

    def condition(self, node: Node, problems: Problems, address: str = "") -> bool:
        """The result of a `when`: a boolean, an expression, or a list of which all must be true. Reports a result that
        is not a boolean, and returns False."""
        match node:
            case Sequence():
                return all(self.condition(item, problems, f"{address}[{n}]") for n, item in enumerate(node.items))
            case Scalar(value=bool() as value):
                return value
            case Scalar(value=str() as text) if text.strip():
                return self._is_true(node, problems, address)
            case _:
                problems.add(node.origin, "a condition is an expression, true or false", address=address)
                return False

    def template_text(self, text: str, origin: Origin, problems: Problems, address: str = "") -> Scalar | None:
        """The rendered text of a template file; errors name `origin.file` and the line. None if it failed."""
        frames = self._session.frames
        frames.append(Frame())
        try:
            made = self._templates.evaluate_file(text, origin.file, self._scope, address=address)
            return Scalar(made, origin, frames[-1].secret, verbatim=True)
        except TemplateProblem as problem:
            _report(problem, problems)
            return None
        finally:
            frames.pop()

    def check(self, node: Node, problems: Problems, address: str = "") -> None:
        """Reports texts that are not valid templates, without evaluating them."""
        self._templates.check(node, problems, address)

    def _is_true(self, node: Scalar, problems: Problems, address: str) -> bool:
        if is_template(str(node.value)):
            hint = "write the bare expression, without {{ }}"
            problems.add(node.origin, "a condition is already an expression", address=address, hint=hint)
            return False
        made = self._made(node, problems, address, expression=True)
        if made is None:
            return False
        if isinstance(made, Scalar) and isinstance(made.value, bool):
            return made.value
        plain = to_plain(made)
        hint = "add '| bool'" if isinstance(plain, str | int) else "compare it: '… is defined', '… | length > 0'"
        summary = f"the condition is {kind_of(plain)}, not true or false"
        problems.add(node.origin, summary, address=address, hint=hint)
        return False

    def _render_scalar(self, node: Scalar, problems: Problems, address: str) -> Node | None:
        return self._made(node, problems, address, expression=False, failed=node)

    def _made(
        self, node: Scalar, problems: Problems, address: str, *, expression: bool, failed: Node | None = None
    ) -> Node | None:
        """The result of one template; `failed` after an error."""
        templates, frames = self._templates, self._session.frames
        evaluate = templates.evaluate_expression if expression else templates.evaluate
        frame = Frame()
        frames.append(frame)
        try:
            value = evaluate(node, self._scope, address=address)
            return None if value is OMIT else self._node(value, node, frame, address)
        except TemplateProblem as problem:
            _report(problem, problems)
            return failed
        except RecursionError:
            problems.add(node.origin, "variables refer to each other too deeply", address=address)
            return failed
        finally:
            frames.pop()

    def _node(self, value: Any, node: Scalar, frame: Frame, address: str) -> Node:
        if isinstance(value, str):
            text = str.__str__(value)
            source = place_of(value) if isinstance(value, Text) else frame.source(node.origin)
            return Scalar(text, node.origin, frame.secret or node.secret, source, "{" in text)
        source = frame.source(node.origin)
        made = self._templates.convert(value, node, frame, address=address, source=source)
        return replace(made, secret=True) if isinstance(made, Scalar) and node.secret else made

    def _render_mapping(self, node: Mapping, problems: Problems, address: str) -> Mapping:
        entries: dict[str, tuple[Scalar, Node]] = {}
        for key, value in node.entries:
            inner = f"{address}.{key.value}" if address else str(key.value)
            name = self.render_or_omit(key, problems, inner)
            made = self.render_or_omit(value, problems, inner)
            if name is None or made is None:
                continue
            if not isinstance(name, Scalar):
                problems.add(key.origin, "the key's template does not return text", address=inner)
                continue
            name = name if isinstance(name.value, str) else replace(name, value=str(name.value))
            first = entries.setdefault(str(name.value), (name, made))[0]
            if first is not name:
                problems.add(
                    key.origin, f"the key '{name.value}' is generated twice; first at {first.origin}", address=inner
                )
        return replace(node, entries=tuple(entries.values()))

    def _host_scope(self, host: str) -> Scope:
        known = self._host_scopes.get(host)
        if known is None:
            assert self._hostvars is not None
            known = self._new_scope(self._hostvars[host])
            self._host_scopes[host] = known
        return known

    def _new_scope(self, host: HostVariables) -> Scope:
        magic = Scope(self._templates, self._session, host.magic, magic=True)
        return Scope(self._templates, self._session, host.variables, magic)


def _report(problem: TemplateProblem, problems: Problems) -> None:
    missing = Missing.VARIABLE if problem.undefined else None
    problems.add(problem.origin, problem.summary, address=problem.address, hint=problem.hint, missing=missing)
