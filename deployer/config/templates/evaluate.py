"""Evaluating template texts, for all hosts of a run: simple ones here, the others by Jinja once one needs it."""

from __future__ import annotations

import os
from collections.abc import Mapping as MappingABC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.config.templates.problems import Site, TemplateFault
from deployer.config.templates.results import to_node
from deployer.config.templates.simple import FALLBACK, Pieces, Reference, parse_reference, parse_text
from deployer.config.templates.values import Frame, Scope
from deployer.config.vault import VaultSecrets
from deployer.diagnostics import Origin, Problems
from deployer.nodes import Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from deployer.config.templates.jinja import JinjaTemplates


def is_template(text: str) -> bool:
    """Whether a text holds an expression, a statement or a comment of Jinja."""
    return "{" in text and ("{{" in text or "{%" in text or "{#" in text)


class Templates:
    """Parsed and compiled templates, and what filters and lookups need of the run.

    `base` is where relative files are looked for when a templar names no other folder; `environ` answers
    `lookup('env', …)`; `vault` opens vaulted files.
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
        self._jinja: JinjaTemplates | None = None
        self._texts: dict[str, Pieces | None] = {}
        self._expressions: dict[str, Reference | None] = {}
        self._templated: dict[int, tuple[Node, bool]] = {}

    def evaluate(self, node: Scalar, scope: Scope, *, address: str) -> Any:
        """The value of a text, itself when it is no template; raises `TemplateProblem`, also when it is undefined."""
        text = str(node.value)
        if not is_template(text):
            return text
        simple = self._simple(text)
        value = FALLBACK if simple is None else simple.evaluate(scope)
        return self._heavy().evaluate(text, scope, _site(node, address)) if value is FALLBACK else value

    def evaluate_expression(self, node: Scalar, scope: Scope, *, address: str) -> Any:
        """As `evaluate`, for a bare expression as `when` has it."""
        text = str(node.value)
        simple = self._simple_expression(text)
        value = FALLBACK if simple is None else simple.evaluate(scope)
        return self._heavy().evaluate_expression(text, scope, _site(node, address)) if value is FALLBACK else value

    def evaluate_file(self, text: str, file: str, scope: Scope, *, address: str) -> str:
        """The text a template file makes; problems name the file's line."""
        return self._heavy().evaluate_file(text, file, scope, Site(Origin(file, 1, 1), address, text, is_file=True))

    def convert(self, value: Any, node: Scalar, frame: Frame, *, address: str, source: Origin | None = None) -> Node:
        """The tree of a template's result; raises `TemplateProblem` where it is not data or undefined inside."""
        if self._jinja is not None:
            return self._jinja.convert(value, node.origin, frame, source, _site(node, address))
        try:
            return to_node(value, node.origin, frame, source)
        except TemplateFault as fault:
            raise _site(node, address).problem(f"template failed: {fault}") from fault

    def is_reference(self, text: str) -> bool:
        """Whether a text is one lone reference to a variable."""
        simple = self._simple(text)
        return simple is not None and simple.is_lone

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
        """As `check`, for `when`: an expression, or a list of them."""
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
