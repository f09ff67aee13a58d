"""The values of `-e`: `name=value …`, JSON or YAML text, `@FILE`."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from deployer.config.variables.names import check_names, name_fault, warn_of_misspelling
from deployer.config.variables.vars_files import VariableReader
from deployer.config.vault import VaultSecrets
from deployer.config.yaml import load
from deployer.diagnostics import Missing, Origin, Problems, did_you_mean
from deployer.nodes import Mapping, Node, Scalar, is_template
from deployer.reach.names import SHORT

ORIGIN = Origin("--extra-vars")
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_CONNECTION: Final = ("ansible_", "deployer_")
_BY_NAME: Final = frozenset({"vars", "varnames", "template"})
"""Lookups of variables that the text may not name."""


def parse_extra_vars(given: Sequence[str], problems: Problems, vault: VaultSecrets | None = None) -> dict[str, Node]:
    """All extra variables; later ones replace earlier ones. Values of `name=value` are text. Reports all errors."""
    reader = VariableReader(problems, vault)
    merged: dict[str, Node] = {}
    for text in given:
        if text.startswith("@"):
            merged.update(reader.file(Path(os.path.expanduser(text[1:]))))  # noqa: PTH111
        elif text.lstrip().startswith(("{", "[")):
            merged.update(_inline(text, problems, vault))
        else:
            merged.update(_pairs(text, problems))
    return merged


def check_used(extra: dict[str, Node], others: Iterable[Node], problems: Problems) -> None:
    """Reports names from the command line that no template, condition or variable of `others` mentions. Files may serve
    several playbooks and are not checked. Names of connections are checked elsewhere."""
    named = {name for name, node in extra.items() if node.origin == ORIGIN}
    given = {name for name in named if name not in SHORT and not name.startswith(_CONNECTION)}
    if not given:
        return
    known: set[str] = set()
    for node in (*others, *extra.values()):
        known.update(_mentioned(node))
    for name in sorted(given - known):
        if not known & _BY_NAME:
            hint = did_you_mean(name, known) or "a file of variables, @FILE, may have more than a playbook uses"
            problems.add(ORIGIN, f"nothing uses the variable '{name}'", hint=hint, missing=Missing.VARIABLE)


def _mentioned(node: Node, *, is_expression: bool = False) -> Iterator[str]:
    """Names of variables, both declared and in expressions, and other words of expressions."""
    match node:
        case Mapping():
            for key, value in node.items():
                yield key
                yield from _mentioned(value, is_expression=key in ("when", "loop"))
        case Scalar(value=str() as text) if is_expression or is_template(text):
            yield from _WORD.findall(text)
        case Scalar():
            return
        case _:
            for item in node.items:
                yield from _mentioned(item, is_expression=is_expression)


def _inline(text: str, problems: Problems, vault: VaultSecrets | None) -> dict[str, Node]:
    tree = load(text, ORIGIN.file, problems, vault, at=ORIGIN)
    if isinstance(tree, Mapping):
        return check_names(tree, problems)
    if tree is not None:
        problems.add(ORIGIN, "extra variables are a mapping: {name: value}")
    return {}


def _pairs(text: str, problems: Problems) -> dict[str, Node]:
    try:
        words = shlex.split(text)
    except ValueError:
        problems.add(ORIGIN, "a quote is not closed")
        return {}
    pairs: dict[str, Node] = {}
    for word in words:
        name, equals, value = word.partition("=")
        fault = _pair_fault(name) if equals else "expected name=value, JSON, YAML or @FILE"
        if fault:
            hint = f"write @{word} for a file of variables" if _looks_like_file(word) else ""
            problems.add(ORIGIN, fault, hint=hint)
        else:
            warn_of_misspelling(ORIGIN, name, problems)
            pairs[name] = Scalar(value, ORIGIN)
    return pairs


def _pair_fault(name: str) -> str:
    return name_fault(name) if name else "expected name=value, JSON, YAML or @FILE"


def _looks_like_file(word: str) -> bool:
    return word.startswith(("/", "./", "../", "~")) or word.endswith((".yml", ".yaml", ".json"))
