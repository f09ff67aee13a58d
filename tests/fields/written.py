"""Declarations written as YAML, with the places where each part stands."""

from __future__ import annotations

from textwrap import dedent

from deployer.config.yaml import load
from deployer.diagnostics import Problems
from deployer.fields.container import CONTAINER
from deployer.fields.reading import Reading
from deployer.fields.table import Declaration, Table, read
from deployer.nodes import Node


def tree(text: str) -> Node:
    problems = Problems()
    node = load(dedent(text), "play.yml", problems)
    assert node is not None
    problems.raise_if_any()
    return node


def read_text(text: str, table: Table = CONTAINER, *, static: bool = False) -> tuple[Declaration | None, list[str]]:
    """The declaration, and its errors as a user sees them."""
    problems = Problems()
    declaration = read(table, tree(text), Reading(problems, f"{table.kind}s.web", static=static))
    return declaration, [str(found) for found in problems]
